"""A room with a loudspeaker and a microphone in it, and voices to fill it: sound in, what is heard out."""

from __future__ import annotations

import random
import wave
from functools import cache
from pathlib import Path

import numpy as np

VOICES = Path("/usr/share/sounds/alsa")  # one woman, "front center" and the like; apt: alsa-utils
VOICE_RATE_HZ = 48000


class Room:
    """What a microphone hears of a loudspeaker, `delay_ms` away, and of whoever else is in the room.

    A direct path and a tail of noise that falls by 60 dB in `rt60_s`. `gain` is the level of the echo against
    what is played, as an amplitude: with white noise played at 0.1 of full scale and a gain of 0.5, the
    microphone hears 0.05. `noise_dbfs` is the microphone's own. Sound may come in pieces of any length.
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        delay_ms: float = 40.0,
        gain: float = 0.5,
        rt60_s: float = 0.25,
        seed: int = 1,
        noise_dbfs: float = -72.0,
    ) -> None:
        self._chance = np.random.default_rng(seed)
        self._noise_amplitude = 32768 * 10 ** (noise_dbfs / 20)
        self._impulse = impulse_response(rate_hz, delay_ms, gain, rt60_s, self._chance)
        self._tail = np.zeros(len(self._impulse) - 1)

    def hear(self, played: bytes, near: bytes = b"") -> bytes:
        """As much as was `played`: its echo, and `near`, which nothing delays or colours, if it is given."""
        samples = np.frombuffer(played, "<i2").astype(np.float64)
        heard = self._echo(samples) + self._chance.standard_normal(len(samples)) * self._noise_amplitude
        if near:
            heard += np.frombuffer(near, "<i2")
        return _pcm(heard)

    def _echo(self, samples: np.ndarray) -> np.ndarray:
        length = len(samples) + len(self._tail)
        size = 1 << (length - 1).bit_length()
        spectrum = np.fft.rfft(samples, size) * np.fft.rfft(self._impulse, size)
        echo = np.fft.irfft(spectrum, size)[:length]
        echo[: len(self._tail)] += self._tail
        self._tail = echo[len(samples) :]
        return echo[: len(samples)]


def impulse_response(
    rate_hz: int, delay_ms: float, gain: float, rt60_s: float, chance: np.random.Generator
) -> np.ndarray:
    """The echo of a click: a click, and from 2 ms later on a tail of about the same energy."""
    delay, tail_frames = round(delay_ms * rate_hz / 1000), round(rt60_s * rate_hz)
    early = rate_hz // 500
    tail = chance.standard_normal(tail_frames) * 10 ** (-3 * np.arange(tail_frames) / tail_frames)
    tail[:early] = 0
    response = np.concatenate([np.zeros(delay), tail / np.linalg.norm(tail)])
    response[delay] += 1.0
    return response * gain / np.linalg.norm(response)


def speech(
    rate_hz: int, seconds: float, *, seed: int = 1, pitch: float = 1.0, rms_dbfs: float = -22.0
) -> bytes:
    """Somebody says short phrases with pauses of 0.1 to 0.5 s, for `seconds`.

    `pitch` makes another person of her: below 1 a larger one who speaks more slowly. `rms_dbfs` is that of
    the phrases, without the pauses.
    """
    chance = random.Random(seed)
    phrases = [_phrase(path, rate_hz, pitch, rms_dbfs) for path in sorted(VOICES.glob("*_*.wav"))]
    said, wanted = bytearray(), 2 * round(seconds * rate_hz)
    while len(said) < wanted:
        said += chance.choice(phrases) + bytes(2 * round(chance.uniform(0.1, 0.5) * rate_hz))
    return bytes(said[:wanted])


def level_db(pcm: bytes) -> float:
    """The power of a piece of sound, in dB against full scale."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(10 * np.log10(np.mean(samples**2) / 32768**2 + 1e-12))


def resampled(pcm: bytes, ratio: float) -> bytes:
    """`ratio` times as many frames, all at once by their spectrum: what is above the new band is cut off."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    length = round(len(samples) * ratio)
    return _pcm(np.fft.irfft(np.fft.rfft(samples)[: length // 2 + 1], length) * ratio)


@cache
def _phrase(path: Path, rate_hz: int, pitch: float, rms_dbfs: float) -> bytes:
    with wave.open(str(path), "rb") as wav:
        pcm = wav.readframes(wav.getnframes())
    pcm = resampled(pcm, rate_hz / (VOICE_RATE_HZ * pitch))
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.max(np.abs(samples)))
    samples = samples[loud[0] : loud[-1] + 1]
    return _pcm(samples * 32768 * 10 ** (rms_dbfs / 20) / np.sqrt(np.mean(samples**2)))


def _pcm(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
