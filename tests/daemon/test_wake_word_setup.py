"""From the configured wake word to the engine that listens for it."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from daemon.config.schema import Config
from daemon.device_setup import open_devices
from hw.errors import DeviceError
from hw.wake.microwakeword import WORDS, MicroWakeWordDetector


def config(**wake_word: Any) -> Config:
    return Config.model_validate({"vad": {"driver": "energy"}, "wake_word": wake_word})


def test_nothing_listens_for_a_word_unless_that_is_asked_for() -> None:
    assert open_devices(config()).wake_word is None


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_engine_can_be_configured(word: str) -> None:
    wake_word = open_devices(config(engine="microwakeword", word=word)).wake_word
    assert isinstance(wake_word, MicroWakeWordDetector)


def test_without_the_library_the_box_starts_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)  # importing it now fails
    with caplog.at_level(logging.WARNING):
        assert open_devices(config(engine="microwakeword")).wake_word is None
    assert "pip install 'harkd[wakeword]'" in caplog.text
    assert "only a button starts a turn" in caplog.text


def test_an_installation_without_the_model_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import pymicro_wakeword

    monkeypatch.setattr(pymicro_wakeword, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(DeviceError, match=r"okay_nabu\.json is missing"):
        open_devices(config(engine="microwakeword"))
