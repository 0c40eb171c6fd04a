"""Hands-free, sends audio up only around speech, so that silence costs nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.audio.endpoint import Endpointer, EndpointSettings
from daemon.audio.preroll import PreRoll
from daemon.records import dataclass

SERVER_SILENCE_MS = 500.0
"""How much silence ends a turn for the server's detector, unless the session says otherwise."""

SEMANTIC_SILENCE_MS = {"low": 8000.0, "medium": 4000.0, "auto": 4000.0, "high": 2000.0}
"""How long the server's semantic detector may wait for more, by its eagerness."""

MARGIN_MS = 500.0
"""The server may hear the end of a word later than we do; and it must not be a matter of one frame."""


def hang_over_for(silence_ms: float = SERVER_SILENCE_MS) -> float:
    """The least hang-over, in ms, with which a server that waits for `silence_ms` hears a turn's end."""
    return silence_ms + MARGIN_MS


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When the gate is open, in milliseconds.

    - `preroll_ms`, at least 300, goes up from before the moment at which speech is found. It holds the
      beginning that the detector needed to find it, and the `prefix_padding_ms` that the server wants.
    - `hang_over_ms`, at least `server_silence_ms` and half a second, goes up after the last speech: the
      server hears no end of a turn in silence that it is not sent.
    - `server_silence_ms` is the session's `silence_duration_ms`, or one of `SEMANTIC_SILENCE_MS`.
    """

    preroll_ms: int = 500
    hang_over_ms: float = 1200.0
    server_silence_ms: float = SERVER_SILENCE_MS

    def __post_init__(self) -> None:
        if self.preroll_ms < 300:
            raise ValueError(f"upload gate: preroll_ms is {self.preroll_ms}, allowed: 300 or more")
        least_ms = hang_over_for(self.server_silence_ms)
        if self.hang_over_ms < least_ms:
            raise ValueError(
                f"upload gate: hang_over_ms is {self.hang_over_ms:g}, allowed: {least_ms:g} or more, as the "
                f"server waits for {self.server_silence_ms:g} ms of silence"
            )


@dataclass(frozen=True, slots=True)
class GateStep:
    """What becomes of a period: `audio` goes up, the pre-roll and the period, or the period, or nothing.

    `opened`: `audio` does not continue what was sent before. `closed`: nothing follows it for now.
    """

    audio: bytes = b""
    opened: bool = False
    closed: bool = False


class UploadGate:
    """Mono periods in, what of them goes up out: in order, nothing twice.

    Of a silence longer than hang-over and pre-roll together, what is between the two is left out; shorter
    ones go up whole. What is left out is not replaced: the server's clock stands still meanwhile
    (`daemon.sent_clock` maps it). So must all that the server times by what it hears: with its
    `idle_timeout_ms` the gate cannot be used, for the time-out would come late or never. Whatever the
    detector does not hear, the server cannot. Bound: the pre-roll.
    """

    def __init__(self, settings: GateSettings, rate_hz: int, window_ms: float) -> None:
        """`rate_hz` of the periods; `window_ms` of the detector."""
        endpoints = EndpointSettings(end_silence_ms=settings.hang_over_ms, no_speech_ms=None)
        self._endpointer = Endpointer(endpoints, window_ms)
        self._preroll = PreRoll(settings.preroll_ms, rate_hz)

    @property
    def is_open(self) -> bool:
        return self._endpointer.speaking

    def feed(self, period: bytes, windows: Iterable[bool]) -> GateStep:
        """A captured period, and whether each detector window that ends in it holds speech."""
        was_open = self.is_open
        self._endpointer.feed(windows)
        if self.is_open and not was_open:
            return GateStep(self._preroll.take() + period, opened=True)
        if was_open:
            return GateStep(period, closed=not self.is_open)
        self._preroll.push(period)
        return GateStep()

    def open(self, preroll: bytes = b"") -> GateStep:
        """Somebody is known to speak: what is kept goes up now, and all that follows until they end.

        `preroll` comes first: what somebody else kept while this gate was shut.
        """
        was_open = self.is_open
        self._endpointer.assume_speech()
        return GateStep(preroll + self._preroll.take(), opened=not was_open)

    def shut(self) -> GateStep:
        """Nothing may go up, and nothing be kept: muted, or the loudspeaker would be heard."""
        was_open = self.is_open
        self._endpointer.restart()
        self._preroll.clear()
        return GateStep(closed=was_open)


def gate_for(settings: GateSettings | None, rate_hz: int, window_ms: float | None) -> UploadGate | None:
    """None without settings, or without a detector, whose `window_ms` that is."""
    return None if settings is None or window_ms is None else UploadGate(settings, rate_hz, window_ms)
