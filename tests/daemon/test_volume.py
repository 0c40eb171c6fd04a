"""The volume, its limits and its steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.volume import ALARM_FLOOR_PERCENT, Volume, VolumeSettings

NARROW = VolumeSettings(start_percent=40, min_percent=10, max_percent=85, step_percent=20)


@pytest.mark.parametrize(("restored", "percent"), [(None, 40), (50, 50), (0, 10), (100, 85)])
def test_box_starts_at_what_was_set_last_within_todays_limits(restored: int | None, percent: int) -> None:
    assert Volume(NARROW, restored).percent == percent


def test_steps_end_at_the_limits_and_say_so() -> None:
    volume = Volume(NARROW)
    up = [(volume.louder(), volume.percent) for _ in range(4)]
    assert up == [(True, 60), (True, 80), (True, 85), (False, 85)]
    down = [(volume.softer(), volume.percent) for _ in range(5)]
    assert down == [(True, 65), (True, 45), (True, 25), (True, 10), (False, 10)]


def test_silence_is_reached_where_it_is_allowed_and_left_again() -> None:
    volume = Volume(VolumeSettings(start_percent=3))
    assert volume.softer()
    assert volume.percent == 0
    assert volume.louder()
    assert volume.percent == 5


@pytest.mark.parametrize("percent", [9, 86, -1, 50.0, True, "50", None])
def test_impossible_volume_is_refused_and_changes_nothing(percent: object) -> None:
    volume = Volume(NARROW)
    with pytest.raises(ValueError, match="allowed: a whole number from 10 to 85"):
        volume.set(percent)
    assert volume.percent == 40


def test_volume_within_the_limits_is_taken_as_it_is() -> None:
    volume = Volume(NARROW)
    volume.set(85)
    assert volume.percent == 85


@pytest.mark.parametrize(
    ("settings", "percent", "alarm"),
    [
        (VolumeSettings(), 0, ALARM_FLOOR_PERCENT),
        (VolumeSettings(), ALARM_FLOOR_PERCENT + 20, ALARM_FLOOR_PERCENT + 20),
        (VolumeSettings(start_percent=10, max_percent=30), 10, 30),
    ],
)
def test_timer_rings_through_a_low_volume_but_not_above_the_limit(
    settings: VolumeSettings, percent: int, alarm: int
) -> None:
    assert Volume(settings, percent).alarm_percent == alarm


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"min_percent": 60, "max_percent": 50}, "limits are 60 to 50"),
        ({"max_percent": 101}, "limits are 0 to 101"),
        ({"min_percent": -1}, "limits are -1 to 100"),
        ({"start_percent": 0, "max_percent": 0}, "limits are 0 to 0"),
        ({"start_percent": 5, "min_percent": 10}, "starts at 5, allowed by its limits: 10 to 100"),
        ({"step_percent": 0}, "step is 0, allowed: 1 to 100"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        VolumeSettings(**wrong)


@given(st.integers(0, 99), st.integers(1, 100), st.integers(1, 100), st.lists(st.booleans()))
def test_no_presses_lead_outside_the_limits(low: int, high: int, step: int, presses: list[bool]) -> None:
    low, high = sorted((low, high))
    volume = Volume(VolumeSettings(low, low, high, step))
    for up in presses:
        moved = volume.louder() if up else volume.softer()
        assert low <= volume.percent <= high
        assert moved or volume.percent in (low, high)
