"""Events between a session and whoever iterates over it: bounded, audio last to go. Pure."""

from __future__ import annotations

from collections import Counter, deque

from daemon.realtime.events import RealtimeSessionEvent

MAX_EVENTS = 4096
"""About ten minutes of answer at 200 ms per event with all that surrounds it: such a reader is stuck."""

DROPPED_FIRST = ("raw_model_event", "user_transcript_delta", "rate_limits")
"""What repeats itself or is only looked at; the rest tells things once."""


class HistoryChanged:
    """Stands in the queue for a `history_updated`, whose list is made when it is read."""

    type = "history_updated"


HISTORY_CHANGED = HistoryChanged()

Queued = RealtimeSessionEvent | HistoryChanged


class EventQueue:
    """At most `MAX_EVENTS`; `dropped` counts by type what went over the bound.

    First to go is the oldest event of a type in `DROPPED_FIRST`, then the oldest change of the history that
    another one follows, then the oldest event of all. Changes in a row are one.
    """

    def __init__(self, limit: int = MAX_EVENTS) -> None:
        self._limit = limit
        self._events: deque[Queued] = deque()
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Queued) -> None:
        if event is HISTORY_CHANGED and self._events and self._events[-1] is HISTORY_CHANGED:
            return
        self._events.append(event)
        if len(self._events) > self._limit:
            index = self._first_to_go()
            self.dropped[self._events[index].type] += 1
            del self._events[index]

    def take(self) -> Queued | None:
        return self._events.popleft() if self._events else None

    def _first_to_go(self) -> int:
        changes = []
        for index, event in enumerate(self._events):
            if event.type in DROPPED_FIRST:
                return index
            if event is HISTORY_CHANGED:
                changes.append(index)
        return changes[0] if len(changes) > 1 else 0
