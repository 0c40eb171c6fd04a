"""Which agent and tools a response began with, and what it said so far. Pure."""

from __future__ import annotations

from dataclasses import field

from daemon.realtime.lead import Lead
from daemon.records import dataclass

MAX_TURNS = 32
"""Responses remembered; tool calls of an older one are looked up in the tools of now."""


@dataclass(slots=True)
class Turn:
    lead: Lead
    words: list[str] = field(default_factory=list)
    ended: bool = False


class Turns:
    """Responses by id, the newest `MAX_TURNS`."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}
        self.newest: str | None = None  # in the conversation, not beside it

    def begin(self, response_id: str, lead: Lead, *, out_of_band: bool) -> None:
        self._turns[response_id] = Turn(lead)
        if not out_of_band:
            self.newest = response_id
        if len(self._turns) > MAX_TURNS:
            del self._turns[next(iter(self._turns))]

    def get(self, response_id: str | None) -> Turn | None:
        return None if response_id is None else self._turns.get(response_id)

    def lead_of(self, response_id: str, now: Lead) -> Lead:
        """Who led when the response began; `now` if it is not known."""
        turn = self._turns.get(response_id)
        return now if turn is None else turn.lead

    def end(self, response_id: str | None) -> Turn | None:
        """The turn that is over now; None if it never began or has ended before."""
        turn = self.get(response_id)
        if turn is None or turn.ended:
            return None
        turn.ended = True
        return turn
