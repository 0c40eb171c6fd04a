"""The session configuration we want, what the server has confirmed, and what is still on its way. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from daemon.records import dataclass

CONFIRMED_WITHIN_S = 10.0
"""A `session.update` without `session.updated` after this long counts as refused; the service needs well
under 1 s."""


def merge_session(session: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`session` after a `session.update` with `changes`, by the server's rule: only what is present changes,
    null clears.

    `audio`, `audio.input` and `audio.output` are merged key by key, everything else is replaced whole.
    """
    merged = {**session, **changes}
    if isinstance(session.get("audio"), Mapping) and isinstance(changes.get("audio"), Mapping):
        audio = {**session["audio"], **changes["audio"]}
        for side in ("input", "output"):
            old, new = session["audio"].get(side), changes["audio"].get(side)
            if isinstance(old, Mapping) and isinstance(new, Mapping):
                audio[side] = {**old, **new}
        merged["audio"] = audio
    return merged


@dataclass(frozen=True, slots=True)
class _Outstanding:
    event_id: str
    changes: Mapping[str, Any]
    first: bool
    deadline: float


class SessionUpdates:
    """Updates are confirmed in the order sent (`session.updated` carries no id), refused by id."""

    def __init__(self, session: Mapping[str, Any]) -> None:
        self._confirmed: dict[str, Any] = dict(session)
        self._outstanding: deque[_Outstanding] = deque()

    @property
    def wanted(self) -> dict[str, Any]:
        """The whole configuration as it will be if nothing outstanding is refused."""
        wanted = self._confirmed
        for update in self._outstanding:
            wanted = merge_session(wanted, update.changes)
        return wanted

    @property
    def deadline(self) -> float | None:
        return self._outstanding[0].deadline if self._outstanding else None

    def keep(self, changes: Mapping[str, Any]) -> None:
        """Change what the next connection is configured with; nothing is sent."""
        self._confirmed = merge_session(self._confirmed, changes)

    def replace(self, session: Mapping[str, Any]) -> None:
        """Configure the next connection with this and nothing else; what is outstanding does not matter."""
        self._confirmed = dict(session)
        self._outstanding.clear()

    def start(self, event_id: str, now: float) -> dict[str, Any]:
        """A new connection: the whole configuration, to be sent under `event_id`."""
        self._confirmed = self.wanted
        self._outstanding.clear()
        self._outstanding.append(_Outstanding(event_id, {}, True, now + CONFIRMED_WITHIN_S))
        return self._confirmed

    def sent(self, event_id: str, changes: Mapping[str, Any], now: float) -> None:
        """Note an update of the running session."""
        self._outstanding.append(_Outstanding(event_id, changes, False, now + CONFIRMED_WITHIN_S))

    def confirmed(self) -> bool:
        """`session.updated` arrived. True if it confirms the first update of this connection."""
        if not self._outstanding:
            return False
        update = self._outstanding.popleft()
        self._confirmed = merge_session(self._confirmed, update.changes)
        return update.first

    def refused(self, event_id: str | None, unnamed: bool = False) -> bool | None:
        """The server refused an update: forget it; the oldest if the error is `unnamed`. None if the id is
        not of one, else True if it was the first of this connection."""
        for update in self._outstanding:
            if unnamed or update.event_id == event_id:
                self._outstanding.remove(update)
                return update.first
        return None

    def expire(self, now: float) -> bool | None:
        """Forget the oldest update if it is overdue. None if it is not, else True if it was the first."""
        if not self._outstanding or now < self._outstanding[0].deadline:
            return None
        return self._outstanding.popleft().first


def expiry_of(session: Mapping[str, Any]) -> float | None:
    """When the server will end this session, unix seconds, if it says so in a sensible way."""
    expires_at = session.get("expires_at")
    sensible = isinstance(expires_at, int | float) and 0 < expires_at < 1e11
    return float(expires_at) if sensible and expires_at is not None else None


def server_answers(session: Mapping[str, Any]) -> bool:
    """Whether the server begins a response of its own after each turn it has heard."""
    audio = session.get("audio")
    side = audio.get("input") if isinstance(audio, Mapping) else None
    detection = side.get("turn_detection") if isinstance(side, Mapping) else None
    return isinstance(detection, Mapping) and detection.get("create_response", True) is True
