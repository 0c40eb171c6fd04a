"""What a card is asked, in which order, until it says yes."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from hw.audio.negotiation import Combination, Wish, combinations, guess
from hw.audio.selection import AudioDevice, Direction

CAPTURE, PLAYBACK = Direction.CAPTURE, Direction.PLAYBACK


def _device(most: int, default_rate_hz: int = 44100) -> AudioDevice:
    return AudioDevice(0, "a card", "ALSA", most, most, default_rate_hz)


def _agreed(
    asked: list[Combination], rates_hz: Collection[int], channels: Collection[int]
) -> tuple[int, int] | None:
    """The first that a card with these takes."""
    taken = (c for c in asked if c.rate_hz in rates_hz and c.channels in channels)
    return next(((c.rate_hz, c.channels) for c in taken), None)


@pytest.mark.parametrize(
    ("direction", "rates_hz", "channels", "default_rate_hz", "agreed"),
    [
        (CAPTURE, [44100, 48000], [1, 2], 44100, (48000, 1)),  # a USB headset
        (CAPTURE, [48000], [2], 48000, (48000, 2)),  # a codec on a HAT
        (CAPTURE, [44100], [2], 44100, (44100, 2)),
        (CAPTURE, [16000], [6], 16000, (16000, 6)),  # a microphone array
        (CAPTURE, [8000], [1], 8000, (8000, 1)),  # hands-free Bluetooth
        (CAPTURE, [96000], [4], 96000, (96000, 4)),
        (CAPTURE, [37800], [1], 37800, (37800, 1)),  # whatever PortAudio found it to have
        (CAPTURE, range(8000, 192001), range(1, 129), 44100, (48000, 1)),  # software that converts
        (PLAYBACK, range(8000, 192001), range(1, 129), 44100, (48000, 2)),
        (PLAYBACK, [44100, 48000], [2], 44100, (48000, 2)),
        (PLAYBACK, [48000], [1], 48000, (48000, 1)),  # a mono amplifier
        (PLAYBACK, [48000], [8], 48000, (48000, 8)),  # HDMI
    ],
)
def test_a_card_is_opened_as_it_is(
    direction: Direction,
    rates_hz: Collection[int],
    channels: Collection[int],
    default_rate_hz: int,
    agreed: tuple[int, int],
) -> None:
    asked = combinations(Wish(), _device(max(channels), default_rate_hz), direction)
    assert _agreed(asked, rates_hz, channels) == agreed


@pytest.mark.parametrize(
    ("wish", "most", "agreed"),
    [
        (Wish(rate_hz=16000), 2, (16000, 1)),
        (Wish(rate_hz=12345), 2, (48000, 1)),  # not to be had: the next best
        (Wish(channels=2), 6, (48000, 2)),
        (Wish(rate_hz=44100, channels=6), 6, (44100, 6)),
        (Wish(channels=7), 6, None),  # a demand
        (Wish(channel=1), 6, (48000, 2)),
        (Wish(channel=3), 6, (48000, 4)),
        (Wish(channel=5), 6, (48000, 6)),
        (Wish(channel=6), 6, None),
        (Wish(channel="mix"), 6, (48000, 6)),
        (Wish(channel="mix"), 1, (48000, 1)),
        (Wish(channel="mix"), 128, (48000, 2)),  # nobody has 128 microphones
    ],
)
def test_what_is_wished_comes_first(wish: Wish, most: int, agreed: tuple[int, int] | None) -> None:
    usual = (8000, 16000, 24000, 32000, 44100, 48000)
    assert _agreed(combinations(wish, _device(most), CAPTURE), usual, range(1, most + 1)) == agreed


def test_a_card_is_asked_in_this_order() -> None:
    asked = combinations(Wish(rate_hz=32000), _device(6, 11025), CAPTURE)
    rates_hz = [32000, 48000, 44100, 11025, 16000, 96000, 24000, 22050, 8000]
    assert asked == [Combination(rate_hz, channels) for rate_hz in rates_hz for channels in (1, 2, 6)]


def test_what_worked_is_asked_first_and_once() -> None:
    worked = Combination(16000, 6)
    asked = combinations(Wish(), _device(6), CAPTURE, worked)
    assert asked[0] == worked
    assert sorted(asked, key=str) == sorted(combinations(Wish(), _device(6), CAPTURE), key=str)


def test_what_worked_for_another_wish_is_forgotten() -> None:
    assert Combination(16000, 6) not in combinations(
        Wish(channels=1), _device(6), CAPTURE, Combination(16000, 6)
    )


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("wish", [Wish(), Wish(channel="mix")])
def test_there_is_always_something_to_ask_and_never_more_channels_than_there_are(
    wish: Wish, direction: Direction
) -> None:
    for most in range(1, 130):
        counts = {c.channels for c in combinations(wish, _device(most), direction)}
        assert counts
        assert counts <= set(range(1, most + 1))


@pytest.mark.parametrize(
    ("wish", "direction", "guessed"),
    [
        (Wish(), CAPTURE, (48000, 1)),
        (Wish(), PLAYBACK, (48000, 2)),
        (Wish(channel=11), CAPTURE, (48000, 12)),
        (Wish(channel="mix"), CAPTURE, (48000, 2)),
        (Wish(16000, 99), CAPTURE, (16000, 99)),
    ],
)
def test_before_any_card_was_asked_there_is_a_guess(
    wish: Wish, direction: Direction, guessed: tuple[int, int]
) -> None:
    assert guess(wish, direction) == Combination(*guessed)
