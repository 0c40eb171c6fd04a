"""The tools and hand-offs in force: what the model is offered, and what it means by a name. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.handoffs import Handoff, realtime_handoff
from daemon.realtime.hosted_mcp import HostedMCPTool
from daemon.realtime.tools import FunctionTool, Tool
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class ToolSet:
    """A snapshot: calls of a response are looked up in the set that was in force when it started.

    Raises `UserError` if two of a kind have the same name: function tools and hand-offs share theirs.
    """

    agent: RealtimeAgent[Any]
    tools: tuple[Tool, ...] = ()
    handoffs: tuple[Handoff, ...] = ()

    def __post_init__(self) -> None:
        self._check_unique("tool", [name for name, _ in self._callables()])
        labels = [tool.server_label for tool in self.tools if isinstance(tool, HostedMCPTool)]
        self._check_unique("hosted MCP server", labels)

    def find(self, name: str) -> FunctionTool | Handoff | None:
        """What the model calls by this name; hosted tools are called by the server and not found here."""
        return dict(self._callables()).get(name)

    def not_found_text(self, name: str) -> str:
        """What the model is told when it calls something that does not exist."""
        return f"Tool {name[:64]} not found{did_you_mean(name, dict(self._callables()))}"

    def to_wire(self) -> list[dict[str, Any]]:
        return [entry.to_wire() for entry in (*self.tools, *self.handoffs)]

    def _callables(self) -> list[tuple[str, FunctionTool | Handoff]]:
        tools = [(tool.name, tool) for tool in self.tools if isinstance(tool, FunctionTool)]
        return [*tools, *((handoff.tool_name, handoff) for handoff in self.handoffs)]

    def _check_unique(self, what: str, names: Sequence[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                ways = "rename one with name_override or tool_name_override"
                where = f"agent {self.agent.name!r}"
                raise UserError(f"{where}: {names.count(name)} times a {what} called {name!r}; {ways}")


async def enabled_tool_set(
    agent: RealtimeAgent[Any],
    context: RunContextWrapper[Any],
    tools: Iterable[Tool],
    handoffs: Iterable[RealtimeAgent[Any] | Handoff],
) -> ToolSet:
    """The tools and hand-offs that are enabled now; plain agents become hand-offs.

    Raises `UserError` for names that are taken twice, `TypeError` for an agent that is not sound any more,
    and what an `is_enabled` function raises.
    """
    agent.check_fields()
    offered = [tool for tool in tools if await is_enabled(tool, context, agent)]
    made = [entry if isinstance(entry, Handoff) else realtime_handoff(entry) for entry in handoffs]
    ways = [handoff for handoff in made if await is_enabled(handoff, context, agent)]
    return ToolSet(agent, tuple(offered), tuple(ways))


async def is_enabled(
    entry: Tool | Handoff, context: RunContextWrapper[Any], agent: RealtimeAgent[Any]
) -> bool:
    """Whether the model may use it now; hosted tools always. Raises what an `is_enabled` function raises."""
    if isinstance(entry, HostedMCPTool):
        return True
    if isinstance(entry.is_enabled, bool):
        return entry.is_enabled
    answer = entry.is_enabled(context, agent)
    return bool(await answer if inspect.isawaitable(answer) else answer)
