from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from hw.audio.cards import SoundCard
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


# ---- by the card's id ------------------------------------------------------------------------------------

KINDS = [  # (id, name, inputs, outputs, device number)
    ("Headphones", "bcm2835 Headphones: - ", 0, 8, 0),
    ("ArrayUAC10", "ReSpeaker 4 Mic Array (UAC1.0): USB Audio ", 6, 2, 0),
    ("Device", "USB PnP Sound Device: USB Audio ", 1, 2, 0),
    ("Device_1", "USB PnP Sound Device: USB Audio ", 1, 2, 0),
    ("Device_1", "USB PnP Sound Device: USB Audio #1 ", 1, 0, 1),
]
USB_IDS = {"ArrayUAC10": "2886:0018", "Device": "0d8c:013c", "Device_1": "0d8c:013c"}


def _enumerated(order: tuple[str, ...]) -> list[AudioDevice]:
    """As PortAudio lists them when the kernel found the cards in this order."""
    devices = [_device(0, "default", 32, 32)]
    for card, card_id in enumerate(order):
        for kind_id, name, inputs, outputs, number in KINDS:
            if kind_id == card_id:
                found = _device(len(devices), f"{name}(hw:{card},{number})", inputs, outputs)
                devices.append(replace(found, card_id=card_id, usb_id=USB_IDS.get(card_id, "")))
    return devices


ORDERS = list(permutations(["Headphones", "ArrayUAC10", "Device", "Device_1"]))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize(
    ("wanted", "direction", "card_id", "name"),
    [
        ("hw:CARD=Device", Direction.CAPTURE, "Device", "USB Audio (hw"),  # not Device_1, wherever it is
        ("plughw:CARD=Device_1", Direction.CAPTURE, "Device_1", "USB Audio (hw"),  # its first
        ("hw:CARD=Device_1,DEV=1", Direction.CAPTURE, "Device_1", "#1"),
        ("hw:Device_1,1", Direction.CAPTURE, "Device_1", "#1"),
        ("card=Headphones", Direction.PLAYBACK, "Headphones", "bcm2835"),
        ("sysdefault:CARD=ArrayUAC10", Direction.PLAYBACK, "ArrayUAC10", "ReSpeaker"),
        ("usb:2886:0018", Direction.CAPTURE, "ArrayUAC10", "ReSpeaker"),
        ("ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:9,0)", Direction.CAPTURE, "ArrayUAC10", "ReSpeaker"),
    ],
)
def test_a_card_is_found_in_whatever_order_the_kernel_met_them(
    order: tuple[str, ...], wanted: str, direction: Direction, card_id: str, name: str
) -> None:
    found = choose(_enumerated(order), wanted, direction)
    assert found.card_id == card_id
    assert name in found.name


def test_a_device_that_is_called_like_a_card_comes_first() -> None:
    devices = [*_enumerated(ORDERS[0]), _device(9, "hw:CARD=Device", 1, 0)]
    assert choose(devices, "hw:CARD=Device", Direction.CAPTURE).index == 9


@pytest.mark.parametrize(
    ("wanted", "direction", "said"),
    [
        ("hw:CARD=Devise", Direction.CAPTURE, "Did you mean 'hw:CARD=Device'?"),
        ("hw:CARD=Headphones", Direction.CAPTURE, "hw:CARD=ArrayUAC10,DEV=0 (ReSpeaker"),  # the wrong way
        ("hw:CARD=Device,DEV=7", Direction.CAPTURE, "hw:CARD=Device,DEV=0 (USB PnP"),
        ("usb:dead:beef", Direction.PLAYBACK, "hw:CARD=Headphones,DEV=0 (bcm2835"),
    ],
)
def test_a_card_that_is_not_there_is_not_found(wanted: str, direction: Direction, said: str) -> None:
    with pytest.raises(DeviceError) as caught:
        choose(_enumerated(ORDERS[0]), wanted, direction)
    assert caught.value.fault is Fault.NOT_FOUND
    assert said in str(caught.value)


TAKEN = {SoundCard(2, "Device", "USB PnP Sound Device", "0d8c:013c"): "arecord (812)"}


@pytest.mark.parametrize(
    "wanted",
    ["hw:CARD=Device", "usb:0d8c:013c", "usb pnp", "USB PnP Sound Device: USB Audio (hw:1,0)"],
)
def test_a_card_that_is_not_listed_because_somebody_took_it_is_busy(wanted: str) -> None:
    with pytest.raises(DeviceError, match=r"arecord \(812\) is using it") as caught:
        choose(_enumerated(("Headphones", "ArrayUAC10")), wanted, Direction.CAPTURE, TAKEN)
    assert caught.value.fault is Fault.BUSY


@pytest.mark.parametrize("wanted", ["hw:CARD=Device_1", "another", ""])
def test_that_somebody_took_another_card_is_no_matter(wanted: str) -> None:
    with pytest.raises(DeviceError) as caught:
        choose(_enumerated(("ArrayUAC10",)), wanted, Direction.CAPTURE, TAKEN)
    assert caught.value.fault is Fault.NOT_FOUND


def test_the_wrong_device_of_a_card_that_is_listed_is_not_found() -> None:
    with pytest.raises(DeviceError) as caught:
        choose(_enumerated(ORDERS[0]), "hw:CARD=Device,DEV=7", Direction.CAPTURE, TAKEN)
    assert caught.value.fault is Fault.NOT_FOUND


def test_without_any_microphone_a_card_is_not_found_either() -> None:
    with pytest.raises(DeviceError, match="no microphone at all"):
        choose([], "hw:CARD=Device", Direction.CAPTURE)


def test_the_same_device_on_another_place_is_the_same() -> None:
    before, after = (_enumerated(order)[1:] for order in (ORDERS[0], ORDERS[-1]))
    for device in before:
        assert [other.card_id for other in after if device.is_same_as(other)] == [device.card_id]
