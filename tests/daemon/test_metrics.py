from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box import Box
from virtual_loop import run_virtual

from daemon import notices
from daemon.metrics import FAMILIES, render, table
from daemon.metrics_tally import BUCKETS_S, Histogram, Tally
from daemon.notices import Exchange
from daemon.realtime import model_events as rt

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

# https://prometheus.io/docs/instrumenting/exposition_formats, as strict as the format allows.
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (-?[0-9.]+(?:e-?[0-9]+)?|NaN|[+-]Inf)")
_ABOUT = re.compile(rf"# (HELP|TYPE) ({_NAME}) (.+)")

Samples = dict[str, dict[str, float]]


def parsed(text: str) -> Samples:
    """Samples by family and by the text before the value; what breaks the format is an error."""
    assert text.endswith("\n")
    found: Samples = {}
    family = kind = ""
    for line in text.splitlines():
        about = _ABOUT.fullmatch(line)
        if about and about[1] == "HELP":
            assert about[2] not in found, "a family stands in one place"
            found[family := about[2]] = {}
        elif about:
            kind = about[3]
            assert about[2] == family
            assert kind in ("counter", "gauge", "histogram")
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            assert sample[1] in [family + ending for ending in endings], line
            name, value = line.rsplit(" ", 1)
            assert name not in found[family], f"twice: {line}"
            found[family][name] = float(value)
    return found


def values(samples: Samples) -> Iterator[tuple[str, float]]:
    for family in samples.values():
        yield from family.items()


def status_of(**changes: Any) -> dict[str, Any]:
    """A real box's status, after one question and half an answer, with parts of it changed."""
    found: dict[str, Any] = {}

    async def main() -> None:
        async with Box() as box:
            await box.live(40, b"\x00\x20\x00\xe0" * 120 * 40)
            found.update(box.app.status())

    run_virtual(main())
    return found | changes


def test_every_figure_of_a_box_is_told_in_the_format() -> None:
    found = parsed(render(status_of()))
    missing = {family.name for family in FAMILIES} - found.keys()
    assert missing == {"harkd_limit_day", "harkd_limit_month"}  # there is none
    flat = dict(values(found))
    assert flat["harkd_link_up"] == 1
    assert flat['harkd_phase{phase="idle"}'] == 1
    assert flat['harkd_phase{phase="speaking"}'] == 0
    assert flat["harkd_sessions_total"] == 1
    assert flat['harkd_device_ok{device="microphone"}'] == 1


def test_texts_of_others_cannot_break_the_format() -> None:
    nasty = 'a"b\\c\nharkd_link_up 5'
    found = parsed(render(status_of(config={"revision": nasty, "problems": ["x", "y"]})))
    [about] = found["harkd_info"]
    assert 'revision="a\\"b\\\\c\\nharkd_link_up 5"' in about
    assert found["harkd_config_problems"] == {"harkd_config_problems": 2.0}


def test_money_is_in_its_currency() -> None:
    money = status_of()["money"] | {"today_nano": 420_000_000, "today_limit_nano": 2 * 10**9, "capped": "no"}
    flat = dict(values(parsed(render(status_of(money=money)))))
    assert flat['harkd_spent_today{currency="USD"}'] == 0.42
    assert flat['harkd_limit_day{currency="USD"}'] == 2
    assert flat["harkd_spending_capped"] == 1


def test_each_token_is_counted_once() -> None:
    usage = {
        "input": {"text": 100, "audio": 50, "image": 0},
        "cached": {"text": 64, "audio": 0, "image": 0},
        "output": {"text": 7, "audio": 21},
    }
    tokens = parsed(render(status_of(usage=usage)))["harkd_tokens_total"]
    assert tokens['harkd_tokens_total{direction="input",modality="text",cached="no"}'] == 36
    assert tokens['harkd_tokens_total{direction="input",modality="text",cached="yes"}'] == 64
    assert sum(tokens.values()) == 100 + 50 + 7 + 21


@pytest.mark.parametrize(
    ("state", "ok"), [("working", 1), ("closed", 1), ("lost", 0), ("silent", 0), ("busy", 0), ("wedged", 0)]
)
def test_device_that_nobody_wants_open_is_no_trouble(state: str, ok: float) -> None:
    status = status_of()
    status["speaker"] = status["speaker"] | {"state": state}
    assert dict(values(parsed(render(status))))['harkd_device_ok{device="speaker"}'] == ok


