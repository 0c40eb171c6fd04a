"""Local MCP servers as real processes, made with the official package."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.realtime import RealtimeAgent, RunContextWrapper
from daemon.realtime.agent_files import McpServerSpec
from daemon.realtime.context import ToolContext
from daemon.realtime.mcp_stdio import McpServerError, StdioMcpServer
from daemon.realtime.mcp_tools import mcp_function_tools

SCRIPT = Path(__file__).with_name("mcp_server.py")
SMALL = McpServerSpec("small", sys.executable, (str(SCRIPT),), (("GREETING", "hello"),))


def with_server(
    spec: McpServerSpec, test: Callable[[StdioMcpServer], Awaitable[None]], **limits: Any
) -> None:
    async def main() -> None:
        server = StdioMcpServer(spec, **limits)
        try:
            await test(server)
        finally:
            await server.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_tools_are_listed_with_their_schemas_and_called() -> None:
    async def test(server: StdioMcpServer) -> None:
        tools = {tool.name: tool for tool in await server.list_tools()}
        assert list(tools) == ["add", "fail", "files.count", "sleep", "die"]
        assert tools["add"].description == "Add two numbers."
        assert tools["add"].input_schema["required"] == ["a", "b"]
        assert await server.call_tool("add", {"a": 1, "b": 2}) == "3 hello"

    with_server(SMALL, test)


def test_agent_calls_them_as_function_tools() -> None:
    async def test(server: StdioMcpServer) -> None:
        tools = {tool.name: tool for tool in mcp_function_tools(server, await server.list_tools())}
        run: RunContextWrapper[Any] = RunContextWrapper(None)
        agent = RealtimeAgent[Any](name="box")
        context = ToolContext.for_call(run, "files_count", "call_1", "{}", agent)
        assert '"files": 3' in await tools["files_count"].on_invoke_tool(context, "{}")

    with_server(SMALL, test)


def test_failing_tool_is_an_error_with_its_text() -> None:
    async def test(server: StdioMcpServer) -> None:
        with pytest.raises(McpServerError, match="no luck"):
            await server.call_tool("fail", {})
        with pytest.raises(McpServerError, match="validation"):
            await server.call_tool("add", {"a": "x"})
        assert await server.call_tool("add", {"a": 1, "b": 1}) == "2 hello"

    with_server(SMALL, test)


def test_server_that_died_is_started_again_with_the_next_call() -> None:
    async def test(server: StdioMcpServer) -> None:
        results = await asyncio.gather(
            server.call_tool("die", {}), server.call_tool("sleep", {"seconds": 5}), return_exceptions=True
        )
        assert all(isinstance(result, McpServerError) for result in results)
        assert await server.call_tool("add", {"a": 2, "b": 2}) == "4 hello"

    with_server(SMALL, test)


def test_slow_call_times_out_and_the_server_goes_on() -> None:
    async def test(server: StdioMcpServer) -> None:
        await server.list_tools()
        with pytest.raises(McpServerError, match=r"did not answer in 0\.3 s"):
            await server.call_tool("sleep", {"seconds": 60})
        assert await server.call_tool("add", {"a": 0, "b": 1}) == "1 hello"

    with_server(SMALL, test, call_s=0.3)


def test_only_the_tools_of_the_file_are_offered(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: StdioMcpServer) -> None:
        assert [tool.name for tool in await server.list_tools()] == ["add"]
        assert "small has no tool subtract" in caplog.text

    with_server(McpServerSpec("small", SMALL.command, SMALL.args, tools=("add", "subtract")), test)


BROKEN = {
    "no such program": (("/nonexistent/mcp",), "FileNotFoundError"),
    "ends at once": ((sys.executable, "-c", "pass"), "cannot be started"),
    "says nothing": ((sys.executable, "-c", "import sys; sys.stdin.read()"), "did not start in 1 s"),
    "says nonsense": ((sys.executable, "-c", "print('hi'); import sys; sys.stdin.read()"), "did not start"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_server_offers_no_tools_and_is_told(case: str, caplog: pytest.LogCaptureFixture) -> None:
    (command, *args), said = BROKEN[case]

    async def test(server: StdioMcpServer) -> None:
        with caplog.at_level(logging.WARNING):
            assert await server.list_tools() == []
        assert "MCP server broken offers no tools: it " in caplog.text
        assert said in caplog.text
        started = asyncio.get_running_loop().time()
        with pytest.raises(McpServerError, match="could not be started"):
            await server.call_tool("add", {})
        assert asyncio.get_running_loop().time() - started < 0.5

    with_server(McpServerSpec("broken", command, tuple(args)), test, start_s=1.0)


def test_cancelled_start_leaves_nothing_behind() -> None:
    async def test(server: StdioMcpServer) -> None:
        listing = asyncio.create_task(server.list_tools())
        await asyncio.sleep(0.2)
        listing.cancel()
        await asyncio.wait({listing})
        assert listing.cancelled()

    with_server(McpServerSpec("slow", sys.executable, ("-c", "import sys; sys.stdin.read()")), test)
