"""Makes the short sounds in daemon/sounds and docs/sounds.md: run it. With `prompts` the spoken ones, too."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
import tempfile
import wave
from array import array
from bisect import bisect
from itertools import pairwise
from pathlib import Path

from daemon.audio.clip import MU_LAW_TAG, PCM_TAG, mu_law_sample
from daemon.audio.earcons import NOTES, RATE_HZ, Earcon, synthesise
from daemon.prompts import TEXTS, Language

PAGE = Path(__file__).with_name("sounds.md")
SOUNDS = Path(__file__).resolve().parent.parent / "daemon" / "sounds"
VOICES: dict[Language, str] = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "it": "it-IT"}
VOICE_HZ = 16_000

LOUDNESS = 32768 * 10 ** (-20 / 20)
"""Root mean square: what answers are like."""
PEAK = 32768 * 10 ** (-3.5 / 20)
LOW_CUT_HZ = 150
"""A small speaker only rattles below."""
QUIET = 32768 * 10 ** (-50 / 20)
BLOCK = VOICE_HZ // 100
EDGE_BLOCKS, PAUSE_BLOCKS = 5, 15


def wav_bytes(tag: int, rate_hz: int, data: bytes) -> bytes:
    width = 2 if tag == PCM_TAG else 1
    form = struct.pack("<HHIIHH", tag, 1, rate_hz, rate_hz * width, width, 8 * width)
    padding = b"\0" * (len(data) % 2)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(padding)) + b"WAVE" + chunks + padding


def mu_law(samples: list[float]) -> bytes:
    """Each sample as the nearest there is."""
    by_height = sorted((mu_law_sample(code), code) for code in range(256))
    borders = [(low + high) / 2 for (low, _), (high, _) in pairwise(by_height)]
    return bytes(by_height[bisect(borders, sample)][1] for sample in samples)


def spoken(language: Language, text: str) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "spoken.wav"
        subprocess.run(["pico2wave", "-l", VOICES[language], "-w", target, text], check=True)
        with wave.open(str(target)) as reader:
            assert (reader.getframerate(), reader.getsampwidth(), reader.getnchannels()) == (VOICE_HZ, 2, 1)
            return [float(sample) for sample in array("h", reader.readframes(reader.getnframes()))]


def low_cut(samples: list[float]) -> list[float]:
    """Butterworth high-pass of second order (Bristow-Johnson's cookbook)."""
    turn = 2 * math.pi * LOW_CUT_HZ / VOICE_HZ
    cos, alpha = math.cos(turn), math.sin(turn) / math.sqrt(2)
    x1 = x2 = y1 = y2 = 0.0
    out = []
    for x in samples:
        y = ((1 + cos) / 2 * (x - 2 * x1 + x2) + 2 * cos * y1 - (1 - alpha) * y2) / (1 + alpha)
        x1, x2, y1, y2 = x, x1, y, y1
        out.append(y)
    return out


def without_long_pauses(samples: list[float]) -> list[float]:
    """Nothing but a breath at the ends and between sentences."""
    blocks = [samples[i : i + BLOCK] for i in range(0, len(samples) - BLOCK + 1, BLOCK)]
    loud = [i for i, block in enumerate(blocks) if max(map(abs, block)) > QUIET]
    kept = blocks[max(0, loud[0] - EDGE_BLOCKS) : loud[0]]
    for this, following in pairwise(loud):
        kept += blocks[this : min(following, this + PAUSE_BLOCKS)]
    kept += blocks[loud[-1] : loud[-1] + 1 + EDGE_BLOCKS]
    joined = [sample for block in kept for sample in block]
    for i in range(BLOCK):
        joined[i] *= i / BLOCK
        joined[-1 - i] *= i / BLOCK
    return joined


def levelled(samples: list[float]) -> list[float]:
    """At `LOUDNESS`, with what is above `PEAK` turned down for as long as it is."""
    for _ in range(5):
        scale = LOUDNESS / math.sqrt(sum(x * x for x in samples) / len(samples))
        samples = limited([x * scale for x in samples])
    return samples


def limited(samples: list[float]) -> list[float]:
    reach = VOICE_HZ // 200
    slope = [(1 + math.cos(math.pi * i / reach)) / 2 for i in range(reach)]
    gains = [1.0] * len(samples)
    for at, sample in enumerate(samples):
        if abs(sample) <= PEAK:
            continue
        for i in range(max(0, at - reach + 1), min(len(samples), at + reach)):
            gains[i] = min(gains[i], 1 - (1 - PEAK / abs(sample)) * slope[abs(i - at)])
    return [x * gain for x, gain in zip(samples, gains, strict=True)]


# ---- the page --------------------------------------------------------------

INTRO = """\
# Sounds

<!-- Made by docs/sounds.py from the tables in daemon/audio/earcons.py and daemon/prompts.py: change those,
and run it. -->

## Short sounds

At most 0.12 s, between 600 Hz and 3 kHz, where a loudspeaker of 3 cm plays. Opposites are each other's
reverse.

| sound | means | notes |
|---|---|---|
"""

MEANINGS = {
    Earcon.REFUSED: "that cannot be done now",
    Earcon.MUTED: "the microphone is closed",
    Earcon.UNMUTED: "the microphone is open again",
    Earcon.TICK: "it is this loud now",
    Earcon.CONSENT_WANTED: "may I?",
    Earcon.OFFLINE: "the connection is lost",
    Earcon.ONLINE: "the connection is back",
    Earcon.STARTUP: "ready",
}

SPOKEN = """
## Spoken

What a person has to mend is said when it goes wrong, at most once an hour; a lost connection, which mends
itself, is only a sound. Whoever presses is always told, and with the same words again after 10 s; until then
the sound "refused" answers.

"""

MAKING = """
## Making them

`python docs/sounds.py` makes the short ones, to the byte as they are here.
`python docs/sounds.py prompts` makes the spoken ones, too, with `pico2wave` from Debian's package
`libttspico-utils` (section non-free: the voices come without their source). They are cut to the words,
brought to -20 dBFS and kept as mu-law at 16 kHz.

SVOX Pico is under the Apache License 2.0, and what it speaks are our own sentences: the files are under the
licence of this project. OpenAI's Whisper (`base`, offline, in eight bits) wrote down 42 of the 45 letter for
letter and three with one letter wrong that cannot be heard. Under noise 10 dB below the voice, both as from a
loudspeaker of 3 cm, English stayed whole and German kept 95 % of its letters. espeak-ng's German kept 90 %
without noise.
"""

PITCHES = {622.25: "D#5", 880.0: "A5", 1046.5: "C6", 1318.5: "E6", 1568.0: "G6", 2093.0: "C7", 2637.0: "E7"}


def page() -> str:
    tunes = {earcon: " ".join(PITCHES[note.pitch_hz] for note in NOTES[earcon]) for earcon in Earcon}
    sounds = [f"| {earcon.value} | {MEANINGS[earcon]} | {tune} |" for earcon, tune in tunes.items()]
    head = "| " + " | ".join(VOICES) + " |\n|" + "---|" * len(VOICES)
    texts = ["| " + " | ".join(said[language] for language in VOICES) + " |" for said in TEXTS.values()]
    return INTRO + "\n".join(sounds) + "\n" + SPOKEN + "\n".join([head, *texts]) + "\n" + MAKING


def main() -> None:
    PAGE.write_text(page(), "utf-8")
    for earcon in Earcon:
        target = SOUNDS / "earcons" / f"{earcon.value}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(wav_bytes(PCM_TAG, RATE_HZ, synthesise(earcon)))
    for prompt, texts in TEXTS.items() if "prompts" in sys.argv else ():
        for language, text in texts.items():
            target = SOUNDS / language / f"{prompt.value}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            samples = levelled(without_long_pauses(low_cut(spoken(language, text))))
            target.write_bytes(wav_bytes(MU_LAW_TAG, VOICE_HZ, mu_law(samples)))


if __name__ == "__main__":
    main()
