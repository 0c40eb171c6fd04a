"""The flight recording: what the appliance saw and answered, as JSON lines. Pure.

`docs/flight-recorder.md` describes the lines. Times are monotonic seconds, and come back exactly as they
were: a decision may hang on the last bit of one.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import types
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

from daemon import events as ev
from daemon.decisions.state import BoxState
from daemon.records import dataclass
from daemon.redaction import Redactor
from daemon.talk import TalkSettings
from daemon.waiting_calls import WaitingCall, WaitingCalls

VERSION = 1
"""Of the format. A reader refuses others: a recording half understood would prove nothing."""


class FlightError(ValueError):
    """Not a recording that can be read; the message says file, line and what was expected."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the appliance stood at `at`, after everything before it: attributes as `state_of` gives them."""

    at: float
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Steps:
    """The same event at each of `times`, with the same commands each time."""

    event: ev.Event
    commands: list[ev.Command]
    times: array[float]

    @property
    def at(self) -> float:
        return self.times[0]


@dataclass(frozen=True, slots=True)
class Retuned:
    """From here on the appliance has other settings, or another microphone's period."""

    at: float
    period_s: float
    settings: TalkSettings


@dataclass(frozen=True, slots=True)
class Raised:
    """An error of ours. `in_step`: deciding on the event raised; else it was a command being carried out."""

    at: float
    event: ev.Event
    error: str
    in_step: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened around the appliance; decides nothing, but explains."""

    at: float
    kind: str
    values: Mapping[str, Any]


Entry = Snapshot | Steps | Retuned | Raised | Note


@dataclass(frozen=True, slots=True)
class Header:
    """`why` it was written, `at` which monotonic second and at which wall clock time (ISO 8601, UTC).

    `harkd` is the version that recorded it; `texts`: words were recorded, else only how many characters.
    """

    why: str
    at: float
    wall: str
    harkd: str
    texts: bool


@dataclass(frozen=True, slots=True)
class Flight:
    """A recording, in order; `lines` are the entries' line numbers in the file."""

    header: Header
    entries: Sequence[Entry]
    lines: Sequence[int] = field(default=())


# ---- the state of an appliance ---------------------------------------------------


def state_of(box: BoxState) -> dict[str, Any]:
    """Everything the next decision can depend on, as values that do not change any more."""
    state = dict(vars(box))
    del state["commands"]
    state["waiting_calls"] = box.waiting_calls.calls
    return state


def restore(box: BoxState, state: Mapping[str, Any]) -> None:
    """Make the appliance stand as it did when `state` was taken."""
    for name, value in state.items():
        setattr(box, name, value)
    box.waiting_calls = WaitingCalls()
    for call in state["waiting_calls"]:
        box.waiting_calls.add(call.call_id, call.tool, call.deadline)


def error_text(error: Exception) -> str:
    """As `Raised` has it."""
    return f"{type(error).__name__}: {error}"


# ---- writing ---------------------------------------------------------------------


def written(header: Header, entries: Iterable[Entry], secrets: Iterable[str] = ()) -> Iterator[str]:
    """The lines of the file, line breaks included. What is in `secrets`, or looks like a key, is left out."""
    redactor = Redactor(secrets)
    yield _line({"flight": VERSION, **_plain(header)})
    for entry in entries:
        try:
            plain = _entry_as_json(entry)
        except TypeError as error:  # the rest of the recording is not lost for it
            plain = {"t": entry.at, "note": "unwritable", "error": str(error)}
        yield redactor.text(_line(plain))


def as_json(value: ev.Event | ev.Command) -> Any:
    """`"Pressed"`, or `{"OpenTurn": {"preroll_ms": 300.0}}`."""
    values = _plain(value)
    return {type(value).__name__: values} if values else type(value).__name__


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    match entry:
        case Snapshot(at, state):
            return {"t": at, "state": _plain(state)}
        case Retuned(at, period_s, settings):
            return {"t": at, "period_s": period_s, "talk": _plain(settings)}
        case Raised(at, event, error, in_step):
            return {"t": at, "error": error, "event": as_json(event), "in_step": in_step}
        case Note(at, kind, values):
            return {"t": at, "note": kind, **_plain(values)}
        case Steps(event, commands, times):
            line = {"t": times[0], "event": as_json(event), "do": [as_json(c) for c in commands]}
            if len(times) > 1:
                packed = base64.b64encode(struct.pack(f"<{len(times)}d", *times)).decode()
                line |= {"n": len(times), "until": times[-1], "times": packed}
            return line


