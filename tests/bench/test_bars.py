"""Bars, table and picture say what the figures say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.bench.bars import BARS, outcomes
from tests.bench.picture import PANELS, drawn
from tests.bench.table import COLUMNS, comparison, verdicts

CLIENTS = ("floor", "session", "daemon", "agents_sdk", "openai_sdk")
LATENCY = ("append", "delta", "interruption", "interruption behind a burst", "first append")


def figures(**session: float) -> dict[str, Any]:
    """A session layer as dear as the floor, and a daemon; `session` changes its instructions."""
    dear = {"floor": 1, "session": 1, "daemon": 3, "agents_sdk": 2, "openai_sdk": 10}
    counts = {client: {"per_minute": 100e6 + dear[client] * 400e6, "start": 1e9} for client in CLIENTS}
    counts["null"] = {"per_minute": 100e6, "start": 1e9}
    counts["session"] |= session
    memory = {client: {"peak_mb": 30.0 * dear[client] ** 0.5, "growth_mb": 0.1} for client in CLIENTS}
    return {
        "where": {
            "date": "2026-01-01",
            "ours": {"python": "3"},
            "peers": {"openai": "1", "openai-agents": "2"},
        },
        "instructions": counts,
        "memory": memory,
        "latency": {client: dict.fromkeys(LATENCY, 0.5) for client in CLIENTS if client != "daemon"},
        "start": {"daemon_ready_s": 0.3, "agents_connected_s": 1.5},
        "idle": {"wake_ups": 3.0, "listening_m": 2.5},
        "variants": {"lost": {"shuffled": {"frames": 0, "deltas": 0}}, "deflated": 0},
        "install": {"mb": 20.0, "packages": 9},
        "aarch64": {"daemon_g": 1.5},
        "interruption": {"rows": [interrupted("harkd", 9.0), interrupted("openai-agents", 50.0)]},
    }


def interrupted(player: str, ms: float) -> dict[str, Any]:
    return {"player": player, "device": "3 x 10 ms", "leftover_max_ms": ms, "heard_ms": 3 * ms}


def failed(found: dict[str, Any]) -> list[str]:
    return [outcome.bar.what for outcome in outcomes(found) if not outcome.passed]


def test_every_bar_is_measured_and_passes() -> None:
    assert failed(figures()) == ["whole daemon: peak memory, of a bare openai-agents session"]
    assert len(outcomes(figures())) == len(BARS)


def test_harness_is_taken_off_before_comparing() -> None:
    first, second, *_ = outcomes(figures(per_minute=300e6))
    assert (first.seen, second.seen) == (0.5, 0.25)


def test_bar_without_a_figure_neither_passes_nor_fails() -> None:
    found = figures()
    del found["aarch64"]
    (missing,) = [outcome for outcome in outcomes(found) if outcome.passed is None]
    assert "aarch64" in missing.bar.what
    assert "not measured" in "\n".join(verdicts(found))


def test_loss_fails() -> None:
    found = figures()
    found["variants"]["lost"]["shuffled"]["deltas"] = 1
    assert any("lost" in what for what in failed(found))


def test_table_has_a_column_for_each_client() -> None:
    head, *rows = comparison(figures())
    assert len(head.split("  ")) >= len(COLUMNS)
    assert {len(row) for row in rows} == {len(head)}
    assert rows[1].split()[-5:] == ["1.00", "1.00", "3.25", "2.00", "10.00"]


def test_picture_is_svg_with_every_panel() -> None:
    text = drawn(figures())
    assert ET.fromstring(text).tag.endswith("svg")
    for panel in PANELS:
        assert panel.title in text


@pytest.mark.parametrize("part", ["latency", "memory"])
def test_picture_leaves_out_what_was_not_measured(part: str) -> None:
    found = figures()
    found[part] = {}
    assert ET.fromstring(drawn(found)).tag.endswith("svg")
