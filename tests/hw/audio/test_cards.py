from __future__ import annotations

import pytest

from hw.audio.cards import CardAddress, SoundCard, card_at, parse_address, parse_cards, parse_place

TWO_OF_A_KIND = """\
 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
 1 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-3f980000.usb-1.2, full speed
10 [Device_1       ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-3f980000.usb-1.3, full speed
"""


def test_cards_are_read_as_the_kernel_lists_them() -> None:
    assert parse_cards(TWO_OF_A_KIND) == [
        SoundCard(0, "vc4hdmi", "vc4-hdmi"),
        SoundCard(1, "Device", "USB PnP Sound Device"),
        SoundCard(10, "Device_1", "USB PnP Sound Device"),
    ]


def test_no_cards_are_no_cards() -> None:
    assert parse_cards("--- no soundcards ---\n") == []


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("hw:CARD=Device_1", CardAddress("Device_1")),
        ("hw:CARD=Device_1,DEV=2", CardAddress("Device_1", device=2)),
        ("hw:CARD=Device_1,DEV=2,0", CardAddress("Device_1", device=2)),
        ("hw:Device_1,2", CardAddress("Device_1", device=2)),
        ("plughw:CARD=seeed2micvoicec,DEV=0", CardAddress("seeed2micvoicec", device=0)),
        ("sysdefault:CARD=Headphones", CardAddress("Headphones")),
        ("default:CARD=Headphones", CardAddress("Headphones")),
        ("card=Headphones", CardAddress("Headphones")),
        ("usb:2886:0018", CardAddress(usb_id="2886:0018")),
        ("0D8C:013c", CardAddress(usb_id="0d8c:013c")),
        ("hw:1,0", None),  # a number: not an id
        ("hw:CARD=1", None),
        ("default", None),
        ("USB PnP Sound Device", None),
        ("dmix:CARD=Device", None),
    ],
)
def test_a_card_may_be_written_in_many_ways(written: str, address: CardAddress | None) -> None:
    assert parse_address(written) == address


def test_portaudio_names_the_place_of_hardware_only() -> None:
    assert parse_place("USB PnP Sound Device: Audio (hw:10,2)") == (10, 2)
    assert parse_place("sysdefault") is None


@pytest.mark.parametrize(
    ("name", "card_id"), [("x: y (hw:1,0)", "Device"), ("x: y (hw:10,0)", "Device_1"), ("x (hw:2,0)", None)]
)
def test_a_device_is_on_its_card(name: str, card_id: str | None) -> None:
    card = card_at(parse_cards(TWO_OF_A_KIND), name)
    assert (card.id if card else None) == card_id
