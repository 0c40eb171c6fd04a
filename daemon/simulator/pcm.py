"""Audio as the simulator needs it: read WAVs, change rates, G.711, and synthesise a chime and a babble. Pure.

Everything inside the simulator is 24 kHz, mono, 16-bit little endian PCM (48 bytes per millisecond). The host
is taken to be little endian, as every board the project runs on is.
"""

from __future__ import annotations

import io
import math
import wave
from array import array
from functools import lru_cache
from itertools import pairwise
from operator import mul

RATE_HZ = 24000
BYTES_PER_MS = 48
MS_PER_CHARACTER = 70  # of spoken English, about 14 characters per second
_ZERO_CROSSINGS = 8  # of the sinc on each side: 50 dB of stop band, ample for speech


class BadWav(ValueError):
    """The bytes are not a WAV this module reads: 16-bit PCM, mono or stereo, any rate."""


def silence(duration_ms: int) -> bytes:
    return bytes(duration_ms * BYTES_PER_MS)


def read_wav(data: bytes) -> bytes:
    """24 kHz mono PCM from a WAV file's bytes. Raises `BadWav`."""
    try:
        with wave.open(io.BytesIO(data)) as reader:
            channels, width, rate = reader.getnchannels(), reader.getsampwidth(), reader.getframerate()
            frames = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError) as error:
        raise BadWav(f"not a WAV file: {error}") from error
    if width != 2 or channels not in (1, 2):
        raise BadWav(f"{width * 8}-bit with {channels} channels; 16-bit with 1 or 2 channels is read")
    samples = array("h", frames[: len(frames) - len(frames) % (2 * channels)])
    if channels == 2:
        samples = array("h", [(a + b) // 2 for a, b in zip(samples[::2], samples[1::2], strict=True)])
    return resample(samples.tobytes(), rate, RATE_HZ)


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """Windowed-sinc polyphase conversion without delay: output sample n is input n * from / to."""
    if from_hz == to_hz:
        return pcm
    divisor = math.gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    phases = _phases(up, down)
    half = len(phases[0]) // 2
    padded = array("h", bytes(2 * half) + pcm + bytes(2 * half))
    count = len(pcm) // 2 * up // down
    taps = 2 * half
    out = array("h", bytes(2 * count))
    for index in range(count):
        start, phase = divmod(index * down, up)
        value = int(sum(map(mul, phases[phase], padded[start + 1 : start + 1 + taps])))
        out[index] = -32768 if value < -32768 else 32767 if value > 32767 else value
    return out.tobytes()


@lru_cache(maxsize=16)
def _phases(up: int, down: int) -> list[list[float]]:
    cutoff = min(1.0, up / down) * 0.95
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    phases = []
    for phase in range(up):
        taps = [_tap(step - half + 1 - phase / up, cutoff, half) for step in range(2 * half)]
        total = sum(taps)
        phases.append([tap / total for tap in taps])
    return phases


def _tap(distance: float, cutoff: float, half: int) -> float:
    if abs(distance) >= half:
        return 0.0
    angle = math.pi * distance * cutoff
    sinc = 1.0 if distance == 0 else math.sin(angle) / angle
    return sinc * (0.5 + 0.5 * math.cos(math.pi * distance / half))


@lru_cache(maxsize=256)
def note(frequency_hz: float, duration_ms: int, volume: float = 0.25) -> bytes:
    """One soft note with an overtone; starts and ends at zero, so notes join without clicks."""
    count = duration_ms * RATE_HZ // 1000
    edge = max(1, min(count // 4, RATE_HZ // 100))
    step = 2 * math.pi * frequency_hz / RATE_HZ
    out = array("h", bytes(2 * count))
    for n in range(count):
        envelope = min(1.0, n / edge, (count - 1 - n) / edge)
        out[n] = int(32767 * volume * envelope * (0.8 * math.sin(step * n) + 0.2 * math.sin(2 * step * n)))
    return out.tobytes()


def chime() -> bytes:
    """Two rising notes, 180 ms: what the parrot plays before it repeats the user."""
    return note(659.26, 80) + note(880.0, 100)


def babble(text: str, duration_ms: int | None = None) -> bytes:
    """One short note per syllable-sized bit of `text`, always the same for the same text.

    `duration_ms` defaults to 70 ms per character, at least 140 ms.
    """
    total_ms = duration_ms if duration_ms is not None else max(140, MS_PER_CHARACTER * len(text))
    scale_hz = (220.0, 246.94, 277.18, 329.63, 369.99, 440.0)  # A major pentatonic: any order is pleasant
    letters = text or "a"
    bits = max(1, round(total_ms / 140))
    edges = [total_ms * index // bits for index in range(bits + 1)]
    return b"".join(
        note(scale_hz[ord(letters[index * len(letters) // bits]) % len(scale_hz)], end - begin)
        for index, (begin, end) in enumerate(pairwise(edges))
    )


@lru_cache(maxsize=2)
def _g711_decoding(law: str) -> array[int]:
    return array(
        "h", [_mulaw_sample(code) if law == "audio/pcmu" else _alaw_sample(code) for code in range(256)]
    )


def _mulaw_sample(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw_sample(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 0x108 << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


@lru_cache(maxsize=2)
def _g711_encoding(law: str) -> bytes:
    """Nearest code for each sample >> 4; 4096 entries, indexed from -2048."""
    decoding = _g711_decoding(law)
    by_value = sorted(range(256), key=lambda code: decoding[code])
    table = bytearray(4096)
    nearest = 0
    for index in range(4096):
        sample = (index - 2048) * 16
        while nearest < 255 and abs(decoding[by_value[nearest + 1]] - sample) <= abs(
            decoding[by_value[nearest]] - sample
        ):
            nearest += 1
        table[index] = by_value[nearest]
    return bytes(table)


def from_wire(audio: bytes, wire_format: str) -> bytes:
    """24 kHz PCM from audio in one of the session's formats (`audio/pcm`, `audio/pcmu`, `audio/pcma`)."""
    if wire_format == "audio/pcm":
        return audio
    decoding = _g711_decoding(wire_format)
    samples = array("h", [decoding[code] for code in audio])
    return array(
        "h", [sample for sample in samples for _ in range(3)]
    ).tobytes()  # 8 kHz held: chunks join exactly


def to_wire(pcm: bytes, wire_format: str) -> bytes:
    """Audio in one of the session's formats from 24 kHz PCM."""
    if wire_format == "audio/pcm":
        return pcm
    encoding = _g711_encoding(wire_format)
    return bytes(encoding[(sample >> 4) + 2048] for sample in array("h", pcm)[::3])
