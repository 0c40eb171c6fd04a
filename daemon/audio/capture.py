"""Captured periods made fit for all that follows: one channel, no rumble, the configured gain. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.audio.highpass import HighPass
from daemon.audio.pcm import FULL_SCALE, mix_channels, pick_channel
from daemon.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GAIN_DB = (-20.0, 40.0)
HIGH_PASS_HZ = (20.0, 400.0)


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What is done to captured sound.

    - `channel` is the one used, from 0; None for the mean of all.
    - `high_pass_hz` is where the high-pass begins, 20 to 400 Hz, 0 for none. Voices begin at about 80 Hz.
    - `gain_db`, -20 to 40, is what the microphone lacks; samples that do not fit are clipped and counted.
    """

    channel: int | None = 0
    high_pass_hz: float = 90.0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        low_db, high_db = GAIN_DB
        if not low_db <= self.gain_db <= high_db:
            raise ValueError(f"capture: gain_db is {self.gain_db:g}, allowed: {low_db:g} to {high_db:g}")
        low_hz, high_hz = HIGH_PASS_HZ
        if self.high_pass_hz != 0 and not low_hz <= self.high_pass_hz <= high_hz:
            raise ValueError(
                f"capture: high_pass_hz is {self.high_pass_hz:g}, allowed: 0, or {low_hz:g} to {high_hz:g}"
            )


class CapturePath:
    """Interleaved periods in, mono periods out: the same frames at the same rate, none of them delayed.

    Channels first, so that nothing further on sees another microphone's sound. With neither high-pass nor
    gain, samples pass as they are and numpy is not loaded. Per period of 20 ms at 48 kHz on a server core:
    18 us with the high-pass, 6 us with the gain alone; 2 us more for a pick and 8 for a mix of two channels.
    """

    def __init__(self, settings: CaptureSettings, rate_hz: int, channels: int) -> None:
        """Raises `ValueError` for a channel that is not there, `ImportError` where numpy is missing and
        needed.
        """
        if settings.channel is not None and not 0 <= settings.channel < channels:
            raise ValueError(f"capture: channel is {settings.channel}, allowed: 0 to {channels - 1}")
        self.clipped_samples = 0
        """Samples of the outcome that did not fit into 16 bits, since construction."""
        self.channel = settings.channel
        """The one that is listened to, None for the mean of all."""
        self._channels = channels
        self._level = None
        if settings.high_pass_hz or settings.gain_db:
            self._level = _Level(settings.high_pass_hz, settings.gain_db, rate_hz)

    def reset(self) -> None:
        """There is a gap before the next period."""
        if self._level is not None:
            self._level.reset()

    def feed(self, captured: bytes) -> bytes:
        """One period of whole frames, interleaved; raises `ValueError` for half a frame."""
        if self.channel is None:
            mono = mix_channels(captured, self._channels)
        else:
            mono = pick_channel(captured, self._channels, self.channel)
        if self._level is None:
            return mono
        pcm, clipped = self._level.process(mono)
        self.clipped_samples += clipped
        return pcm


class _Level:
    """High-pass and gain, both in floating point: rounded and clipped once."""

    def __init__(self, high_pass_hz: float, gain_db: float, rate_hz: int) -> None:
        import numpy as np

        self._np = np
        self._high_pass = HighPass(high_pass_hz, rate_hz) if high_pass_hz else None
        self._gain = 10 ** (gain_db / 20)

    def reset(self) -> None:
        if self._high_pass is not None:
            self._high_pass.reset()

    def process(self, mono: bytes) -> tuple[bytes, int]:
        """The outcome, and how many samples of it were clipped."""
        np = self._np
        samples = np.frombuffer(mono, np.int16).astype(np.float64)
        if self._high_pass is not None:
            samples = self._high_pass.process(samples)
        if self._gain != 1:
            samples *= self._gain
        return self._rounded(samples)

    def _rounded(self, samples: npt.NDArray[np.float64]) -> tuple[bytes, int]:
        np = self._np
        np.rint(samples, out=samples)
        if samples.dot(samples) < FULL_SCALE**2:  # all together fit, so each does: as most of the time
            return samples.astype(np.int16).tobytes(), 0
        fitting = np.clip(samples, -32768, 32767)
        clipped = int(np.count_nonzero(fitting != samples))
        return fitting.astype(np.int16).tobytes(), clipped
