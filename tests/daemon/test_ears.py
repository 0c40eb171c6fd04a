"""What the box makes of what it hears, and how soon."""

from __future__ import annotations

from daemon.ears import Ears, EarSettings
from hw.fakes import FakeVoiceDetector

RATE_HZ = 16_000
PERIOD = bytes(2 * 320)  # 20 ms
LOUD = b"\x00\x40" * 320


def ears() -> Ears:
    return Ears(EarSettings(), FakeVoiceDetector(rate_hz=RATE_HZ), None, RATE_HZ)


def test_each_period_is_judged_at_once_where_somebody_asks():
    listening = ears()
    assert [listening.hear(period).windows for period in (PERIOD, LOUD)] == [[False], [True]]


def test_five_periods_in_fifty_are_judged_at_once_where_nobody_asks():
    listening = ears()
    heard = [listening.hear(period, asked=False) for period in (LOUD, *[PERIOD] * 99)]
    assert [(at, len(one.windows)) for at, one in enumerate(heard) if one.windows] == [(4, 5), (54, 5)]
    assert [one.speech for one in heard] == [False] * 4 + [True] * 50 + [False] * 46


def test_what_was_not_asked_about_is_judged_before_what_is():
    listening = ears()
    listening.hear(LOUD, asked=False)
    assert listening.hear(PERIOD).windows == [True, False]


def test_what_was_not_asked_about_belongs_to_no_turn_after_it():
    listening = ears()
    listening.hear(LOUD, asked=False)
    listening.await_speech()
    assert listening.hear(PERIOD).windows == [False]
