"""What an agent brings into a session: names, servers, hooks, tracing, and the settings it begins with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon.realtime import (
    MCPToolSpec,
    RealtimeAgent,
    RealtimeAgentHooks,
    RealtimeRunHooks,
    RealtimeRunner,
    UserError,
    function_tool,
    hosted_mcp_tool,
    realtime_handoff,
)
from tests.daemon.realtime.played import Played, played


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        run_virtual(test())

    return run


@function_tool
async def clock() -> str:
    """What time it is."""
    return "noon"


TWICE: RealtimeAgent[Any] = RealtimeAgent(name="Twice", tools=[clock, clock])


class Files:
    """A local MCP server of one tool."""

    name = "files"

    async def list_tools(self) -> Sequence[MCPToolSpec]:
        return [MCPToolSpec("read", "Read a file.", {"type": "object", "properties": {}})]

    async def call_tool(self, tool_name: str, arguments: Mapping[str, Any]) -> Any:
        return f"{tool_name} {dict(arguments)}"


@virtual
async def test_names_taken_twice_are_refused_before_anything_is_connected() -> None:
    play = Played()
    session = await RealtimeRunner(TWICE, model=play.model).run(model_config={"api_key": "key"})
    with pytest.raises(UserError, match="2 times a tool called 'clock'"):
        await session.enter()
    assert play.servers == []


@virtual
async def test_an_agent_with_names_taken_twice_does_not_take_over() -> None:
    async with played(RealtimeAgent(name="Host")) as play:
        with pytest.raises(UserError, match="2 times a tool called 'clock'"):
            await play.session.update_agent(TWICE)
        assert play.session.current_agent.name == "Host"
        assert len(play.server.of("session.update")) == 1


@virtual
async def test_tools_of_a_local_mcp_server_are_offered_and_called() -> None:
    async with played(RealtimeAgent(name="Box", tools=[clock], mcp_servers=[Files()])) as play:
        offered = play.server.of("session.update")[0]["session"]["tools"]
        assert [tool["name"] for tool in offered] == ["clock", "read"]
        await play.call("read", '{"path": "x"}')
        assert play.outputs() == [("c1", "read {'path': 'x'}")]


@pytest.mark.parametrize(
    ("config", "tracing"),
    [
        ({}, "not sent"),
        ({"model_settings": {"tracing": "auto"}}, "auto"),
        ({"model_settings": {"tracing": {"workflow_name": "kitchen"}}}, {"workflow_name": "kitchen"}),
        ({"model_settings": {"tracing": "auto"}, "tracing_disabled": True}, None),
    ],
)
def test_a_session_is_traced_if_that_is_wanted(config: dict[str, Any], tracing: Any) -> None:
    async def run() -> None:
        async with played(config=config) as play:
            assert play.server.of("session.update")[0]["session"].get("tracing", "not sent") == tracing

    run_virtual(run())


@virtual
async def test_tools_and_handoffs_given_at_the_start_are_offered_instead_of_the_agents() -> None:
    off = function_tool(lambda: 1, name_override="off", is_enabled=False)
    cook: RealtimeAgent[Any] = RealtimeAgent(name="Cook")
    initial = {"tools": [clock, off], "handoffs": [realtime_handoff(cook)]}
    async with played(RealtimeAgent(name="Box", tools=[off]), initial_model_settings=initial) as play:
        offered = play.server.of("session.update")[0]["session"]["tools"]
        assert [tool["name"] for tool in offered] == ["clock", "transfer_to_cook"]


class Journal(RealtimeRunHooks[Any]):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self.seen.append(f"{from_agent.name} to {to_agent.name}")


class Own(RealtimeAgentHooks[Any]):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_handoff(self, context: Any, agent: Any, source: Any) -> None:
        self.seen.append(f"{agent.name} takes over from {source.name}")

    async def on_start(self, context: Any, agent: Any) -> None:
        self.seen.append(f"{agent.name} starts")


@virtual
async def test_hooks_of_run_and_agent_are_told_of_a_handoff() -> None:
    journal, own = Journal(), Own()
    cook: RealtimeAgent[Any] = RealtimeAgent(name="Cook", hooks=own)
    async with played(RealtimeAgent(name="Host", handoffs=[cook]), {"hooks": journal}) as play:
        await play.call("transfer_to_cook")
        play.server.created("r2")
        await play.settle()
        assert journal.seen == ["Host to Cook"]
        assert own.seen == ["Cook takes over from Host", "Cook starts"]


@virtual
async def test_what_hosted_servers_offer_is_told_as_far_as_the_agent_allows_it() -> None:
    docs = hosted_mcp_tool("docs", server_url="https://x/", allowed_tools=["search"])
    async with played(RealtimeAgent(name="Box", tools=[docs])) as play:
        tools = [{"name": "search", "input_schema": {}}, {"name": "delete", "input_schema": {}}]
        item = {"id": "m", "type": "mcp_list_tools", "server_label": "docs", "tools": tools}
        play.server.say("conversation.item.done", item=item)
        await play.settle()
        [changed] = play.of("mcp_tools_changed")
        assert [tool["name"] for tool in changed.tools] == ["search"]
        assert play.session.available_mcp_tools == changed.tools
