"""Recorded sounds of the box's own: mono WAV, 16-bit or mu-law. Pure.

Mu-law (ITU-T G.711) halves what speech takes, 38 dB above its own noise at any level, and costs nothing to
decode; Python's `wave` does not read it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from daemon.records import dataclass

PCM_TAG = 1
MU_LAW_TAG = 7
BITS = {PCM_TAG: 16, MU_LAW_TAG: 8}


@dataclass(frozen=True, slots=True)
class Clip:
    """`pcm`: mono 16-bit little-endian."""

    rate_hz: int
    pcm: bytes


def read_clip(wav: bytes) -> Clip:
    """Raises `ValueError` for anything but mono WAV of 16-bit PCM or 8-bit mu-law."""
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise ValueError("no WAV file")
    chunks = dict(_chunks(wav))
    if len(chunks.get(b"fmt ", b"")) < 16 or b"data" not in chunks:
        raise ValueError("a WAV file without format or data")
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    data = chunks[b"data"]
    if channels != 1 or BITS.get(tag) != bits or rate_hz == 0:
        raise ValueError(f"format {tag} with {channels} channels of {bits} bits at {rate_hz} Hz")
    if tag == PCM_TAG:
        return Clip(rate_hz, data[: len(data) - len(data) % 2])
    lows, highs = _decoding()
    pcm = bytearray(2 * len(data))
    pcm[0::2] = data.translate(lows)
    pcm[1::2] = data.translate(highs)
    return Clip(rate_hz, bytes(pcm))


def _chunks(wav: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(wav):
        name, length = struct.unpack_from("<4sI", wav, at)
        yield name, wav[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def mu_law_sample(code: int) -> int:
    """What a byte of mu-law stands for, -32124..32124: inverted bits of sign, exponent and mantissa."""
    sign, exponent, mantissa = ~code & 0x80, (~code >> 4) & 7, ~code & 15
    magnitude = ((2 * mantissa + 33) << (exponent + 2)) - 132
    return -magnitude if sign else magnitude


@lru_cache(maxsize=1)
def _decoding() -> tuple[bytes, bytes]:
    """The low and the high byte of each sample."""
    samples = [mu_law_sample(code).to_bytes(2, "little", signed=True) for code in range(256)]
    return bytes(sample[0] for sample in samples), bytes(sample[1] for sample in samples)
