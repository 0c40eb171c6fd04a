"""Agents: checked when they are made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.guardrails import GuardrailFunctionOutput, OutputGuardrail
from daemon.realtime.handoffs import realtime_handoff
from daemon.realtime.hooks import RealtimeAgentHooks
from daemon.realtime.hosted_mcp import hosted_mcp_tool
from daemon.realtime.tools import function_tool

RUN = RunContextWrapper("Ada")


def stop() -> str:
    """Stop."""
    return "stopped"


def prompt_of(agent: RealtimeAgent[Any]) -> str:
    return asyncio.run(agent.get_system_prompt(RUN))


async def greet_later(run: RunContextWrapper[str], agent: RealtimeAgent[str]) -> str:
    return f"{agent.name} greets {run.context}"


class Greeter:
    def __call__(self, run: RunContextWrapper[str], agent: RealtimeAgent[str]) -> Any:
        return greet_later(run, agent)


@pytest.mark.parametrize(
    ("instructions", "text"),
    [
        (None, ""),
        ("Be kind.", "Be kind."),
        (lambda run, agent: f"{agent.name} greets {run.context}", "Bo greets Ada"),
        (greet_later, "Bo greets Ada"),
        (Greeter(), "Bo greets Ada"),
        (lambda run, agent: None, ""),
    ],
)
def test_instructions_in_every_form(instructions: Any, text: str) -> None:
    assert prompt_of(RealtimeAgent(name="Bo", instructions=instructions)) == text


def test_instructions_that_are_no_text_are_refused() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="Bo", instructions=lambda run, agent: 5)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="RealtimeAgent 'Bo': instructions is 5, expected a string"):
        prompt_of(agent)


def test_agent_with_everything() -> None:
    other: RealtimeAgent[Any] = RealtimeAgent("Other")
    guardrail = OutputGuardrail(lambda c, a, o: GuardrailFunctionOutput(None, False))
    agent: RealtimeAgent[Any] = RealtimeAgent(
        name="Bo",
        instructions="Be kind.",
        tools=[function_tool(stop), hosted_mcp_tool("docs", server_url="https://example.org/mcp")],
        handoffs=[other, realtime_handoff(other, "to_other")],
        output_guardrails=[guardrail],
        prompt={"id": "pmpt_1", "version": "2", "variables": {"a": "b"}},
        voice={"id": "voice_1"},
        hooks=RealtimeAgentHooks(),
    )
    other.handoffs.append(agent)
    assert agent.handoffs[0] is other


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": 5}, "RealtimeAgent: name is 5, expected a string"),
        ({"name": ""}, "name is '', expected a string, not empty"),
        ({"instructions": 5}, "RealtimeAgent 'Bo': instructions is 5, expected a string or a function"),
        ({"handoff_description": 5}, "handoff_description is 5"),
        ({"tools": None}, "tools is None, expected a list"),
        ({"tools": (1,)}, "tools is .1,., expected a list"),
        ({"tools": [stop]}, r"tools\[0\] is <function stop .*>; a function needs @function_tool"),
        ({"handoffs": ["Other"]}, r"handoffs\[0\] is 'Other'; give agents or realtime_handoff"),
        ({"output_guardrails": [stop]}, "a function needs @output_guardrail"),
        ({"hooks": object()}, "expected a RealtimeAgentHooks"),
        ({"prompt": {"version": "1"}}, "expected an object of id, version, variables with at least the id"),
        ({"prompt": {"id": "p", "verison": "1"}}, "expected an object of id, version, variables"),
        ({"voice": {}}, "expected an object of id with at least the id"),
        (
            {"mcp_config": {"strict": True}},
            "mcp_config is .* expected an object of convert_schemas_to_strict, ",
        ),
        ({"mcp_servers": 5}, "mcp_servers is 5, expected a list"),
    ],
)
def test_agent_refuses_fields_of_the_wrong_type(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        RealtimeAgent(**{"name": "Bo", **fields})


def test_clone_replaces_fields_and_shares_the_rest() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent("Bo", tools=[function_tool(stop)])
    copy = agent.clone(name="Bob")
    assert (copy.name, copy.tools is agent.tools, agent.name) == ("Bob", True, "Bo")
    with pytest.raises(TypeError):
        agent.clone(tools=None)
