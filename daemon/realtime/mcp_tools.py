"""Tools of a local MCP server as function tools. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol, TypedDict

from daemon.realtime.context import ToolContext
from daemon.realtime.errors import ModelBehaviorError
from daemon.realtime.tools import FunctionTool, ToolErrorFunction, default_tool_error_function
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class MCPToolSpec:
    """A tool as its server describes it."""

    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = field(default_factory=dict)


class MCPServer(Protocol):
    """A local MCP server; starting and stopping it is its owner's business."""

    @property
    def name(self) -> str: ...

    async def list_tools(self) -> Sequence[MCPToolSpec]:
        """What it offers now."""

    async def call_tool(self, tool_name: str, arguments: Mapping[str, Any]) -> Any:
        """The result, text or anything JSON can hold. Raises if the server reports an error."""


class MCPConfig(TypedDict, total=False):
    """How an agent shows the tools of its MCP servers; by default as they are, under their own names."""

    convert_schemas_to_strict: bool
    failure_error_function: ToolErrorFunction | None
    include_server_in_tool_names: bool


def mcp_function_tools(
    server: MCPServer, specs: Sequence[MCPToolSpec], config: MCPConfig | None = None
) -> list[FunctionTool]:
    """The tools of one server. What the API takes in no name (dots, slashes) becomes `_`."""
    config = config or {}
    prefix = f"{server.name}_" if config.get("include_server_in_tool_names") else ""
    return [
        FunctionTool(
            name=re.sub(r"[^a-zA-Z0-9_-]", "_", prefix + spec.name)[:64],
            description=spec.description,
            params_json_schema={"type": "object", "properties": {}, **spec.input_schema},
            on_invoke_tool=_call_of(server, spec.name),
            strict_json_schema=config.get("convert_schemas_to_strict", False),
            failure_error_function=config.get("failure_error_function", default_tool_error_function),
        )
        for spec in specs
    ]


def _call_of(server: MCPServer, name: str) -> Callable[[ToolContext[Any], str], Awaitable[Any]]:
    async def on_invoke_tool(context: ToolContext[Any], arguments_json: str) -> Any:
        return await server.call_tool(name, _arguments(name, arguments_json))

    return on_invoke_tool


def _arguments(name: str, arguments_json: str) -> dict[str, Any]:
    """The server checks them against its schema; here they only have to be an object."""
    try:
        arguments = json.loads(arguments_json.strip() or "{}")
    except (ValueError, RecursionError) as bad:
        raise ModelBehaviorError(f"Invalid arguments for {name}: no JSON: {bad}") from None
    if not isinstance(arguments, dict):
        raise ModelBehaviorError(f"Invalid arguments for {name}: {type(arguments).__name__} is no object")
    return arguments
