"""What waits for a session to be ready: frames and requests, in order. Pure."""

from __future__ import annotations

from collections import deque

from daemon.realtime.responses import CreateRequest

MAX_HELD = 64
"""Items and requests kept until the session is ready; the newest is refused."""

Held = str | CreateRequest


class HeldBack:
    """At most `MAX_HELD` frames and requests; the newest is refused."""

    def __init__(self) -> None:
        self._waiting: deque[Held] = deque()

    @property
    def wants_response(self) -> bool:
        return any(isinstance(held, CreateRequest) for held in self._waiting)

    def add(self, held: Held) -> bool:
        """False if there is no room. An automatic request replaces an earlier one unless one with a body lies
        between."""
        if isinstance(held, CreateRequest) and held.automatic:
            self._absorb_earlier(held)
        if len(self._waiting) >= MAX_HELD:
            return False
        self._waiting.append(held)
        return True

    def drop_requests(self) -> bool:
        """Forget every request; True if there were any."""
        kept: deque[Held] = deque(held for held in self._waiting if not isinstance(held, CreateRequest))
        dropped = len(kept) != len(self._waiting)
        self._waiting = kept
        return dropped

    def take(self) -> deque[Held]:
        """Everything that waits; afterwards nothing does."""
        waiting, self._waiting = self._waiting, deque()
        return waiting

    def _absorb_earlier(self, request: CreateRequest) -> None:
        for index in range(len(self._waiting) - 1, -1, -1):
            earlier = self._waiting[index]
            if isinstance(earlier, CreateRequest):
                if earlier.automatic:
                    request.absorb(earlier)
                    del self._waiting[index]
                return
