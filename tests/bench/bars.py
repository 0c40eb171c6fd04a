"""What is promised, beside what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
"""As in docs/bench.json: by part, then by client or figure."""


OURS = ("harkd", "3 x 10 ms")
"""The player and the device of whose interruptions something is promised."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`seen(figures)` must not be above `most`."""

    what: str
    most: float
    unit: str
    seen: Callable[[Figures], float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seen` is None where it was not measured."""

    bar: Bar
    seen: float | None

    @property
    def passed(self) -> bool | None:
        return None if self.seen is None else self.seen <= self.bar.most


def net_per_minute(figures: Figures, client: str) -> float:
    """Instructions of a minute of conversation, without the harness."""
    counts = figures["instructions"]
    own = 0.0 if client == "daemon" else counts["null"]["per_minute"]
    return float(counts[client]["per_minute"] - own)


def _per_minute(client: str) -> Callable[[Figures], float]:
    return lambda figures: net_per_minute(figures, "session") / net_per_minute(figures, client)


def _start(figures: Figures) -> float:
    counts = figures["instructions"]
    return float(counts["session"]["start"] / counts["floor"]["start"])


def _peak(client: str, peer: str) -> Callable[[Figures], float]:
    return lambda figures: figures["memory"][client]["peak_mb"] / figures["memory"][peer]["peak_mb"]


def _latency(what: str) -> Callable[[Figures], float]:
    return lambda figures: figures["latency"]["session"][what] / figures["latency"]["floor"][what]


def _figure(part: str, *names: str) -> Callable[[Figures], float]:
    def seen(figures: Figures) -> float:
        found = figures[part]
        for name in names:
            found = found[name]
        return float(found)

    return seen


def _ready(figures: Figures) -> float:
    return float(figures["start"]["daemon_ready_s"] / figures["start"]["agents_connected_s"])


def _lost(figures: Figures) -> float:
    return float(sum(sum(lost.values()) for lost in figures["variants"]["lost"].values()))


def _worst_of_rows(figure: str) -> Callable[[Figures], float]:
    def seen(figures: Figures) -> float:
        rows = figures["interruption"]["rows"]
        return max(float(row[figure]) for row in rows if (row["player"], row["device"]) == OURS)

    return seen


BARS = (
    Bar("session layer: instructions per minute, of the floor's", 1.0, "x", _per_minute("floor")),
    Bar("session layer: instructions per minute, of openai-agents'", 0.55, "x", _per_minute("agents_sdk")),
    Bar("session layer: instructions to start, of the floor's", 1.5, "x", _start),
    Bar("session layer: peak memory, of the floor's", 1.35, "x", _peak("session", "floor")),
    Bar("session layer: latency of an append, of the floor's", 1.2, "x", _latency("append")),
    Bar("session layer: latency of a delta, of the floor's", 1.2, "x", _latency("delta")),
    Bar("session layer: latency of an interruption, of the floor's", 1.2, "x", _latency("interruption")),
    Bar("session layer: the same behind 5 s of audio", 1.2, "x", _latency("interruption behind a burst")),
    Bar("whole daemon: aarch64 instructions per minute of talking", 1.6, "G", _figure("aarch64", "daemon_g")),
    Bar(
        "whole daemon: peak memory, of a bare openai-agents session", 0.7, "x", _peak("daemon", "agents_sdk")
    ),
    Bar("whole daemon: growth while talking", 0.5, "MB/min", _figure("memory", "daemon", "growth_mb")),
    Bar("whole daemon: start to READY, of openai-agents' to connected", 0.25, "x", _ready),
    Bar("microphone closed: wake-ups of all threads", 20.0, "/s", _figure("idle", "wake_ups")),
    Bar("only listening for a voice: instructions", 3.0, "M/s", _figure("idle", "listening_m")),
    Bar("connections that use permessage-deflate when it is offered", 0, "", _figure("variants", "deflated")),
    Bar("lost with shuffled keys, 4.8 to 24 kB deltas, 4x real time", 0, "", _lost),
    Bar("interruption: sound handed over after it, worst", 10.0, "ms", _worst_of_rows("leftover_max_ms")),
    Bar("interruption: heard after it on 3 x 10 ms, median", 40.0, "ms", _worst_of_rows("heard_ms")),
    Bar("installed without extras", 60.0, "MB", _figure("install", "mb")),
    Bar("packages without extras, harkd included", 15, "", _figure("install", "packages")),
)


def outcomes(figures: Figures, bars: tuple[Bar, ...] = BARS) -> list[Outcome]:
    """Each bar, with what was seen of it."""
    return [Outcome(bar, _seen(bar, figures)) for bar in bars]


def _seen(bar: Bar, figures: Figures) -> float | None:
    try:
        return bar.seen(figures)
    except KeyError:
        return None
