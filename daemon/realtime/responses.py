"""The one response a conversation may have at a time: who asked, who runs, who waits. Pure.

The server refuses a second response with `conversation_already_has_active_response`, and it may start one of
its own (voice activity detection) while our request is on its way. `ResponseSlot` sends one request at a
time, tells the two cases apart when the refusal arrives, and asks again after the winner is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from daemon.realtime.recent import RecentSet
from daemon.records import dataclass

CREATED_WITHIN_S = 15.0
"""A request without `response.created` after this long is given up; the service answers within a second or
two."""

SILENT_AFTER_S = 30.0
"""A response of which nothing at all was heard for this long is cancelled and given up."""

CANCELLED_WITHIN_S = 5.0
"""A cancelled response without `response.done` after this long no longer blocks the next one."""

OWED_WITHIN_S = 5.0
"""A server that answers by itself begins within a second of a turn; what comes later is another response."""

MAX_PENDING = 32
"""Requests waiting for the slot; the newest is refused. Only requests with a body of their own can pile
up."""

MAX_NAMED = 64
"""Requests remembered after sending, for errors that name them: when the server's own response comes and goes
while ours is still on its way, we cannot know that it was not the answer, and send the next."""

MAX_ATTEMPTS = 6
"""Sendings of one request, the first included, that may lose the race against the server before it fails."""


class SlotState(Enum):
    FREE = "free"
    REQUESTED = "requested"  # our response.create is on its way
    CONTENDED = "contended"  # a response we have not seen yet holds the slot
    ACTIVE = "active"  # response.created has arrived, ours or the server's


class SlotEvent(Enum):
    SENT = "response.create sent"
    CREATED = "response.created"
    DONE = "response.done"
    CONFLICT = "conversation_already_has_active_response"
    REFUSED = "another error naming our request"
    GIVEN_UP = "deadline passed"
    OWED = "input_audio_buffer.committed by a server that answers by itself"


TRANSITIONS: Mapping[SlotState, Mapping[SlotEvent, SlotState]] = MappingProxyType(
    {
        SlotState.FREE: {
            SlotEvent.SENT: SlotState.REQUESTED,
            SlotEvent.CREATED: SlotState.ACTIVE,
            SlotEvent.OWED: SlotState.CONTENDED,
        },
        SlotState.REQUESTED: {
            SlotEvent.CREATED: SlotState.ACTIVE,
            SlotEvent.CONFLICT: SlotState.CONTENDED,
            SlotEvent.REFUSED: SlotState.FREE,
            SlotEvent.GIVEN_UP: SlotState.FREE,
        },
        SlotState.CONTENDED: {
            SlotEvent.CREATED: SlotState.ACTIVE,
            SlotEvent.DONE: SlotState.FREE,
            SlotEvent.GIVEN_UP: SlotState.FREE,
        },
        SlotState.ACTIVE: {
            SlotEvent.CREATED: SlotState.ACTIVE,  # the server's newest is the one that runs
            SlotEvent.DONE: SlotState.FREE,
            SlotEvent.CONFLICT: SlotState.ACTIVE,  # what we took for our response is the winner's
            SlotEvent.GIVEN_UP: SlotState.FREE,
        },
    }
)


@dataclass(slots=True, eq=False)
class CreateRequest:
    """A wish for a response. Without a body it is automatic and merges with its automatic neighbours.

    `commits` are the event ids of the audio commits it answers; `other_reason` is a message, a tool output,
    or a bare request. A request whose commits all turned out empty and that has no other reason is `void`;
    one that was on its way when the user cut in is `halted`. Neither is sent again.
    """

    body: Mapping[str, Any] | None = None
    commits: frozenset[str] = frozenset()
    other_reason: bool = True
    event_id: str = ""
    attempts: int = 0
    void: bool = False
    halted: bool = False

    @property
    def automatic(self) -> bool:
        return self.body is None

    def absorb(self, other: CreateRequest) -> None:
        self.commits |= other.commits
        self.other_reason |= other.other_reason

    def commit_was_empty(self, event_id: str) -> bool:
        """Forget this commit; True if that makes the request void."""
        if event_id not in self.commits:
            return False
        self.commits -= {event_id}
        self.void = self.automatic and not self.commits and not self.other_reason
        return self.void


@dataclass(frozen=True, slots=True)
class Halt:
    """What an interruption finds: send a cancel now (naming `response_id` if known), and whether anything
    was stopped."""

    cancel: bool
    response_id: str | None
    stopped: bool


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A deadline has passed: cancel at the server if `cancel`; `report` is False if the owner no longer
    waits for it."""

    response_id: str | None
    cancel: bool
    report: bool
    detail: str


