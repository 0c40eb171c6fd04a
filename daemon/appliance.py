"""What the box does: one step from (state, event, now) to commands. Pure.

How the states move is in `daemon.transitions`. Which signal an event means, which depends on the talk mode,
and what each arrow asks for is in `daemon.decisions`.
"""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions import answering, connection, listening, person
from daemon.decisions.state import CHIME_PAUSE_S, BoxState, Handlers
from daemon.events import Command, Event
from daemon.transitions import Signal, Turn


class Appliance(BoxState):
    """The decisions of one box. Not thread-safe: one owner calls `step` for every event, in order."""

    def step(self, event: Event, now: float) -> list[Command]:
        """Take one event at monotonic time `now` (seconds); answer what to do, in order."""
        self.commands = []
        _HANDLERS[type(event)](self, event, now)
        if self.turn is not Turn.LIVE:
            self.commit_until = None  # whatever ended the streaming: nothing is on its way any more
        connection.mind_link(self, now)
        chime = self.may_chime and now >= self.chime_after
        if chime:
            self.move(Signal.CHIMED)
            self.chime_after = now + CHIME_PAUSE_S
        if (phase := self.phase) is not self.phase_shown:
            self.phase_shown = phase
            self.do(ev.ShowPhase(phase))
        if chime:
            self.do(ev.PlayChime())  # last: the new phase ends the exchange that was heard before it
        return self.commands

    def next_deadline(self) -> float | None:
        """When `Tick` is due, or None."""
        chime_after = self.chime_after if self.may_chime else None
        approve_by = self.waiting_calls.next_deadline()
        deadlines = (
            self.turn_deadline,
            self.answer_deadline,
            self.commit_until,
            self.follow_until,
            self.hang_up_at,
            chime_after,
            approve_by,
        )
        return min((due for due in deadlines if due is not None), default=None)


_HANDLERS: Handlers = {
    **person.HANDLERS,
    **listening.HANDLERS,
    **answering.HANDLERS,
    **connection.HANDLERS,
}
