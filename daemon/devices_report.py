"""`harkd devices`: what this machine has for ears, mouth, hands and lights. Shell around its device files.

`look` gathers; `as_json` and `as_text` say the same, for programs and for people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from daemon.records import dataclass
from hw.audio.cards import SoundCard, parse_place
from hw.audio.hush import hushed
from hw.audio.kernel import PROC_ASOUND, OpenSubstream, open_substreams, sound_cards
from hw.audio.negotiation import USUAL_RATES_HZ
from hw.audio.portaudio_library import acquire, default_device, list_devices, lock, release
from hw.audio.selection import AudioDevice, Direction, Offer, choose
from hw.errors import DeviceError
from hw.gpio_chips import GpioChip, gpio_chips

DEV = Path("/dev")

_ANY_RATE = "any rate"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `defaults`: whether a device is what `device = "default"` means, that way.

    `sound_error`: why the sound devices could not be asked for, "" if they could. `denied`: device files that
    this user may not use.
    """

    sound: Sequence[AudioDevice] = ()
    defaults: frozenset[tuple[int, Direction]] = frozenset()
    sound_error: str = ""
    cards: Sequence[SoundCard] = ()
    held: Sequence[tuple[Direction, OpenSubstream]] = ()
    gpio: Sequence[GpioChip] = ()
    spi: Sequence[str] = ()
    denied: frozenset[str] = field(default_factory=frozenset)


def look(dev: Path = DEV, proc_asound: Path = PROC_ASOUND) -> Found:
    """Asks everything; changes nothing, opens sound devices for some ms without letting sound flow."""
    sound: Sequence[AudioDevice] = ()
    defaults: frozenset[tuple[int, Direction]] = frozenset()
    sound_error = ""
    try:
        sound, defaults = _sound()
    except DeviceError as error:
        sound_error = str(error)
    spi = sorted(map(str, dev.glob("spidev*")))
    files = [*map(str, dev.glob("snd/pcm*")), *map(str, dev.glob("gpiochip*")), *spi]
    return Found(
        sound,
        defaults,
        sound_error,
        sound_cards(proc_asound),
        [(way, held) for way in Direction for held in open_substreams(way, proc_asound) or []],
        gpio_chips(dev),
        spi,
        frozenset(file for file in files if not os.access(file, os.R_OK | os.W_OK)),
    )


def _sound() -> tuple[Sequence[AudioDevice], frozenset[tuple[int, Direction]]]:
    with lock, hushed():
        library = acquire()  # while it is held, indexes stay what they are
    try:
        listed = list_devices(ask=True)
        with lock, hushed():
            found = {way: default_device(library, way, listed) for way in Direction}
    finally:
        with lock, hushed():
            release()
    return listed, frozenset((device.index, way) for way, device in found.items() if device)


# ---- for programs --------------------------------------------------------------------


def as_json(found: Found) -> dict[str, Any]:
    """Keys are only ever added. `native` is null for what could not be asked, `used_by` for no one."""
    return {
        "sound": [_sound_entry(device, found) for device in found.sound],
        "cards_not_listed": [_unlisted_entry(card, found) for card in _not_listed(found)],
        "gpio": [_gpio_entry(chip, found) for chip in found.gpio],
        "spi": [{"path": path, "access": path not in found.denied} for path in found.spi],
        "advice": list(_advice(found)),
    }


def _sound_entry(device: AudioDevice, found: Found) -> dict[str, Any]:
    return {
        "device": _written(device, found),
        "name": device.name,
        "host_api": device.host_api,
        "card_id": device.card_id,
        "usb_id": device.usb_id,
        "microphone": _way_entry(device, Direction.CAPTURE, device.capture, found),
        "loudspeaker": _way_entry(device, Direction.PLAYBACK, device.playback, found),
    }


def _unlisted_entry(card: SoundCard, found: Found) -> dict[str, Any]:
    """A card of which PortAudio says nothing: mostly because somebody uses it."""
    return {
        "device": f"hw:CARD={card.id}",
        "name": card.name,
        "card_id": card.id,
        "usb_id": card.usb_id,
        "used_by": _users([held for _, held in found.held if held.card_id == card.id]),
    }


