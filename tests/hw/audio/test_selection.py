from __future__ import annotations

import pytest

from hw.audio.selection import AudioDevice, Direction, choose
from hw.errors import DeviceError, Fault


def _device(index: int, name: str, inputs: int, outputs: int, rate_hz: int = 48000) -> AudioDevice:
    return AudioDevice(index, name, "ALSA", inputs, outputs, rate_hz)


DEVICES = [
    _device(0, "bcm2835 Headphones: - (hw:0,0)", 0, 8, 44100),
    _device(1, "Anker PowerConf S330: USB Audio (hw:1,0)", 2, 2),
    _device(2, "usb", 1, 0, 16000),
    _device(3, "seeed-2mic-voicecard: wm8960 (hw:3,0)", 2, 2),
]


@pytest.mark.parametrize(
    ("wanted", "direction", "index"),
    [
        ("usb", Direction.CAPTURE, 2),  # the whole name before a part of another
        ("USB", Direction.CAPTURE, 1),  # the first of several
        ("usb", Direction.PLAYBACK, 1),  # only what goes that way
        ("anker powerconf", Direction.CAPTURE, 1),
        ("(hw:0,0)", Direction.PLAYBACK, 0),  # a part, though also a regular expression
        (r"seeed.*\(hw:\d,0\)", Direction.PLAYBACK, 3),
        ("^SEEED", Direction.CAPTURE, 3),
    ],
)
def test_choose_finds_the_device_meant(wanted: str, direction: Direction, index: int) -> None:
    assert choose(DEVICES, wanted, direction).index == index


@pytest.mark.parametrize("wanted", ["headphones", "[", "", "nothing like it"])
def test_choose_refuses_what_cannot_be_meant(wanted: str) -> None:
    with pytest.raises(DeviceError) as caught:
        choose(DEVICES, wanted, Direction.CAPTURE)
    assert caught.value.fault is Fault.NOT_FOUND
    assert "'usb' (up to 1 ch, 16000 Hz)" in caught.value.detail
    assert "Headphones" not in caught.value.detail


def test_the_nearest_name_is_proposed() -> None:
    with pytest.raises(DeviceError, match="Did you mean 'usb'"):
        choose(DEVICES, "ubs", Direction.CAPTURE)


def test_a_machine_without_any_says_so() -> None:
    with pytest.raises(DeviceError, match=r"no microphone at all.*group 'audio'"):
        choose(DEVICES[:1], "usb", Direction.CAPTURE)
