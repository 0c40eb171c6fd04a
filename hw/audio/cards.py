"""Sound cards as the kernel numbers and names them, and how people write them down. Pure.

A card's number changes with the order in which cards are found; its id (`ArrayUAC10`) stays, and gets a
suffix (`_1`) where two would be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CARD = re.compile(r"^ *(?P<index>\d+) \[(?P<id>[^]]*)\]: (?P<driver>.*?) - (?P<name>.*)$")
_PLACE = re.compile(r"\(hw:(?P<card>\d+),(?P<device>\d+)\)")
_USB = re.compile(r"(?:usb:)?(?P<vendor>[0-9a-f]{4}):(?P<product>[0-9a-f]{4})", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:(?:hw|plughw|sysdefault|default):(?:CARD=)?|card=)(?P<id>\w+)(?:,(?:DEV=)?(?P<device>\d+))?(?:,\d+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SoundCard:
    """`index` is good until the next card comes or goes: never store it. `usb_id` is "" for other buses."""

    index: int
    id: str
    name: str
    usb_id: str = ""


@dataclass(frozen=True, slots=True)
class CardAddress:
    """What somebody wrote for a card: its ALSA id or its USB id; `device` None: the first that fits."""

    card_id: str = ""
    usb_id: str = ""
    device: int | None = None


def parse_cards(text: str) -> list[SoundCard]:
    """From what /proc/asound/cards holds; lines that are none are passed over."""
    found = (_CARD.match(line) for line in text.splitlines())
    return [SoundCard(int(card["index"]), card["id"].strip(), card["name"].strip()) for card in found if card]


def parse_address(written: str) -> CardAddress | None:
    """`hw:CARD=id`, `hw:CARD=id,DEV=n`, `hw:id,n`, the same with plughw, sysdefault or default, `card=id`,
    `usb:2886:0018`; None for anything else, a card's number included.

    They all mean the card itself: rates and channels are converted here and not by ALSA's plug.
    """
    usb = _USB.fullmatch(written)
    if usb:
        return CardAddress(usb_id=f"{usb['vendor']}:{usb['product']}".lower())
    card = _ADDRESS.fullmatch(written)
    if card is None or card["id"].isdigit():
        return None
    return CardAddress(card_id=card["id"], device=int(card["device"]) if card["device"] else None)


def parse_place(device_name: str) -> tuple[int, int] | None:
    """Card and device number at the end of PortAudio's name for hardware: "USB Audio: - (hw:1,0)"."""
    place = _PLACE.search(device_name)
    return (int(place["card"]), int(place["device"])) if place else None


def without_card_number(device_name: str) -> str:
    """The name as it is on whatever place the card gets."""
    return _PLACE.sub(r"(hw:*,\g<device>)", device_name)


def card_at(cards: Iterable[SoundCard], device_name: str) -> SoundCard | None:
    """The card PortAudio's device belongs to; None for devices that only software makes."""
    place = parse_place(device_name)
    return next((card for card in cards if place and card.index == place[0]), None)
