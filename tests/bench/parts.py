"""The parts of a whole measurement, each a JSON object. Shell around the processes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.bench import arm64, interruption
from tests.bench.bars import Figures
from tests.bench.box import TALKING, stay, talk
from tests.bench.figures import (
    first_append_s,
    growth_mb_per_minute,
    idle_wake_ups_per_s,
    instructions,
    latencies_ms,
    listening_per_s,
    losses,
    median,
    require_whole,
)
from tests.bench.processes import PEERS, ROOT, converse
from tests.bench.server import Plan
from tests.bench.versions import OF_PEERS, machine, versions

NETWORK = ("floor", "session", "agents_sdk", "openai_sdk")
"""Who holds a conversation through the harness."""

MINUTE = Plan(turns=15)
LATENCY = Plan(turns=4, interruptions=15)
REPETITIONS = 3
ROUNDS = 30  # of interruptions of each kind, by each player
RSS_EVERY_S = 5.0  # as the harness notes it
MB = 1024


def counted() -> Figures:
    clients = ("null", *NETWORK, "daemon")
    found = {client: instructions(client) for client in clients}
    return {client: {"per_minute": one.per_minute, "start": one.start} for client, one in found.items()}


def aarch64() -> Figures:
    """The same conversations on an emulated Cortex-A53."""
    with_arm = arm64.counter()
    clients = ("null", "floor", "session", "daemon")
    found = {client: instructions(client, with_arm).per_minute for client in clients}
    harness = found["null"]
    return {
        "per_minute": found,
        "session_to_floor": (found["session"] - harness) / (found["floor"] - harness),
        "daemon_g": found["daemon"] / 1e9,
    }


def memory() -> Figures:
    """Over a minute of conversation, after which nothing more is used for the first time."""
    found: dict[str, Any] = {}
    for client in NETWORK:
        run = converse(client, MINUTE)
        require_whole(run, MINUTE)
        found[client] = _memory(run.client["peak_rss_kb"], run.client["rss_kb"], RSS_EVERY_S)
    run, resident_kb = talk(MINUTE)
    return {**found, "daemon": _memory(run.client["peak_rss_kb"], resident_kb, MINUTE.turn_s)}


def _memory(peak_kb: int, resident_kb: list[int], every_s: float) -> dict[str, float]:
    return {"peak_mb": peak_kb / MB, "growth_mb": growth_mb_per_minute(resident_kb, every_s)}


def latency() -> Figures:
    """Medians over interleaved repetitions: what else the machine does meets everybody alike."""
    seen: dict[str, dict[str, list[float]]] = {client: {} for client in NETWORK}
    for _ in range(REPETITIONS):
        for client in NETWORK:
            run = converse(client, LATENCY)
            require_whole(run, LATENCY)
            times = {**latencies_ms(run, LATENCY), "first append": [1000 * first_append_s(run)]}
            for what, values in times.items():
                seen[client].setdefault(what, []).extend(values)
    return {client: {what: median(values) for what, values in of.items()} for client, of in seen.items()}


def start() -> Figures:
    """From the start of the process, by the clock, in turns."""
    daemon, agents = [], []
    for _ in range(REPETITIONS):
        daemon.append(stay(TALKING, 0.1, settle_s=0.0)[0].client["ready_s"])
        run = converse("agents_sdk", Plan(turns=0))
        agents.append(run.client["ready_at"] - run.spawned_at)
    return {"daemon_ready_s": median(daemon), "agents_connected_s": median(agents)}


def idle() -> Figures:
    return {"wake_ups": idle_wake_ups_per_s(), "listening_m": listening_per_s() / 1e6}


def variants() -> Figures:
    """Other servers: none may make us compress, or lose anything."""
    plans = {
        "shuffled keys, varied deltas, 4x": Plan(turns=3, shuffled=True, varied=True, pace=4.0),
        "the same with interruptions": Plan(turns=1, interruptions=5, shuffled=True, varied=True, pace=4.0),
        "deflate offered": Plan(turns=1, deflate=True),
    }
    runs = {name: converse("session", plan) for name, plan in plans.items()}
    deflated = [talk(plans["deflate offered"])[0], runs["deflate offered"]]
    return {
        "lost": {name: losses(run, plans[name]) for name, run in runs.items()},
        "deflated": sum(bool(run.server["extensions"]) for run in deflated),
    }


def interruptions() -> Figures:
    """In virtual time, on a device of our own."""
    return {"rows": [dataclasses.asdict(row) for row in interruption.measure(ROUNDS)]}


def install() -> Figures:
    """As `pip install harkd` leaves it, compiled files included."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", name, str(ROOT)], check=True, capture_output=True, cwd=name)
        used = sum(file.stat().st_blocks * 512 for file in target.rglob("*") if file.is_file())
        return {"mb": used / 1e6, "packages": len(list(target.glob("*.dist-info")))}


def where() -> Figures:
    return {**machine(), "ours": versions(), "peers": versions(PEERS, OF_PEERS)}


PARTS: Mapping[str, Callable[[], Figures]] = {
    "where": where,
    "instructions": counted,
    "latency": latency,
    "memory": memory,
    "start": start,
    "idle": idle,
    "variants": variants,
    "install": install,
    "interruption": interruptions,
    "aarch64": aarch64,
}
