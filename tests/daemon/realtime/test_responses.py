"""The response slot: its table, and a random server that it must never annoy twice."""

from __future__ import annotations

from typing import Any

import pytest
from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from daemon.realtime import responses as module
from daemon.realtime.responses import TRANSITIONS, CreateRequest, ResponseSlot, SlotEvent, SlotState
from tests.daemon.realtime.talk import Talk

TABLE = {
    "free": "sent>requested created>active owed>contended",
    "requested": "created>active conflict>contended refused>free given_up>free",
    "contended": "created>active done>free given_up>free",
    "active": "created>active done>free conflict>active given_up>free",
}


@pytest.mark.parametrize(("state", "row"), TABLE.items())
def test_transition_table(state: str, row: str) -> None:
    expected = dict(cell.split(">") for cell in row.split())
    actual = TRANSITIONS[SlotState(state)]
    assert {event.name.lower(): after.value for event, after in actual.items()} == expected


def test_every_event_leads_somewhere_from_some_state() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(SlotEvent)


def test_the_queue_refuses_the_newest_over_its_bound() -> None:
    slot = ResponseSlot()
    assert all(slot.request(CreateRequest({"n": n})) for n in range(module.MAX_PENDING))
    assert slot.request(CreateRequest({})) is False
    assert len(slot.pending) == module.MAX_PENDING


