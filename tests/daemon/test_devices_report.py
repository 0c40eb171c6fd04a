"""`harkd devices`: on a full board, on a bare machine, and while somebody holds what there is."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from daemon.cli import main
from daemon.devices_report import Found, as_json, as_text, look
from hw.audio.cards import SoundCard
from hw.audio.kernel import OpenSubstream
from hw.audio.selection import AudioDevice, Direction, Offer
from hw.gpio_chips import GpioChip, HeldLine

CAPTURE, PLAYBACK = Direction.CAPTURE, Direction.PLAYBACK
ANY_RATE = (48000, 44100, 32000, 24000, 16000, 8000)

ARRAY = AudioDevice(
    index=0,
    name="ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)",
    host_api="ALSA",
    max_input_channels=6,
    max_output_channels=2,
    default_rate_hz=16000,
    card_id="ArrayUAC10",
    usb_id="2886:0018",
    capture=(Offer(6, (16000,)),),
    playback=(Offer(1, (48000, 16000)), Offer(2, (48000, 16000))),
)
SERVER = AudioDevice(
    index=1,
    name="pulse",
    host_api="ALSA",
    max_input_channels=32,
    max_output_channels=32,
    default_rate_hz=44100,
    capture=(Offer(1, ANY_RATE), Offer(2, ANY_RATE)),
    playback=(Offer(1, ANY_RATE), Offer(2, ANY_RATE)),
)
ARRAY_CARD = SoundCard(2, "ArrayUAC10", "ReSpeaker 4 Mic Array (UAC1.0)", "2886:0018")
HELD = OpenSubstream("ArrayUAC10", 0, 0, "RUNNING", 811, "mpv")
BOARD = Found(
    sound=(ARRAY, SERVER),
    defaults=frozenset({(1, CAPTURE), (0, PLAYBACK)}),
    cards=(ARRAY_CARD,),
    gpio=(
        GpioChip("/dev/gpiochip0", "pinctrl-bcm2711", 58, (HeldLine(17, "GPIO17", "lg"),)),
        GpioChip("/dev/gpiochip1", "raspberrypi-exp-gpio", 8),
    ),
    spi=("/dev/spidev0.0",),
)

BOARD_TEXT = """\
Sound cards
  ReSpeaker 4 Mic Array (UAC1.0): USB Audio
    device = "hw:CARD=ArrayUAC10"    # or "usb:2886:0018"
    microphone   6 ch at 16000 Hz
    loudspeaker  1 or 2 ch at 48000 or 16000 Hz; the default
Sound by way of software
  device = "pulse"                 microphone (the default), loudspeaker
GPIO
  /dev/gpiochip0  pinctrl-bcm2711, 58 lines: the pins of the header
    in use: GPIO17 by lg
  /dev/gpiochip1  raspberrypi-exp-gpio, 8 lines
