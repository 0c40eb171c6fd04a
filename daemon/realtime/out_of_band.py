"""Responses that run beside the conversation (`conversation: "none"`), told apart by a tag of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_OUT_OF_BAND = 16
"""Out-of-band responses requested or running at a time; the newest is refused."""

TAG = "harkd_request"
"""Metadata key that marks our out-of-band responses; the server echoes metadata in `response.created`."""

MAX_METADATA = 15
"""Pairs of the owner's; the API takes 16, one is the tag."""


class OutOfBand:
    """By the event id of our request: the response's id once the server has created it."""

    def __init__(self) -> None:
        self._running: dict[str, str | None] = {}

    @property
    def full(self) -> bool:
        return len(self._running) >= MAX_OUT_OF_BAND

    @property
    def response_ids(self) -> list[str | None]:
        return list(self._running.values())

    def start(self, event_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Note the request; its body with the tag."""
        self._running[event_id] = None
        return {**body, "metadata": {**(body.get("metadata") or {}), TAG: event_id}}

    def created(self, response_id: str, metadata: Mapping[str, Any]) -> bool | None:
        """None if the response is none of these, else whether its beginning is news."""
        tag = metadata.get(TAG)
        if not isinstance(tag, str) or tag not in self._running:
            return None
        news = self._running[tag] is None
        if news:
            self._running[tag] = response_id
        return news

    def done(self, response_id: str | None) -> bool:
        """True if it was one of these; it is forgotten."""
        for event_id, running in self._running.items():
            if running is not None and running == response_id:
                del self._running[event_id]
                return True
        return False

    def refused(self, event_id: str) -> bool:
        """True if the request was one of these; it is forgotten."""
        known = event_id in self._running
        self._running.pop(event_id, None)
        return known

    def clear(self) -> None:
        self._running.clear()
