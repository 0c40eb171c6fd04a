"""Which tool calls were made already, so that none is made twice. Pure."""

from __future__ import annotations

from enum import Enum

MAX_CALLS = 256
"""Calls remembered; the oldest is forgotten first."""


class Known(Enum):
    NEW = "new"
    REPEATED = "the same call again"
    CHANGED = "another call under the same id"


class CallLedger:
    """Calls by id, with what they were."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, str]] = {}

    def note(self, call_id: str, name: str, arguments: str) -> Known:
        """Remember the call if it is new, and say what it is."""
        known = self._calls.get(call_id)
        if known is not None:
            return Known.REPEATED if known == (name, arguments) else Known.CHANGED
        self._calls[call_id] = (name, arguments)
        if len(self._calls) > MAX_CALLS:
            del self._calls[next(iter(self._calls))]
        return Known.NEW
