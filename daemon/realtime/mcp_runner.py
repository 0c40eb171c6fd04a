"""Answers what hosted MCP servers ask for in a session. Pure."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

from daemon.realtime import events as ev
from daemon.realtime import model_inputs as inp
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import ModelBehaviorError
from daemon.realtime.hosted_mcp import HostedMCPTool, MCPApprovalRequest
from daemon.realtime.lead import Lead
from daemon.realtime.mcp_watch import McpApprovalWanted, McpCallDone, McpWatch, approval_item
from daemon.realtime.run_config import RunConfig
from daemon.realtime.tools import Tool

log = logging.getLogger("harkd.mcp")


class McpHost(Protocol):
    """What this needs of its session."""

    @property
    def leading(self) -> Lead: ...
    def tool_run_context(self) -> RunContextWrapper[Any]: ...
    def event_info(self) -> ev.RealtimeEventInfo: ...
    def emit(self, event: ev.RealtimeSessionEvent) -> None: ...
    def report(self, error: Exception) -> None: ...
    async def send(self, event: inp.RealtimeModelSendEvent) -> None: ...
    def soon(self, work: Coroutine[Any, Any, None], name: str) -> None: ...


class McpRunner:
    """Tools listed, calls made, and consent asked for, of the current agent's hosted servers."""

    def __init__(self, host: McpHost, config: RunConfig) -> None:
        self._host = host
        self._respond = config.automatically_trigger_response_for_mcp_tool_calls
        self._watch = McpWatch()

    def available(self) -> list[Mapping[str, Any]]:
        """What the current agent may use."""
        return self._watch.available(self._host.leading.tools.tools)

    def see(self, event: Mapping[str, Any]) -> None:
        """One raw server event."""
        news = self._watch.see(event)
        if news is None:
            return
        info = self._host.event_info()
        if isinstance(news, McpCallDone):
            self._host.emit(ev.RealtimeMcpToolCallCompleted(self._host.leading.agent, news.call, info))
            if self._respond:
                self._host.soon(self._host.send(inp.raw("response.create")), "answer to an MCP call")
        elif isinstance(news, McpApprovalWanted):
            self._host.soon(self._ask(news.request), "MCP approval")
        else:
            self._host.emit(ev.RealtimeMcpToolsChanged(self.available(), info))

    async def answer(self, request_id: str, approve: bool, reason: str | None) -> bool:
        """Answer a request that waits; False if there is none."""
        request = self._watch.take_request(request_id)
        if request is None:
            return False
        item = approval_item(request, approve, reason)
        await self._host.send(inp.raw("conversation.item.create", item=item, previous_item_id=request.id))
        return True

    async def _ask(self, request: MCPApprovalRequest) -> None:
        lead = self._host.leading
        hosted = _hosted(lead.tools.tools, request.server_label)
        if hosted is None:
            text = f"no hosted MCP server {request.server_label!r}, which asks for approval, is known"
            self._host.report(ModelBehaviorError(text))
            await self.answer(request.id, False, "This server is not known.")
        elif hosted.on_approval is None:
            info = self._host.event_info()
            wanted = ev.RealtimeToolApprovalRequired(lead.agent, hosted, request.id, request.arguments, info)
            self._host.emit(wanted)
        else:
            await self.answer(request.id, await self._decision(hosted, request), None)

    async def _decision(self, hosted: HostedMCPTool, request: MCPApprovalRequest) -> bool:
        assert hosted.on_approval is not None
        try:
            answer = hosted.on_approval(self._host.tool_run_context(), request)
            return (await answer if inspect.isawaitable(answer) else answer) is True
        except Exception as error:  # supervision point: a function of the application
            log.exception("on_approval of %s failed, the call is refused", request.server_label)
            self._host.report(error)
            return False


def _hosted(tools: Sequence[Tool], server_label: str) -> HostedMCPTool | None:
    for tool in tools:
        if isinstance(tool, HostedMCPTool) and tool.server_label == server_label:
            return tool
    return None