def _way_entry(
    device: AudioDevice, way: Direction, offers: tuple[Offer, ...] | None, found: Found
) -> dict[str, Any] | None:
    """None for a way that it does not go; one that is in use may show no channels."""
    place = parse_place(device.name)
    here = (device.card_id, place[1] if place else -1)
    used_by = _users(
        [held for direction, held in found.held if (held.card_id, held.device) == here and direction is way]
    )
    if not device.channels(way) and not used_by:
        return None
    native = [{"channels": offer.channels, "rates_hz": [*offer.rates_hz]} for offer in offers or ()]
    return {
        "default": (device.index, way) in found.defaults,
        "max_channels": device.channels(way),
        "native": native if offers is not None and device.channels(way) else None,
        "used_by": used_by,
    }


def _users(held: Iterable[OpenSubstream]) -> str | None:
    return ", ".join(sorted({f"{one.process or 'a process'} ({one.pid})" for one in held})) or None


def _gpio_entry(chip: GpioChip, found: Found) -> dict[str, Any]:
    return {
        "path": chip.path,
        "label": chip.label,
        "lines": chip.lines,
        "header": chip.is_header,
        "access": not chip.open_error and chip.path not in found.denied,
        "in_use": [{"line": line.number, "name": line.name, "by": line.holder} for line in chip.held],
    }


def _written(device: AudioDevice, found: Found) -> str:
    """What to write as `device` so that it is this one that is found, both ways."""
    place = parse_place(device.name)
    by_card = f"hw:CARD={device.card_id}"
    ways = [way for way in Direction if device.channels(way)]
    for written in (by_card, f"{by_card},DEV={place[1] if place else 0}") if device.card_id else ():
        if all(_is_found(written, way, device, found) for way in ways):
            return written
    return device.name


def _is_found(written: str, way: Direction, device: AudioDevice, found: Found) -> bool:
    try:
        return choose(found.sound, written, way) == device
    except DeviceError:
        return False


def _not_listed(found: Found) -> list[SoundCard]:
    listed = {device.card_id for device in found.sound}
    return [card for card in found.cards if card.id not in listed]


# ---- what to do ----------------------------------------------------------------------


def _advice(found: Found) -> Iterator[str]:
    if found.sound_error:
        yield found.sound_error
    elif not found.sound and not found.cards:
        yield (
            "No sound card: plug one in, or name the overlay of your HAT in /boot/firmware/config.txt and "
            "reboot; `cat /proc/asound/cards` shows what the kernel knows of."
        )
    if not found.sound_error:
        yield from _advice_on_cards(found)
    yield from _advice_on_groups(found)
    if not found.gpio:
        yield 'No GPIO: a button can be a key (driver = "keyboard") or `harkd press`.'
    if not found.spi:
        header = any(chip.is_header for chip in found.gpio)
        turn_on = " Turn it on: sudo raspi-config nonint do_spi 0, then reboot." if header else ""
        yield f"No SPI: only the lamps of the drivers apa102 and ws2812 need it.{turn_on}"


def _advice_on_cards(found: Found) -> Iterator[str]:
    for card in _not_listed(found):
        users = [held for _, held in found.held if held.card_id == card.id]
        if not users:
            shows = f"{card.name} (hw:CARD={card.id}) shows neither microphone nor loudspeaker"
            yield f"{shows}: it has none, or this user may not use it."
        elif any(held.process != "harkd" for held in users):
            yield f"harkd cannot open {card.name} (hw:CARD={card.id}) while it is used by {_users(users)}."


def _advice_on_groups(found: Found) -> Iterator[str]:
    for group, part in (("audio", "/snd/"), ("gpio", "/gpiochip"), ("spi", "/spidev")):
        if any(part in path for path in found.denied):
            yield (
                f"This user may not use {group}: sudo usermod -aG {group} USER, then log in anew. "
                "(The service is in that group.)"
            )


