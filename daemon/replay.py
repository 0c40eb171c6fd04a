"""Runs a flight recording through the appliance once more and compares what it answers. Pure."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.flight import (
    Entry,
    Flight,
    Note,
    Raised,
    Retuned,
    Snapshot,
    Steps,
    as_json,
    error_text,
    restore,
    state_of,
)
from daemon.records import dataclass
from daemon.talk import TalkSettings

CONTEXT = 8
"""So many steps before a difference are shown."""

MakeAppliance = Callable[[TalkSettings, float], Appliance]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that came out otherwise: at which line of the file, and the steps that led there."""

    line: int
    at: float
    what: str
    recorded: str
    replayed: str
    before: tuple[str, ...]


@dataclass(slots=True)
class Outcome:
    """`errors`: errors of ours in the recording, a sentence each; those in a decision came up again."""

    steps: int = 0
    span_s: float = 0.0
    errors: list[str] = field(default_factory=list)
    difference: Difference | None = None


class _Differs(Exception):
    def __init__(self, what: str, recorded: str, replayed: str) -> None:
        super().__init__(what)
        self.what, self.recorded, self.replayed = what, recorded, replayed


class Replay:
    """One run. The appliance starts as the first snapshot says; each later one is compared with it."""

    def __init__(self, flight: Flight, make: MakeAppliance = Appliance) -> None:
        self._flight = flight
        self._make = make
        self._box: Appliance | None = None
        self._outcome = Outcome()
        self._before: deque[str] = deque(maxlen=CONTEXT)
        self._now = 0.0

    def run(self) -> Outcome:
        """Up to the first difference, or the end."""
        entries = self._flight.entries
        self._now = began_at = entries[0].at
        lines = self._flight.lines or range(2, len(entries) + 2)
        for line, entry in zip(lines, entries, strict=True):
            try:
                self._take(entry)
            except _Differs as how:
                seen = (how.what, how.recorded, how.replayed)
                self._outcome.difference = Difference(line, self._now, *seen, tuple(self._before))
                break
            if not isinstance(entry, Note):
                self._before.append(_shown(line, entry))
        self._outcome.span_s = self._now - began_at
        return self._outcome

    def _take(self, entry: Entry) -> None:
        if isinstance(entry, Note):
            return
        self._now = entry.at
        if self._box is None:
            self._box = self._start(entry)
        elif isinstance(entry, Snapshot):
            self._compare_state(self._box, entry.state)
        elif isinstance(entry, Retuned):
            self._box.period_s, self._box.settings = entry.period_s, entry.settings
        elif isinstance(entry, Raised):
            self._raise_again(self._box, entry)
        else:
            self._repeat(self._box, entry)

    def _start(self, entry: Entry) -> Appliance:
        assert isinstance(entry, Snapshot)  # `read_flight` sees to it
        box = self._make(entry.state["settings"], entry.state["period_s"])
        restore(box, entry.state)
        return box

    def _repeat(self, box: Appliance, steps: Steps) -> None:
        for now in steps.times:
            self._now = now
            self._outcome.steps += 1
            answer = _answer(box, steps.event, now)
            if answer != steps.commands:
                raise _Differs(_text(steps.event), _texts(steps.commands), _texts(answer))

    def _raise_again(self, box: Appliance, raised: Raised) -> None:
        where = "deciding on" if raised.in_step else "carrying out"
        if raised.in_step:
            self._outcome.steps += 1
            answer = _answer(box, raised.event, raised.at)
            if answer != raised.error:
                raise _Differs(_text(raised.event), raised.error, _texts(answer))
        self._outcome.errors.append(f"{raised.at:.3f}: {where} {_text(raised.event)}: {raised.error}")

    def _compare_state(self, box: Appliance, recorded: Mapping[str, Any]) -> None:
        replayed = state_of(box)
        names = [name for name in recorded if recorded[name] != replayed[name]]
        if names:
            raise _Differs(
                "the state", *(_values({name: of[name] for name in names}) for of in (recorded, replayed))
            )


def report(flight: Flight, outcome: Outcome, name: str) -> str:
    """For a person: one line if all is as it was, else the first difference and what led to it."""
    header = flight.header
    lines = [f"error of ours at {error}" for error in outcome.errors]
    what = f"{outcome.steps} steps in {outcome.span_s:.1f} s, recorded by harkd {header.harkd}"
    difference = outcome.difference
    if difference is None:
        return "\n".join([*lines, f"{name}: no difference in {what} ({header.why}, {header.wall})"])
    lines += [f"{name}:{difference.line}: differs after {what}", *(f"    {b}" for b in difference.before)]
    lines += [f"  at {difference.at:.6f}, {difference.what}", f"    recorded: {difference.recorded}"]
    return "\n".join([*lines, f"    replayed: {difference.replayed}"])


def _shown(line: int, entry: Entry) -> str:
    match entry:
        case Steps(event, commands, times):
            often = f" x {len(times)}" if len(times) > 1 else ""
            return f"line {line}, {times[0]:.3f}: {_text(event)}{often} -> {_texts(commands)}"
        case Raised(at, event, error, _):
            return f"line {line}, {at:.3f}: {_text(event)} -> {error}"
        case Retuned(at, period_s, _):
            return f"line {line}, {at:.3f}: periods of {period_s * 1000:g} ms, perhaps other settings"
        case _:
            return f"line {line}, {entry.at:.3f}: snapshot"


def _answer(box: Appliance, event: ev.Event, now: float) -> list[ev.Command] | str:
    """What the appliance does, or the error that it raises as it is recorded."""
    try:
        return box.step(event, now)
    except Exception as error:  # noqa: BLE001 - supervision point: what is being replayed may be at fault
        return error_text(error)


def _text(value: Any) -> str:
    plain = as_json(value)
    if isinstance(plain, str):
        return plain
    [(name, values)] = plain.items()
    return (
        f"{name}({', '.join(f'{key}={json.dumps(one, ensure_ascii=False)}' for key, one in values.items())})"
    )


def _texts(values: list[ev.Command] | str) -> str:
    return values if isinstance(values, str) else ", ".join(map(_text, values)) or "nothing"


def _values(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {getattr(value, 'name', value)}" for name, value in state.items())
