from __future__ import annotations

from itertools import pairwise
from typing import get_args

from daemon.audio.profiles import PROFILES, ProfileName


def test_every_name_has_a_profile() -> None:
    assert tuple(PROFILES) == get_args(ProfileName)


def test_each_is_safer_than_the_one_before() -> None:
    for quick, safe in pairwise(PROFILES.values()):
        assert quick.capture_period_ms < safe.capture_period_ms
        assert quick.playback_period_ms < safe.playback_period_ms
