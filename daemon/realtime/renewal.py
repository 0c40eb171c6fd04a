"""When an ageing session is replaced by a new one: before its limit, in a moment of silence. Pure."""

from __future__ import annotations

RENEW_AFTER_S = 55 * 60.0
"""The API ends a session after 60 minutes; five are left to find an idle moment."""

LOOK_AGAIN_S = 5.0
"""How often an old session is looked at while it is in use."""


class Renewal:
    """Idle is: nobody speaks, and no audio was sent that the server has not made a turn of."""

    def __init__(self) -> None:
        self._began_at: float | None = None
        self._speaking = False
        self._turn_open = False
        self._manual = False

    def began(self, now: float, *, manual_turns: bool) -> None:
        """A new session is configured; with `manual_turns` it is the owner who makes turns of the audio."""
        self._began_at = now
        self._manual = manual_turns
        self._speaking = self._turn_open = False

    def speaking(self, speaking: bool) -> None:
        """The server's voice detector hears somebody, or has stopped to."""
        self._speaking = speaking

    def audio_sent(self, *, committed: bool) -> None:
        """Audio went up; `committed` (or cleared) ends the turn."""
        self._turn_open = self._manual and not committed

    def asked(self) -> None:
        """The owner is renewing the session."""
        self._began_at = None

    def due(self, now: float) -> bool:
        return self._old(now) and not self._speaking and not self._turn_open

    def next_deadline(self, now: float) -> float | None:
        if self._began_at is None:
            return None
        return max(self._began_at + RENEW_AFTER_S, now + (LOOK_AGAIN_S if self._old(now) else 0.0))

    def _old(self, now: float) -> bool:
        # The very sum that is the deadline: rounded otherwise, a timer would find nothing due for ever.
        return self._began_at is not None and now >= self._began_at + RENEW_AFTER_S
