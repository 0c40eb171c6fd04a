"""Finds the audio device an operator means. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hw.audio.cards import CardAddress, SoundCard, parse_address, parse_place, without_card_number
from hw.errors import DeviceError, Fault


class Direction(Enum):
    """Which way the sound goes; the value is the word for a person."""

    CAPTURE = "microphone"
    PLAYBACK = "speaker"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a device takes natively, of what anybody would ask for: so many channels at these rates."""

    channels: int
    rates_hz: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.channels} ch at {', '.join(map(str, self.rates_hz))} Hz"


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """A device as the sound system lists it. `index` is good for this listing only: never store it.

    `card_id` and `usb_id` are those of the card it is, "" where only software makes it. `capture` and
    `playback` are what was found by asking; None: not asked, or it could not be asked (it is in use).
    """

    index: int
    name: str
    host_api: str
    max_input_channels: int
    max_output_channels: int
    default_rate_hz: int
    card_id: str = ""
    usb_id: str = ""
    capture: tuple[Offer, ...] | None = None
    playback: tuple[Offer, ...] | None = None

    def channels(self, direction: Direction) -> int:
        """The most it takes that way; 0 when it does not go that way."""
        return self.max_input_channels if direction is Direction.CAPTURE else self.max_output_channels

    def is_same_as(self, other: AudioDevice) -> bool:
        """Whether what one took natively, the other will: all but the place in the listing is the same."""
        return self._kind() == other._kind()

    def _kind(self) -> tuple[object, ...]:
        ways = (self.max_input_channels, self.max_output_channels, self.default_rate_hz)
        return (without_card_number(self.name), self.host_api, self.card_id, self.usb_id, *ways)


def choose(
    devices: Sequence[AudioDevice],
    wanted: str,
    direction: Direction,
    taken: Mapping[SoundCard, object] | None = None,
) -> AudioDevice:
    """The first of `devices` that goes that way and is called `wanted`.

    `wanted` is tried as the whole name, then as a card (`hw:CARD=id` and the like, see `parse_address`), then
    as a part of a name in any case, then as a regular expression, then as a whole name with another card
    number; each over all devices. Raises `DeviceError`: NOT_FOUND with a list of what there is, BUSY for one
    of the cards `taken` that way (by whom) that is not among the devices: PortAudio lists none that it cannot
    open.
    """
    fitting = [device for device in devices if device.channels(direction) > 0]
    address = parse_address(wanted)
    for device in _called(fitting, wanted, address):
        return device
    listed = {device.card_id for device in fitting}
    for card, who in (taken or {}).items():
        if card.id not in listed and _means(card, wanted, address):
            raise DeviceError(Fault.BUSY, wanted, f"{who} is using it", "End the other program.")
    if address and fitting:
        raise _card_not_found(fitting, wanted, address, direction)
    raise _not_found(fitting, wanted, direction)


def _means(card: SoundCard, wanted: str, address: CardAddress | None) -> bool:
    if address:
        return card.usb_id == address.usb_id if address.usb_id else card.id == address.card_id
    # PortAudio's names for hardware begin with the card's
    return wanted.startswith(f"{card.name}:") or (bool(wanted) and wanted.casefold() in card.name.casefold())


def _called(
    fitting: Sequence[AudioDevice], wanted: str, address: CardAddress | None
) -> Iterator[AudioDevice]:
    yield from (device for device in fitting if device.name == wanted)
    if address:
        yield from sorted((device for device in fitting if _is_at(device, address)), key=_device_number)
        return
    part = wanted.casefold()
    if part:
        yield from (device for device in fitting if part in device.name.casefold())
        yield from (device for device in fitting if _matches(wanted, device.name))
    anywhere = without_card_number(wanted)
    yield from (device for device in fitting if without_card_number(device.name) == anywhere)


def _is_at(device: AudioDevice, address: CardAddress) -> bool:
    if address.device is not None and address.device != _device_number(device):
        return False
    if address.usb_id:
        return device.usb_id == address.usb_id
    return bool(device.card_id) and device.card_id == address.card_id


def _device_number(device: AudioDevice) -> int:
    place = parse_place(device.name)
    return place[1] if place else 0


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name, re.IGNORECASE) is not None
    except re.error:  # a name that is no regular expression
        return False


def _card_not_found(
    fitting: Sequence[AudioDevice], wanted: str, address: CardAddress, direction: Direction
) -> DeviceError:
    ids = [device.card_id for device in fitting if device.card_id]
    listed = ", ".join(
        f"hw:CARD={device.card_id},DEV={_device_number(device)} ({device.name})"
        for device in fitting
        if device.card_id
    )
    nearest = difflib.get_close_matches(address.card_id, ids, n=1, cutoff=0.4)
    remedy = f"Did you mean 'hw:CARD={nearest[0]}'?" if nearest else "Name one of these."
    detail = f"no {direction.value} on such a card; there are {listed or 'none on any card'}"
    return DeviceError(Fault.NOT_FOUND, wanted, detail, remedy)


def _not_found(fitting: Sequence[AudioDevice], wanted: str, direction: Direction) -> DeviceError:
    if not fitting:
        detail = f"this machine has no {direction.value} at all"
        remedy = "Plug one in; a system user must be in the group 'audio' to see it."
        return DeviceError(Fault.NOT_FOUND, wanted, detail, remedy)
    listed = ", ".join(
        f"{device.name!r} (up to {device.channels(direction)} ch, {device.default_rate_hz} Hz)"
        for device in fitting
    )
    nearest = difflib.get_close_matches(wanted, [device.name for device in fitting], n=1, cutoff=0.4)
    remedy = f"Did you mean {nearest[0]!r}?" if nearest else "Name one of these, or a part of its name."
    return DeviceError(
        Fault.NOT_FOUND, wanted, f"no {direction.value} of this name; there are {listed}", remedy
    )