SPI
  /dev/spidev0.0"""

BOARD_JSON = """
{
  "sound": [
    {
      "device": "hw:CARD=ArrayUAC10",
      "name": "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)",
      "host_api": "ALSA",
      "card_id": "ArrayUAC10",
      "usb_id": "2886:0018",
      "microphone": {
        "default": false,
        "max_channels": 6,
        "native": [{"channels": 6, "rates_hz": [16000]}],
        "used_by": null
      },
      "loudspeaker": {
        "default": true,
        "max_channels": 2,
        "native": [
          {"channels": 1, "rates_hz": [48000, 16000]},
          {"channels": 2, "rates_hz": [48000, 16000]}
        ],
        "used_by": null
      }
    }
  ],
  "cards_not_listed": [],
  "gpio": [
    {
      "path": "/dev/gpiochip0",
      "label": "pinctrl-bcm2711",
      "lines": 58,
      "header": true,
      "access": true,
      "in_use": [{"line": 17, "name": "GPIO17", "by": "lg"}]
    }
  ],
  "spi": [{"path": "/dev/spidev0.0", "access": true}],
  "advice": []
}
"""


def test_a_board_is_told_to_people() -> None:
    assert as_text(as_json(BOARD)) == BOARD_TEXT


def test_a_board_is_told_to_programs() -> None:
    assert as_json(replace(BOARD, sound=(ARRAY,), gpio=BOARD.gpio[:1])) == json.loads(BOARD_JSON)


# ---- what to write as `device` -------------------------------------------------------


def test_the_second_device_of_a_card_is_written_with_its_number() -> None:
    second = replace(ARRAY, index=5, name="ReSpeaker 4 Mic Array (UAC1.0): USB Audio #1 (hw:2,1)")
    assert _written(ARRAY, second) == ["hw:CARD=ArrayUAC10", "hw:CARD=ArrayUAC10,DEV=1"]


def test_devices_of_one_card_that_go_different_ways_need_no_number() -> None:
    ears = replace(ARRAY, max_output_channels=0)
    mouth = replace(ARRAY, index=5, name="ReSpeaker: USB Audio #1 (hw:2,1)", max_input_channels=0)
    assert _written(ears, mouth) == ["hw:CARD=ArrayUAC10", "hw:CARD=ArrayUAC10"]


def test_without_ids_from_the_kernel_the_name_is_written() -> None:
    assert _written(replace(ARRAY, card_id="", usb_id="")) == [ARRAY.name]


def test_a_quoted_name_can_be_pasted_into_toml() -> None:
    text = as_text(as_json(Found(sound=(replace(SERVER, name='my "mic" µ'),))))
    assert r'device = "my \"mic\" µ"' in text


def _written(*devices: AudioDevice) -> list[str]:
    return [entry["device"] for entry in as_json(Found(sound=devices))["sound"]]


def test_a_device_of_software_that_does_not_convert_says_what_it_takes() -> None:
    text = as_text(as_json(Found(sound=(replace(SERVER, playback=(Offer(2, (48000,)),)),))))
    assert (
        '  device = "pulse"\n    microphone   1 or 2 ch at any rate\n    loudspeaker  2 ch at 48000 Hz\n'
        in text
    )


# ---- what is in use ------------------------------------------------------------------


def test_what_is_used_and_cannot_be_asked_says_by_whom() -> None:
    used = replace(ARRAY, capture=None)
    lines = as_text(as_json(replace(BOARD, sound=(used,), held=((CAPTURE, HELD),)))).splitlines()
    assert "    microphone   up to 6 ch; in use by mpv (811)" in lines


def test_a_loudspeaker_that_portaudio_cannot_see_for_its_user_is_told_of() -> None:
    ears = replace(ARRAY, max_output_channels=0, playback=())
    report = as_json(replace(BOARD, sound=(ears,), defaults=frozenset(), held=((PLAYBACK, HELD),)))
    assert report["sound"][0]["loudspeaker"] == {
        "default": False,
        "max_channels": 0,
        "native": None,
        "used_by": "mpv (811)",
    }
    assert "    loudspeaker  in use by mpv (811)" in as_text(report).splitlines()


@pytest.mark.parametrize(
    ("process", "advice"),
    [
        (
            "mpv",
            [f"harkd cannot open {ARRAY_CARD.name} (hw:CARD=ArrayUAC10) while it is used by mpv (811)."],
        ),
        ("harkd", []),  # as it should be
    ],
)
def test_a_card_that_only_the_kernel_lists_is_told_of(process: str, advice: list[str]) -> None:
    held = replace(HELD, process=process)
    report = as_json(replace(BOARD, sound=(), held=((CAPTURE, held), (PLAYBACK, held))))
    assert report["cards_not_listed"][0]["used_by"] == f"{process} (811)"
    assert report["advice"] == advice
    assert f"    in use by {process} (811)" in as_text(report).splitlines()


# ---- what is missing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (replace(BOARD, sound=(), cards=()), "No sound card: plug one in"),
        (
            replace(BOARD, sound=(), sound_error="PyAudio is not installed. Install it."),
            "PyAudio is not installed",
        ),
        (replace(BOARD, sound=()), "shows neither microphone nor loudspeaker"),
        (replace(BOARD, gpio=()), 'a button can be a key (driver = "keyboard")'),
        (replace(BOARD, spi=()), "sudo raspi-config nonint do_spi 0"),
        (replace(BOARD, denied=frozenset({"/dev/snd/pcmC0D0c"})), "usermod -aG audio USER"),
        (replace(BOARD, denied=frozenset({"/dev/gpiochip0"})), "usermod -aG gpio USER"),
        (replace(BOARD, denied=frozenset({"/dev/spidev0.0"})), "usermod -aG spi USER"),
    ],
)
def test_what_is_missing_comes_with_what_to_do(found: Found, advice: str) -> None:
    (only,) = as_json(found)["advice"]
    assert advice in only
    assert as_text(as_json(found)).endswith(f"What to do\n  - {only}")


def test_device_files_that_may_not_be_used_are_marked() -> None:
    text = as_text(as_json(replace(BOARD, denied=frozenset({"/dev/gpiochip0", "/dev/spidev0.0"}))))
    assert "pinctrl-bcm2711, 58 lines: the pins of the header  (may not be used by this user)" in text
    assert "/dev/spidev0.0  (may not be used by this user)" in text


# ---- this machine --------------------------------------------------------------------


def test_looking_finds_the_files_and_what_is_held(tmp_path: Path) -> None:
    for name in ("dev/gpiochip0", "dev/spidev0.1", "dev/spidev0.0", "dev/snd/pcmC2D0c", "asound/cards"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "asound/cards").write_text(" 2 [ArrayUAC10     ]: USB-Audio - ReSpeaker\n")
    status = tmp_path / "asound/card2/pcm0c/sub0/status"
    status.parent.mkdir(parents=True)
    status.write_text("state: RUNNING\nowner_pid   : 811\n")
    found = look(tmp_path / "dev", tmp_path / "asound")
    assert [Path(path).name for path in found.spi] == ["spidev0.0", "spidev0.1"]
    assert [Path(chip.path).name for chip in found.gpio] == ["gpiochip0"]
    assert [(way, held.card_id, held.pid) for way, held in found.held] == [(CAPTURE, "ArrayUAC10", 811)]
    assert [card.id for card in found.cards] == ["ArrayUAC10"]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_the_command_works_on_any_machine(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", *arguments]) == 0
    out = capsys.readouterr().out
    if arguments:
        report: dict[str, Any] = json.loads(out)
        assert list(report) == ["sound", "cards_not_listed", "gpio", "spi", "advice"]
    else:
        assert {"Sound cards", "GPIO", "SPI"} <= set(out.splitlines())


def test_without_pyaudio_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert "pip install 'harkd[audio]'" in out
    assert "No sound card" not in out


def test_a_sound_system_that_does_not_start_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ModuleType("pyaudio")

    def refuse() -> None:
        raise OSError(-9999, "Unanticipated host error")

    broken.PyAudio = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyaudio", broken)
    assert main(["devices"]) == 0
    assert (
        "the sound system does not start (Unanticipated host error). Look at /etc/asound.conf"
        in capsys.readouterr().out
    )
