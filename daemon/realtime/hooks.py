"""Callbacks around agents and tools; override what is of interest. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from daemon.realtime.context import RunContextWrapper, TContext

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent
    from daemon.realtime.tools import FunctionTool


class RealtimeAgentHooks(Generic[TContext]):
    """What happens to one agent. A hook that raises is reported and changes nothing else."""

    async def on_start(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any]) -> None:
        """A response of the agent has begun."""

    async def on_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], output: str
    ) -> None:
        """A response of the agent is over; `output` is its text, as far as it got."""

    async def on_handoff(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], source: RealtimeAgent[Any]
    ) -> None:
        """The agent takes over from `source`."""

    async def on_tool_start(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], tool: FunctionTool
    ) -> None:
        """A tool is about to run."""

    async def on_tool_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], tool: FunctionTool, result: Any
    ) -> None:
        """The model has been given the tool's result, or the text in place of it."""


class RealtimeRunHooks(Generic[TContext]):
    """What happens in a session, whichever agent it happens to. A hook that raises changes nothing else."""

    async def on_agent_start(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any]) -> None:
        """A response has begun."""

    async def on_agent_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], output: str
    ) -> None:
        """A response is over; `output` is its text, as far as it got."""

    async def on_handoff(
        self,
        context: RunContextWrapper[TContext],
        from_agent: RealtimeAgent[Any],
        to_agent: RealtimeAgent[Any],
    ) -> None:
        """One agent takes over from another."""

    async def on_tool_start(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], tool: FunctionTool
    ) -> None:
        """A tool is about to run."""

    async def on_tool_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], tool: FunctionTool, result: Any
    ) -> None:
        """The model has been given the tool's result, or the text in place of it."""
