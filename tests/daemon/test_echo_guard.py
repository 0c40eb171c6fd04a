from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.audio.erle import EchoMeasure
from daemon.echo_guard import EchoGuard, Verdict

GOOD, FAIR, BAD = EchoMeasure(34.0, 40.0), EchoMeasure(7.0, 40.0), EchoMeasure(3.2, 40.0)
NONE = EchoMeasure(0.4, 1.0)  # headphones


def _guard(*measures: EchoMeasure | None) -> EchoGuard:
    """Fed once a second from second 0 on."""
    guard = EchoGuard()
    for now, measure in enumerate(measures):
        guard.measured(measure and replace(measure), now)
    return guard


@pytest.mark.parametrize(
    ("measures", "verdict", "reason"),
    [
        ([], Verdict.UNKNOWN, "echo cancellation has not been measured yet: 5 s of sound are needed"),
        ([None], Verdict.UNKNOWN, "echo cancellation has not been measured yet: 5 s of sound are needed"),
        ([GOOD], Verdict.CANCELLED, "echo is cancelled by 34 dB"),
        ([FAIR], Verdict.CANCELLED, "echo is cancelled by 7 dB"),
        ([BAD], Verdict.HEARD, "echo is not being cancelled: 3 dB over 5 s"),
        ([EchoMeasure(5.9, 40.0)], Verdict.HEARD, "echo is not being cancelled: 5 dB over 5 s"),
        ([NONE], Verdict.CANCELLED, "no echo is heard"),
        ([GOOD, None], Verdict.CANCELLED, "echo is cancelled by 34 dB"),
        ([GOOD, BAD], Verdict.HEARD, "echo is not being cancelled: 3 dB over 5 s"),
        ([BAD, GOOD], Verdict.HEARD, "echo is not being cancelled: 3 dB over 5 s"),
        ([BAD, NONE], Verdict.CANCELLED, "no echo is heard"),
        ([BAD, *[GOOD] * 30], Verdict.CANCELLED, "echo is cancelled by 34 dB"),
        ([BAD, *[FAIR] * 300], Verdict.HEARD, "echo is not being cancelled: 3 dB over 5 s"),
        ([BAD] * 20 + [GOOD] * 29, Verdict.HEARD, "echo is not being cancelled: 3 dB over 5 s"),
    ],
)
def test_verdict_and_reason_by_what_was_measured(
    measures: list[EchoMeasure | None], verdict: Verdict, reason: str
) -> None:
    guard = _guard(*measures)
    assert (guard.verdict, guard.reason) == (verdict, reason)
    assert guard.listens_while_playing == (verdict is Verdict.CANCELLED)


def test_what_was_measured_long_ago_is_not_measured_again_by_asking() -> None:
    """Between two answers the latest measure stays what it was."""
    guard = EchoGuard()
    for now in range(60):
        guard.measured(BAD, now)
    assert guard.measured(GOOD, 60)


def test_the_most_that_can_be_told_apart_is_said_to_be_that() -> None:
    assert _guard(EchoMeasure(40.0, 40.0)).reason == "echo is cancelled by 40 dB or more"


def test_a_change_is_reported_once() -> None:
    guard = EchoGuard()
    told = [guard.measured(measure, now) for now, measure in enumerate([None, GOOD, GOOD, BAD, BAD, GOOD])]
    assert told == [False, True, False, True, False, False]


def test_a_bypassed_processor_ends_full_duplex_with_its_reason() -> None:
    guard = _guard(GOOD)
    assert guard.bypassed("the voice processor hangs")
    assert not guard.bypassed("the voice processor hangs")
    assert not guard.listens_while_playing
    assert guard.reason == "echo is not being cancelled: the voice processor hangs"


def test_after_a_bypass_echo_is_measured_anew() -> None:
    guard = EchoGuard()
    guard.measured(GOOD, 0)
    guard.bypassed("the voice processor hangs")
    assert not guard.measured(GOOD, 10)  # as before the bypass
    assert guard.verdict is Verdict.UNKNOWN
    assert guard.measured(replace(GOOD), 11)


def test_another_device_is_trusted_by_its_own_measure() -> None:
    guard = _guard(BAD)
    guard.forget()
    assert guard.verdict is Verdict.UNKNOWN
    assert guard.measured(GOOD, 1)
