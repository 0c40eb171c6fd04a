"""Finds the audio device an operator means by name. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hw.errors import DeviceError, Fault


class Direction(Enum):
    """Which way the sound goes; the value is the word for a person."""

    CAPTURE = "microphone"
    PLAYBACK = "speaker"


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """A device as the sound system lists it. `index` is good for this listing only: never store it."""

    index: int
    name: str
    host_api: str
    max_input_channels: int
    max_output_channels: int
    default_rate_hz: int

    def channels(self, direction: Direction) -> int:
        """The most it takes that way; 0 when it does not go that way."""
        return self.max_input_channels if direction is Direction.CAPTURE else self.max_output_channels


def choose(devices: Sequence[AudioDevice], wanted: str, direction: Direction) -> AudioDevice:
    """The first of `devices` that goes that way and is called `wanted`.

    `wanted` is tried as the whole name, then as a part of it in any case, then as a regular expression, each
    over all devices. Raises `DeviceError` NOT_FOUND with a list of what there is.
    """
    fitting = [device for device in devices if device.channels(direction) > 0]
    part = wanted.casefold()
    for device in fitting:
        if device.name == wanted:
            return device
    for device in fitting:
        if part and part in device.name.casefold():
            return device
    for device in fitting:
        if part and _matches(wanted, device.name):
            return device
    raise _not_found(fitting, wanted, direction)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name, re.IGNORECASE) is not None
    except re.error:  # a name that is no regular expression
        return False


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
