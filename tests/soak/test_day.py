"""A household's hours in virtual time: nothing leaks, and every turn is accounted for.

A gate has time for a quiet day and night whose devices have long periods and are open while they are used;
with `SOAK=day` more people come, and both devices are always open, 8.3 million periods of them. What
was seen is in `docs/soak.md`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WHOLE_DAY = os.environ.get("SOAK") == "day"
DAY = "--hours 24 --warm 6 --capture always --turns 16 --troubles 8"
QUIET_DAY = "--hours 24 --warm 18 --turns 6 --troubles 4 --period 60"
GROWTH_KB = 5 * 1024
THREADS = 8
"""The loop's own, its executor's of at most six on two cores, one that prepares the first prompt."""

ACCOUNTED = {
    *("heard", "unanswered", "interrupted", "cleared", "refused"),
    *("said", "consent given", "alarm dismissed", "not listened to"),
}
EXPECTED_OF_THE_SERVICE = {
    "session_expired",
    "conversation_already_has_active_response",
    "response_cancel_not_active",
}


def lived(module: str, *options: str) -> dict[str, Any]:
    """In a process of its own, in which nothing else takes memory."""
    run = [sys.executable, "-m", f"tests.soak.{module}", *options]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def day() -> dict[str, Any]:
    return lived("day", *(DAY if WHOLE_DAY else QUIET_DAY).split())


def test_every_turn_has_come_to_one_end(day: dict[str, Any]) -> None:
    assert day["problems"] == []
    assert set(day["outcomes"]) <= ACCOUNTED, day["unaccounted"]
    assert sum(day["outcomes"].values()) == day["attempts"] >= (300 if WHOLE_DAY else 80)


def test_journal_exchanges_and_notices_agree(day: dict[str, Any]) -> None:
    assert day["begun"] == day["exchanges"] == day["told"] == sum(day["ended"].values())


def test_service_got_the_turns_that_were_committed_and_no_others(day: dict[str, Any]) -> None:
    assert day["commits_of_others"] == []
    assert day["muddled"] == 0, "one turn holds the sound of another"
    assert set(day["service_errors"]) <= EXPECTED_OF_THE_SERVICE


def test_books_hold_every_answer(day: dict[str, Any]) -> None:
    money = day["money"]
    assert day["session_tokens"] == day["tokens"]
    assert day["saved_answers"] - money["unmetered"] == day["usages"]  # on disk, over all days


def test_nothing_went_wrong_inside_and_the_journal_is_not_flooded(day: dict[str, Any]) -> None:
    assert day["errors"] == []
    assert day["log_most_per_hour"] < 6 * day["attempts_most_per_hour"] + 200


def test_nothing_grows(day: dict[str, Any]) -> None:
    warm = day["warm"]
    for hour in [*day["hours"], day["at_rest"]]:
        assert hour["threads"] <= THREADS
        assert hour["tasks"] <= warm["tasks"] + 4  # a tool, a decision or a file being written
        assert hour["descriptors"] <= warm["descriptors"] + 1
    assert day["at_rest"]["rss_kb"] - warm["rss_kb"] < GROWTH_KB, day["hours"]


def test_box_that_was_stopped_leaves_nothing_behind(day: dict[str, Any]) -> None:
    assert (day["after"]["tasks"], day["after"]["timers"]) == (1, 0)


def test_replay_to_a_new_connection_is_bounded(day: dict[str, Any]) -> None:
    items, chars = day["longest_replay"]
    assert items <= 201  # and a message that was written meanwhile
    assert chars < 100_000
    assert day["history_items"] <= 2000


@pytest.mark.parametrize("state", ["idle", "muted", "timer"])
def test_idle_box_with_a_closed_microphone_hardly_wakes_up(state: str) -> None:
    found = lived("idle", "--hours", "0.2", "--state", state)
    assert found["per_s"] < 3, found["sources"]
