"""Tool calls that wait for a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.approvals import (
    MAX_WAITING,
    TIMED_OUT_REJECTION,
    TOO_MANY_REJECTION,
    Approvals,
    Decision,
    Verdict,
    WaitingCall,
)
from daemon.realtime.errors import UserError
from daemon.realtime.tools import function_tool

AGENT: RealtimeAgent[Any] = RealtimeAgent("A")
OPEN = function_tool(lambda: "open", name_override="open_door")
PAY = function_tool(lambda: "paid", name_override="pay")


def call(call_id: str = "c1", tool: Any = OPEN) -> WaitingCall:
    return WaitingCall(call_id, tool, "{}", AGENT, "r1")


def test_call_waits_until_it_is_approved() -> None:
    approvals = Approvals()
    assert approvals.park(call(), now=0.0) is None
    assert approvals.waiting == (call(),)
    assert approvals.approve("c1") == [Verdict(call(), Decision.APPROVED)]
    assert approvals.waiting == ()
    assert approvals.approve("c1") == []


@pytest.mark.parametrize("message", [None, "", "Not now."])
def test_call_is_rejected_with_a_message(message: str | None) -> None:
    approvals = Approvals()
    approvals.park(call(), now=0.0)
    assert approvals.reject("c1", message=message) == [Verdict(call(), Decision.REJECTED, message)]


def test_decision_for_good_covers_the_tools_other_calls_now_and_later() -> None:
    approvals = Approvals()
    for waiting in (call("c1"), call("c2"), call("c3", PAY)):
        approvals.park(waiting, now=0.0)
    decided = approvals.reject("c2", always=True, message="Never.")
    assert [(verdict.call.call_id, verdict.message) for verdict in decided] == [
        ("c1", "Never."),
        ("c2", "Never."),
    ]
    assert approvals.park(call("c4"), now=1.0) == Verdict(call("c4"), Decision.REJECTED, "Never.")
    assert [waiting.call_id for waiting in approvals.waiting] == ["c3"]


def test_decision_for_good_is_not_for_another_tool_of_the_same_name() -> None:
    approvals = Approvals()
    approvals.park(call(), now=0.0)
    approvals.approve("c1", always=True)
    namesake = function_tool(lambda: "boom", name_override="open_door")
    assert approvals.park(call("c2", namesake), now=0.0) is None


def test_call_that_nobody_decides_on_is_rejected_in_time() -> None:
    approvals = Approvals(time_limit_s=30)
    approvals.park(call("c1"), now=100.0)
    approvals.park(call("c2"), now=110.0)
    assert approvals.next_deadline() == 130.0
    assert approvals.expire(129.9) == []
    [late] = approvals.expire(130.0)
    assert (late.call.call_id, late.decision, late.message) == ("c1", Decision.REJECTED, TIMED_OUT_REJECTION)
    assert approvals.next_deadline() == 140.0


def test_call_without_a_limit_waits_for_ever() -> None:
    approvals = Approvals()
    approvals.park(call(), now=0.0)
    assert approvals.next_deadline() is None
    assert approvals.expire(1e9) == []


def test_call_repeated_under_its_id_keeps_what_was_asked_first() -> None:
    approvals = Approvals()
    approvals.park(call(), now=0.0)
    approvals.park(replace(call(), arguments='{"amount": 1000}'), now=0.0)
    assert [verdict.call.arguments for verdict in approvals.approve("c1")] == ["{}"]


def test_calls_beyond_the_bound_are_rejected() -> None:
    approvals = Approvals()
    for number in range(MAX_WAITING):
        approvals.park(call(f"c{number}"), now=0.0)
    verdict = approvals.park(call("one more"), now=0.0)
    assert verdict == Verdict(call("one more"), Decision.REJECTED, TOO_MANY_REJECTION)


def test_calls_of_a_lost_conversation_are_dropped() -> None:
    approvals = Approvals(time_limit_s=5)
    approvals.park(call(), now=0.0)
    assert [dropped.call_id for dropped in approvals.drop_all()] == ["c1"]
    assert (approvals.waiting, approvals.next_deadline()) == ((), None)


@pytest.mark.parametrize("limit", [0, -1, True, float("nan"), float("inf"), "5"])
def test_time_limit_that_is_none_is_refused(limit: Any) -> None:
    with pytest.raises(UserError, match=r"approval_timeout_s is .*, allowed: seconds above 0"):
        Approvals(limit)
