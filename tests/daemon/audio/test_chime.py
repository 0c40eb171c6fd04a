"""The ring of a timer."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest

from daemon.audio.chime import LENGTH_S, PEAK, chime
from daemon.audio.pcm import rms_dbfs


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_chime_is_loud_and_fits_the_rate(rate_hz: int) -> None:
    pcm = chime(rate_hz)
    assert len(pcm) == 2 * int(LENGTH_S * rate_hz)
    assert max(map(abs, array("h", pcm))) == PEAK
    assert rms_dbfs(pcm[: len(pcm) // 2]) > -20


def test_chime_begins_and_ends_in_silence() -> None:
    samples = array("h", chime(24_000))
    assert abs(samples[0]) < 50
    assert abs(samples[-1]) < 50
    steps = [abs(b - a) for a, b in pairwise(samples)]
    assert max(steps[:20]) < 3000  # no click at the attack


def test_chime_has_its_two_pitches() -> None:
    rate_hz = 24_000
    samples = array("h", chime(rate_hz))
    first = samples[: int(0.15 * rate_hz)]
    crossings = sum(1 for a, b in pairwise(first) if a < 0 <= b)
    assert crossings / 0.15 == pytest.approx(659, abs=10)


def test_rate_that_cannot_carry_it_is_refused() -> None:
    with pytest.raises(ValueError, match="4000 Hz"):
        chime(2_000)
