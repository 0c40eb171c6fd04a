"""The sounds that come with the box: all there, made from what is written, and fit to be played."""

from __future__ import annotations

import importlib.util
import math
from array import array
from pathlib import Path
from typing import Any, get_args

import pytest

from daemon.audio.clip import MU_LAW_TAG, PCM_TAG, Clip, mu_law_sample, read_clip
from daemon.audio.earcons import RATE_HZ, Earcon, synthesise
from daemon.prompts import TEXTS, Language, Prompt

ROOT = Path(__file__).resolve().parents[2]
SOUNDS = ROOT / "daemon" / "sounds"
LANGUAGES = get_args(Language)
SPOKEN = [(language, prompt) for prompt in Prompt for language in LANGUAGES]


@pytest.fixture(scope="module")
def maker() -> Any:
    """docs/sounds.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("sounds", ROOT / "docs" / "sounds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spoken(language: Language, prompt: Prompt) -> Clip:
    return read_clip((SOUNDS / language / f"{prompt.value}.wav").read_bytes())


@pytest.mark.parametrize("earcon", Earcon)
def test_earcon_file_is_what_its_notes_make(maker: Any, earcon: Earcon) -> None:
    made = maker.wav_bytes(PCM_TAG, RATE_HZ, synthesise(earcon))
    assert (SOUNDS / "earcons" / f"{earcon.value}.wav").read_bytes() == made


def test_no_sound_is_missing_and_none_is_left_over() -> None:
    there = {str(path.relative_to(SOUNDS)) for path in SOUNDS.rglob("*.*")}
    wanted = {f"earcons/{earcon.value}.wav" for earcon in Earcon}
    wanted |= {f"{language}/{prompt.value}.wav" for language, prompt in SPOKEN}
    assert there == wanted


def test_every_prompt_has_a_text_of_its_own_in_every_language(maker: Any) -> None:
    for language in LANGUAGES:
        texts = [TEXTS[prompt][language] for prompt in Prompt]
        assert len(set(texts)) == len(Prompt)
    assert set(maker.VOICES) == set(LANGUAGES)


@pytest.mark.parametrize(("language", "prompt"), SPOKEN)
def test_prompt_is_short_and_as_loud_as_all_others(language: Language, prompt: Prompt) -> None:
    clip = spoken(language, prompt)
    samples = array("h", clip.pcm)
    assert clip.rate_hz == 16_000
    assert 0.5 < len(samples) / clip.rate_hz <= 3.0
    level = math.hypot(*samples) / math.sqrt(len(samples)) / 32768
    assert 20 * math.log10(level) == pytest.approx(-20, abs=0.3)
    assert max(map(abs, samples)) < 32768 * 10 ** (-3 / 20)
    assert max(map(abs, (*samples[:8], *samples[-8:]))) < 200


def test_page_of_sounds_is_what_the_tables_say(maker: Any) -> None:
    assert maker.PAGE.read_text("utf-8") == maker.page(), "run docs/sounds.py again"


def test_all_sounds_together_are_small() -> None:
    assert sum(path.stat().st_size for path in SOUNDS.rglob("*.wav")) < 1_500_000


def test_mu_law_is_the_nearest_there_is(maker: Any) -> None:
    heights = [mu_law_sample(code) for code in range(256)]
    asked = list(range(-33000, 33000, 37))
    wav = maker.wav_bytes(MU_LAW_TAG, 16_000, maker.mu_law(asked))
    got = array("h", read_clip(wav).pcm)
    assert all(abs(a - g) == min(abs(a - h) for h in heights) for a, g in zip(asked, got, strict=True))
