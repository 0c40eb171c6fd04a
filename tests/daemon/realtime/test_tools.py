"""Function tools: made of functions, called with JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.realtime.context import RunContextWrapper, ToolContext
from daemon.realtime.errors import ModelBehaviorError, UserError
from daemon.realtime.tool_guardrails import ToolGuardrailFunctionOutput, tool_output_guardrail
from daemon.realtime.tools import FunctionTool, default_tool_error_function, function_tool

CONTEXT: ToolContext[str] = ToolContext(
    "the context", tool_name="any", tool_call_id="call_1", tool_arguments="{}"
)


@function_tool
def get_weather(city: str) -> str:
    """Get current weather for a city."""
    return f"sunny in {city}"


@function_tool(name_override="slow-weather", description_override="Slow.", timeout=2.5)
async def get_weather_slowly(context: ToolContext[str], city: str) -> str:
    """Never seen."""
    return f"{context.context}: sunny in {city}"


def invoke(tool: FunctionTool, arguments: str) -> Any:
    async def call() -> Any:
        return await tool.on_invoke_tool(CONTEXT, arguments)

    return asyncio.run(call())


def test_tool_of_a_function_is_what_the_wire_needs() -> None:
    assert get_weather.to_wire() == {
        "type": "function",
        "name": "get_weather",
        "description": "Get current weather for a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    }


def test_tool_with_overrides() -> None:
    assert (get_weather_slowly.name, get_weather_slowly.description) == ("slow-weather", "Slow.")
    assert (get_weather_slowly.timeout_seconds, get_weather_slowly.timeout_behavior) == (
        2.5,
        "error_as_result",
    )


def test_tool_is_called_with_json() -> None:
    assert invoke(get_weather, '{"city": "Ulm"}') == "sunny in Ulm"


def test_tool_that_is_async_gets_the_context() -> None:
    assert invoke(get_weather_slowly, '{"city": "Ulm"}') == "the context: sunny in Ulm"


def test_tool_refuses_arguments_that_do_not_fit() -> None:
    with pytest.raises(ModelBehaviorError, match="Invalid arguments for get_weather: city: Field required"):
        invoke(get_weather, '{"town": "Ulm"}')


def test_plain_function_is_for_a_thread_unless_it_says_otherwise() -> None:
    quick = function_tool(lambda: 7, name_override="quick", blocking=False)
    assert get_weather.call_blocking is not None
    assert get_weather.call_blocking(CONTEXT, '{"city": "Ulm"}') == "sunny in Ulm"
    assert quick.call_blocking is None
    assert get_weather_slowly.call_blocking is None


def test_plain_function_may_return_an_awaitable() -> None:
    async def later() -> int:
        return 7

    assert invoke(function_tool(lambda: later(), name_override="sevens"), "") == 7


def test_async_function_cannot_be_blocking() -> None:
    async def later() -> None: ...

    with pytest.raises(UserError, match="tool later: blocking is for plain functions"):
        function_tool(later, blocking=True)


async def echo(context: ToolContext[Any], arguments: str) -> str:
    return arguments


@tool_output_guardrail
def lets_through(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.allow()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"name": "Refund Expert"}, r"'Refund Expert' is no name .* for example 'Refund_Expert'"),
        ({"name": "날씨"}, r"'날씨' is no name for a tool, allowed: 1 to 64 letters, digits, _ and -$"),
        ({"name": "x" * 65}, "is no name for a tool"),
        ({"name": "line\n"}, "is no name for a tool"),
        ({"name": None}, "is no name for a tool"),
        ({"timeout_seconds": 0}, "tool echo: the time-out is 0, allowed: seconds above 0"),
        ({"timeout_seconds": True}, "tool echo: the time-out is True"),
        ({"timeout_seconds": float("nan")}, "tool echo: the time-out is nan"),
        (
            {"timeout_behavior": "raise"},
            "timeout_behavior is 'raise', allowed: error_as_result, raise_exception",
        ),
        ({"description": None}, "tool echo: description is None, allowed: text"),
        ({"on_invoke_tool": "echo"}, "tool echo: on_invoke_tool is no function but 'echo'"),
        ({"is_enabled": "yes"}, "tool echo: is_enabled is 'yes', allowed: True, False or a function"),
        ({"needs_approval": None}, "tool echo: needs_approval is None"),
        ({"tool_input_guardrails": [lets_through]}, "is not a ToolInputGuardrail"),
    ],
)
def test_tool_refuses_impossible_options(options: dict[str, Any], complaint: str) -> None:
    given: dict[str, Any] = {
        "name": "echo",
        "description": "",
        "params_json_schema": {},
        "on_invoke_tool": echo,
    }
    with pytest.raises(UserError, match=complaint):
        FunctionTool(**{**given, **options})


def test_function_tool_names_the_option_that_was_meant() -> None:
    options: Any = {"needs_aproval": True}
    with pytest.raises(UserError, match="no option 'needs_aproval'; did you mean 'needs_approval'"):
        function_tool(**options)


def test_tool_made_by_hand_gets_a_strict_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = FunctionTool("echo", "", schema, echo)
    assert tool.to_wire()["parameters"]["required"] == ["a"]
    assert FunctionTool("echo", "", schema, echo, strict_json_schema=False).params_json_schema == schema


def test_error_text_for_the_model_by_default() -> None:
    run = RunContextWrapper(None)
    assert default_tool_error_function(run, ValueError("no such city")).endswith("Error: no such city")


def test_context_of_a_call_shares_usage_and_object() -> None:
    run = RunContextWrapper({"user": 1})
    call = ToolContext.for_call(run, "echo", "c1", "{}", agent=None)  # type: ignore[arg-type]
    call.usage.requests += 1
    assert (call.context is run.context, run.usage.requests, call.tool_call_id) == (True, 1, "c1")
