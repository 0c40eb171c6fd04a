"""What hosted MCP servers do in a session, read from raw server events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.realtime.hosted_mcp import HostedMCPTool, MCPApprovalRequest
from daemon.realtime.items import RealtimeMcpCallItem
from daemon.realtime.tools import Tool
from daemon.records import dataclass

MAX_REQUESTS = 64
"""Requests for approval that wait for an answer; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class McpToolsListed:
    """A server has said which tools it has."""


@dataclass(frozen=True, slots=True)
class McpApprovalWanted:
    request: MCPApprovalRequest


@dataclass(frozen=True, slots=True)
class McpCallDone:
    call: RealtimeMcpCallItem


McpNews = McpToolsListed | McpApprovalWanted | McpCallDone


class McpWatch:
    """Tools by server label as listed, and the requests for approval nobody has answered."""

    def __init__(self) -> None:
        self._listed: dict[str, list[Mapping[str, Any]]] = {}
        self._requests: dict[str, MCPApprovalRequest] = {}

    def see(self, event: Mapping[str, Any]) -> McpNews | None:
        """One raw server event; what it means for us, if anything."""
        if event.get("type") != "conversation.item.done":
            return None
        item = event.get("item")
        if not isinstance(item, Mapping) or not isinstance(item.get("id"), str):
            return None
        match item.get("type"):
            case "mcp_list_tools":
                return self._listed_by(item)
            case "mcp_approval_request":
                return self._wanted(item)
            case "mcp_call":
                return McpCallDone(
                    RealtimeMcpCallItem(
                        item["id"], _text(item, "name"), _text(item, "arguments"), _result(item)
                    )
                )
        return None

    def available(self, tools: Sequence[Tool]) -> list[Mapping[str, Any]]:
        """The listed tools that these hosted servers let through, with their `server_label`."""
        return [
            {"server_label": hosted.server_label, **tool}
            for hosted in tools
            if isinstance(hosted, HostedMCPTool)
            for tool in self._listed.get(hosted.server_label, ())
            if hosted.permits(_text(tool, "name"), read_only=_read_only(tool))
        ]

    def take_request(self, request_id: str) -> MCPApprovalRequest | None:
        """The request that is being answered; afterwards it does not wait any more."""
        return self._requests.pop(request_id, None)

    def _listed_by(self, item: Mapping[str, Any]) -> McpToolsListed:
        tools = item.get("tools")
        found = [tool for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
        self._listed[_text(item, "server_label")] = found
        return McpToolsListed()

    def _wanted(self, item: Mapping[str, Any]) -> McpApprovalWanted:
        label, name, arguments = (_text(item, key) for key in ("server_label", "name", "arguments"))
        request = MCPApprovalRequest(item["id"], label, name, arguments)
        self._requests[request.id] = request
        if len(self._requests) > MAX_REQUESTS:
            del self._requests[next(iter(self._requests))]
        return McpApprovalWanted(request)


def approval_item(request: MCPApprovalRequest, approve: bool, reason: str | None = None) -> dict[str, Any]:
    """The answer to a request, as an item."""
    item: dict[str, Any] = {
        "type": "mcp_approval_response",
        "id": f"re_{request.id[-29:]}",
        "approval_request_id": request.id,
        "approve": approve,
    }
    return item if reason is None else {**item, "reason": reason}


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _result(item: Mapping[str, Any]) -> str | None:
    output = item.get("output")
    if isinstance(output, str):
        return output
    error = item.get("error")
    return None if error is None else str(error)


def _read_only(tool: Mapping[str, Any]) -> bool:
    hints = tool.get("annotations")
    return isinstance(hints, Mapping) and (hints.get("readOnlyHint") or hints.get("read_only")) is True
