"""Events between a session and whoever iterates over it: bounded, audio last to go. Pure."""

from __future__ import annotations

from collections import Counter, deque

from daemon.realtime.events import RealtimeSessionEvent

MAX_EVENTS = 4096
"""About ten minutes of answer at 200 ms per event with all that surrounds it: such a reader is stuck."""

MAX_RAW_EVENTS = 512
"""Raw audio is 13 KB for 100 ms: of these no more than about 6 MB may wait."""

DROPPED_FIRST = ("raw_model_event", "user_transcript_delta", "rate_limits")
"""What repeats itself or is only looked at; the rest tells things once."""


class HistoryChanged:
    """Stands in the queue for a `history_updated`, whose list is made when it is read."""

    type = "history_updated"


HISTORY_CHANGED = HistoryChanged()

Queued = RealtimeSessionEvent | HistoryChanged


class EventQueue:
    """At most `MAX_EVENTS`, `MAX_RAW_EVENTS` of them raw; `dropped` counts by type what went over the bound.

    First to go is the oldest event of a type in `DROPPED_FIRST`, then the oldest change of the history that
    another one follows, then the oldest event of all. Changes in a row are one.
    """

    def __init__(self, limit: int = MAX_EVENTS) -> None:
        self._limit = limit
        self._events: deque[Queued] = deque()
        self._raw = 0
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Queued) -> None:
        if event is HISTORY_CHANGED and self._events and self._events[-1] is HISTORY_CHANGED:
            return
        self._events.append(event)
        self._raw += event.type == "raw_model_event"
        if len(self._events) > self._limit or self._raw > MAX_RAW_EVENTS:
            self.dropped[self._remove(self._first_to_go()).type] += 1

    def take(self) -> Queued | None:
        return self._remove(0) if self._events else None

    def _remove(self, index: int) -> Queued:
        event = self._events[index]
        del self._events[index]
        self._raw -= event.type == "raw_model_event"
        return event

    def _first_to_go(self) -> int:
        changes = []
        for index, event in enumerate(self._events):
            if event.type in DROPPED_FIRST:
                return index
            if event is HISTORY_CHANGED:
                changes.append(index)
        return changes[0] if len(changes) > 1 else 0
