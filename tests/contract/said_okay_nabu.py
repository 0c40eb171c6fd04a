"""A box called by its name and asked for the time, by a synthetic voice (flite, CMU awb), at 16 kHz."""

from __future__ import annotations

import wave
from pathlib import Path

RATE_HZ = 16000
WORD_MS = (0, 930)  # "okay nabu"; then a pause
QUESTION_MS = (1230, 2150)  # "what time is it?"


def word() -> bytes:
    return _cut(*WORD_MS)


def question() -> bytes:
    return _cut(*QUESTION_MS)


def word_and_question() -> bytes:
    with wave.open(str(Path(__file__).with_name("okay_nabu.wav"))) as wav:
        return wav.readframes(wav.getnframes())


def silence(ms: int) -> bytes:
    return bytes(2 * RATE_HZ * ms // 1000)


def _cut(start_ms: int, end_ms: int) -> bytes:
    return word_and_question()[len(silence(start_ms)) : len(silence(end_ms))]
