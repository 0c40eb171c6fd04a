"""Runs output guardrails beside the conversation and acts on the first that trips. Shell around tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.guardrails import (
    GuardrailDebounce,
    OutputGuardrail,
    OutputGuardrailResult,
    TextCheck,
    joined_guardrails,
)

log = logging.getLogger("harkd.guardrails")

MAX_CHECKS = 16
"""Checks running at a time; a further one that is not final is skipped: the next one covers its text."""

GUARDRAIL_WITHIN_S = 30.0
"""A verdict that comes later is about an answer long since heard."""

Tripped = Callable[[TextCheck, list[OutputGuardrailResult]], Awaitable[None]]


class GuardRunner:
    """`tripped` is awaited once per response, with everything that tripped on the same text."""

    def __init__(
        self, debounce_text_length: int, of_run: tuple[OutputGuardrail, ...], tripped: Tripped
    ) -> None:
        self._debounce = GuardrailDebounce(debounce_text_length)
        self._of_run = list(of_run)
        self._tripped = tripped
        self._tasks: set[asyncio.Task[None]] = set()

    def add(
        self,
        response_id: str,
        item_id: str,
        delta: str,
        agent: RealtimeAgent[Any],
        context: RunContextWrapper[Any],
    ) -> None:
        """More words of an answer that `agent` began."""
        check = self._debounce.add(response_id, item_id, delta)
        if check is not None:
            self._start(check, agent, context)

    def finish(self, response_id: str, agent: RealtimeAgent[Any], context: RunContextWrapper[Any]) -> None:
        """The answer is complete."""
        for check in self._debounce.finish(response_id):
            self._start(check, agent, context)

    async def close(self) -> None:
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    def _start(self, check: TextCheck, agent: RealtimeAgent[Any], context: RunContextWrapper[Any]) -> None:
        guardrails = joined_guardrails(agent.output_guardrails, self._of_run)
        if not guardrails or (len(self._tasks) >= MAX_CHECKS and not check.final):
            return
        task = asyncio.create_task(self._run(check, guardrails, agent, context), name="output guardrails")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self,
        check: TextCheck,
        guardrails: list[OutputGuardrail],
        agent: RealtimeAgent[Any],
        context: RunContextWrapper[Any],
    ) -> None:
        results = []
        for guardrail in guardrails:
            try:
                async with asyncio.timeout(GUARDRAIL_WITHIN_S):
                    result = await guardrail.run(context, agent, check.text)
            except Exception:  # supervision point: a guardrail of the application
                log.exception("guardrail %s failed, the answer goes on", guardrail.get_name())
                continue
            if result.output.tripwire_triggered:
                results.append(result)
        if results and self._debounce.trip(check.response_id):
            try:
                await self._tripped(check, results)
            except Exception:  # supervision point: a model of the application
                log.exception("the answer that tripped a guardrail could not be stopped")
