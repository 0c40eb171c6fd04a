"""Calls the application's hooks beside the conversation. Shell around tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.hooks import RealtimeRunHooks

log = logging.getLogger("harkd.hooks")

MAX_WAITING = 256
"""Calls that wait for an earlier one to end; a further one is left out, with a log line."""


class HookRunner:
    """One hook after the other, in the order of what happened; `report` gets what a hook raises."""

    def __init__(
        self,
        run_hooks: RealtimeRunHooks[Any] | None,
        context: Callable[[], RunContextWrapper[Any]],
        report: Callable[[Exception], None],
    ) -> None:
        self._run_hooks = run_hooks
        self._context = context
        self._report = report
        self._waiting: list[tuple[Callable[..., Awaitable[None]], tuple[Any, ...]]] = []
        self._task: asyncio.Task[None] | None = None

    def agent_start(self, agent: RealtimeAgent[Any]) -> None:
        self._call("on_agent_start", "on_start", agent, agent)

    def agent_end(self, agent: RealtimeAgent[Any], output: str) -> None:
        self._call("on_agent_end", "on_end", agent, agent, output)

    def handoff(self, from_agent: RealtimeAgent[Any], to_agent: RealtimeAgent[Any]) -> None:
        self._call("on_handoff", None, to_agent, from_agent, to_agent)
        self._call(None, "on_handoff", to_agent, to_agent, from_agent)

    def tool(self, method: str, agent: RealtimeAgent[Any], *args: Any) -> None:
        """`method`: on_tool_start or on_tool_end."""
        self._call(method, method, agent, agent, *args)

    async def close(self) -> None:
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)

    def _call(self, of_run: str | None, of_agent: str | None, agent: RealtimeAgent[Any], *args: Any) -> None:
        for hooks, method in ((self._run_hooks, of_run), (agent.hooks, of_agent)):
            if hooks is None or method is None:
                continue
            if len(self._waiting) >= MAX_WAITING:
                log.warning("a hook does not end, %s is left out", method)
                continue
            self._waiting.append((getattr(hooks, method), args))
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="hooks")

    async def _run(self) -> None:
        while self._waiting:
            hook, args = self._waiting.pop(0)
            try:
                await hook(self._context(), *args)
            except Exception as error:  # supervision point: a hook of the application
                log.exception("hook %r failed", hook)
                self._report(error)
