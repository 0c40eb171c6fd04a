"""The gate falls where it should, and says why."""

from __future__ import annotations

import pytest

from tests.bench.baseline import FIGURES, RENEW, complaints, ratios, savings
from tests.bench.figures import Conversation, growth_mb_per_minute, slope

VERSIONS = {"python": "3.11.2"}
AGREED = dict.fromkeys(FIGURES, 2.0)
BASELINE = {"ratios": AGREED, "versions": VERSIONS}


def test_nothing_is_said_about_what_stayed_as_it_was() -> None:
    assert complaints(BASELINE, AGREED, VERSIONS) == []
    assert savings(BASELINE, AGREED) == []


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(("now", "fails"), [(1.5, False), (2.09, False), (2.11, True)])
def test_each_figure_may_grow_by_five_percent(name: str, now: float, fails: bool) -> None:
    assert bool(complaints(BASELINE, AGREED | {name: now}, VERSIONS)) is fails


def test_complaint_names_figure_before_now_and_what_to_do() -> None:
    (said,) = complaints(BASELINE, AGREED | {"daemon_per_minute": 2.5}, VERSIONS)
    for part in ("daemon_per_minute", "2.000", "2.500", "+25.0 %", RENEW):
        assert part in said


def test_complaint_tells_of_other_versions() -> None:
    said = complaints(BASELINE, AGREED | {"session_start": 3.0}, {"python": "3.13.5"})
    assert said[-1].endswith("python 3.13.5 (was 3.11.2)")


def test_figure_without_a_baseline_is_a_complaint() -> None:
    (said,) = complaints(
        {"ratios": AGREED, "versions": {}} | {"ratios": dict(list(AGREED.items())[1:])}, AGREED, {}
    )
    assert "not in the baseline" in said


def test_great_saving_asks_for_a_new_baseline() -> None:
    (said,) = savings(BASELINE, AGREED | {"session_peak_rss": 1.5})
    assert said.startswith("session_peak_rss")


def test_ratios_are_to_the_floor_of_the_same_run() -> None:
    cost = {"floor": 200.0, "session": 300.0, "daemon": 1000.0}
    measured = {client: {"per_minute": n, "start": n, "peak_rss": n} for client, n in cost.items()}
    found = ratios(measured)
    assert (found["session_per_minute"], found["daemon_per_minute"]) == (1.5, 5.0)
    assert (found["session_start"], found["daemon_peak_rss"]) == (1.5, 5.0)


def test_slope_parts_the_start_from_the_conversation() -> None:
    found = slope(Conversation(8, 500), Conversation(16, 580))
    assert (found.per_minute, found.start) == (600, 420)


def test_growth_is_that_of_the_settled_process() -> None:
    assert growth_mb_per_minute([0, 0, 9216, 10240, 11264, 12288], every_s=60) == pytest.approx(1.0)
