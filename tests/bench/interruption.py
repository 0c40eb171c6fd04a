"""How soon an interrupted answer is silent: this box beside the player of `openai-agents`. Shell.

`python -m tests.bench.interruption [--rounds 30] [--json FILE]` prints a table and fails if the box misses a
bar. Both play one script into one device (`interruption_card`), each in the blocks it asks for by itself, in
virtual time: the figures are the same on every machine, and what computing adds is not in them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.interruption_card import Round

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers"
PLAYER = "examples/realtime/cli/demo.py"  # in the SDK's source distribution, not in its wheel
PATIENCE_S = 600

LEFTOVER_MS = 10.0  # what the box promises on three blocks of 10 ms
HEARD_MS = 40.0
TOLD_MS = 1.0


class PlayerMissing(Exception):
    """The SDK's player cannot be had here; says why."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Who plays, on what, and who interrupts: "voice" as the server hears it, or a "press"."""

    player: str
    queued_blocks: int
    block_ms: int
    by: str = "voice"


BOX = (Setup("harkd", 3, 10), Setup("harkd", 3, 10, by="press"), Setup("harkd", 2, 40))
SDK = Setup("openai-agents", 2, 40)  # it asks for 40 ms


@dataclass(frozen=True, slots=True)
class Row:
    """Rounds of one player and case: medians and worst in milliseconds, as in `Round`; None: never told."""

    player: str
    interrupted_by: str
    case: str
    device: str
    rounds: int
    leftover_ms: float
    leftover_max_ms: float
    silent_ms: float
    silent_max_ms: float
    heard_ms: float
    heard_max_ms: float
    again_ms: float
    again_max_ms: float
    error_then_ms: float | None
    error_in_all_ms: float | None


def measure(rounds: int) -> list[Row]:
    """The box and, where it can be had, the SDK's player; in CI it must be."""
    rows = measure_box(rounds)
    try:
        rows += measure_sdk(rounds)
    except PlayerMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        print(f"without the player of openai-agents: {missing}", file=sys.stderr)
    return rows


def measure_box(rounds: int) -> list[Row]:
    return [row for setup in BOX for row in _measure(setup, rounds, sys.executable, "interruption_ours", {})]


def measure_sdk(rounds: int) -> list[Row]:
    """Raises `PlayerMissing`."""
    env = {
        "PYTHONPATH": str(_player_folder()),
        "OPENAI_API_KEY": "none",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
    }
    return _measure(SDK, rounds, str(PEERS / "bin" / "python"), "interruption_sdk", env)


def _measure(setup: Setup, rounds: int, python: str, module: str, env: dict[str, str]) -> list[Row]:
    job = json.dumps({**dataclasses.asdict(setup), "rounds": rounds})
    command = [python, "-m", f"tests.bench.{module}", job]
    env = {"PATH": os.environ["PATH"], **env}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    seen = json.loads(done.stdout)
    return [_row(setup, case, [Round(**one) for one in of_case]) for case, of_case in seen.items()]


def _row(setup: Setup, case: str, seen: list[Round]) -> Row:
    return Row(
        setup.player,
        setup.by,
        case,
        f"{setup.queued_blocks} x {setup.block_ms} ms",
        len(seen),
        _of(median, (one.leftover_ms for one in seen)),
        _of(max, (one.leftover_ms for one in seen)),
        _of(median, (one.silent_ms for one in seen)),
        _of(max, (one.silent_ms for one in seen)),
        _of(median, (one.heard_ms for one in seen)),
        _of(max, (one.heard_ms for one in seen)),
        _of(median, (one.again_ms for one in seen)),
        _of(max, (one.again_ms for one in seen)),
        _of_told(one.error_then_ms for one in seen),
        _of_told(one.error_in_all_ms for one in seen),
    )


def _of(statistic: Callable[[list[float]], float], values: Iterable[float]) -> float:
    return round(statistic(list(values)), 2)


def _of_told(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return _of(median, told) if told else None


# ---- the SDK's player -----------------------------------------------------------------------------------


def _player_folder() -> Path:
    """The player of the installed version and numpy, which it needs; fetched once, with pip."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        raise PlayerMissing(f"there is no {PEERS.name}; `make test` makes it")
    version = _run(python, "-c", "import importlib.metadata as m; print(m.version('openai-agents'))").strip()
    folder = PEERS / f"player-{version}"
    if not (folder / "demo.py").exists():
        _run(python, "-m", "pip", "install", "-q", "--upgrade", "--target", str(folder), "numpy")
        with tempfile.TemporaryDirectory() as name:
            wanted = ["--no-deps", "--no-binary", "openai-agents", f"openai-agents=={version}"]
            _run(python, "-m", "pip", "download", "-q", "--dest", name, *wanted)
            with tarfile.open(next(Path(name).glob("*.tar.gz"))) as source:
                player = source.extractfile(f"openai_agents-{version}/{PLAYER}")
                assert player is not None
                (folder / "demo.py").write_bytes(player.read())
    return folder


def _run(python: Path, *arguments: str) -> str:
    done = subprocess.run([python, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise PlayerMissing(f"{' '.join(arguments)}: {done.stderr.strip()[-500:]}")
    return done.stdout


# ---- what is shown --------------------------------------------------------------------------------------


def misses(rows: Iterable[Row]) -> list[str]:
    """What the box promises on its own blocks and did not keep."""
    found = []
    for row in rows:
        if (row.player, row.device) != ("harkd", "3 x 10 ms"):
            continue
        told_ms = float("inf") if row.error_then_ms is None else abs(row.error_then_ms)
        bars = (
            ("leftover, worst", row.leftover_max_ms, LEFTOVER_MS),
            ("silent, median", row.silent_ms, LEFTOVER_MS),
            ("heard, median", row.heard_ms, HEARD_MS),
            ("again, worst", row.again_max_ms, 0.0),
            ("told: then, median", told_ms, TOLD_MS),
        )
        where = f"{row.case}, by {row.interrupted_by}"
        found += [f"{where}: {what} {ms:g} ms, at most {bar:g}" for what, ms, bar in bars if ms > bar]
    return found


HEADINGS = ("player", "by", "case", "device", "leftover", "silent", "heard", "again", "told: then", "in all")
WIDTHS = (14, 6, 12, 10, 9, 9, 10, 10, 11, 8)
LEGEND = """Milliseconds, median / worst. leftover: sound handed to the device after the event; silent, heard:
until the last of it was handed over, and was heard; again: sound of the same answer after that; told: what
the server was told was heard, less what was heard at the event, and less what was heard in all."""


def table(rows: Iterable[Row]) -> str:
    lines = [HEADINGS, *map(_cells, rows)]
    shown = [" ".join(cell.ljust(width) for cell, width in zip(line, WIDTHS, strict=True)) for line in lines]
    return "\n".join([*(line.rstrip() for line in shown), LEGEND])


def _cells(row: Row) -> tuple[str, ...]:
    pairs = (
        (row.leftover_ms, row.leftover_max_ms),
        (row.silent_ms, row.silent_max_ms),
        (row.heard_ms, row.heard_max_ms),
        (row.again_ms, row.again_max_ms),
    )
    return (
        *(row.player, row.interrupted_by, row.case, row.device),
        *(f"{middle:.0f} / {worst:.0f}" for middle, worst in pairs),
        *("never" if ms is None else f"{ms:+.1f}" for ms in (row.error_then_ms, row.error_in_all_ms)),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.interruption", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = measure(arguments.rounds)
    print(table(rows))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
    problems = misses(rows)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
