"""A small MCP server, run as a program: `python mcp_server.py`."""

from __future__ import annotations

import asyncio
import os

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("small")


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return f"{a + b} {os.environ.get('GREETING', '')}".strip()


@server.tool()
def fail() -> str:
    """Always fails."""
    raise ToolError("no luck")


@server.tool(name="files.count")
def count() -> dict[str, int]:
    """Answers with structure."""
    return {"files": 3}


@server.tool()
async def sleep(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "awake"


@server.tool()
def die() -> str:
    """Ends the whole server."""
    os._exit(1)


if __name__ == "__main__":
    server.run("stdio")
