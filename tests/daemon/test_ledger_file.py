"""The ledger on its way to the disk, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ledger_file import FILE_BOUND_BYTES, MAX_COUNT, LedgerFile
from daemon.money.consumption import KINDS, Consumption
from daemon.money.ledger import (
    KEPT_DAYS,
    KEPT_MONTHS,
    MAX_MODELS,
    MAX_NAME_CHARS,
    Ledger,
    LedgerState,
    Tally,
)

STATE = LedgerState(
    days={"2026-11-21": {"talker": Tally(Consumption(text_input=300), 1200, answers=1)}},
    months={"2026-11": {"talker": Tally(Consumption(text_input=300), 1200, answers=1)}},
    undated={"writer": Tally(Consumption(audio_ms=2500), unpriced=1)},
    warned=frozenset({"2026-11", "2026-11-21"}),
    latest_unix=1795262400,
)
WRITTEN = {
    "days": {"2026-11-21": {"talker": {"cost_nano": 1200, "answers": 1, "text_input": 300}}},
    "months": {"2026-11": {"talker": {"cost_nano": 1200, "answers": 1, "text_input": 300}}},
    "undated": {"writer": {"unpriced": 1, "audio_ms": 2500}},
    "warned": ["2026-11", "2026-11-21"],
    "latest_unix": 1795262400,
}
EMPTY: dict[str, Any] = {"days": {}, "months": {}, "undated": {}, "warned": [], "latest_unix": 0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spending.json"


def test_file_is_json(path: Path) -> None:
    LedgerFile(path).save(STATE)
    assert json.loads(path.read_text()) == WRITTEN


def test_what_was_saved_is_loaded(path: Path) -> None:
    LedgerFile(path).save(STATE)
    assert LedgerFile(path).load() == STATE


def test_no_file_is_an_empty_ledger(path: Path) -> None:
    assert LedgerFile(path).load() == LedgerState()


@pytest.mark.parametrize(
    "damage",
    [
        {"days": {"yesterday": {}}},
        {"days": {"2026-11": {}}},
        {"days": []},
        {"months": {"2026-11-21": {}}},
        {"undated": {"talker": {"text_input": -1}}},
        {"undated": {"talker": {"text_input": 1.5}}},
        {"undated": {"talker": {"text_input": True}}},
        {"undated": {"talker": {"text_input": MAX_COUNT}}},
        {"undated": {"talker": {"gold": 1}}},
        {"undated": {"talker": 1}},
        {"undated": {"x" * (MAX_NAME_CHARS + 1): {}}},
        {"undated": {str(i): {} for i in range(MAX_MODELS + 2)}},
        {"warned": ["soon"]},
        {"warned": [["2026-11"]]},
        {"warned": "2026-11"},
        {"latest_unix": None},
        {"more": 1},
    ],
)
def test_damaged_file_is_set_aside(path: Path, damage: dict[str, Any]) -> None:
    path.write_text(json.dumps(EMPTY | damage))
    assert LedgerFile(path).load() == LedgerState()
    assert path.with_name("spending.json.damaged").exists()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_ledger_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "spending.json"
    path.write_bytes(content)
    assert LedgerFile(path).load() == LedgerState()


def test_fullest_ledger_fits(path: Path) -> None:
    """Every day, month and model there can be, with the longest figures that can be read again."""
    tally = Tally(Consumption(**dict.fromkeys(KINDS, MAX_COUNT - 1)), *[MAX_COUNT - 1] * 4)
    models = {f"{i}{'é' * (MAX_NAME_CHARS - 1)}": tally for i in range(MAX_MODELS + 1)}
    days = {f"20{26 + i // 28}-01-{i % 28 + 1:02}": models for i in range(KEPT_DAYS)}
    months = {f"20{26 + i // 12}-{i % 12 + 1:02}": models for i in range(KEPT_MONTHS)}
    state = LedgerState(days, months, models, frozenset([*days, *months]), MAX_COUNT - 1)
    LedgerFile(path).save(state)
    assert path.stat().st_size < FILE_BOUND_BYTES
    assert LedgerFile(path).load() == state
    assert Ledger(state).state(MAX_COUNT - 1) == state
