"""Calls that are guarded and asked about, in a session whose server is played by the test."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon.realtime import (
    RealtimeAgent,
    ToolGuardrailFunctionOutput,
    function_tool,
    tool_input_guardrail,
)
from tests.daemon.realtime.played import played


async def above_ten(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
    return bool(arguments["amount"] > 10)


@function_tool(needs_approval=above_ten)
async def pay(amount: int) -> str:
    """Pay something."""
    return f"paid {amount}"


@pytest.mark.parametrize(
    ("arguments", "asked", "outputs"),
    [
        ('{"amount": 5}', False, [("c1", "paid 5")]),
        ('{"amount": 50}', True, []),
        ('{"amount": ', True, []),
        ("[50]", True, []),
    ],
)
def test_a_function_decides_who_is_asked_and_what_it_cannot_judge_is_asked_about(
    arguments: str, asked: bool, outputs: list[Any]
) -> None:
    async def run() -> None:
        async with played(RealtimeAgent(name="Shop", tools=[pay])) as play:
            await play.call("pay", arguments)
            assert [event.arguments for event in play.of("tool_approval_required")] == [arguments] * asked
            assert play.outputs() == outputs

    run_virtual(run())


@tool_input_guardrail
def never(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.reject_content("not this")


@function_tool(needs_approval=True, tool_input_guardrails=[never])
async def guarded() -> str:
    """Guarded and asked about."""
    return "made"


@pytest.mark.parametrize("before", [True, False])
def test_input_guardrails_come_before_a_person_is_asked_if_that_is_wanted(before: bool) -> None:
    async def run() -> None:
        config = {"tool_execution": {"pre_approval_tool_input_guardrails": before}}
        async with played(RealtimeAgent(name="Box", tools=[guarded]), config) as play:
            await play.call("guarded")
            assert len(play.of("tool_approval_required")) == (0 if before else 1)
            await play.session.approve_tool_call("c1")
            await play.settle()
            assert play.outputs() == [("c1", "not this")]

    run_virtual(run())


def test_a_rejected_or_guarded_call_ends_without_having_started() -> None:
    async def run() -> None:
        async with played(RealtimeAgent(name="Box", tools=[guarded])) as play:
            await play.call("guarded")
            await play.session.reject_tool_call("c1", rejection_message="")
            await play.settle()
            assert play.outputs() == [("c1", "")]
            assert [kind for kind in play.types if kind.startswith("tool_")] == [
                "tool_approval_required",
                "tool_end",
            ]

    run_virtual(run())


def test_a_time_out_is_told_in_words_of_ones_own() -> None:
    async def sorry(context: Any, error: Exception) -> str:
        return "Say that it takes too long."

    @function_tool(timeout=2.0, timeout_error_function=sorry)
    async def slow() -> str:
        """Slow."""
        await asyncio.sleep(60)
        return "late"

    async def run() -> None:
        async with played(RealtimeAgent(name="Box", tools=[slow])) as play:
            await play.call("slow")
            await asyncio.sleep(3)
            assert play.outputs() == [("c1", "Say that it takes too long.")]
            assert len(play.server.of("response.create")) == 1

    run_virtual(run())
