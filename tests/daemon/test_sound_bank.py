"""Sounds as the loudspeaker wants them."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from daemon.audio.chime import chime
from daemon.audio.earcons import NOTES, Earcon, synthesise
from daemon.prompts import Language, Prompt
from daemon.sound_bank import SoundBank


def test_earcon_at_its_own_rate_is_played_as_it_is() -> None:
    assert SoundBank("en", True, 24_000).earcon(Earcon.STARTUP) == synthesise(Earcon.STARTUP)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("earcon", Earcon)
def test_earcon_lasts_as_long_at_any_rate(rate_hz: int, earcon: Earcon) -> None:
    pytest.importorskip("numpy")
    pcm = SoundBank("en", True, rate_hz).earcon(earcon)
    assert len(pcm) == 2 * round(sum(note.length_s for note in NOTES[earcon]) * rate_hz)


@pytest.mark.parametrize("language", get_args(Language))
def test_every_prompt_can_be_had(language: Language) -> None:
    pytest.importorskip("numpy")
    bank = SoundBank(language, True, 48_000)
    sounds = {bank.prompt(prompt) for prompt in Prompt}
    assert len(sounds) == len(Prompt)
    assert min(map(len, sounds)) > 48_000


def test_sound_is_read_once() -> None:
    bank = SoundBank("de", True, 16_000)
    assert bank.prompt(Prompt.MUTED) is bank.prompt(Prompt.MUTED)


def test_earcons_switched_off_are_silent_and_prompts_still_speak() -> None:
    bank = SoundBank("en", False, 16_000)
    assert bank.earcon(Earcon.REFUSED) == b""
    assert len(bank.prompt(Prompt.MUTED)) > 16_000


def test_box_that_speaks_no_language_still_says_no() -> None:
    bank = SoundBank("off", True, 24_000)
    assert bank.prompt(Prompt.MUTED) == synthesise(Earcon.REFUSED)
    assert SoundBank("off", False, 24_000).prompt(Prompt.MUTED) == b""


def test_timer_rings_whatever_is_switched_off() -> None:
    bank = SoundBank("off", False, 24_000)
    assert bank.chime() == chime(24_000)
    assert bank.chime() is bank.chime()


def test_missing_file_is_told_once_and_silent(caplog: pytest.LogCaptureFixture) -> None:
    klingon: Any = "tlh"
    bank = SoundBank(klingon, True, 16_000)
    assert bank.prompt(Prompt.MUTED) == bank.prompt(Prompt.MUTED) == b""
    [record] = caplog.records
    assert "tlh/muted.wav cannot be played" in record.getMessage()
