"""Keeps what was spent on disk, so that it survives a power cut. Shell around the file system."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from daemon.money.consumption import KINDS, Consumption
from daemon.money.dates import is_day, is_month
from daemon.money.ledger import (
    KEPT_DAYS,
    KEPT_MONTHS,
    MAX_MODELS,
    MAX_NAME_CHARS,
    LedgerState,
    PerModel,
    Tally,
)
from daemon.state_file import StateFile

FILE_BOUND_BYTES = 1024 * 1024
"""Full, with the longest names and figures nobody can pay for, the ledger takes two thirds of it."""

MAX_COUNT = 10**30

_COUNTS = ("cost_nano", "answers", "unpriced", "unmetered")
_KEYS = frozenset({"days", "months", "undated", "warned", "latest_unix"})


class LedgerFile:
    """The ledger as JSON, written atomically; what is 0 is left out.

    `{"days": {"2026-11-21": {"gpt-realtime": {"cost_nano": 1200, "answers": 1, "text_input": 300}}},
    "months": {"2026-11": {...}}, "undated": {}, "warned": ["2026-11"], "latest_unix": 1795255200}`
    """

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, "spending totals", FILE_BOUND_BYTES)

    def load(self) -> LedgerState:
        """What was spent in earlier runs; nothing if there is no file or it cannot be read.

        A damaged file is set aside as `NAME.damaged`, with a warning. Never raises.
        """
        return self._file.load(_state_in, absent=LedgerState(), unknown=LedgerState())

    def save(self, state: LedgerState) -> None:
        """Replace the file; after a power cut it is the old one or the new one. Waits for the disk.

        Raises `OSError`, for example on a read-only disk; the old file is still there then.
        """
        table = {
            "days": {day: _models(models) for day, models in state.days.items()},
            "months": {month: _models(models) for month, models in state.months.items()},
            "undated": _models(state.undated),
            "warned": sorted(state.warned),
            "latest_unix": state.latest_unix,
        }
        self._file.write(json.dumps(table, separators=(",", ":")).encode() + b"\n")


def _models(models: PerModel) -> dict[str, dict[str, int]]:
    return {model: _entry(tally) for model, tally in models.items()}


def _entry(tally: Tally) -> dict[str, int]:
    counts = {key: getattr(tally, key) for key in _COUNTS} | {
        kind: getattr(tally.used, kind) for kind in KINDS
    }
    return {key: count for key, count in counts.items() if count}


def _state_in(content: bytes) -> LedgerState:
    """Raises `ValueError` for anything `save` does not write."""
    table = json.loads(content)
    if not isinstance(table, dict) or table.keys() != _KEYS:
        raise ValueError(f"{content[:80]!r} is no ledger")
    warned = table["warned"]
    if not isinstance(warned, list) or not all(_is_period(period) for period in warned):
        raise ValueError("what was warned of is no list of days and months")
    if len(warned) > KEPT_DAYS + KEPT_MONTHS:
        raise ValueError("warned of more periods than are kept")
    return LedgerState(
        _periods(table["days"], is_day, KEPT_DAYS),
        _periods(table["months"], is_month, KEPT_MONTHS),
        _per_model(table["undated"]),
        frozenset(warned),
        _count(table["latest_unix"]),
    )


def _is_period(period: Any) -> bool:
    return isinstance(period, str) and (is_day(period) or is_month(period))


def _periods(table: Any, is_period: Callable[[str], bool], at_most: int) -> dict[str, PerModel]:
    if not isinstance(table, dict) or len(table) > at_most or not all(is_period(name) for name in table):
        raise ValueError(f"{str(table)[:80]} are no days or months of a ledger")
    return {period: _per_model(models) for period, models in table.items()}


def _per_model(table: Any) -> PerModel:
    # One more than MAX_MODELS: the sum of all others.
    if not isinstance(table, dict) or len(table) > MAX_MODELS + 1:
        raise ValueError(f"{str(table)[:80]} are no models of a ledger")
    if any(len(model) > MAX_NAME_CHARS for model in table):
        raise ValueError("the name of a model is too long")
    return {model: _tally(entry) for model, entry in table.items()}


def _tally(entry: Any) -> Tally:
    if not isinstance(entry, dict) or not entry.keys() <= {*_COUNTS, *KINDS}:
        raise ValueError(f"{str(entry)[:80]} is no entry of a ledger")
    counts: Mapping[str, int] = {key: _count(value) for key, value in entry.items()}
    used = Consumption(**{kind: counts[kind] for kind in KINDS if kind in counts})
    return Tally(used, **{key: counts[key] for key in _COUNTS if key in counts})


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MAX_COUNT:
        raise ValueError(f"{str(value)[:40]} is no count")
    return value
