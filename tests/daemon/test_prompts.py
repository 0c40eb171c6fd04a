"""Words, a short sound or nothing: what the box says of its troubles."""

from __future__ import annotations

import pytest

from daemon.audio.earcons import Earcon
from daemon.prompts import UNASKED_AGAIN_S, Prompt, PromptBook

OFFLINE, KEY = Prompt.NO_CONNECTION, Prompt.BAD_KEY
REFUSED = Earcon.REFUSED


@pytest.mark.parametrize(
    ("presses", "heard"),
    [
        ([(0.0, OFFLINE)], [OFFLINE]),
        ([(0.0, OFFLINE), (0.5, OFFLINE), (9.9, OFFLINE)], [OFFLINE, REFUSED, REFUSED]),
        ([(0.0, OFFLINE), (9.0, OFFLINE), (10.0, OFFLINE)], [OFFLINE, REFUSED, OFFLINE]),
        ([(0.0, OFFLINE), (1.0, KEY), (2.0, OFFLINE)], [OFFLINE, KEY, REFUSED]),
        ([(5.0, None), (5.1, None)], [REFUSED, REFUSED]),
    ],
)
def test_press_is_always_answered_but_words_are_not_repeated_at_once(
    presses: list[tuple[float, Prompt | None]], heard: list[Prompt | Earcon]
) -> None:
    book = PromptBook()
    assert [book.asked(wrong, now) for now, wrong in presses] == heard


def test_words_told_unasked_are_not_repeated_to_a_press_right_after() -> None:
    book = PromptBook()
    assert book.went_wrong(KEY, 100.0) is KEY
    assert book.asked(KEY, 105.0) is REFUSED
    assert book.asked(KEY, 110.0) is KEY


def test_offline_is_only_a_sound_until_somebody_asks() -> None:
    book = PromptBook()
    assert book.went_wrong(OFFLINE, 100.0) is Earcon.OFFLINE
    assert book.asked(OFFLINE, 101.0) is OFFLINE


def test_link_that_comes_and_goes_all_night_is_told_once_an_hour() -> None:
    book = PromptBook()
    heard = []
    for minute in range(120):
        heard.append(book.went_wrong(OFFLINE, minute * 60.0))
        heard.append(book.mended(OFFLINE))
    assert [cue for cue in heard if cue] == [Earcon.OFFLINE, Earcon.ONLINE] * 2
    assert heard[120] is Earcon.OFFLINE  # UNASKED_AGAIN_S after the first
    assert UNASKED_AGAIN_S == 60 * 60


@pytest.mark.parametrize("wrong", [p for p in Prompt if p not in (Prompt.NO_CONNECTION, Prompt.MUTED)])
def test_what_a_person_must_mend_is_told_in_words_at_once(wrong: Prompt) -> None:
    assert PromptBook().went_wrong(wrong, 0.0) is wrong


def test_box_muted_by_hand_does_not_talk_about_it_until_asked() -> None:
    book = PromptBook()
    assert book.went_wrong(Prompt.MUTED, 0.0) is None
    assert book.asked(Prompt.MUTED, 1.0) is Prompt.MUTED


def test_online_again_is_told_to_whoever_was_told_of_the_contrary() -> None:
    book = PromptBook()
    assert book.mended(KEY) is None
    book.asked(KEY, 0.0)
    assert book.mended(KEY) is Earcon.ONLINE
    assert book.mended(KEY) is None


def test_microphone_that_is_back_makes_no_sound() -> None:
    book = PromptBook()
    book.went_wrong(Prompt.NO_MICROPHONE, 0.0)
    assert book.mended(Prompt.NO_MICROPHONE) is None
