"""Tools of local MCP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from daemon.realtime.context import ToolContext
from daemon.realtime.errors import ModelBehaviorError
from daemon.realtime.mcp_tools import MCPConfig, MCPToolSpec, mcp_function_tools
from daemon.realtime.tools import FunctionTool

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "depth": {"type": "integer"}}}
SPECS = [MCPToolSpec("fs.read", "Read a file.", SCHEMA), MCPToolSpec("list")]
CONTEXT = ToolContext(None, tool_name="t", tool_call_id="c", tool_arguments="")


class Files:
    """A server that remembers its calls."""

    name = "files"

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    async def list_tools(self) -> Sequence[MCPToolSpec]:
        return SPECS

    async def call_tool(self, tool_name: str, arguments: Mapping[str, Any]) -> Any:
        self.calls.append((tool_name, arguments))
        return "content"


def tools(config: MCPConfig | None = None, server: Files | None = None) -> list[FunctionTool]:
    return mcp_function_tools(server or Files(), SPECS, config)


def invoke(tool: FunctionTool, arguments: str) -> Any:
    async def call() -> Any:
        return await tool.on_invoke_tool(CONTEXT, arguments)

    return asyncio.run(call())


def test_tools_are_offered_as_the_server_describes_them() -> None:
    assert [tool.to_wire() for tool in tools()] == [
        {"type": "function", "name": "fs_read", "description": "Read a file.", "parameters": SCHEMA},
        {
            "type": "function",
            "name": "list",
            "description": "",
            "parameters": {"type": "object", "properties": {}},
        },
    ]


def test_tools_can_be_strict_and_carry_the_servers_name() -> None:
    read = tools({"convert_schemas_to_strict": True, "include_server_in_tool_names": True})[0]
    assert read.name == "files_fs_read"
    assert read.params_json_schema["required"] == ["path", "depth"]


def test_call_reaches_the_server_under_its_own_name() -> None:
    server = Files()
    assert invoke(tools(server=server)[0], '{"path": "/etc"}') == "content"
    assert invoke(tools(server=server)[1], "") == "content"
    assert server.calls == [("fs.read", {"path": "/etc"}), ("list", {})]


@pytest.mark.parametrize("arguments", ["{", "[]", "null", "5", "[" * 100_000])
def test_call_with_arguments_that_are_no_object(arguments: str) -> None:
    server = Files()
    with pytest.raises(ModelBehaviorError, match=r"Invalid arguments for fs\.read: "):
        invoke(tools(server=server)[0], arguments)
    assert server.calls == []