# (steps, frames sent): each step is a call on `Talk`.
RACES = {
    "requests wait for the active response and merge": (
        [("say",), ("created", "r1"), ("say",), ("say",), ("done", "r1")],
        ["item message", "create", "item message", "item message", "create"],
    ),
    "a request during the flight of another gets its own response": (
        [("ask",), ("ask",), ("created", "r1"), ("done", "r1")],
        ["create", "create"],
    ),
    "requests with a body are never merged and keep their place": (
        [
            *[("created", "r0"), ("ask", {"instructions": "A"}), ("ask",), ("ask",)],
            *[("ask", {"instructions": "B"}), ("ask",), ("done", "r0"), ("created", "r1"), ("done", "r1")],
            *[("created", "r2"), ("done", "r2"), ("created", "r3"), ("done", "r3")],
        ],
        ["create A", "create", "create B", "create"],
    ),
    "the server's own response won, and was announced first": (
        [
            ("ask",),
            ("created", "vad"),
            ("error", "conversation_already_has_active_response", "create"),
            ("done", "vad"),
        ],
        ["create", "create"],
    ),
    "the server's own response won, and is announced after the refusal": (
        [
            ("ask",),
            ("error", "conversation_already_has_active_response", "create"),
            ("created", "vad"),
            ("done", "vad"),
        ],
        ["create", "create"],
    ),
    "the server's own response won and was never announced": (
        [("ask",), ("error", "conversation_already_has_active_response", "create"), ("done", "vad")],
        ["create", "create"],
    ),
    "the refusal has no event id": (
        [
            ("ask",),
            ("created", "vad"),
            ("error", "conversation_already_has_active_response"),
            ("done", "vad"),
        ],
        ["create", "create"],
    ),
    "the refusal arrives after the winner is done": (
        [
            ("ask",),
            ("created", "vad"),
            ("done", "vad"),
            ("error", "conversation_already_has_active_response", "create"),
        ],
        ["create", "create"],
    ),
    "a refused request comes back before those that came later, and takes the next automatic one along": (
        [
            ("ask",),
            ("created", "vad"),
            ("ask",),
            ("ask", {"instructions": "B"}),
            ("error", "conversation_already_has_active_response", "create"),
            ("done", "vad"),
            ("created", "r1"),
            ("done", "r1"),
        ],
        ["create", "create", "create B"],
    ),
    "a refusal without id is not about a response that was ours": (
        [
            ("ask",),
            ("created", "r1"),
            ("done", "r1"),
            ("created", "vad"),
            ("error", "conversation_already_has_active_response"),
            ("done", "vad"),
        ],
        ["create"],
    ),
    "another response's end does not free the slot": (
        [("created", "r1"), ("ask",), ("done", "r0")],
        [],
    ),
    "an end without id is that of the active response": (
        [("created", "r1"), ("ask",), ("done", None)],
        ["create"],
    ),
    "a refused request is dropped and the next one sent": (
        [("ask", {"instructions": "bad"}), ("ask",), ("error", "invalid_value", "create")],
        ["create bad", "create"],
    ),
    "an error about something else changes nothing": (
        [("ask",), ("ask",), ("error", "invalid_value")],
        ["create"],
    ),
    "a request without an answer is given up": ([("ask",), ("ask",), ("wait", 15.0)], ["create", "create"]),
    "a silent response is cancelled and given up": (
        [("created", "r1"), ("ask",), ("wait", 30.0)],
        ["cancel r1", "create"],
    ),
    "a response is not silent while its events arrive": (
        [("created", "r1"), ("ask",), ("wait", 29.0), ("audio", "r1", "a", 20), ("wait", 29.0)],
        [],
    ),
    "a response that blocks us without showing itself is cancelled": (
        [("ask",), ("error", "conversation_already_has_active_response", "create"), ("wait", 30.0)],
        ["create", "cancel", "create"],
    ),
    "a cancelled response that never ends blocks for five seconds": (
        [("created", "r1"), ("interrupt",), ("ask",), ("wait", 4.9), ("wait", 0.1)],
        ["cancel r1", "create"],
    ),
    "an interruption forgets every request that waits, those with a body too": (
        [
            ("created", "r1"),
            ("ask",),
            ("ask", {"instructions": "A"}),
            ("interrupt",),
            ("done", "r1", "cancelled"),
        ],
        ["cancel r1"],
    ),
    "an interruption cancels a request in flight when it begins": (
        [("ask",), ("interrupt",), ("created", "r1")],
        ["create", "cancel r1"],
    ),
    "an interrupted request that lost the race does not come back": (
        [
            ("ask",),
            ("created", "vad"),
            ("interrupt",),
            ("error", "conversation_already_has_active_response", "create"),
            ("done", "vad", "cancelled"),
        ],
        ["create", "cancel vad"],
    ),
    "an interrupted request that lost the race does not come back, even after the winner's end": (
        [
            ("ask",),
            ("created", "vad"),
            ("interrupt",),
            ("done", "vad", "cancelled"),
            ("error", "conversation_already_has_active_response", "create"),
        ],
        ["create", "cancel vad"],
    ),
    "an empty commit takes its request along": (
        [
            ("created", "r1"),
            ("commit",),
            ("ask",),
            ("error", "input_audio_buffer_commit_empty", "commit"),
            ("done", "r1"),
        ],
        ["commit"],
    ),
    "an empty commit cancels the response requested for it": (
        [("commit",), ("ask",), ("error", "input_audio_buffer_commit_empty", "commit"), ("created", "r1")],
        ["commit", "create", "cancel r1"],
    ),
    "an empty commit leaves a request that had another reason": (
        [
            ("created", "r1"),
            ("commit",),
            ("ask",),
            ("say",),
            ("error", "input_audio_buffer_commit_empty", "commit"),
            ("done", "r1"),
        ],
        ["commit", "item message", "create"],
    ),
    "a request for an empty commit that also lost the race lets the winner speak": (
        [
            ("commit",),
            ("ask",),
            ("error", "input_audio_buffer_commit_empty", "commit"),
            ("error", "conversation_already_has_active_response", "create"),
            ("created", "vad"),
            ("done", "vad"),
        ],
        ["commit", "create"],
    ),
    "out-of-band responses do not wait and do not block": (
        [("created", "r1"), ("ask", {"conversation": "none"}), ("done", "r1"), ("ask",)],
        ["create beside", "create"],
    ),
}


def play(talk: Talk, steps: list[tuple[object, ...]]) -> Talk:
    for name, *arguments in steps:
        getattr(talk, str(name))(*arguments)
    return talk


@pytest.mark.parametrize("steps_and_frames", RACES.values(), ids=RACES.keys())
def test_races_for_the_one_response(
    steps_and_frames: tuple[list[tuple[object, ...]], list[str]],
) -> None:
    steps, frames = steps_and_frames
    assert play(Talk(), steps).sent() == frames


def test_a_request_that_keeps_losing_is_given_up_in_the_end() -> None:
    talk = Talk().ask()
    for turn in range(module.MAX_ATTEMPTS):
        talk.created(f"vad{turn}").error("conversation_already_has_active_response", "create")
        talk.done(f"vad{turn}")
    assert talk.sent() == ["create"] * module.MAX_ATTEMPTS
    assert "turn_ended None failed" in talk.told()
    assert talk.protocol.counters.retried_creates == module.MAX_ATTEMPTS - 1


