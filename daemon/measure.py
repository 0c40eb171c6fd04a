"""Finds out from what was played how well an answer was cut. Pure.

All audio is mono 16-bit PCM at one rate; positions are frames from the start of the recording.
"""

from __future__ import annotations

from array import array

from daemon.audio.pcm import SAMPLE_BYTES

ANCHOR_FRAMES = 480
"""How many frames identify a place: 20 ms of speech at 24 kHz, far more than can be equal by chance."""


def find_start(recording: bytes, audio: bytes) -> int | None:
    """Where `audio` begins in `recording`, found by its first loud stretch; None if it is not there."""
    anchor = _first_loud_frame(audio)
    if anchor is None:
        return None
    needle = audio[anchor * SAMPLE_BYTES : (anchor + ANCHOR_FRAMES) * SAMPLE_BYTES]
    at = recording.find(needle)
    while at % SAMPLE_BYTES and at >= 0:  # a match across sample borders is none
        at = recording.find(needle, at + 1)
    start = at // SAMPLE_BYTES - anchor
    return start if at >= 0 and start >= 0 else None


def _first_loud_frame(audio: bytes) -> int | None:
    """The first frame followed by a stretch that cannot be mistaken for silence."""
    samples = array("h", audio)
    for frame in range(0, len(samples) - ANCHOR_FRAMES, ANCHOR_FRAMES // 4):
        if max(samples[frame : frame + ANCHOR_FRAMES // 4], default=0) > 500:
            return frame
    return None


def equal_frames(recording: bytes, start: int, audio: bytes) -> int:
    """How many frames of `audio` stand unchanged in `recording` from `start` on."""
    played = array("h", recording[start * SAMPLE_BYTES : start * SAMPLE_BYTES + len(audio)])
    wanted = array("h", audio)
    count = min(len(played), len(wanted))
    if played[:count] == wanted[:count]:
        return count
    return next(i for i in range(count) if played[i] != wanted[i])


def sound_after(recording: bytes, frame: int, within_frames: int) -> int:
    """Frames from `frame` to just behind the last non-zero sample within `within_frames`; 0 for silence."""
    samples = array("h", recording[frame * SAMPLE_BYTES : (frame + within_frames) * SAMPLE_BYTES])
    for i in range(len(samples) - 1, -1, -1):
        if samples[i]:
            return i + 1
    return 0
