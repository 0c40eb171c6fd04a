"""Which tools are in force, and what a name means."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.realtime.handoffs import Handoff, realtime_handoff
from daemon.realtime.hosted_mcp import hosted_mcp_tool
from daemon.realtime.tools import FunctionTool, function_tool
from daemon.realtime.toolset import ToolSet, enabled_tool_set

RUN = RunContextWrapper({"admin": False})
OTHER: RealtimeAgent[Any] = RealtimeAgent("Other")
DOCS = hosted_mcp_tool("docs", server_url="https://example.org/mcp")


def tool(name: str, **options: Any) -> FunctionTool:
    return function_tool(lambda: name, name_override=name, **options)


def enabled(tools: list[Any], handoffs: list[Any]) -> ToolSet:
    agent: RealtimeAgent[Any] = RealtimeAgent("Bo", tools=tools, handoffs=handoffs)
    return asyncio.run(enabled_tool_set(agent, RUN, agent.tools, agent.handoffs))


def test_tools_and_handoffs_are_offered_in_order() -> None:
    offered = enabled([tool("clock"), DOCS], [OTHER]).to_wire()
    assert [entry.get("name", entry.get("server_label")) for entry in offered] == [
        "clock",
        "docs",
        "transfer_to_other",
    ]


def test_name_leads_to_a_tool_or_a_handoff() -> None:
    clock = tool("clock")
    found = enabled([clock, DOCS], [OTHER])
    assert found.find("clock") is clock
    assert isinstance(found.find("transfer_to_other"), Handoff)
    assert found.find("docs") is None


def test_name_that_is_unknown_is_answered_with_the_nearest() -> None:
    found = enabled([tool("clock")], [])
    assert found.not_found_text("clok") == "Tool clok not found; did you mean 'clock'?"
    assert found.not_found_text("weather") == "Tool weather not found"


async def only_for_admins(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> bool:
    return bool(context.context["admin"])


@pytest.mark.parametrize("is_enabled", [False, lambda context, agent: False, only_for_admins])
def test_tools_that_are_off_are_not_offered(is_enabled: Any) -> None:
    handoff = realtime_handoff(OTHER, is_enabled=is_enabled)
    assert enabled([tool("clock", is_enabled=is_enabled)], [handoff]).to_wire() == []


@pytest.mark.parametrize(
    ("tools", "handoffs", "complaint"),
    [
        ([tool("clock"), tool("clock")], [], "agent 'Bo': 2 times a tool called 'clock'; rename one"),
        ([tool("transfer_to_other")], [OTHER], "2 times a tool called 'transfer_to_other'"),
        ([], [OTHER, realtime_handoff(OTHER)], "2 times a tool called 'transfer_to_other'"),
        ([DOCS, DOCS], [], "2 times a hosted MCP server called 'docs'"),
    ],
)
def test_names_taken_twice_are_refused(tools: list[Any], handoffs: list[Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        enabled(tools, handoffs)


def test_agent_whose_lists_went_bad_is_refused() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent("Bo")
    agent.tools.append(len)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"tools\[0\] is <built-in function len>; a function needs"):
        asyncio.run(enabled_tool_set(agent, RUN, agent.tools, []))


def test_name_taken_twice_by_a_tool_that_is_off_is_fine() -> None:
    assert len(enabled([tool("clock"), tool("clock", is_enabled=False)], []).tools) == 1
