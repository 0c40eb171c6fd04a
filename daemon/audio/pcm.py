"""Arithmetic on 16-bit PCM: channels, durations and levels. Pure.

Audio is signed 16-bit little-endian PCM in `bytes`; the host is little-endian too, as every supported board
is. Standard library only: numpy costs 16 MB and more time than it saves on 10 or 20 ms of sound. Times in
the docstrings are per 480 samples on a desktop core under Python 3.11; a Pi Zero 2 W is roughly ten times
slower.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache

SAMPLE_BYTES = 2
FULL_SCALE = 32768
FLOOR_DBFS = -96.0
"""What digital silence reads as: 16 bits end at about -96 dB, and minus infinity is no JSON number."""


def frames_to_ms(frames: int, rate_hz: int) -> int:
    """Whole milliseconds in `frames`, rounded down: a position is never beyond the audio it counts."""
    return frames * 1000 // rate_hz


def ms_to_frames(ms: int, rate_hz: int) -> int:
    """Whole frames in `ms` milliseconds, rounded down."""
    return ms * rate_hz // 1000


def pick_channel(pcm: bytes, channels: int, index: int) -> bytes:
    """Channel `index` (from 0) of interleaved `pcm` as mono (1 us).

    Raises `ValueError` for an index that is not there, or half a frame.
    """
    if not 0 <= index < channels:
        raise ValueError(f"channel index {index} is not one of 0..{channels - 1}")
    _check_whole_frames(pcm, channels)
    if channels == 1:
        return pcm
    return array("h", pcm)[index::channels].tobytes()


def mix_channels(pcm: bytes, channels: int) -> bytes:
    """The mean of all channels of interleaved `pcm` as mono, rounded down (4 us for two, 100 us for four).

    Raises `ValueError` for half a frame.
    """
    _check_whole_frames(pcm, channels)
    if channels == 1:
        return pcm
    samples = array("h", pcm)
    if channels == 2:
        return _mean_of_two(samples[0::2].tobytes(), samples[1::2].tobytes())
    sums = map(sum, zip(*(samples[index::channels] for index in range(channels)), strict=True))
    return array("h", [total // channels for total in sums]).tobytes()


def _mean_of_two(left: bytes, right: bytes) -> bytes:
    """All samples at once, as two big integers: what both have, and half of what only one has.

    Turning the highest bit of each sample over makes it unsigned. The bit that halving would carry into the
    neighbour below is taken out before.
    """
    signs, all_but_lowest = _masks(len(left))
    a = int.from_bytes(left, "little") ^ signs
    b = int.from_bytes(right, "little") ^ signs
    mean = (a & b) + (((a ^ b) & all_but_lowest) >> 1)
    return (mean ^ signs).to_bytes(len(left), "little")


@lru_cache(maxsize=8)  # a device asks for few different lengths
def _masks(n_bytes: int) -> tuple[int, int]:
    """Per sample its highest bit, and all but its lowest."""
    count = n_bytes // SAMPLE_BYTES
    return int.from_bytes(b"\x00\x80" * count, "little"), int.from_bytes(b"\xfe\xff" * count, "little")


def rms_dbfs(pcm: bytes) -> float:
    """Root mean square in dB against a full-scale square wave, `FLOOR_DBFS`..0 (8 us); silence if empty."""
    samples = array("h", pcm)
    # hypot() is the square root of a sum of squares in one C call: half the time of sum(map(mul, ...)).
    return dbfs(math.hypot(*samples) / math.sqrt(len(samples))) if samples else FLOOR_DBFS


def dbfs(magnitude: float) -> float:
    """A magnitude of samples, 0 to 32768, in dB against full scale, `FLOOR_DBFS`..0."""
    return max(FLOOR_DBFS, 20 * math.log10(magnitude / FULL_SCALE)) if magnitude > 0 else FLOOR_DBFS


def _check_whole_frames(pcm: bytes, channels: int) -> None:
    if len(pcm) % (SAMPLE_BYTES * channels):
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit frames of {channels} channel(s)")