class SlotAgainstServer(RuleBasedStateMachine):
    """A server that obeys the API: one response at a time, its own whenever it likes, refusals by event id.

    Messages wait in `uplink` and `downlink` for as long as Hypothesis likes: every interleaving of requests,
    the server's own responses, refusals, interruptions and ends is tried.
    """

    @initialize()
    def start(self) -> None:
        self.talk = Talk()
        self.uplink: list[dict[str, Any]] = []
        self.downlink: list[tuple[str, dict[str, Any]]] = []
        self.running: str | None = None  # at the server
        self.responses = 0
        self.names = 0
        self.first_wanted = 1  # requests with a body are numbered; those below were interrupted
        self.owed: set[str] = set()  # requests with a body that must be answered yet
        self.in_flight: str | None = None  # as far as the client can know
        self.active: str | None = None

    @rule()
    def user_asks(self) -> None:
        self.talk.ask()
        self.client_writes()

    @rule()
    def owner_asks_with_a_body(self) -> None:
        self.names += 1
        name = f"n{self.names}"
        self.owed.add(name)
        self.talk.ask({"instructions": name})
        self.client_writes()

    @rule()
    def user_interrupts(self) -> None:
        """Nothing asked for so far is sent any more, not even what had lost the race."""
        self.owed.clear()
        self.first_wanted = self.names + 1
        self.talk.interrupt()
        self.client_writes()

    def client_writes(self) -> None:
        for frame in self.talk.frames():
            if frame["type"] == "response.create":
                assert self.in_flight is None, "two creates outstanding"
                assert self.active is None, "a create while a response is active"
                name = frame.get("response", {}).get("instructions", "n9999")
                assert int(name[1:]) >= self.first_wanted, "a request comes back after an interruption"
                self.in_flight = frame["event_id"]
            self.uplink.append(frame)

    @precondition(lambda self: self.running is None)
    @rule()
    def server_begins(self) -> None:
        self.responses += 1
        self.running = f"r{self.responses}"
        self.downlink.append(("response.created", {"response": {"id": self.running}}))

    @precondition(lambda self: self.running is not None)
    @rule(status=st.sampled_from(["completed", "failed", "incomplete"]))
    def server_ends(self, status: str) -> None:
        self.downlink.append(("response.done", {"response": {"id": self.running, "status": status}}))
        self.running = None

    @precondition(lambda self: self.uplink)
    @rule()
    def server_reads(self) -> None:
        frame = self.uplink.pop(0)
        if frame["type"] == "response.create" and self.running is None:
            self.owed.discard(frame.get("response", {}).get("instructions"))
            self.server_begins()
        elif frame["type"] == "response.create":
            self.server_refuses(frame, "conversation_already_has_active_response")
        elif self.running is None:
            self.server_refuses(frame, "response_cancel_not_active")
        elif self.running == frame["response_id"]:
            self.server_ends("cancelled")

    def server_refuses(self, frame: dict[str, Any], code: str) -> None:
        error = {"code": code, "message": "no", "event_id": frame["event_id"]}
        self.downlink.append(("error", {"error": error}))

    @precondition(lambda self: self.downlink)
    @rule()
    def client_reads(self) -> None:
        kind, fields = self.downlink.pop(0)
        if kind == "response.created":
            self.active, self.in_flight = fields["response"]["id"], None
        elif kind == "response.done":
            self.active = None
        elif fields["error"]["event_id"] == self.in_flight:
            self.in_flight, self.active = None, "a response not yet announced"
        self.talk.server(kind, **fields)
        self.client_writes()

    def teardown(self) -> None:
        """Once everybody falls silent, everything owed has been answered and nothing is left over."""
        while self.uplink or self.downlink or self.running:
            if self.uplink:
                self.server_reads()
            elif self.downlink:
                self.client_reads()
            else:
                self.server_ends("completed")
        if "turn_ended None failed" not in self.talk.told():  # lost the race too often
            assert self.owed == set()
        assert not self.talk.protocol.response_active


SlotAgainstServer.TestCase.settings = settings(
    max_examples=examples(150), stateful_step_count=40, deadline=None
)
TestSlotAgainstServer = SlotAgainstServer.TestCase
