from __future__ import annotations

import os
from pathlib import Path

import pytest

from hw.audio.cards import SoundCard
from hw.audio.kernel import OpenSubstream, held_here, is_held, open_substreams, sound_cards, taken_cards
from hw.audio.selection import Direction

CARDS = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 2 [ArrayUAC10     ]: USB-Audio - ReSpeaker 4 Mic Array (UAC1.0)
                      SEEED ReSpeaker 4 Mic Array (UAC1.0) at usb-0000:01:00.0-1.2, high speed
"""
RUNNING = "state: RUNNING\nowner_pid   : 812\ntrigger_time: 5.1\ntstamp      : 0.0\ndelay       : 312\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A /proc with two cards; the microphone of the second is open, by a thread of process 811."""
    _write(tmp_path / "asound/cards", CARDS)
    _write(tmp_path / "asound/card2/usbid", "2886:0018\n")
    _write(tmp_path / "asound/card0/pcm0p/sub0/status", "closed\n")
    _write(tmp_path / "asound/card2/pcm0c/sub0/status", RUNNING)
    _write(tmp_path / "asound/card2/pcm0p/sub0/status", "closed\n")
    _write(tmp_path / "812/status", "Name:\tharkd-audio\nTgid:\t811\nPid:\t812\n")
    _write(tmp_path / "811/comm", "harkd\n")
    return tmp_path / "asound"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_cards_have_their_number_their_id_and_their_usb_id(root: Path) -> None:
    assert sound_cards(root) == [
        SoundCard(0, "Headphones", "bcm2835 Headphones"),
        SoundCard(2, "ArrayUAC10", "ReSpeaker 4 Mic Array (UAC1.0)", "2886:0018"),
    ]


def test_an_open_microphone_is_shown_with_its_process(root: Path) -> None:
    assert open_substreams(Direction.CAPTURE, root) == [
        OpenSubstream("ArrayUAC10", 0, 0, "RUNNING", 811, "harkd")
    ]
    assert open_substreams(Direction.PLAYBACK, root) == []


def test_who_has_taken_a_card_is_named(root: Path) -> None:
    taken = taken_cards(Direction.CAPTURE, root)
    assert {card.id: str(who) for card, who in taken.items()} == {
        "ArrayUAC10": "harkd (811) on ArrayUAC10, device 0"
    }
    assert taken_cards(Direction.PLAYBACK, root) == {}


def test_a_closed_microphone_is_shown_by_nothing(root: Path) -> None:
    _write(root / "card2/pcm0c/sub0/status", "closed\n")
    assert open_substreams(Direction.CAPTURE, root) == []


def test_open_is_open_though_no_sound_flows_and_its_thread_has_ended(root: Path) -> None:
    _write(root / "card2/pcm0c/sub0/status", "state: PREPARED\nowner_pid   : 999\n")
    (held,) = open_substreams(Direction.CAPTURE, root) or []
    assert (held.state, str(held)) == ("PREPARED", "a process (999) on ArrayUAC10, device 0")


def test_what_the_kernel_writes_in_years_to_come_still_counts_as_open(root: Path) -> None:
    _write(root / "card2/pcm0c/sub0/status", "busy, in a way\n")
    assert [held.state for held in open_substreams(Direction.CAPTURE, root) or []] == ["unknown"]


def test_every_substream_counts(root: Path) -> None:
    _write(root / "card2/pcm1c/sub3/status", RUNNING)
    shown = [(held.device, held.number) for held in open_substreams(Direction.CAPTURE, root) or []]
    assert shown == [(0, 0), (1, 3)]


def test_a_kernel_without_sound_says_nothing_either_way(tmp_path: Path) -> None:
    assert open_substreams(Direction.CAPTURE, tmp_path / "asound") is None
    assert sound_cards(tmp_path / "asound") == []


def test_a_machine_without_cards_records_nothing(root: Path) -> None:
    _write(root / "cards", "--- no soundcards ---\n")
    for status in root.glob("card*/pcm*/sub*/status"):
        status.unlink()
    assert sound_cards(root) == []
    assert open_substreams(Direction.CAPTURE, root) == []


def test_own_streams_are_held_until_they_are_closed_or_their_card_goes(root: Path) -> None:
    assert held_here(Direction.CAPTURE, root) == ()  # that one is another process's
    _write(root / "card0/pcm0c/sub0/status", f"state: RUNNING\nowner_pid   : {os.getpid()}\n")
    (status,) = held_here(Direction.CAPTURE, root)
    assert is_held(status)
    _write(status, "closed\n")  # another card has come to its place
    assert not is_held(status)
    status.unlink()
    assert not is_held(status)
