"""What the box makes of what it hears: the last moments kept, and whether somebody speaks. Pure."""

from __future__ import annotations

import logging
from dataclasses import field
from typing import Protocol

from daemon import events as ev
from daemon.audio.endpoint import Endpointer, EndpointSettings, NoSpeech, SpeechEnded, SpeechStarted
from daemon.audio.level import LevelMeter, Levels
from daemon.audio.pcm import SAMPLE_BYTES, ms_to_frames
from daemon.audio.preroll import PreRoll
from daemon.audio.rechunk import Rechunker
from daemon.audio.resample import Resampler
from daemon.audio.voice import Detector, VoiceMeter
from daemon.records import dataclass

log = logging.getLogger("harkd")

BARGE_IN_MS = 700
"""How late a voice over the answer may be found: so much from before it is kept, besides the pre-roll."""

UNASKED_MS = 100
UNASKED_STEP = 10
"""While nobody asks the voice detector, it hears one stretch of so many, that long: it learns the noise from
it. For 20 ms at 48 kHz it then takes 9 thousand instructions of a Cortex-A53, instead of 160."""

METER_MS = 300
"""What the levels in `harkd status` are taken from."""


class WakeWordDetector(Protocol):
    """The part of a wake word driver that is needed here."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_frames(self) -> int: ...

    def hears(self, window: bytes) -> bool: ...

    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EarSettings:
    """`preroll_ms` is the most that is ever asked for from before a turn; 0 keeps nothing."""

    preroll_ms: int = 300
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)


@dataclass(frozen=True, slots=True)
class Heard:
    """One period: whether it holds speech, None without a voice detector, and what happened in it.

    `windows`: the same for each window of the detector that ended in it.
    """

    duration_ms: float
    speech: bool | None
    windows: list[bool]
    events: list[ev.Event]


class Ears:
    """Listens to mono PCM16 periods, all that are captured: detectors learn the noise between turns.

    A detector that fails is left out from then on: a driver's error must not cost the turn.
    """

    def __init__(
        self,
        settings: EarSettings,
        detector: Detector | None,
        wake_word: WakeWordDetector | None,
        rate_hz: int,
    ) -> None:
        self.rate_hz = rate_hz
        self.use(settings, detector, wake_word)

    def use(
        self, settings: EarSettings, detector: Detector | None, wake_word: WakeWordDetector | None
    ) -> None:
        """Listen by these from now on: what was heard is forgotten."""
        self._settings = settings
        self._detector = detector
        self._wake_word = wake_word
        self._retained_ms = settings.preroll_ms + BARGE_IN_MS if settings.preroll_ms else 0
        self.retune(self.rate_hz)

    def retune(self, rate_hz: int) -> None:
        """The microphone has another rate from now on: what was heard is forgotten."""
        self.rate_hz = rate_hz
        self._preroll = PreRoll(self._retained_ms, rate_hz)
        self._unasked_bytes = ms_to_frames(UNASKED_MS, rate_hz) * SAMPLE_BYTES
        self._recent = PreRoll(METER_MS, rate_hz)
        self._voice = VoiceMeter(self._detector, rate_hz) if self._detector else None
        self._unjudged: list[bytes] = []  # periods
        self._unasked = 0  # stretches
        self._speech = False  # what a period in which no window ends is taken for
        self._endpointer = Endpointer(self._settings.endpoint, self._voice.window_ms) if self._voice else None
        if self._wake_word is not None:
            self._wake_resampler = Resampler(rate_hz, self._wake_word.rate_hz)
            self._wake_windows = Rechunker(self._wake_word.window_frames * SAMPLE_BYTES)
            self._wake_word.reset()

    def forget(self) -> None:
        """There is a gap before the next period, and nothing from before it may ever be sent."""
        self.retune(self.rate_hz)

    def await_speech(self) -> None:
        """A turn begins: from here on its speech, its end or its absence are found."""
        if self._unjudged:
            self._judge(b"", at_once=True)
        if self._endpointer is not None:
            self._endpointer.restart()

    def hear(self, mono: bytes, *, asked: bool = True) -> Heard:
        """Take one period, which `keep` or `take_last` is to be called about next.

        Unless `asked` nobody needs to know who speaks, and the detector only learns the noise.
        """
        duration_ms = 1000 * len(mono) / SAMPLE_BYTES / self.rate_hz
        self._recent.push(mono)
        windows = self._judge(mono, at_once=asked)
        speech: bool | None = None
        events: list[ev.Event] = []
        if self._endpointer is not None:
            speech, events = self._speech, [_event(e) for e in self._endpointer.feed(windows)]
        if self._wake_word is not None and self._called(self._wake_word, mono):
            events.append(ev.WakeWordHeard())
        return Heard(duration_ms, speech, windows, events)

    def keep(self, mono: bytes) -> None:
        """No turn wanted this period; the next may."""
        self._preroll.push(mono)

    def take_last(self, ms: float) -> bytes:
        """The last `ms` of what was kept, which is forgotten with all that is older."""
        wanted = ms_to_frames(int(ms), self.rate_hz) * SAMPLE_BYTES
        kept = self._preroll.take()
        return kept[len(kept) - min(wanted, len(kept)) :]

    def levels(self) -> Levels:
        """How loud the last `METER_MS` were of what was listened to: `daemon.audio.lull` leaves out most of a
        long silence.
        """
        meter = LevelMeter(self.rate_hz)
        recent = self._recent.take()
        self._recent.push(recent)
        meter.feed(recent)
        return meter.levels()

    @property
    def hears_wake_word(self) -> bool:
        """There is a detector for it, and it has not failed."""
        return self._wake_word is not None

    @property
    def window_ms(self) -> float | None:
        """How long one verdict of the voice detector is about; None without one."""
        return self._voice.window_ms if self._voice else None

    def _judge(self, mono: bytes, *, at_once: bool) -> list[bool]:
        if self._voice is None:
            return []
        self._unjudged.append(mono)
        if not at_once and len(self._unjudged) * len(mono) < self._unasked_bytes:
            return []
        heard, self._unjudged = b"".join(self._unjudged), []
        if not at_once:
            self._unasked += 1
            if self._unasked % UNASKED_STEP != 1:
                return []
        try:
            windows = self._voice.listen(heard)
        except Exception:  # supervision point: a driver's error must not cost the turn
            log.exception("the voice detector failed; going on without one")
            self._detector = self._voice = self._endpointer = None
            return []
        if windows:
            self._speech = any(windows)
        return windows

    def _called(self, wake_word: WakeWordDetector, mono: bytes) -> bool:
        try:
            windows = self._wake_windows.feed(self._wake_resampler.feed(mono))
            called = [wake_word.hears(window) for window in windows]  # each has to be heard
            return any(called)
        except Exception:  # supervision point: as above
            log.exception("the wake word detector failed; going on without one")
            self._wake_word = None
            return False


def _event(endpoint: SpeechStarted | SpeechEnded | NoSpeech) -> ev.Event:
    match endpoint:
        case SpeechStarted(onset_ms):
            return ev.SpeechStarted(onset_ms)
        case SpeechEnded():
            return ev.SpeechEnded()
        case NoSpeech():
            return ev.NothingSaid()
