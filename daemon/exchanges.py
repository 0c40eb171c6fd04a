"""Keeps the times of the exchange that is going on. Pure."""

from __future__ import annotations

from collections import deque

from daemon.notices import Ending, Exchange

MAX_CALLS = 64


class ExchangeLog:
    """One exchange at a time; a new one ends nothing by itself. Remembers the last 20 that have ended.

    `calls`: the tools at work for the answer. Bound: `MAX_CALLS`, what is called beyond is not waited for.
    """

    def __init__(self) -> None:
        self.ended: deque[Exchange] = deque(maxlen=20)
        self.calls: set[str] = set()
        self._current: Exchange | None = None
        self._count = 0

    def begin(self, now: float, *, spoken: bool) -> None:
        self._count += 1
        self.calls.clear()
        self._current = Exchange(self._count, now, spoken)

    def appended(self, now: float) -> None:
        """Audio went up; only the first time counts."""
        if self._current and self._current.first_append_at is None:
            self._current.first_append_at = now

    def released(self, now: float) -> None:
        if self._current and self._current.released_at is None:
            self._current.released_at = now

    def committed(self, now: float) -> None:
        """The question is with the server; what went wrong with an earlier attempt is forgotten."""
        if self._current:
            self._current.committed_at = now
            self._current.reason = ""

    @property
    def still_spoken(self) -> bool:
        """The question is not complete."""
        return bool(self._current and self._current.spoken and self._current.committed_at is None)

    def answered(self, response_id: str) -> None:
        """An answer has begun; after tools another one may, and the last one counts."""
        if self._current:
            self._current.response_id = response_id

    def called(self, call_id: str) -> None:
        """The answer needs a tool, and goes on when that is done."""
        if self._current and len(self.calls) < MAX_CALLS:
            self.calls.add(call_id)

    def call_answered(self, call_id: str) -> None:
        self.calls.discard(call_id)

    def sounded(self, first_audio_at: float | None) -> None:
        """Audio reached the device, if at all, at this time; only the first time in the exchange counts."""
        exchange = self._current
        if exchange is None or exchange.first_audio_at is not None or first_audio_at is None:
            return
        if first_audio_at > exchange.opened_at:
            exchange.first_audio_at = first_audio_at

    def note(self, reason: str) -> None:
        """Why the answer is not what it should be; told when the exchange ends."""
        if self._current:
            self._current.reason = reason

    def end(self, now: float, how: Ending, reason: str, first_audio_at: float | None) -> Exchange | None:
        """The exchange that ends now, or None if none is going on. Nothing was heard of it without audio."""
        self.sounded(first_audio_at)
        exchange, self._current = self._current, None
        self.calls.clear()
        if exchange is None:
            return None
        exchange.ended_at = now
        exchange.ended = "unanswered" if how == "heard" and exchange.first_audio_at is None else how
        exchange.reason = reason or exchange.reason
        self.ended.append(exchange)
        return exchange
