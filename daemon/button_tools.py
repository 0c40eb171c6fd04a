"""Tools that a button calls, with nobody speaking. Shell around their tasks and threads."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

from daemon.realtime.blocking import BlockingCalls
from daemon.realtime.context import RunContextWrapper, ToolContext
from daemon.realtime.errors import did_you_mean
from daemon.realtime.session import RealtimeSession
from daemon.realtime.tools import FunctionTool

log = logging.getLogger("harkd")

LIMIT_S = 30.0
"""For tools that name no limit of their own: nobody would hear that one hangs."""

AT_ONCE = 4
"""Calls under way; a press beyond that is refused, or a stuck button would pile them up."""


class ButtonTools:
    """Calls tools of the agent that leads, without arguments. The press was the approval."""

    def __init__(
        self, session: RealtimeSession[Any], context: Any, on_failure: Callable[[str], object]
    ) -> None:
        """`on_failure` takes a sentence for the owner."""
        self._session = session
        self._run = RunContextWrapper(context)
        self._on_failure = on_failure
        self._calls: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._blocking = BlockingCalls(AT_ONCE)

    def call(self, name: str) -> str | None:
        """Begin a call; answers why that cannot be, or None."""
        tools = {
            tool.name: tool for tool in self._session.current_agent.tools if isinstance(tool, FunctionTool)
        }
        if name not in tools:
            known = f"there are {', '.join(sorted(tools))}" if tools else "there are none"
            return f"there is no tool {name!r}; {known}{did_you_mean(name, tools)}"
        if len(self._calls) >= AT_ONCE:
            return f"{AT_ONCE} tools called by buttons are still running"
        task = asyncio.create_task(self._supervised(tools[name]), name=f"tool {name} of a button")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return None

    async def stop(self) -> None:
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _supervised(self, tool: FunctionTool) -> None:
        try:
            async with asyncio.timeout(tool.timeout_seconds or LIMIT_S):
                log.info("tool %s, called by a button: %s", tool.name, await self._called(tool))
        except TimeoutError:
            self._on_failure(f"tool {tool.name}, called by a button, took too long")
        except Exception as error:  # supervision point: functions of the operator
            log.exception("tool %s, called by a button, failed", tool.name)
            self._on_failure(f"tool {tool.name}, called by a button, failed: {error}")

    async def _called(self, tool: FunctionTool) -> Any:
        call_id = f"button_{next(self._numbers)}"
        context = ToolContext.for_call(self._run, tool.name, call_id, "{}", self._session.current_agent)
        if tool.call_blocking is not None:
            return await self._blocking.run(tool.name, tool.call_blocking, context, "{}")
        return await tool.on_invoke_tool(context, "{}")
