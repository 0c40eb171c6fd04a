"""In which order a card is asked what it does natively. Pure.

48 kHz first, though the server speaks 24: it is what nearly every card has, half of it is 24 exactly, and a
device that does take 24 kHz nearly always has software convert it, ALSA's by straight lines between samples.
44.1 kHz is next, then what PortAudio found the card to have, then what microphone arrays and telephones have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hw.audio.selection import AudioDevice, Direction

FIRST_RATES_HZ = (48000, 44100)
OTHER_RATES_HZ = (32000, 16000, 96000, 24000, 22050, 11025, 8000)
USUAL_RATES_HZ = (48000, 44100, 32000, 24000, 16000, 8000)
"""What a listing asks for: those people set."""
MOST_CHANNELS = 8
"""Beyond, it is a number that software claims (32 to 128), or a mixing desk's."""


@dataclass(frozen=True, slots=True)
class Combination:
    """How a device may be opened."""

    rate_hz: int
    channels: int

    def __str__(self) -> str:
        return f"{self.rate_hz} Hz with {self.channels} ch"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator set; None: find out.

    `rate_hz` is tried first, `channels` is a demand. `channel` is the one that will be listened to (from 0),
    or "mix": at least those it needs are opened. A speaker has no use for it.
    """

    rate_hz: int | None = None
    channels: int | None = None
    channel: int | Literal["mix"] = 0


def combinations(
    wish: Wish, device: AudioDevice, direction: Direction, worked: Combination | None = None
) -> list[Combination]:
    """What to ask the device for, the best first, `worked` before all; empty when it has too few channels."""
    counts = channel_counts(wish, device.channels(direction), direction)
    every = [Combination(rate_hz, channels) for rate_hz in _rates_hz(wish, device) for channels in counts]
    if worked in every:
        every.remove(worked)
        every.insert(0, worked)
    return every


def guess(wish: Wish, direction: Direction) -> Combination:
    """What it will be on most cards."""
    most = 2 if wish.channel == "mix" else max(2, wish.channel + 1)
    channels = wish.channels or channel_counts(wish, most, direction)[0]
    return Combination(wish.rate_hz or FIRST_RATES_HZ[0], channels)


def channel_counts(wish: Wish, most: int, direction: Direction) -> list[int]:
    """How many channels to ask for, of at most `most`, the best first.

    A card that has only more takes fewer too: PortAudio hands over the first of them, and keeps those silent
    that it has nothing for. So a speaker: two, for both ears whatever the card makes of one. A microphone: as
    few as hold the channel wanted; one that mixes, as many as there are.
    """
    all_of_them = most if most <= MOST_CHANNELS else 2
    if wish.channels is not None:
        tried = [wish.channels]
    elif direction is Direction.PLAYBACK:
        tried = [2, 1, most]
    elif wish.channel == "mix":
        tried = [all_of_them, 2, 1]
    else:
        tried = [count for count in (wish.channel + 1, 2, most) if count > wish.channel]
    return [count for count in dict.fromkeys(tried) if count <= most]


def _rates_hz(wish: Wish, device: AudioDevice) -> list[int]:
    configured = () if wish.rate_hz is None else (wish.rate_hz,)
    return list(dict.fromkeys((*configured, *FIRST_RATES_HZ, device.default_rate_hz, *OTHER_RATES_HZ)))
