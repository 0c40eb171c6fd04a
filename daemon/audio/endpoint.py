"""Where somebody begins to speak and where they have ended. Pure.

Fed with what a voice detector says of one window after the other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks; the first window of it began `onset_ms` before the end of the window just fed."""

    onset_ms: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Nobody has spoken for `end_silence_ms`."""


@dataclass(frozen=True, slots=True)
class NoSpeech:
    """Nobody has spoken at all within `no_speech_ms`; said once."""


Endpoint = SpeechStarted | SpeechEnded | NoSpeech


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """When speech begins and ends, in milliseconds.

    - `start_ms` within `within_ms` must be speech for it to begin: a click is shorter. With windows of 10 ms
      these are 5 of 8, of 20 ms 3 of 4.
    - `resume_ms` within `within_ms` is enough for it to go on: a single window heard wrongly is not.
    - `end_silence_ms`: so long a pause ends it. People pause up to half a second within a sentence.
    - `no_speech_ms`: so long nobody need say anything; None for ever.
    """

    start_ms: float = 50.0
    resume_ms: float = 30.0
    within_ms: float = 80.0
    end_silence_ms: float = 700.0
    no_speech_ms: float | None = 5000.0

    def __post_init__(self) -> None:
        if not 0 < self.resume_ms <= self.start_ms <= self.within_ms <= self.end_silence_ms:
            raise ValueError(
                f"endpoint: resume_ms {self.resume_ms:g} <= start_ms {self.start_ms:g} <= within_ms "
                f"{self.within_ms:g} <= end_silence_ms {self.end_silence_ms:g} must hold, all above 0"
            )
        if self.no_speech_ms is not None and self.no_speech_ms <= 0:
            raise ValueError(f"endpoint: no_speech_ms {self.no_speech_ms:g} must be above 0, or None")


class Endpointer:
    """Speech begins and ends any number of times, from `restart` on.

    `NoSpeech` comes only while nothing was said since `restart`. Bound: the verdicts of `within_ms`.
    """

    def __init__(self, settings: EndpointSettings, window_ms: float) -> None:
        """Raises `ValueError` for a `window_ms` not above 0."""
        if window_ms <= 0:
            raise ValueError(f"endpoint: window_ms {window_ms:g} must be above 0")
        self.settings = settings
        self.window_ms = window_ms
        self._start = _windows(settings.start_ms, window_ms)
        self._resume = _windows(settings.resume_ms, window_ms)
        self._recent: deque[bool] = deque(maxlen=_windows(settings.within_ms, window_ms))
        self.restart()

    def restart(self) -> None:
        """Nobody has spoken yet, and the time for `NoSpeech` begins."""
        self.speaking = False
        self._nothing_yet = True
        self._since_ms = 0.0  # since the last speech, or since the restart
        self._recent.clear()

    def assume_speech(self) -> None:
        """Somebody is known to speak: only their end is still to be found."""
        self.speaking, self._nothing_yet = True, False
        self._since_ms = 0.0

    def feed(self, windows: Iterable[bool]) -> list[Endpoint]:
        """Whether each of the next windows held speech; answers what came of it, in order."""
        return [endpoint for speech in windows if (endpoint := self._next(speech)) is not None]

    def _next(self, speech: bool) -> Endpoint | None:
        self._recent.append(speech)
        self._since_ms += self.window_ms
        return self._go_on(speech) if self.speaking else self._wait()

    def _go_on(self, speech: bool) -> Endpoint | None:
        if speech and sum(self._recent) >= self._resume:
            self._since_ms = 0.0
        if self._since_ms < self.settings.end_silence_ms:
            return None
        self.speaking = False
        return SpeechEnded()

    def _wait(self) -> Endpoint | None:
        if sum(self._recent) >= self._start:
            self.assume_speech()
            return SpeechStarted((len(self._recent) - self._recent.index(True)) * self.window_ms)
        limit_ms = self.settings.no_speech_ms
        if not self._nothing_yet or limit_ms is None or self._since_ms < limit_ms:
            return None
        self._nothing_yet = False
        return NoSpeech()


def _windows(duration_ms: float, window_ms: float) -> int:
    return math.ceil(duration_ms / window_ms)
