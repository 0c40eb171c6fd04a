"""Counts what happens between a box and its server, for status and metrics. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from daemon import notices
from daemon.realtime import model_events as rt

BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""A press is answered on the wire within 0.1 s, a question by ear within 2 s, or somebody asks why."""

LATENCIES = ("first_frame", "commit", "answer", "press_to_answer")
"""Steps of an exchange, as `Exchange.figures` has them in milliseconds."""


class Histogram:
    """How often something took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)  # the last one: longer than all
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def summary(self) -> dict[str, Any]:
        """`counts` for each of `BUCKETS_S` and one for more; not cumulative."""
        return {"counts": list(self.counts), "sum_s": round(self.sum_s, 6)}


class Tally:
    """Since the start of the process; nothing is ever taken back."""

    def __init__(self) -> None:
        self._turns = {"heard": 0, "interrupted": 0, "cleared": 0, "unanswered": 0}
        self._interruptions = self._refusals = 0
        self._sessions = self._losses = self._renewals = self._nonsense = self._failed_answers = 0
        self._latencies = {name: Histogram() for name in LATENCIES}
        self._last: dict[str, Any] | None = None
        self._next_attempt_at: float | None = None
        self._was_ready = False

    def on_notice(self, notice: notices.Notice) -> None:
        match notice:
            case notices.ExchangeEnded(exchange):
                self._turns[exchange.ended or "unanswered"] += 1
                figures = exchange.figures()
                for name, histogram in self._latencies.items():
                    if (took_ms := figures.get(f"{name}_ms")) is not None:
                        histogram.add(max(0.0, took_ms / 1000))
                self._last = {"turn": exchange.number, "ended": exchange.ended, **figures}
            case notices.Interrupted():
                self._interruptions += 1
            case notices.Refused():
                self._refusals += 1
            case notices.LinkChanged(status, _):
                self._link_is(status)
            case _:
                pass

    def _link_is(self, status: str) -> None:
        if status == "ready":
            self._sessions += 1
            self._was_ready = True
        elif status == "renewing":
            self._renewals += self._was_ready
            self._was_ready = False
        elif status == "disconnected":
            self._losses += self._was_ready
            self._was_ready = False

    def on_model_event(self, event: rt.RealtimeModelEvent, now: float) -> None:
        """`now`: the loop's time in seconds."""
        if isinstance(event, rt.RealtimeModelConnectionStatusEvent):
            wait_s = event.retry_in_s if event.status == "disconnected" else None
            self._next_attempt_at = None if wait_s is None else now + wait_s
        elif isinstance(event, rt.RealtimeModelFrameRejectedEvent):
            self._nonsense += 1
        elif isinstance(event, rt.RealtimeModelTurnEndedEvent):
            self._failed_answers += event.status in ("failed", "incomplete")

    def next_attempt_s(self, now: float) -> float | None:
        """How long until the next attempt to connect; None while none is waited for."""
        return None if self._next_attempt_at is None else round(max(0.0, self._next_attempt_at - now), 1)

    def summary(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "turns": dict(self._turns),
            "interruptions": self._interruptions,
            "refusals": self._refusals,
            "sessions": self._sessions,
            "losses": self._losses,
            "renewals": self._renewals,
            "nonsense_frames": self._nonsense,
            "failed_answers": self._failed_answers,
            "latencies": {name: histogram.summary() for name, histogram in self._latencies.items()},
            "last_turn": self._last,
        }
