"""The boards' sound, and `harkd devices`, with real PortAudio on cards that refuse what theirs do not do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.config.files import load_config
from daemon.config.schema import Config
from daemon.device_setup import open_devices
from tests.daemon.config.test_boards import BOARDS, FACTS, Way
from tests.system.native_card import NativeCard, NativeCards

pytestmark = pytest.mark.system

UNKNOWN = Way((48000,), 2)
"""For the two boards that take whatever is the default."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NativeCards:
    """Without any card: `plug` some."""
    cards = NativeCards(tmp_path)
    for name, value in cards.environment.items():
        monkeypatch.setenv(name, value)
    return cards


def _on(ears: str, mouth: str, config: Config) -> Config:
    """The same board on other cards: PortAudio's names are not those of the kernel here."""
    audio = config.audio
    capture = audio.capture.model_copy(update={"device": ears})
    playback = audio.playback.model_copy(update={"device": mouth})
    return config.model_copy(
        update={"audio": audio.model_copy(update={"capture": capture, "playback": playback})}
    )


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_a_board_is_opened_both_ways_at_once(board: Path, machine: NativeCards) -> None:
    known = FACTS[board.stem]
    hears = (known.card and known.card.capture) or UNKNOWN
    plays = (known.card and known.card.playback) or UNKNOWN
    machine.plug(
        NativeCard("ears", hears.rates_hz, [hears.channels], plays=False),
        NativeCard("mouth", plays.rates_hz, [plays.channels], captures=False),
    )
    devices = open_devices(_on("ears", "mouth", load_config([board])))
    devices.speaker.start(lambda frames: bytes(2 * frames))
    devices.microphone.start(lambda pcm: None)
    try:
        heard, played = devices.microphone.format, devices.speaker.format
        assert (heard.rate_hz, heard.channels) == known.capture
        assert (played.rate_hz, played.channels) == known.playback
    finally:
        devices.microphone.stop()
        devices.speaker.stop()


def test_devices_are_told_with_what_they_do_natively(
    machine: NativeCards, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.plug(NativeCard("array", [16000], [6], plays=False))
    assert main(["devices", "--json"]) == 0
    told = {entry["device"]: entry for entry in json.loads(capsys.readouterr().out)["sound"]}
    assert set(told) == {"array", "default"}
    assert told["array"]["loudspeaker"] is None
    assert told["array"]["microphone"] == {
        "default": False,
        "max_channels": 6,
        "native": [{"channels": count, "rates_hz": [16000]} for count in (1, 2, 6)],
        "used_by": None,
    }
    assert told["default"]["microphone"]["default"]
