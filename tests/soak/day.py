"""Lets a household live for hours of virtual time; says what became of it: `python -m tests.soak.day`."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

from daemon.realtime import history
from tests.soak.household import Household
from tests.soak.soak_loop import SoakLoop, run_day


def rss_kb() -> int:
    """What is in use, without what the allocator only keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def counts() -> dict[str, int]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SoakLoop)
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "rss_kb": rss_kb(),
        "objects": len(gc.get_objects()),
        "timers": loop.timers,
    }


async def day(options: argparse.Namespace, report: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SoakLoop)
    with tempfile.TemporaryDirectory() as folder:
        household = Household(
            Path(folder),
            options.seed,
            mode=options.mode,
            capture=options.capture,
            turns_per_hour=options.turns,
            troubles_per_hour=options.troubles,
            period_ms=options.period,
        )
        hours: list[dict[str, int]] = []
        snapshots: list[tracemalloc.Snapshot] = []

        def on_hour(hour: int) -> None:
            hours.append(counts())
            print(
                f"hour {hour + 1}: {hours[-1]} turns {len(household.attempts)}", file=sys.stderr, flush=True
            )
            if options.trace and hour + 1 in (options.warm, round(options.hours)):
                snapshots.append(tracemalloc.take_snapshot())

        async with household:
            await household.live(options.hours, on_hour)
            await household.mend()
            at_rest = counts()
            summary(household, report)
        report["warm"] = hours[min(options.warm, len(hours)) - 1]
        saved = json.loads((Path(folder) / "spending.json").read_text())
        report["saved_answers"] = sum(
            booked.get("answers", 0) for models in saved["days"].values() for booked in models.values()
        )
        report |= {
            "hours": hours,
            "at_rest": at_rest,
            "after": counts(),
            "virtual_s": round(loop.time() - 1000),
        }
        if len(snapshots) == 2:
            top = snapshots[1].compare_to(snapshots[0], "lineno")[:25]
            report["grown"] = [
                f"{stat.size_diff / 1024:+.0f} KiB {stat.count_diff:+} {stat.traceback}" for stat in top
            ]


def wrong_commits(household: Household) -> list[str]:
    """What the service got and should not have, or the other way round."""
    wrong = []
    for attempt in household.attempts:
        got = household.service.commits[attempt.level]
        sent = any(exchange.committed_at is not None for exchange in attempt.exchanges)
        if not attempt.level:
            continue
        lost = any(exchange.reason.startswith("lost") for exchange in attempt.exchanges)  # on a silent line
        if (got > 0) != sent and not (sent and lost and attempt.outcome != "heard"):
            wrong.append(f"{got} commits of {attempt}")
    return wrong


def summary(household: Household, report: dict[str, Any]) -> None:
    app = household.app
    outcomes: dict[str, int] = {}
    for attempt in household.attempts:
        outcome = attempt.outcome
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    kept = app.conductor.link.protocol.history
    report |= {
        "attempts": len(household.attempts),
        "outcomes": outcomes,
        "exchanges": household.exchanges,
        "begun": app.conductor.exchanges._count,
        "reasons": dict(household.reasons),
        "told": household.journal.exchanges,
        "ended": dict(household.ended),
        "troubles": dict(household.troubles),
        "problems": household.problems,
        "log_lines": sum(household.journal.lines.values()),
        "log_most_per_hour": max(household.journal.lines.values(), default=0),
        "attempts_most_per_hour": max(
            Counter(int(attempt.at // 3600) for attempt in household.attempts).values(), default=0
        ),
        "log_kinds": household.journal.kinds.most_common(60),
        "errors": household.journal.errors,
        "commits": sum(household.service.commits.values()),
        "muddled": household.service.muddled,
        "connections": household.service.opened,
        "connection_attempts": household.service.attempts,
        "service_errors": dict(household.service.errors),
        "longest_replay": household.service.longest_replay,
        "history_items": len(kept),
        "history_chars": sum(len(i.text) + len(i.output or "") + len(i.arguments or "") for i in kept),
        "mic_periods": household.microphone.periods,
        "speaker_periods": household.speaker.periods,
        "light_frames": household.light.shown,
        "money": app.books.summary(),
        "answers": household.service.answers,
        "session_tokens": app.agents.session.usage.total_tokens,
        "commits_of_others": wrong_commits(household),
        "usages": household.service.usages,
        "tokens": household.service.tokens,
        "counters": str(app.conductor.link.protocol.counters)[:600],
        "unaccounted": [repr(a) for a in household.attempts if a.outcome in ("nothing", "counted twice")][
            :20
        ],
        "unexplained": [
            repr(a)
            for a in household.attempts
            if any(e.ended == "unanswered" and not e.reason for e in a.exchanges)
        ][:20],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--warm", type=int, default=1, help="hours before memory is compared")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", default="hold", choices=["hold", "hands_free"])
    parser.add_argument("--capture", default="on_demand", choices=["on_demand", "always"])
    parser.add_argument("--turns", type=float, default=45, help="times an hour that somebody comes")
    parser.add_argument("--troubles", type=float, default=12, help="an hour")
    parser.add_argument("--period", type=int, default=20, help="of the devices, in milliseconds")
    parser.add_argument("--history", type=int, default=0, help="items kept, to have it full when warm")
    parser.add_argument("--trace", action="store_true", help="tell what memory grew, by line of code")
    options = parser.parse_args()
    if options.trace:
        tracemalloc.start()
    if options.history:
        history.MAX_ITEMS = options.history
    report: dict[str, Any] = {}
    began, cpu = time.monotonic(), time.process_time()
    run_day(day(options, report))
    report["wall_s"] = round(time.monotonic() - began, 1)
    report["cpu_s"] = round(time.process_time() - cpu, 1)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
