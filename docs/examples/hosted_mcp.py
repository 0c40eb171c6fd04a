"""Tools of a remote MCP server: the API calls them, this side declares them and gives consent.

Run: OPENAI_API_KEY=... python docs/examples/hosted_mcp.py (README.md here: without a key)

The simulator has no MCP: there the declaration goes out and nothing is ever called.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from daemon.realtime import (
    MCPApprovalRequest,
    RealtimeAgent,
    RealtimeRunner,
    RunContextWrapper,
    hosted_mcp_tool,
)

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


def consent(context: RunContextWrapper[Any], request: MCPApprovalRequest) -> bool:
    return request.name == "search"


DOCS = hosted_mcp_tool(
    "docs",
    server_url="https://example.com/mcp",  # put yours here
    allowed_tools=["search", "fetch"],
    require_approval="always",
    on_approval=consent,
)
AGENT = RealtimeAgent(name="Librarian", instructions="Look it up in the documents.", tools=[DOCS])


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    told: list[str] = []
    async with await RealtimeRunner(AGENT).run(model_config={"url": url, "api_key": api_key}) as session:
        await session.send_message("What does the manual say about rain?")
        async for event in session:
            if event.type == "mcp_tools_changed":
                told.append(f"tools: {[tool['name'] for tool in session.available_mcp_tools]}")
            elif event.type == "mcp_tool_call_completed":
                told.append(f"called: {event.call.name}")
            elif event.type == "playback_drained":
                told.append(session.history[-1].content[0].transcript)
                break
    return told


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