# ---- for people ----------------------------------------------------------------------


def as_text(report: dict[str, Any]) -> str:
    """What `as_json` made, as lines."""
    cards = [line for entry in report["sound"] if entry["card_id"] for line in _card_lines(entry)]
    cards += [line for entry in report["cards_not_listed"] for line in _unlisted_lines(entry)]
    software = [line for entry in report["sound"] if not entry["card_id"] for line in _software_lines(entry)]
    return "\n".join(
        [
            *_section("Sound cards", cards),
            *(_section("Sound by way of software", software) if software else ()),
            *_section("GPIO", [line for entry in report["gpio"] for line in _gpio_lines(entry)]),
            *_section("SPI", [entry["path"] + _denied(entry) for entry in report["spi"]]),
            *(_section("What to do", [f"- {line}" for line in report["advice"]]) if report["advice"] else ()),
        ]
    )


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return [title, *([f"  {line}" for line in lines] or ["  none"])]


def _card_lines(entry: dict[str, Any]) -> Iterator[str]:
    yield from _name_lines(entry)
    yield from (f"  {line}" for line in _way_lines(entry))


def _unlisted_lines(entry: dict[str, Any]) -> Iterator[str]:
    yield from _name_lines(entry)
    yield f"  in use by {entry['used_by']}" if entry["used_by"] else "  cannot be asked"


def _name_lines(entry: dict[str, Any]) -> Iterator[str]:
    yield entry["name"].partition(" (hw:")[0]  # whose number will be another one tomorrow
    usb = f'    # or "usb:{entry["usb_id"]}"' if entry["usb_id"] else ""
    yield f"  device = {_quoted(entry['device'])}{usb}"


def _software_lines(entry: dict[str, Any]) -> Iterator[str]:
    """One line for what converts every rate, as most of them do."""
    ways = {name: entry[name] for name in ("microphone", "loudspeaker") if entry[name]}
    device = f"device = {_quoted(entry['device'])}"
    if all(_native(way).endswith(_ANY_RATE) for way in ways.values()):
        said = [f"{name} (the default)" if way["default"] else name for name, way in ways.items()]
        yield f"{device:<32} {', '.join(said)}"
    else:
        yield device
        yield from (f"  {line}" for line in _way_lines(entry))


def _way_lines(entry: dict[str, Any]) -> Iterator[str]:
    for name in ("microphone", "loudspeaker"):
        if way := entry[name]:
            said = [_native(way)] if way["max_channels"] else []
            said += [f"in use by {way['used_by']}"] if way["used_by"] else []
            said += ["the default"] if way["default"] else []
            yield f"{name:<12} {'; '.join(said)}"


def _native(way: dict[str, Any]) -> str:
    if way["native"] is None:
        return f"up to {way['max_channels']} ch"
    channels_at: dict[tuple[int, ...], list[int]] = {}
    for offer in way["native"]:
        channels_at.setdefault(tuple(sorted(offer["rates_hz"], reverse=True)), []).append(offer["channels"])
    offers = [f"{_or(counts)} ch at {_rates(rates)}" for rates, counts in channels_at.items()]
    return ", ".join(offers) or "nothing that harkd could use"


def _rates(rates_hz: tuple[int, ...]) -> str:
    return _ANY_RATE if set(USUAL_RATES_HZ) <= set(rates_hz) else f"{_or(rates_hz)} Hz"


def _or(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last


def _gpio_lines(entry: dict[str, Any]) -> Iterator[str]:
    what = f"  {entry['label']}, {entry['lines']} lines" if entry["label"] else ""
    header = ": the pins of the header" if entry["header"] else ""
    yield f"{entry['path']}{what}{header}{_denied(entry)}"
    held = [f"{line['name'] or line['line']} by {line['by'] or 'somebody'}" for line in entry["in_use"]]
    if held:
        yield f"  in use: {', '.join(held)}"


def _denied(entry: dict[str, Any]) -> str:
    return "" if entry["access"] else "  (may not be used by this user)"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
