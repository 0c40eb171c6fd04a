"""The volume: played sound made quieter, without clicks and without numpy. Pure.

Audio is mono or interleaved signed 16-bit little-endian PCM.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from daemon.audio.pcm import FULL_SCALE, SAMPLE_BYTES

MAX_PERCENT = 100


def gain_of(percent: int) -> float:
    """Amplitude factor 0..1 for a volume of 0..100 percent: its cube, as PulseAudio has it.

    Loudness is heard about logarithmically; the cube comes close to that (50 % is -18 dB) and ends in true
    silence.
    """
    return float((percent / MAX_PERCENT) ** 3)


@dataclass(frozen=True, slots=True)
class _Setting:
    """A volume, and what turns samples into quieter ones.

    A sample is `256 * high + low`, so its product is the sum of two table look-ups: 16 bits of `high` in
    two tables of bytes, and one of `low`, which is at most 255.
    """

    percent: int
    gain: float
    high_to_low_byte: bytes = b""
    high_to_high_byte: bytes = b""
    low_to_low_byte: bytes = b""


class Gain:
    """One volume for one stream. Set on any thread, applied on one; a change is ramped over one period."""

    def __init__(self, percent: int = MAX_PERCENT) -> None:
        """Raises `ValueError` unless `percent` is a whole number from 0 to 100."""
        self._wanted = self._current = _setting(percent)
        self._signs: dict[int, int] = {}  # by length; a device asks for few different ones

    @property
    def percent(self) -> int:
        return self._wanted.percent

    def set_percent(self, percent: object) -> None:
        """Raises `ValueError` unless `percent` is a whole number from 0 to 100."""
        self._wanted = _setting(percent)

    def apply(self, pcm: bytes) -> bytes:
        """One period at the current volume, the first after a change fading over to it.

        Per 480 samples on a desktop core (a Pi Zero 2 W is roughly ten times slower): 0.1 us at 100 %, 5 us
        otherwise, 40 us for the period of a change; multiplying in a loop would take 32 us each time. Results
        are less than 2 steps of 65536 off.
        """
        wanted = self._wanted  # once: another thread may set it meanwhile
        if wanted is not self._current:
            before, self._current = self._current.gain, wanted
            return _ramped(pcm, before, wanted.gain)
        if wanted.percent == MAX_PERCENT:
            return pcm
        if wanted.percent == 0:
            return bytes(len(pcm))
        return self._scaled(pcm, wanted)

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


def _setting(percent: object) -> _Setting:
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= MAX_PERCENT:
        raise ValueError(f"the volume is {percent!r}, allowed: a whole number from 0 to {MAX_PERCENT}")
    gain = gain_of(percent)
    if percent in (0, MAX_PERCENT):
        return _Setting(percent, gain)
    silence = FULL_SCALE - round(gain * FULL_SCALE)  # so that the sum for a sample of 0 is 32768
    highs = [round(gain * 256 * (high ^ 0x80)) + silence for high in range(256)]
    return _Setting(
        percent,
        gain,
        bytes(value & 0xFF for value in highs),
        bytes(value >> 8 for value in highs),
        bytes(int(gain * low) for low in range(256)),
    )


def _ramped(pcm: bytes, before: float, after: float) -> bytes:
    """From the one gain, exclusive, to the other, inclusive, in a straight line."""
    samples = array("h", pcm)
    step = (after - before) / max(1, len(samples))
    return array("h", [int(x * (before + step * i)) for i, x in enumerate(samples, 1)]).tobytes()
