"""Replays a recorded session, and records one. Shell around the event loop.

A recording is JSON lines, written as the session goes: `{"t": 1.25, "dir": ">", "text": "..."}` for a frame
to the server, `"<"` for one from it (binary ones as `"base64"` instead of `"text"`), and at most one, last,
`{"t": 9.5, "dir": "x", "code": 1000, "reason": ""}` for the close. `t`: seconds since the connection opened.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from daemon.realtime.transports.port import OnFrame, Transport, TransportClosed, UplinkCongested
from daemon.records import dataclass

_LOST = 1006  # RFC 6455 section 7.1.5: the connection ended without a close frame


@dataclass(frozen=True, slots=True)
class ToServer:
    text: str


@dataclass(frozen=True, slots=True)
class FromServer:
    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Closed:
    code: int
    reason: str


Frame = ToServer | FromServer | Closed


def load_recording(path: Path) -> list[Frame]:
    """Raises `OSError`; `ValueError` naming file and line. A torn last line (power cut) is left out."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    torn = lines.pop()  # what follows the last line break: nothing, unless the writer was cut off
    frames = _parsed(path, lines)
    with suppress(ValueError):
        frames.extend(_parsed(path, [torn]))
    return frames


class RecordedTransport:
    """Plays the server of a recording: the honest fake of the port.

    A frame of the server is delivered once the client has sent what preceded it in the recording. Compared is
    the order of event types, not their content: frames of other types may come in between. At the end the
    connection closes as recorded, with 1006 if the recording just ends.

    What was sent is in `sent`. With `send_bound_bytes` the peer takes nothing and the bound holds as on a
    stalled network; nothing of the recording that waits for the client is delivered then.
    """

    def __init__(self, frames: Iterable[Frame], *, send_bound_bytes: int | None = None) -> None:
        self.sent: list[str] = []
        self._script = deque(frames)
        self._bound_bytes = send_bound_bytes
        self._queued_bytes = 0
        self._open = False
        self._end: Closed | None = None
        self._progress = asyncio.Event()

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    async def connect(self) -> None:
        """Always succeeds the first time; `RuntimeError` after that."""
        if self._open or self._end is not None:
            raise RuntimeError("a transport connects once; make a new one")
        self._open = True

    def send(self, text: str) -> None:
        if not self._open:
            raise self._closed()
        if self._bound_bytes is not None:
            self._queue(len(text.encode()))
        self.sent.append(text)
        expected = self._script[0] if self._script else None
        awaited = isinstance(expected, ToServer) and event_type(expected.text) == event_type(text)
        if awaited and self._bound_bytes is None:
            self._script.popleft()
            self._progress.set()

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        while self._open:
            step = self._script[0] if self._script else Closed(_LOST, "the recording ends here")
            if isinstance(step, FromServer):
                self._script.popleft()
                on_frame(step.frame)
            elif isinstance(step, Closed):
                self._finish(step)
            else:
                self._progress.clear()
                await self._progress.wait()
        raise self._closed()

    async def close(self) -> None:
        if self._end is None:
            self._finish(Closed(1000, ""))

    def _queue(self, size_bytes: int) -> None:
        assert self._bound_bytes is not None
        if self._queued_bytes and self._queued_bytes + size_bytes > self._bound_bytes:
            raise UplinkCongested(f"{self._queued_bytes} bytes wait for the uplink")
        self._queued_bytes += size_bytes

    def _finish(self, end: Closed) -> None:
        self._open = False
        self._end = end
        self._queued_bytes = 0
        self._progress.set()

    def _closed(self) -> TransportClosed:
        end = self._end or Closed(_LOST, "not connected")
        return TransportClosed(end.code, end.reason)


class RecordingTransport:
    """Notes what passes through another transport, line by line: nothing is held back in memory.

    `write` takes one line, line break included; whatever it raises reaches the caller of the transport, so it
    should deal with a full disk itself. `clock` answers monotonic seconds.
    """

    def __init__(self, inner: Transport, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._inner = inner
        self._write = write
        self._clock = clock
        self._began = clock()
        self._closed = False

    @property
    def queued_bytes(self) -> int:
        return self._inner.queued_bytes

    async def connect(self) -> None:
        await self._inner.connect()
        self._began = self._clock()

    def send(self, text: str) -> None:
        self._inner.send(text)
        self._note(dir=">", text=text)

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        def note_and_hand_on(frame: str | bytes) -> None:
            if isinstance(frame, str):
                self._note(dir="<", text=frame)
            else:
                self._note(dir="<", base64=base64.b64encode(frame).decode())
            on_frame(frame)

        try:
            await self._inner.receive_into(note_and_hand_on)
        except TransportClosed as closed:
            self._note_close(closed.code, closed.reason)
            raise

    async def close(self) -> None:
        await self._inner.close()
        self._note_close(1000, "")

    def _note_close(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._note(dir="x", code=code, reason=reason)

    def _note(self, **what: Any) -> None:
        self._write(json.dumps({"t": round(self._clock() - self._began, 6), **what}) + "\n")


def event_type(text: str) -> str | None:
    """The `type` of an event; None if the frame is none."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = event.get("type") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) else None


def _parsed(path: Path, lines: Sequence[str]) -> list[Frame]:
    return [_frame(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _frame(path: Path, number: int, line: str) -> Frame:
    try:
        note = json.loads(line)
        match note:
            case {"dir": ">", "text": str(text)}:
                return ToServer(text)
            case {"dir": "<", "text": str(text)}:
                return FromServer(text)
            case {"dir": "<", "base64": str(encoded)}:
                return FromServer(base64.b64decode(encoded, validate=True))
            case {"dir": "x", "code": int(code), "reason": str(reason)}:
                return Closed(code, reason)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}:{number}: not a line of a recording: {error}") from None
    raise ValueError(
        f'{path}:{number}: not a line of a recording; expected "dir" ">", "<" with "text", or "x"'
    )
