"""Keeps a flight recording in memory and writes it to /run when asked to, or when something goes wrong.

Shell around the file system and the loop's timers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from daemon import events as ev
from daemon import notices
from daemon.appliance import Appliance
from daemon.audio.pcm import frames_to_ms
from daemon.audio.playback import OWN, HeardPart
from daemon.flight import Entry, Flight, FlightError, Header, read_flight, written
from daemon.flight_ring import FlightRing, RingSettings
from daemon.journal import FLIGHT
from daemon.realtime import model_events as rt
from daemon.records import dataclass
from daemon.transitions import Speaker

log = logging.getLogger("harkd")

LEVEL_EVERY_S = 0.2
"""While the loudspeaker plays, this often: how much waits in the ring, and how much was heard."""

KEPT_FILES = 4
"""/run is memory: older recordings make room for newer ones."""

ERRORS_APART_S = 60.0
"""An error that comes a hundred times a second is written down once a minute."""

READ_BOUND_BYTES = 64_000_000
"""Many times what is written."""


class Playing(Protocol):
    """What is queued for the loudspeaker, as `daemon.playing` tells it."""

    @property
    def rate_hz(self) -> int: ...
    @property
    def first_audio_at(self) -> float | None: ...
    def so_far(self) -> list[HeardPart]: ...


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """`directory`: where recordings go, None for nowhere. `ring`: how much of the past they hold."""

    directory: Path | None = None
    ring: RingSettings = field(default_factory=RingSettings)


class FlightRecorder:
    """Told of everything, in the order it happens, on the loop's thread; nothing touches a disk meanwhile.

    `secrets` answers what must not be in a file, whatever the rest of the program lets through.
    """

    def __init__(
        self,
        box: Appliance,
        playing: Playing,
        loop: asyncio.AbstractEventLoop,
        settings: RecorderSettings | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`box` has not taken a step yet, or none that `took` will not be told of."""
        self._box = box
        self._playing = playing
        self._loop = loop
        self._settings = settings or RecorderSettings()
        self._secrets = secrets
        self._wall_clock = wall_clock
        self._ring = FlightRing(box, loop.time(), self._settings.ring)
        self._timer: asyncio.TimerHandle | None = None
        self._first_audio_at: float | None = None
        self._error_written_at = float("-inf")
        self._writing: asyncio.Task[None] | None = None  # after an error of ours

    # ---- what happens ------------------------------------------------------------------

    def took(self, event: ev.Event, now: float, commands: list[ev.Command]) -> None:
        """The appliance was told `event` at loop time `now`, and answered; before anything else is done."""
        self._ring.took(event, now, commands)
        if self._timer is None and self._box.speaker is Speaker.PLAYING:
            self._measure()

    def failed(self, event: ev.Event, error: Exception) -> None:
        """An error of ours at `event`. It is written down, unless another one just was."""
        now = self._loop.time()
        self._ring.raised(event, now, error)
        if now - self._error_written_at >= ERRORS_APART_S and self._settings.directory is not None:
            self._error_written_at = now
            self._writing = self._loop.create_task(self._write_error(), name="flight recording")

    def note(self, kind: str, **values: Any) -> None:
        """Anything else that explains what happened: numbers, texts and None."""
        self._ring.note(self._loop.time(), kind, values)

    def on_notice(self, notice: notices.Notice) -> None:
        match notice:
            case notices.ExchangeEnded(exchange):
                self.note("exchange", **asdict(exchange))
            case notices.Interrupted(at, _, parts):
                self._first_sound()
                self.note("cut", **self._levels(parts), decided_at=at)
            case notices.LinkChanged(status, detail):
                self.note("link", status=status, detail=detail)
            case notices.UserSaid(text):
                self.note("user said", **self._words(text))
            case _:  # phases and refusals are commands; the answer's words come with the model's events
                pass

    def on_model_event(self, event: rt.RealtimeModelEvent) -> None:
        names = _NOTED.get(type(event))
        if names is None:
            return
        values: dict[str, Any] = {name: getattr(event, name) for name in names}
        if isinstance(event, rt.RealtimeModelAudioEvent):
            values["bytes"] = len(event.data)
        elif isinstance(event, rt.RealtimeModelTranscriptDeltaEvent):
            values |= self._words(event.delta)
        self._ring.note(self._loop.time(), event.type, values)

    # ---- files -------------------------------------------------------------------------

    async def save(self, why: str) -> Path:
        """Write what is remembered to a new file, without holding up the loop; answers its path.

        `why` becomes part of its name. Raises `OSError`.
        """
        return await asyncio.to_thread(self._write, self._header(why), self._ring.entries())

    def save_now(self, why: str) -> Path | None:
        """The same at once; an error is told in the journal, and answered by None."""
        if self._settings.directory is None:
            return None
        try:
            return self._write(self._header(why), self._ring.entries())
        except OSError as error:
            log.warning("the flight recording cannot be written: %s", error)
            return None

    def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """For an exit stack: the box stops. If an error of ours ends it, that is written down."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            self._writing.cancel()
        if isinstance(error, Exception):
            self.note("crash", error=f"{type(error).__name__}: {error}")
            self.save_now("crash")

    async def _write_error(self) -> None:
        try:
            await self.save("error")
        except OSError as error:
            log.warning("the flight recording cannot be written: %s", error)

    def _header(self, why: str) -> Header:
        wall = datetime.fromtimestamp(self._wall_clock(), UTC).isoformat(timespec="milliseconds")
        return Header(why, self._loop.time(), wall, version("harkd"), self._settings.ring.texts)

    def _write(self, header: Header, entries: Iterable[Entry]) -> Path:
        directory = self._settings.directory
        if directory is None:
            raise FileNotFoundError("there is no directory for flight recordings")
        directory.mkdir(mode=0o750, exist_ok=True)
        moment = datetime.fromisoformat(header.wall).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        path = directory / f"flight-{moment}-{header.why}.jsonl"
        beside = path.with_name(f".{path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
                stream.writelines(written(header, entries, self._secrets()))
            os.replace(beside, path)
        except OSError:
            beside.unlink(missing_ok=True)  # or halves of recordings fill what is full
            raise
        log.info("flight recording: %s", path, extra=FLIGHT(path=path))
        others = [other for other in directory.glob("flight-*.jsonl") if other != path]
        for old in sorted(others)[: -(KEPT_FILES - 1)]:  # this one stays, even if the clock was set back
            old.unlink(missing_ok=True)
        return path

    # ---- what is heard -----------------------------------------------------------------

    def _measure(self) -> None:
        self._timer = None
        self._first_sound()
        self.note("level", **self._levels(self._playing.so_far()))
        if self._box.speaker is Speaker.PLAYING:
            self._timer = self._loop.call_later(LEVEL_EVERY_S, self._measure)

    def _first_sound(self) -> None:
        first = self._playing.first_audio_at
        if first is not None and first != self._first_audio_at:
            self._first_audio_at = first
            self.note("first sound", heard_at=first)

    def _levels(self, parts: Iterable[HeardPart]) -> Mapping[str, float]:
        """Of answers; what the box says of its own accord is not counted."""
        answers = [part for part in parts if part.tag.response_id != OWN]
        heard = sum(part.heard_frames for part in answers)
        waiting = sum(part.queued_frames - part.heard_frames for part in answers)
        rate_hz = self._playing.rate_hz
        return {"heard_ms": frames_to_ms(heard, rate_hz), "waiting_ms": frames_to_ms(waiting, rate_hz)}

    def _words(self, text: str) -> Mapping[str, str | int]:
        return {"chars": len(text), **({"text": text} if self._settings.ring.texts else {})}


_NOTED: Mapping[type, tuple[str, ...]] = {
    rt.RealtimeModelSessionReadyEvent: (),
    rt.RealtimeModelSessionRefusedEvent: ("message",),
    rt.RealtimeModelErrorEvent: ("code", "message", "event_id"),
    rt.RealtimeModelAudioEvent: ("response_id", "item_id"),
    rt.RealtimeModelAudioDoneEvent: ("response_id", "item_id"),
    rt.RealtimeModelTurnStartedEvent: ("response_id",),
    rt.RealtimeModelTurnEndedEvent: ("response_id", "status"),
    rt.RealtimeModelTranscriptDeltaEvent: ("response_id",),
    rt.RealtimeModelToolCallEvent: ("name", "call_id", "response_id"),
    rt.RealtimeModelSpeechStartedEvent: ("item_id", "audio_start_ms"),
    rt.RealtimeModelSpeechStoppedEvent: ("item_id", "audio_end_ms"),
    rt.RealtimeModelInputCommittedEvent: ("item_id",),
    rt.RealtimeModelFrameRejectedEvent: ("reason",),
}
"""What is worth a line, and what of it; never audio, arguments or words."""


def load_flight(path: Path) -> Flight:
    """Raises `daemon.flight.FlightError`, also for a file that cannot be read."""
    try:
        with path.open("rb") as stream:
            content = stream.read(READ_BOUND_BYTES + 1)
    except OSError as error:
        raise FlightError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > READ_BOUND_BYTES:
        raise FlightError(f"{path}: longer than {READ_BOUND_BYTES} bytes: no flight recording")
    return read_flight(content.decode(errors="replace"), str(path))