class ConflictOutcome(Enum):
    NOT_OURS = "not ours"
    RETRIED = "put back at the front"
    DROPPED = "not wanted any more"
    EXHAUSTED = "too many attempts"


class ResponseSlot:
    """At most one create is outstanding and none is sent while a response is active.

    `pending` holds at most `MAX_PENDING` requests, `request` refuses the newest.
    """

    def __init__(self) -> None:
        self.state = SlotState.FREE
        self.response_id: str | None = None
        self.cancelled = False  # the active response, or the one to come, is not wanted any more
        self.pending: deque[CreateRequest] = deque()
        self._sent: deque[CreateRequest] = deque(maxlen=MAX_NAMED)  # an error may still name them
        self._flight: CreateRequest | None = (
            None  # on its way, or taken to be what the active response answers
        )
        self._deadline: float | None = None
        self._over: RecentSet[str] = RecentSet(64)

    @property
    def wanted(self) -> bool:
        """A response is requested, running or waiting to be requested, and nobody has cancelled it."""
        return bool(self.pending) or (self.state is not SlotState.FREE and not self.cancelled)

    @property
    def deadline(self) -> float | None:
        return self._deadline

    def request(self, request: CreateRequest) -> bool:
        """Queue a request; an automatic one joins an automatic one at the end of the queue. False: the queue
        is full."""
        if request.automatic and self.pending and self.pending[-1].automatic:
            self.pending[-1].absorb(request)
            return True
        if len(self.pending) >= MAX_PENDING:
            return False
        self.pending.append(request)
        return True

    @property
    def can_send(self) -> bool:
        return self.state is SlotState.FREE and bool(self.pending)

    def send_next(self, event_id: str, now: float) -> CreateRequest:
        """The request to send now, under this event id. Only while `can_send`."""
        request = self.pending.popleft()
        request.event_id = event_id
        request.attempts += 1
        self._sent.append(request)
        self._flight = request
        self.cancelled = False
        self._move(SlotEvent.SENT, now + CREATED_WITHIN_S)
        return request

    def created(self, response_id: str, now: float) -> bool:
        """A response began. True if it is the one an interruption was waiting for: cancel it at once."""
        unwanted = self.cancelled and self.state in (SlotState.REQUESTED, SlotState.CONTENDED)
        self.response_id = response_id
        self.cancelled = unwanted
        self._move(SlotEvent.CREATED, now + (CANCELLED_WITHIN_S if unwanted else SILENT_AFTER_S))
        return unwanted

    def owed(self, now: float) -> None:
        """The server has heard a turn and will begin a response of its own: an interruption concerns it."""
        if self.state is SlotState.FREE:
            self._move(SlotEvent.OWED, now + OWED_WITHIN_S)

    def is_new(self, response_id: str) -> bool:
        """True for a response that holds no place here and never did."""
        return response_id != self.response_id and response_id not in self._over

    def heard_of(self, response_id: str | None, now: float) -> None:
        """An event of this response (None: of whichever runs) arrived: it is alive."""
        alive = self.state in (SlotState.ACTIVE, SlotState.CONTENDED) and not self.cancelled
        if alive and response_id in (None, self.response_id):
            self._deadline = now + SILENT_AFTER_S

    def done(self, response_id: str | None) -> tuple[bool, str | None]:
        """(True if its end is news, the id of the response that ended). Without an id the active one ended;
        another response's end does not free the slot."""
        if response_id is None:
            if self.state not in (SlotState.ACTIVE, SlotState.CONTENDED):
                return False, None
            response_id = self.response_id
        elif response_id in self._over:
            return False, response_id
        if response_id is not None:
            self._over.add(response_id)
        if self.state is SlotState.CONTENDED or (
            self.state is SlotState.ACTIVE and response_id == self.response_id
        ):
            self._free(SlotEvent.DONE)
        return True, response_id

    def conflict(self, event_id: str | None, now: float) -> ConflictOutcome:
        """The server says a response was active already: the refused request goes back to the front of the
        queue.

        Without an id the error is about the request in flight, or the one the active response was taken to
        answer.
        """
        refused = self._flight if event_id is None else self._named(event_id)
        if refused is None:
            return ConflictOutcome.NOT_OURS
        self._sent.remove(refused)
        if refused is self._flight:
            self._lose_race(refused, now)
        if refused.void or refused.halted:
            return ConflictOutcome.DROPPED
        if refused.attempts >= MAX_ATTEMPTS:
            return ConflictOutcome.EXHAUSTED
        if refused.automatic and self.pending and self.pending[0].automatic:
            refused.absorb(self.pending.popleft())
        self.pending.appendleft(refused)
        return ConflictOutcome.RETRIED

    def refused(self, event_id: str) -> bool:
        """Another error named our request: it is dropped. True if the owner still waits for its response
        (False: it is none of ours, was interrupted, or another response runs)."""
        refused = self._named(event_id)
        if refused is None:
            return False
        self._sent.remove(refused)
        if refused is not self._flight:
            return False
        self._flight = None
        waiting = self.state is SlotState.REQUESTED and not self.cancelled
        if self.state is SlotState.REQUESTED:
            self._free(SlotEvent.REFUSED)
        return waiting

    def commit_was_empty(self, event_id: str) -> bool:
        """The commit made no item: a request with no other reason is void. True if the owner loses a
        response by it.

        One that waits is dropped; one in flight is cancelled as soon as it begins.
        """
        for request in self.pending:
            if request.commit_was_empty(event_id):
                self.pending.remove(request)
                return True
        for request in self._sent:
            if request.commit_was_empty(event_id) and request is self._flight:
                stops = self.state is SlotState.REQUESTED and not self.cancelled
                self.cancelled = self.cancelled or stops
                return stops
        return False

    def halt(self, now: float) -> Halt:
        """The user cut in: requests that wait are forgotten, the active response is to be cancelled now, one
        in flight as soon as it begins."""
        forgotten = bool(self.pending)
        self.pending.clear()
        stops = self.state is not SlotState.FREE and not self.cancelled
        cancel = stops and self.state is SlotState.ACTIVE
        self.cancelled = self.cancelled or stops
        for request in self._sent:
            request.halted = True
        if cancel:
            self._deadline = now + CANCELLED_WITHIN_S
        return Halt(cancel, self.response_id if cancel else None, stops or forgotten)

    def expire(self, now: float) -> GivenUp | None:
        """Give up what has passed its deadline, freeing the slot; None if nothing has."""
        if self._deadline is None or now < self._deadline:
            return None
        response_id, state, cancelled = self.response_id, self.state, self.cancelled
        if response_id is not None:
            self._over.add(response_id)
        self._free(SlotEvent.GIVEN_UP)
        if state is SlotState.REQUESTED:
            return GivenUp(None, False, not cancelled, f"no response.created within {CREATED_WITHIN_S:g} s")
        if state is SlotState.CONTENDED:
            return GivenUp(None, True, False, "the response in our way was never announced")
        detail = "the cancelled response never ended" if cancelled else f"no event for {SILENT_AFTER_S:g} s"
        return GivenUp(response_id, not cancelled, True, detail)

    def _named(self, event_id: str) -> CreateRequest | None:
        return next((request for request in self._sent if request.event_id == event_id), None)

    def _lose_race(self, refused: CreateRequest, now: float) -> None:
        self._flight = None
        if refused.void and not refused.halted:
            self.cancelled = False  # nobody cut in: the winner may speak
        in_flight = self.state is SlotState.REQUESTED
        self._move(SlotEvent.CONFLICT, self._deadline)
        if in_flight:
            self._deadline = now + (CANCELLED_WITHIN_S if self.cancelled else SILENT_AFTER_S)

    def _free(self, event: SlotEvent) -> None:
        self._move(event, None)
        self.response_id = self._flight = None
        self.cancelled = False

    def _move(self, event: SlotEvent, deadline: float | None) -> None:
        self.state = TRANSITIONS[self.state][event]
        self._deadline = deadline