def test_link_that_is_down_has_no_age() -> None:
    found = parsed(render(status_of(link="down", session_age_s=None)))
    assert found["harkd_link_up"] == {"harkd_link_up": 0.0}
    assert "harkd_session_age_seconds" not in found


def exchange(**changes: Any) -> Exchange:
    usual: dict[str, Any] = {
        "number": 1,
        "opened_at": 10.0,
        "spoken": True,
        "first_append_at": 10.02,
        "released_at": 11.0,
        "committed_at": 11.01,
        "first_audio_at": 11.8,
        "ended_at": 13.0,
        "ended": "heard",
    }
    return Exchange(**usual | changes)


def test_latencies_are_cumulative_buckets() -> None:
    tally = Tally()
    for first_audio_at in (11.25, 11.3, 11.8, 60.0):
        tally.on_notice(notices.ExchangeEnded(exchange(first_audio_at=first_audio_at)))
    found = parsed(render(status_of(totals=tally.summary())))["harkd_answer_seconds"]
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert buckets == [0, 0, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4]
    assert found["harkd_answer_seconds_count"] == 4
    assert found["harkd_answer_seconds_sum"] == pytest.approx(0.25 + 0.3 + 0.8 + 49.0)


def test_bounds_belong_to_their_bucket() -> None:
    histogram = Histogram()
    for bound in BUCKETS_S:
        histogram.add(bound)
    assert histogram.summary()["counts"] == [1] * len(BUCKETS_S) + [0]


def test_names_have_units_and_counters_end_in_total() -> None:
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert not re.search(r"_(ms|milliseconds|percent|dbfs|bytes_s)\b", family.name)
        assert family.kind != "histogram" or family.name.endswith("_seconds")


def test_page_has_the_table() -> None:
    assert table() in PAGE.read_text()


# ---- what is counted -----------------------------------------------------------------


def test_turns_are_counted_by_how_they_ended() -> None:
    tally = Tally()
    for ended in ("heard", "heard", "interrupted", "cleared", "unanswered"):
        tally.on_notice(notices.ExchangeEnded(exchange(ended=ended)))
    tally.on_notice(notices.Interrupted(1.0, 0, ()))
    found = tally.summary()
    assert found["turns"] == {"heard": 2, "interrupted": 1, "cleared": 1, "unanswered": 1}
    assert found["interruptions"] == 1
    assert found["last_turn"]["answer_ms"] == 800.0


def link(tally: Tally, *states: str) -> None:
    for state in states:
        tally.on_notice(notices.LinkChanged(state, ""))


def test_session_is_lost_once_and_attempts_are_no_losses() -> None:
    tally = Tally()
    link(tally, "connecting", "disconnected", "connecting", "connected", "ready")
    link(tally, "disconnected", "connecting", "disconnected", "connecting", "connected", "ready")
    found = tally.summary()
    assert (found["sessions"], found["losses"], found["renewals"]) == (2, 1, 0)


def test_renewed_session_is_no_loss() -> None:
    tally = Tally()
    link(tally, "connecting", "connected", "ready", "renewing", "renewing", "renewing", "ready")
    found = tally.summary()
    assert (found["sessions"], found["losses"], found["renewals"]) == (2, 0, 1)


def test_next_attempt_is_known_while_it_is_waited_for() -> None:
    tally = Tally()
    assert tally.next_attempt_s(100.0) is None
    tally.on_model_event(rt.RealtimeModelConnectionStatusEvent("disconnected", "gone", 8.0), 100.0)
    assert (tally.next_attempt_s(103.0), tally.next_attempt_s(109.0)) == (5.0, 0.0)
    tally.on_model_event(rt.RealtimeModelConnectionStatusEvent("connecting"), 108.0)
    assert tally.next_attempt_s(108.0) is None


def test_what_the_server_gets_wrong_is_counted() -> None:
    tally = Tally()
    tally.on_model_event(rt.RealtimeModelFrameRejectedEvent("not JSON", ""), 1.0)
    assert tally.summary()["nonsense_frames"] == 1
