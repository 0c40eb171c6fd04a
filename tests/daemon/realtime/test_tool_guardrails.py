"""Guardrails around single tools."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import ToolContext
from daemon.realtime.errors import UserError
from daemon.realtime.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    tool_input_guardrail,
    tool_output_guardrail,
)

AGENT: RealtimeAgent[Any] = RealtimeAgent(name="A")
CONTEXT = ToolContext(None, tool_name="pay", tool_call_id="c1", tool_arguments='{"eur": 5000}')


@tool_input_guardrail
def no_thousands(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
    if "000" in data.context.tool_arguments:
        return ToolGuardrailFunctionOutput.reject_content("Too much.", {"limit": 999})
    return ToolGuardrailFunctionOutput.allow()


@tool_output_guardrail(name="secrets")
async def no_secrets(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
    if "secret" in str(data.output):
        return ToolGuardrailFunctionOutput.raise_exception()
    return ToolGuardrailFunctionOutput.allow("clean")


def test_input_guardrail_rejects_with_a_message() -> None:
    verdict = asyncio.run(no_thousands.run(ToolInputGuardrailData(CONTEXT, AGENT)))
    assert verdict.behavior == {"type": "reject_content", "message": "Too much."}
    assert verdict.output_info == {"limit": 999}
    assert no_thousands.get_name() == "no_thousands"


@pytest.mark.parametrize(("output", "behaviour"), [("a secret", "raise_exception"), ("tea", "allow")])
def test_output_guardrail_that_is_async(output: str, behaviour: str) -> None:
    verdict = asyncio.run(no_secrets.run(ToolOutputGuardrailData(CONTEXT, AGENT, output)))
    assert verdict.behavior["type"] == behaviour
    assert no_secrets.get_name() == "secrets"


@pytest.mark.parametrize("kind", [ToolInputGuardrail, ToolOutputGuardrail])
def test_guardrail_of_no_function_is_refused(kind: Any) -> None:
    with pytest.raises(UserError, match="a tool guardrail is made of a function, not of 5"):
        kind(5)


def test_guardrail_that_answers_nonsense_is_named() -> None:
    broken = ToolInputGuardrail(lambda data: cast(ToolGuardrailFunctionOutput, True), name="broken")
    with pytest.raises(UserError, match="tool guardrail broken returned bool, expected allow"):
        asyncio.run(broken.run(ToolInputGuardrailData(CONTEXT, AGENT)))
