"""Hand-offs between agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import ModelBehaviorError, UserError
from daemon.realtime.handoffs import Handoff, realtime_handoff

BILLING: RealtimeAgent[Any] = RealtimeAgent(name="Billing Support", handoff_description="Knows invoices.")
RUN = RunContextWrapper("context")


class Reason(BaseModel):
    reason: str
    urgent: bool = False


def invoke(handoff: Handoff, arguments: str = "{}") -> RealtimeAgent[Any]:
    async def call() -> RealtimeAgent[Any]:
        return await handoff.on_invoke_handoff(RUN, arguments)

    return asyncio.run(call())


def test_handoff_by_default_on_the_wire() -> None:
    assert realtime_handoff(BILLING).to_wire() == {
        "type": "function",
        "name": "transfer_to_billing_support",
        "description": "Handoff to the Billing Support agent to handle the request. Knows invoices.",
        "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    }


def test_handoff_with_overrides() -> None:
    handoff = realtime_handoff(BILLING, "to_billing", "Money matters.")
    assert (handoff.tool_name, handoff.tool_description) == ("to_billing", "Money matters.")
    assert realtime_handoff(BILLING, tool_description="Money.").tool_description == "Money."
    assert realtime_handoff(BILLING, tool_description_override="").tool_description == ""


def test_handoff_leads_to_its_agent() -> None:
    handoff = realtime_handoff(BILLING)
    assert invoke(handoff) is BILLING
    assert handoff.get_transfer_message(BILLING) == '{"assistant": "Billing Support"}'


def test_handoff_calls_back_before() -> None:
    told: list[Any] = []
    invoke(realtime_handoff(BILLING, on_handoff=lambda context: told.append(context.context)))
    assert told == ["context"]


def test_handoff_calls_back_with_what_the_model_says() -> None:
    told: list[Reason] = []

    async def note(context: RunContextWrapper[Any], reason: Reason) -> None:
        told.append(reason)

    handoff = realtime_handoff(BILLING, on_handoff=note, input_type=Reason)
    assert invoke(handoff, '{"reason": "invoice"}') is BILLING
    assert told == [Reason(reason="invoice", urgent=False)]
    assert handoff.input_json_schema["required"] == ["reason", "urgent"]


@pytest.mark.parametrize(
    "arguments", ["", "{}", "null", '{"reason": 5}', '{"reason": "x", "urgent": "yes"}', "{"]
)
def test_handoff_input_is_not_coerced(arguments: str) -> None:
    told: list[Reason] = []
    handoff = realtime_handoff(BILLING, on_handoff=lambda c, r: told.append(r), input_type=Reason)
    with pytest.raises(ModelBehaviorError, match="Invalid arguments for hand-off to 'Billing Support': "):
        invoke(handoff, arguments)
    assert told == []


def nobody() -> None: ...


def one(context: object) -> None: ...


def two(context: object, reason: object) -> None: ...


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: realtime_handoff(BILLING, on_handoff=nobody), "on_handoff must take the context, and"),
        (lambda: realtime_handoff(BILLING, on_handoff=two), "on_handoff must take the context, and"),
        (
            lambda: realtime_handoff(BILLING, on_handoff=one, input_type=Reason),
            "on_handoff must take the context and the input",
        ),
        (lambda: realtime_handoff(BILLING, input_type=Reason), "input_type needs on_handoff"),
        (lambda: realtime_handoff(BILLING, on_handoff=two, input_type=int), "is not an object in JSON"),
        (
            lambda: realtime_handoff(BILLING, "a b"),
            "'Billing Support': 'a b' is no name .* for example 'a_b'",
        ),
        (lambda: realtime_handoff(BILLING, is_enabled="yes"), "is_enabled is 'yes', allowed: True, False or"),
        (lambda: realtime_handoff(BILLING, on_handoff="x"), "on_handoff must take the context, and"),
        (lambda: realtime_handoff("billing"), "takes a RealtimeAgent, not 'billing'"),
        (
            lambda: realtime_handoff(BILLING, None, "a", tool_description="b"),
            "tool_description and tool_description_override are the same",
        ),
    ],
)
def test_handoff_refuses_what_does_not_go_together(make: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        make()


def test_handoff_name_of_an_agent_in_another_script_is_still_a_name() -> None:
    assert realtime_handoff(RealtimeAgent(name="결제")).tool_name == "transfer_to___"
