"""The gate of `make bench-check`: compares with tests/bench/baseline.json. Shell around the measuring."""

from __future__ import annotations

import argparse
import json
import sys

from tests.bench.baseline import FIGURES, complaints, ratios, savings
from tests.bench.box import talk
from tests.bench.figures import instructions
from tests.bench.processes import HERE, BenchError, LateError, converse, go_first
from tests.bench.server import Plan
from tests.bench.versions import versions

BASELINE = HERE / "baseline.json"
TURNS = {"floor": 3, "session": 3, "daemon": 2}
"""A daemon goes by the clock, and takes twice as long."""


def measure(client: str) -> dict[str, float]:
    """What `ratios` wants of each client. Once more if the machine was too busy the first time."""
    try:
        return _measured(client)
    except LateError as error:
        print(f"bench-check: once more: {error}", file=sys.stderr)
        return _measured(client)


def _measured(client: str) -> dict[str, float]:
    found = instructions(client, turns=TURNS[client])
    plan = Plan(turns=TURNS[client])
    run = talk(plan)[0] if client == "daemon" else converse(client, plan)
    return {"per_minute": found.per_minute, "start": found.start, "peak_rss": run.client["peak_rss_kb"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", action="store_true", help="take what is measured now for the baseline")
    go_first()
    renew = parser.parse_args().renew
    try:
        now = ratios({client: measure(client) for client in TURNS})
    except BenchError as error:
        print(f"bench-check: {error}", file=sys.stderr)
        return 1
    for name, meaning in FIGURES.items():
        print(f"{now[name]:8.3f}  {meaning}")
    if renew:
        text = json.dumps({"ratios": now, "versions": versions()}, indent=2) + "\n"
        BASELINE.write_text(text, encoding="utf-8")
        return 0
    return judge(now)


def judge(now: dict[str, float]) -> int:
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    for line in savings(baseline, now):
        print(f"bench-check: better: {line}")
    found = complaints(baseline, now, versions())
    for line in found:
        print(f"bench-check: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
