"""Recorded words of which is known where they begin, and noises to find them in."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from daemon.audio.resample import Resampler

VOICES = Path("/usr/share/sounds/alsa")  # apt: alsa-utils
RECORDED_HZ = 48000

# Each recording is two words. Where each begins, in ms: the first 5 ms that are within 26 dB of the loudest
# quarter of the recording. That leaves out the faintest breath of an "f", and nothing of a vowel or an "s".
BEGINNINGS_MS = {
    "Front_Center": (70, 805),
    "Front_Left": (35, 755),
    "Front_Right": (130, 890),
    "Rear_Center": (45, 675),
    "Rear_Left": (35, 830),
    "Rear_Right": (50, 930),
    "Side_Left": (50, 830),
    "Side_Right": (40, 835),
}
BEFORE_MS = 30  # of the recording are kept before a word begins


@dataclass(frozen=True)
class Spoken:
    """Words with pauses, in mono at `rate_hz`, and the frames at which they can be heard to begin."""

    pcm: bytes
    rate_hz: int
    begins: tuple[int, ...]


@lru_cache(maxsize=2)
def spoken_words(
    rate_hz: int,
    level_dbfs: float,
    *,
    noise: str | None = None,
    noise_dbfs: float = -45.0,
    speeds: tuple[float, ...] = (7 / 8, 1.0, 7 / 6),
    seed: int = 1,
) -> Spoken:
    """Every word at each speed (and so pitch), after 6 s of noise, with pauses of 1.3 to 1.5 s.

    `level_dbfs` is the RMS of the louder half of each word. A word that begins below the noise can be heard
    from where it first reaches the noise's level, in 5 ms: there it is said to begin.
    """
    chance = np.random.default_rng(seed)
    pieces, begins = [np.zeros(6 * rate_hz)], []
    for speed in speeds:
        for samples, begin in _words(rate_hz, speed):
            samples = samples * _amplitude(level_dbfs) / _loud_half(samples, rate_hz)
            if noise is not None:
                begin = max(begin, _first_above(samples, _amplitude(noise_dbfs), rate_hz))
            begins.append(sum(map(len, pieces)) + begin)
            pieces += [samples, np.zeros(int(chance.uniform(1.3, 1.5) * rate_hz))]
    heard = np.concatenate(pieces)
    if noise is not None:
        heard += noise_samples(noise, rate_hz, len(heard), noise_dbfs, seed)
    return Spoken(_pcm(heard), rate_hz, tuple(begins))


def noise_pcm(kind: str, rate_hz: int, seconds: float, dbfs: float = -45.0, seed: int = 1) -> bytes:
    """`seconds` of mono noise of which the RMS is `dbfs`; kinds as for `noise_samples`."""
    return _pcm(noise_samples(kind, rate_hz, int(seconds * rate_hz), dbfs, seed))


def noise_samples(kind: str, rate_hz: int, frames: int, dbfs: float, seed: int) -> np.ndarray:
    """From 20 Hz up: "white", "pink", "brown", or "fan": a dull hiss, a hum of 120 Hz with harmonics, and a
    slow beat of both.
    """
    chance = np.random.default_rng(seed)
    size = 1 << (frames - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1 / rate_hz) + 1e-9
    shape = {"white": hz**0, "pink": hz**-0.5, "brown": 1 / hz, "fan": 1 / np.hypot(1, hz / 300)}
    noise = np.fft.irfft(np.fft.rfft(chance.standard_normal(size)) * shape[kind] * (hz >= 20), size)[:frames]
    noise /= np.sqrt(np.mean(noise**2))
    if kind == "fan":
        at = 2 * np.pi * np.arange(frames) / rate_hz
        noise += 0.5 * np.sin(120 * at) + 0.35 * np.sin(240 * at + 1) + 0.2 * np.sin(360 * at + 2)
        noise *= 1 + 0.15 * np.sin(1.7 * at)
    return noise * _amplitude(dbfs) / np.sqrt(np.mean(noise**2))


def _words(rate_hz: int, speed: float) -> list[tuple[np.ndarray, int]]:
    """Each word, and the frame of it at which it begins."""
    found = []
    for name, (first_ms, second_ms) in BEGINNINGS_MS.items():
        with wave.open(str(VOICES / f"{name}.wav"), "rb") as wav:
            recorded = wav.readframes(wav.getnframes())
        resampler = Resampler(round(RECORDED_HZ * speed), rate_hz)
        samples = np.frombuffer(resampler.feed(recorded) + resampler.flush(), "<i2").astype(np.float64)
        ends = (second_ms - BEFORE_MS, 1000 * len(recorded) // 2 // RECORDED_HZ)
        for begin_ms, end_ms in zip((first_ms, second_ms), ends, strict=True):
            first, begin, end = (
                int(ms * rate_hz / 1000 / speed) for ms in (begin_ms - BEFORE_MS, begin_ms, end_ms)
            )
            found.append((samples[max(0, first) : end], begin - max(0, first)))
    return found


def _powers(samples: np.ndarray, frames: int) -> np.ndarray:
    whole = len(samples) // frames * frames
    return np.mean(samples[:whole].reshape(-1, frames) ** 2, axis=1)


def _loud_half(samples: np.ndarray, rate_hz: int) -> float:
    powers = np.sort(_powers(samples, rate_hz // 100))
    return float(np.sqrt(np.mean(powers[len(powers) // 2 :])))


def _first_above(samples: np.ndarray, amplitude: float, rate_hz: int) -> int:
    frames = rate_hz // 200
    return int(np.argmax(_powers(samples, frames) >= amplitude**2)) * frames


def _amplitude(dbfs: float) -> float:
    return float(32768 * 10 ** (dbfs / 20))


def _pcm(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