def _plain(value: Any) -> Any:
    """Raises `TypeError` for what has no place in a recording."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has none
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"a {type(value).__name__} has no place in a flight recording")


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


# ---- reading ---------------------------------------------------------------------

_EVENTS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(ev.Event)}
_COMMANDS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(ev.Command)}


def read_flight(text: str, name: str) -> Flight:
    """Raises `FlightError` naming file (`name`) and line."""
    header: Header | None = None
    entries: list[Entry] = []
    numbers: list[int] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            if header is None:
                header = _header(json.loads(line))
            else:
                entries.append(_entry(json.loads(line)))
                numbers.append(number)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, struct.error) as error:
            what = str(error) if isinstance(error, FlightError) else f"not understood: {error}"
            by = f" (recorded by harkd {header.harkd})" if header else ""
            raise FlightError(f"{name}:{number}: {what}{by}") from None
    if header is None or not entries:
        raise FlightError(f"{name}:1: holds no flight recording; `harkd flight` writes one")
    if not isinstance(entries[0], Snapshot):
        raise FlightError(f"{name}:2: a recording begins with a state, without which nothing can be replayed")
    return Flight(header, entries, numbers)


def _header(line: Mapping[str, Any]) -> Header:
    if not isinstance(line, dict) or "flight" not in line:
        raise FlightError("no flight recording: the first line has no version")
    if line["flight"] != VERSION:
        raise FlightError(f"version {line['flight']!r} of the format, this harkd reads {VERSION}")
    return Header(line["why"], line["at"], line["wall"], line["harkd"], line["texts"])


def _entry(line: dict[str, Any]) -> Entry:
    at = float(line.pop("t"))
    match line:
        case {"state": state}:
            return Snapshot(at, _state(state))
        case {"error": str(error), "event": event, "in_step": bool(in_step)}:
            return Raised(at, _of(_EVENTS, event, "event"), error, in_step)
        case {"event": event, "do": list(commands)}:
            packed = line.get("times")
            times = array("d", [at] if packed is None else _times(packed))
            return Steps(
                _of(_EVENTS, event, "event"), [_of(_COMMANDS, c, "command") for c in commands], times
            )
        case {"talk": talk, "period_s": period_s}:
            return Retuned(at, float(period_s), _value(TalkSettings, talk))
        case {"note": str(kind)}:
            return Note(at, kind, {key: value for key, value in line.items() if key != "note"})
    raise FlightError(f"a line has a state, an event with what to do, an error or a note, not {[*line]}")


def _times(packed: str) -> tuple[float, ...]:
    data = base64.b64decode(packed, validate=True)
    if not data:
        raise FlightError("an event that happened at no time")
    return struct.unpack(f"<{len(data) // 8}d", data)


def _of(kinds: Mapping[str, type], plain: Any, what: str) -> Any:
    [(name, values)] = plain.items() if isinstance(plain, dict) else [(plain, {})]
    if name not in kinds:
        raise FlightError(f"there is no {what} {name!r} in this version")
    return _value(kinds[name], values)


def _state(plain: Mapping[str, Any]) -> dict[str, Any]:
    settings = _value(TalkSettings, plain["settings"])
    usual = state_of(BoxState(settings, float(plain["period_s"])))
    if unknown := [*(plain.keys() ^ usual.keys())]:
        raise FlightError(f"the state differs from this version's in {', '.join(sorted(unknown))}")
    kinds = {name: type(value) for name, value in usual.items() if isinstance(value, Enum | float)}
    state = {name: _value(kinds[name], value) if name in kinds else value for name, value in plain.items()}
    calls = [_value(WaitingCall, call) for call in plain["waiting_calls"]]
    return state | {"settings": settings, "waiting_calls": tuple(calls)}


def _value(kind: Any, plain: Any) -> Any:
    """A value of a type as `daemon.events` uses them, from what `_plain` made of it."""
    if isinstance(kind, types.UnionType):
        if plain is None:
            return None
        kind = next(one for one in get_args(kind) if one is not type(None))
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        if unknown := [*(plain.keys() - hints.keys())]:
            raise FlightError(f"there is no {unknown[0]!r} in {kind.__name__}")
        return kind(**{name: _value(hints[name], value) for name, value in plain.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind[plain]
    return float(plain) if kind is float else plain
