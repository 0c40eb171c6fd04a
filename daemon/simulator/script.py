"""What a simulated server says and how it misbehaves, read from TOML. Pure.

A script is one TOML file. Everything in it is optional; an empty file is a well-behaved server whose audio
answer is a chime and the user's own words played back.

    repeat = true               # begin again when the answers are used up; default: then the built-in ones
    transcripts = ["hello"]     # what the user is heard to say, one per audio item (where it is asked for)
    transcript_delay_ms = 150   # from commit to the first transcript event
    lost_creates = 1            # the first n response.create lose: the server has just begun its own response
    deflate = true              # offer permessage-deflate

    [[answer]]                  # one per response, in order, over all connections
    text = "It is three."       # what is said; without `wav` it is babbled, about 70 ms per character
    wav = "three.wav"           # file or list of files, joined; 16-bit PCM, mono or stereo, any rate
    seconds = 2.5               # length of the babble, instead of the one that follows from the text
    items = [{text = "One moment."}, {wav = "three.wav"}]   # several audio items instead of the above
    function_call = {name = "get_time", arguments = {zone = "UTC"}}    # after the items, if any
    delay_ms = 100              # from response.created to the first item
    pace = 4.0                  # times real time; 0: everything at once
    delta_ms = 100              # audio in one delta
    late_deltas = 0             # steps of the answer still delivered after it was cancelled
    status = "failed"           # or "incomplete"; default "completed"
    error_code = "rate_limit_exceeded"  # failed: the code; incomplete: max_output_tokens or content_filter

    [[fault]]
    action = "close"            # close reset stall garbage drip reorder expire refuse
    after = "response.output_audio.delta:3"   # right after the third such event, sent or received
    at_s = 2.0                  # or this long after the connection was opened
    first_connection = 1        # counted from 1, refused ones included
    connections = 1             # how many connections from there it hits, 0: all of them

`close` has `code` (1000) and `reason`; `reset` sends a TCP RST; `stall` has `seconds` without reading or
writing; `garbage` has `frames`, a list out of `truncated_json`, `array`, `null`, `binary`, `unknown_type`,
`missing_fields`, `huge` (10 MB); `drip` has `bytes_per_s` and `seconds`; `reorder` swaps the next two events
(the first waits for the second); `expire` is the 60-minute limit come early; `refuse` has `status` (401 403
404 429 500 503) and neither `after` nor `at_s`: it answers the upgrade itself.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from daemon.simulator.pcm import BadWav, read_wav
from daemon.simulator.validate import CLIENT_EVENTS

ACTIONS = ("close", "reset", "stall", "garbage", "drip", "reorder", "expire", "refuse")
GARBAGE = ("truncated_json", "array", "null", "binary", "unknown_type", "missing_fields", "huge")
REFUSALS = (401, 403, 404, 429, 500, 503)
MAX_REASON_BYTES = 123  # RFC 6455, 5.5
UNSENDABLE_CODES = (1004, 1005, 1006)  # RFC 6455, 7.4.1
STATUSES = ("completed", "failed", "incomplete")
INCOMPLETE_REASONS = ("max_output_tokens", "content_filter")
SERVER_EVENTS = (
    "error",
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.deleted",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.timeout_triggered",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "rate_limits.updated",
)


class ScriptError(ValueError):
    """The script is wrong; the message names the file, the table and key, and what was allowed."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One audio item of an answer: `pcm` is 24 kHz, None to babble `text` for `seconds`."""

    text: str | None = None
    pcm: bytes | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    name: str
    arguments: str = "{}"  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response. Without items, function call and failure it is the built-in answer at this pace."""

    items: tuple[Saying, ...] = ()
    function_call: FunctionCall | None = None
    delay_ms: float = 100
    pace: float = 4.0
    delta_ms: int = 100
    late_deltas: int = 0
    status: str = "completed"
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One misbehaviour, at most once per connection; fields as in the module's grammar."""

    action: str
    after: str | None = None  # event type
    count: int = 1  # the how manieth such event
    at_s: float | None = None
    first_connection: int = 1
    connections: int = 1
    code: int = 1000
    reason: str = ""
    seconds: float = 0.0
    frames: tuple[str, ...] = ()
    bytes_per_s: int = 0
    status: int = 0

    def hits(self, connection: int) -> bool:
        """Whether it belongs to this connection, counted from 1."""
        since = connection - self.first_connection
        return since >= 0 and (self.connections == 0 or since < self.connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    answers: tuple[Answer, ...] = ()
    repeat: bool = False
    faults: tuple[Fault, ...] = ()
    transcripts: tuple[str, ...] = ()
    transcript_delay_ms: float = 150
    lost_creates: int = 0
    deflate: bool = False


class _Table:
    """One TOML table being read: every key asked for is allowed, what is left over at the end is not."""

    def __init__(self, origin: str, where: str, values: Any) -> None:
        self._where = f"{origin}: {where}" if where else origin
        if not isinstance(values, dict):
            raise ScriptError(f"{self._where}: expected a table, got {values!r}")
        self._values = values
        self._asked: list[str] = []

    def error(self, key: str, problem: str) -> ScriptError:
        return ScriptError(f"{self._where}: key '{key}': {problem}")

    def has(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, default: str | None = None, among: Iterable[str] | None = None) -> str | None:
        value = self._take(key, default)
        if value is not None and not isinstance(value, str):
            raise self.error(key, f"expected a string, got {value!r}")
        if value is not None and among is not None and value not in among:
            raise self.error(key, f"'{value}' is not one of {_listed(among)}{_nearest(value, among)}")
        return value

    def number(self, key: str, default: float | None, low: float = 0, high: float = 1e9) -> Any:
        value = self._take(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.error(key, f"expected a number from {low:g} to {high:g}, got {value!r}")
        if isinstance(default, int) and not isinstance(value, int):
            raise self.error(key, f"expected a whole number, got {value!r}")
        return value

    def flag(self, key: str) -> bool:
        value = self._take(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, got {value!r}")
        return value

    def listed(self, key: str) -> list[Any]:
        value = self._take(key, [])
        if not isinstance(value, list):
            raise self.error(key, f"expected a list, got {value!r}")
        return value

    def anything(self, key: str) -> Any:
        return self._take(key, None)

    def finish(self) -> None:
        for key in self._values:
            if key not in self._asked:
                raise self.error(
                    key, f"unknown; allowed are {_listed(self._asked)}{_nearest(key, self._asked)}"
                )

    def _take(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        return self._values.get(key, default)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean '{found[0]}'?" if found else ""


def parse_script(text: str, origin: str, read_bytes: Callable[[str], bytes]) -> Script:
    """Read a script; `read_bytes` fetches a WAV named in it. Raises `ScriptError`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"{origin}: not TOML: {error}") from error
    table = _Table(origin, "", values)
    transcripts = table.listed("transcripts")
    if not all(isinstance(entry, str) for entry in transcripts):
        raise table.error("transcripts", f"expected a list of strings, got {transcripts!r}")
    answers = [
        _answer(_Table(origin, f"[[answer]] {number}", entry), origin, read_bytes)
        for number, entry in enumerate(table.listed("answer"), 1)
    ]
    faults = [
        _fault(_Table(origin, f"[[fault]] {number}", entry))
        for number, entry in enumerate(table.listed("fault"), 1)
    ]
    script = Script(
        answers=tuple(answers),
        faults=tuple(faults),
        repeat=table.flag("repeat"),
        transcripts=tuple(transcripts),
        transcript_delay_ms=table.number("transcript_delay_ms", 150.0),
        lost_creates=table.number("lost_creates", 0),
        deflate=table.flag("deflate"),
    )
    table.finish()
    return script


def _answer(table: _Table, origin: str, read_bytes: Callable[[str], bytes]) -> Answer:
    if table.has("items") and (table.has("text") or table.has("wav") or table.has("seconds")):
        raise table.error("items", "stands instead of text, wav and seconds")
    own = _saying(table, read_bytes)
    items = [_item(origin, entry, read_bytes) for entry in table.listed("items")]
    if own != Saying():
        items = [own]
    status = table.text("status", "completed", STATUSES) or "completed"
    answer = Answer(
        items=tuple(items),
        function_call=_function_call(table, origin),
        delay_ms=table.number("delay_ms", 100.0),
        pace=table.number("pace", 4.0),
        delta_ms=table.number("delta_ms", 100, low=1),
        late_deltas=table.number("late_deltas", 0),
        status=status,
        error_code=table.text("error_code", among=INCOMPLETE_REASONS if status == "incomplete" else None),
    )
    table.finish()
    return answer


def _item(origin: str, entry: Any, read_bytes: Callable[[str], bytes]) -> Saying:
    table = _Table(origin, "items", entry)
    saying = _saying(table, read_bytes)
    table.finish()
    return saying


def _saying(table: _Table, read_bytes: Callable[[str], bytes]) -> Saying:
    named = table.anything("wav")
    paths = [named] if isinstance(named, str) else named or []
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise table.error("wav", f"expected a path or a list of paths, got {named!r}")
    recordings = [_recording(table, path, read_bytes) for path in paths]
    return Saying(
        text=table.text("text"),
        pcm=b"".join(recordings) if recordings else None,
        seconds=table.number("seconds", None, high=3600),
    )


def _recording(table: _Table, path: str, read_bytes: Callable[[str], bytes]) -> bytes:
    try:
        return read_wav(read_bytes(path))
    except (OSError, BadWav) as error:
        raise table.error("wav", f"cannot read '{path}': {error}") from error


def _function_call(table: _Table, origin: str) -> FunctionCall | None:
    value = table.anything("function_call")
    if value is None:
        return None
    call = _Table(origin, "function_call", value)
    name, arguments = call.text("name"), call.anything("arguments")
    call.finish()
    if not name:
        raise table.error("function_call", "needs a name")
    return FunctionCall(name, arguments if isinstance(arguments, str) else json.dumps(arguments or {}))


_OPTIONS = {
    "close": ("code", "reason"),
    "stall": ("seconds",),
    "drip": ("bytes_per_s", "seconds"),
    "garbage": ("frames",),
    "refuse": ("status",),
}


def _fault(table: _Table) -> Fault:
    action = table.text("action", None, ACTIONS)
    if action is None:
        raise table.error("action", f"missing; one of {_listed(ACTIONS)}")
    options = {name: _option(table, name) for name in _OPTIONS.get(action, ())}
    first, count = table.number("first_connection", 1, low=1), table.number("connections", 1)
    after, nth, at_s = None, 1, None
    if action != "refuse":
        after, nth = _trigger(table)
        at_s = table.number("at_s", None)
        if (after is None) == (at_s is None):
            raise table.error("after", "give either after or at_s")
    table.finish()
    common = {"after": after, "count": nth, "at_s": at_s, "first_connection": first, "connections": count}
    return Fault(action=action, **common, **options)


def _option(table: _Table, name: str) -> Any:
    match name:
        case "reason":
            return _reason(table)
        case "frames":
            return _frames(table)
        case "code":
            return _close_code(table)
        case "status":
            status = table.number("status", 401)
            if status not in REFUSALS:
                raise table.error("status", f"{status} is not one of {_listed(map(str, REFUSALS))}")
            return status
        case "bytes_per_s":
            return table.number("bytes_per_s", 8000, 1)
        case _:
            return table.number("seconds", 1.0, 0, 3600)


def _reason(table: _Table) -> str:
    reason = table.text("reason") or ""
    if len(reason.encode()) > MAX_REASON_BYTES:
        raise table.error("reason", f"longer than {MAX_REASON_BYTES} bytes, more than a close frame carries")
    return reason


def _frames(table: _Table) -> tuple[str, ...]:
    frames = table.listed("frames")
    for frame in frames:
        if frame not in GARBAGE:
            near = _nearest(str(frame), GARBAGE)
            raise table.error("frames", f"'{frame}' is not one of {_listed(GARBAGE)}{near}")
    return tuple(frames) or GARBAGE


def _close_code(table: _Table) -> int:
    code: int = table.number("code", 1000, 1000, 4999)
    if code in UNSENDABLE_CODES or 1014 < code < 3000:
        allowed = "1000 to 1003, 1007 to 1014 and 3000 to 4999 can"
        raise table.error("code", f"{code} cannot be sent; {allowed}")
    return code


def _trigger(table: _Table) -> tuple[str | None, int]:
    after = table.text("after")
    if after is None:
        return None, 1
    name, colon, number = after.partition(":")
    known = (*SERVER_EVENTS, *CLIENT_EVENTS)
    if name not in known:
        raise table.error("after", f"no event is called '{name}'{_nearest(name, known)}")
    if colon and (not number.isdigit() or int(number) < 1):
        raise table.error("after", f"expected a whole number from 1 after the colon, got '{number}'")
    return name, int(number or 1)
