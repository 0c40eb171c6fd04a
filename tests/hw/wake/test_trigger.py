from __future__ import annotations

import pytest

from hw.wake.trigger import Trigger


@pytest.mark.parametrize(
    ("likelihoods", "fires"),
    [
        ([0.0, 0.9, 0.9, 0.9], [1]),
        ([0.9], [0]),  # the first of all counts
        ([0.5, 0.5], []),  # not above the threshold
        ([0.9, 0.0, 0.0, 0.9, 0.0, 0.0, 0.9], [0]),  # engines judge only some windows
        ([0.9, 0.0, 0.0, 0.0, 0.9], [0, 4]),
        ([0.9, 0.9, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.9], [0, 8]),  # the pause begins anew
    ],
)
def test_likelihoods_and_when_the_word_is_said(likelihoods: list[float], fires: list[int]) -> None:
    trigger = Trigger(threshold=0.5, refractory_windows=3)
    assert [i for i, likelihood in enumerate(likelihoods) if trigger.feed(likelihood)] == fires


def test_after_a_reset_the_next_may_fire_at_once() -> None:
    trigger = Trigger(threshold=0.5, refractory_windows=3)
    assert trigger.feed(0.9)
    trigger.reset()
    assert trigger.feed(0.9)
