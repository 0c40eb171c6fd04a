"""The volume: played sound made quieter, without clicks, and by numpy only where it is loaded anyway. Pure.

Audio is mono or interleaved signed 16-bit little-endian PCM.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from daemon.audio.pcm import FULL_SCALE, SAMPLE_BYTES
from daemon.records import dataclass

MAX_PERCENT = 100

DB_PER_PERCENT = 0.4
"""Loudness is heard as ratios: steps of equal decibels sound equally large, wherever on the scale they are
taken. 10 dB are about twice as loud, so 25 % up or down is. 100 steps span 40 dB: what lies between the
loudest a small box can do and the quietest that a quiet room lets through."""

DUCKED_GAIN = 0.1
"""-20 dB: quiet enough to talk over, loud enough to know that the box has not gone away."""

FADE_S = 0.02
"""How long a change of volume takes, or ducking: soon enough to be heard at once, too slow to click."""

SESSION_RATE_HZ = 24_000
"""A loudspeaker of any other rate has its sound converted, for which numpy is loaded."""

UNDUCK_S = 1.0
"""Slowly, so that an answer that was not meant to be interrupted does not startle."""


def gain_of(percent: int) -> float:
    """Amplitude factor 0..1 for a volume of 0..100 percent: `DB_PER_PERCENT` each, true silence at 0."""
    return 0.0 if percent == 0 else float(10 ** ((percent - MAX_PERCENT) * DB_PER_PERCENT / 20))


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """A gain, and what turns samples into quieter ones.

    A sample is `256 * high + low`, so its product is the sum of two table look-ups: 16 bits of `high` in
    two tables of bytes, and one of `low`, which is at most 255.
    """

    gain: float
    high_to_low_byte: bytes = b""
    high_to_high_byte: bytes = b""
    low_to_low_byte: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class _Volume:
    percent: int
    open: _Setting
    ducked: _Setting


class Gain:
    """One volume for one stream, and a duck. Set on any thread, applied on one; changes are ramped.

    A new volume and ducking fade within `FADE_S`, unducking within `UNDUCK_S`, both in a straight line; a
    volume set while the sound comes back does not make it come sooner.
    """

    def __init__(self, percent: int = MAX_PERCENT, rate_hz: int = 48_000) -> None:
        """`rate_hz`: samples per second of what will be applied to, for the length of the ramps.

        Raises `ValueError` unless `percent` is a whole number from 0 to 100.
        """
        self._volume = _volume(percent)
        self._ducked = False
        self.retune(rate_hz)
        # Those below belong to the thread that applies.
        self._target = self._volume.open
        self._target_ducked = False
        self._gain_now = self._target.gain
        self._samples_left = 0  # of the ramp to the target
        self._silence = b""  # as long as the last period
        self._signs: dict[int, int] = {}  # by length; a device asks for few different ones

    def retune(self, rate_hz: int) -> None:
        """The device has another rate from now on: ramps keep their length in seconds."""
        self._fade_samples = max(1, int(FADE_S * rate_hz))
        self._unduck_samples = max(1, int(UNDUCK_S * rate_hz))
        self._multiplied = None if rate_hz == SESSION_RATE_HZ else _multiplication()

    @property
    def percent(self) -> int:
        return self._volume.percent

    def set_percent(self, percent: object) -> None:
        """Raises `ValueError` unless `percent` is a whole number from 0 to 100."""
        self._volume = _volume(percent)

    def duck(self, on: bool) -> None:
        """Make room for somebody who speaks: `DUCKED_GAIN` below the volume until `duck(False)`."""
        self._ducked = on

    def apply(self, pcm: bytes) -> bytes:
        """One period at the current volume, or on its way there.

        Per 480 samples on a desktop core (a Pi Zero 2 W is roughly ten times slower): 0.1 us at 100 %, 5 us
        otherwise without numpy, 45 us during a ramp; multiplying in a loop would take 32 us each time.
        Results are less than 2 steps of 65536 off.
        """
        volume, ducked = self._volume, self._ducked  # once: another thread may set them meanwhile
        wanted = volume.ducked if ducked else volume.open
        if wanted is not self._target:
            self._aim(wanted, ducked)
        if self._samples_left:
            return self._ramped(pcm)
        if wanted.gain == 1:
            return pcm
        if len(pcm) != len(self._silence):
            self._silence = bytes(len(pcm))
        if wanted.gain == 0 or pcm == self._silence:  # which most periods are: nothing is played
            return self._silence
        return self._multiplied(pcm, wanted.gain) if self._multiplied else self._scaled(pcm, wanted)

    def _aim(self, wanted: _Setting, ducked: bool) -> None:
        if self._target_ducked and not ducked:
            self._samples_left = self._unduck_samples
        elif self._target_ducked == ducked:
            self._samples_left = max(self._samples_left, self._fade_samples)
        else:
            self._samples_left = self._fade_samples
        self._target, self._target_ducked = wanted, ducked

    def _ramped(self, pcm: bytes) -> bytes:
        """From the gain so far, exclusive, towards the target's, inclusive, in a straight line."""
        samples = array("h", pcm)
        count = min(len(samples), self._samples_left)
        gain, step = self._gain_now, (self._target.gain - self._gain_now) / self._samples_left
        ramp = array("h", [int(x * (gain + step * i)) for i, x in enumerate(samples[:count], 1)]).tobytes()
        self._samples_left -= count
        self._gain_now = gain + step * count if self._samples_left else self._target.gain
        rest = pcm[len(ramp) :]
        return ramp + self.apply(rest) if rest else ramp

    def _scaled(self, pcm: bytes, setting: _Setting) -> bytes:
        """All samples at once: the look-ups are `bytes.translate`, the sums one sum of two big integers.

        The tables give sums between 0 and 65535, so that no sum carries into its neighbour; turning the
        highest bit of each over makes them signed again.
        """
        n_bytes = len(pcm)
        low, high = pcm[0::2], pcm[1::2]
        by_high, by_low = bytearray(n_bytes), bytearray(n_bytes)
        by_high[0::2] = high.translate(setting.high_to_low_byte)
        by_high[1::2] = high.translate(setting.high_to_high_byte)
        by_low[0::2] = low.translate(setting.low_to_low_byte)
        total = int.from_bytes(by_high, "little") + int.from_bytes(by_low, "little")
        return (total ^ self._sign_bits(n_bytes)).to_bytes(n_bytes, "little")

    def _sign_bits(self, n_bytes: int) -> int:
        signs = self._signs.get(n_bytes)
        if signs is None:
            if len(self._signs) >= 8:
                self._signs.clear()
            signs = self._signs[n_bytes] = int.from_bytes(b"\0\x80" * (n_bytes // SAMPLE_BYTES), "little")
        return signs


def _multiplication() -> Callable[[bytes, float], bytes] | None:
    """By numpy, if it is there: 20 instead of 114 k instructions of a Cortex-A53 for 15 ms at 48 kHz."""
    try:
        import numpy as np
    except ImportError:
        return None

    def multiplied(pcm: bytes, gain: float) -> bytes:
        samples = np.frombuffer(pcm, np.int16).astype(np.float32)
        samples *= np.array(gain, np.float32)  # of a plain number a slower one would be made
        return samples.astype(np.int16).tobytes()

    return multiplied


def _volume(percent: object) -> _Volume:
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= MAX_PERCENT:
        raise ValueError(f"the volume is {percent!r}, allowed: a whole number from 0 to {MAX_PERCENT}")
    gain = gain_of(percent)
    return _Volume(percent, _setting(gain), _setting(gain * DUCKED_GAIN))


def _setting(gain: float) -> _Setting:
    if gain in (0, 1):
        return _Setting(gain)
    silence = FULL_SCALE - round(gain * FULL_SCALE)  # so that the sum for a sample of 0 is 32768
    highs = [round(gain * 256 * (high ^ 0x80)) + silence for high in range(256)]
    return _Setting(
        gain,
        bytes(value & 0xFF for value in highs),
        bytes(value >> 8 for value in highs),
        bytes(int(gain * low) for low in range(256)),
    )
