"""Runs the model's tool calls: guarded, approved, timed, never fatal. Shell around tasks and threads."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import Any, Protocol

from daemon.realtime import events as ev
from daemon.realtime.approvals import (
    DEFAULT_REJECTION,
    Approvals,
    Decision,
    ToolErrorFormatterArgs,
    Verdict,
    WaitingCall,
)
from daemon.realtime.blocking import BlockingCalls
from daemon.realtime.call_ledger import CallLedger, Known
from daemon.realtime.context import RunContextWrapper, ToolContext
from daemon.realtime.errors import (
    ModelBehaviorError,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
)
from daemon.realtime.handoffs import Handoff
from daemon.realtime.model_events import RealtimeModelToolCallEvent
from daemon.realtime.run_config import RunConfig
from daemon.realtime.tool_guardrails import ToolInputGuardrailData, ToolOutputGuardrailData
from daemon.realtime.tool_output import BackgroundResult, output_text
from daemon.realtime.tools import FunctionTool, default_tool_error_function
from daemon.realtime.toolset import ToolSet, is_enabled
from daemon.records import dataclass

log = logging.getLogger("harkd.tools")

MAX_CALLS_AT_ONCE = 32
"""Calls running or waiting for approval; a further one is answered with a refusal."""

CLOSE_GRACE_S = 1.0
"""How long `close` waits for cancelled calls; one that will not end is left to itself."""

FAILED = "The tool failed."
"""What the model is told where only the application may know more: without it, it would wait for ever."""

TOO_MANY = "Too many tools are running, try again later."
CANCELLED = "The call was cancelled."


class ToolHost(Protocol):
    """What the runner needs of its session."""

    def tool_run_context(self) -> RunContextWrapper[Any]:
        """The context with the history of now."""

    def event_info(self) -> ev.RealtimeEventInfo: ...
    def emit(self, event: ev.RealtimeSessionEvent) -> None: ...
    def report(self, error: Exception) -> None:
        """An `error` event."""

    async def send_tool_output(self, call: RealtimeModelToolCallEvent, text: str, respond: bool) -> None: ...
    async def hand_off(self, handoff: Handoff, call: RealtimeModelToolCallEvent, tools: ToolSet) -> None: ...
    async def speak_filler(self) -> None: ...
    def tool_hooks(self, method: str, tools: ToolSet, *args: Any) -> None: ...


class _Refused(Exception):
    """The call ends here: the model gets `text`."""

    def __init__(self, text: str) -> None:
        self.text = text


@dataclass(eq=False)
class _Call:
    event: RealtimeModelToolCallEvent
    tools: ToolSet
    context: ToolContext[Any]
    task: asyncio.Task[None] | None = None
    verdict: asyncio.Future[Verdict] | None = None
    answered: bool = field(default=False)


class ToolRunner:
    """One task per call. A tool that raises, hangs or answers nonsense costs its own call only."""

    def __init__(self, host: ToolHost, config: RunConfig) -> None:
        self._host = host
        self._config = config
        self._approvals = Approvals(config.approval_timeout_s)
        self._blocking = BlockingCalls()
        self._ledger = CallLedger()
        self._calls: dict[str, _Call] = {}
        self._one_at_a_time = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._strays: set[asyncio.Task[Any]] = set()  # timed out and cancelled, not ended yet
        self._closed = False

    @property
    def running(self) -> int:
        """Calls not answered yet, those that wait for a person included."""
        return len(self._calls)

    def start(self, event: RealtimeModelToolCallEvent, tools: ToolSet) -> None:
        """Begin a call with the tools that were in force when its response started."""
        known = self._ledger.note(event.call_id, event.name, event.arguments)
        if known is Known.REPEATED or self._closed:
            return
        if known is Known.CHANGED:
            self._host.report(ModelBehaviorError(f"call {event.call_id} came again as another call"))
            return
        run = self._host.tool_run_context()
        context = ToolContext.for_call(run, event.name, event.call_id, event.arguments, tools.agent)
        call = _Call(event, tools, context)
        full = len(self._calls) >= MAX_CALLS_AT_ONCE
        self._calls[event.call_id] = call
        work = self._answer(call, TOO_MANY, respond=True) if full else self._run(call)
        call.task = asyncio.create_task(work, name=f"tool {event.name}")
        call.task.add_done_callback(lambda task: self._ended(call, task))

    def approve(self, call_id: str, *, always: bool = False) -> None:
        self._decide(self._approvals.approve(call_id, always=always))

    def reject(self, call_id: str, *, always: bool = False, message: str | None = None) -> None:
        self._decide(self._approvals.reject(call_id, always=always, message=message))

    async def cancel(self, call_id: str) -> bool:
        """Stop a call that runs or waits and tell the model; False if there is none. A blocking function
        runs on to its end, its result is not used."""
        call = self._calls.get(call_id)
        if call is None or call.task is None or call.answered:
            return False
        call.task.cancel()
        await asyncio.wait({call.task}, timeout=CLOSE_GRACE_S)
        await self._answer(call, CANCELLED, respond=False)
        return True

    async def close(self) -> None:
        """Cancel every call. Threads of blocking tools are left to themselves."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._approvals.drop_all()
        tasks = {call.task for call in self._calls.values() if call.task is not None} | self._strays
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=CLOSE_GRACE_S)
            for task in stuck:
                log.warning("%s does not end although it was cancelled", task.get_name())

    # ---- one call --------------------------------------------------------------------------------

    async def _run(self, call: _Call) -> None:
        if self._config.async_tool_calls:
            await self._supervised(call)
        else:
            async with self._one_at_a_time:
                await self._supervised(call)

    async def _supervised(self, call: _Call) -> None:
        try:
            await self._carry_out(call)
        except _Refused as refused:
            await self._answer(call, refused.text, respond=True)
        except Exception as error:  # supervision point: a tool, a guardrail or a callback failed
            log.exception("call %s of tool %s failed", call.event.call_id, call.event.name)
            self._host.report(error)
            await self._answer(call, FAILED, respond=True)

    async def _carry_out(self, call: _Call) -> None:
        entry = call.tools.find(call.event.name)
        if entry is None or not await is_enabled(entry, call.context, call.tools.agent):
            text = call.tools.not_found_text(call.event.name)
            self._host.report(ModelBehaviorError(text))
            raise _Refused(text)
        if isinstance(entry, Handoff):
            await self._host.hand_off(entry, call.event, call.tools)
            return
        try:
            await self._get_approval(call, entry)
            await self._check_input(call, entry)
            output = await self._invoke(call, entry)
            output = await self._check_output(call, entry, output)
        except _Refused as refused:
            output = refused.text
        await self._finish(call, entry, output)

    async def _finish(self, call: _Call, tool: FunctionTool, output: Any) -> None:
        respond = not isinstance(output, BackgroundResult)
        plain = output.output if isinstance(output, BackgroundResult) else output
        await self._answer(call, output_text(output), respond=respond)
        info = self._host.event_info()
        agent, arguments = call.tools.agent, call.event.arguments
        self._host.emit(ev.RealtimeToolEnd(agent, tool, arguments, plain, info))
        self._host.tool_hooks("on_tool_end", call.tools, tool, plain)

    async def _answer(self, call: _Call, text: str, respond: bool) -> None:
        if not call.answered:
            call.answered = True
            await self._host.send_tool_output(call.event, text, respond)

    # ---- approval --------------------------------------------------------------------------------

    async def _get_approval(self, call: _Call, tool: FunctionTool) -> None:
        if not await self._needs_approval(call, tool):
            return
        if self._config.pre_approval_tool_input_guardrails:
            await self._check_input(call, tool)
        event = call.event
        waiting = WaitingCall(event.call_id, tool, event.arguments, call.tools.agent, event.response_id)
        verdict = self._approvals.park(waiting, asyncio.get_running_loop().time())
        if verdict is None:
            verdict = await self._verdict(call, tool)
        if verdict.decision is Decision.REJECTED:
            raise _Refused(await self._rejection(call, verdict.message))

    async def _needs_approval(self, call: _Call, tool: FunctionTool) -> bool:
        needs = tool.needs_approval
        if isinstance(needs, bool):
            return needs
        try:
            arguments = json.loads(call.event.arguments or "{}")
        except (ValueError, RecursionError):
            return True  # what cannot be judged is asked about
        if not isinstance(arguments, dict):
            return True
        return bool(await _awaited(needs(call.context, arguments, call.event.call_id)))

    async def _verdict(self, call: _Call, tool: FunctionTool) -> Verdict:
        call.verdict = asyncio.get_running_loop().create_future()
        self._rearm()
        event, info = call.event, self._host.event_info()
        agent = call.tools.agent
        self._host.emit(ev.RealtimeToolApprovalRequired(agent, tool, event.call_id, event.arguments, info))
        try:
            return await call.verdict
        finally:
            self._approvals.reject(event.call_id)  # if it was cancelled: it waits no more

    async def _rejection(self, call: _Call, message: str | None) -> str:
        formatter = self._config.tool_error_formatter
        if message is not None or formatter is None:
            return DEFAULT_REJECTION if message is None else message
        event = call.event
        args = ToolErrorFormatterArgs(event.name, event.call_id, DEFAULT_REJECTION, call.context)
        try:
            text = await _awaited(formatter(args))
        except Exception:  # supervision point: a callback of the application
            log.exception("tool_error_formatter failed")
            return DEFAULT_REJECTION
        return text if isinstance(text, str) else DEFAULT_REJECTION

    def _decide(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            call = self._calls.get(verdict.call.call_id)
            if call is not None and call.verdict is not None and not call.verdict.done():
                call.verdict.set_result(verdict)
        self._rearm()

    def _expire(self) -> None:
        self._timer = None
        self._decide(self._approvals.expire(asyncio.get_running_loop().time()))

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._approvals.next_deadline()
        loop = asyncio.get_running_loop()
        self._timer = None if due is None else loop.call_at(due, self._expire)

    # ---- guardrails ------------------------------------------------------------------------------

    async def _check_input(self, call: _Call, tool: FunctionTool) -> None:
        for guardrail in tool.tool_input_guardrails or ():
            verdict = await guardrail.run(ToolInputGuardrailData(call.context, call.tools.agent))
            if verdict.behavior["type"] == "reject_content":
                raise _Refused(verdict.behavior["message"])
            if verdict.behavior["type"] == "raise_exception":
                raise ToolInputGuardrailTripwireTriggered(guardrail.get_name(), verdict.output_info)

    async def _check_output(self, call: _Call, tool: FunctionTool, output: Any) -> Any:
        for guardrail in tool.tool_output_guardrails or ():
            data = ToolOutputGuardrailData(call.context, call.tools.agent, output)
            verdict = await guardrail.run(data)
            if verdict.behavior["type"] == "reject_content":
                raise _Refused(verdict.behavior["message"])
            if verdict.behavior["type"] == "raise_exception":
                raise ToolOutputGuardrailTripwireTriggered(guardrail.get_name(), verdict.output_info)
        return output

    # ---- the tool itself -------------------------------------------------------------------------

    async def _invoke(self, call: _Call, tool: FunctionTool) -> Any:
        info = self._host.event_info()
        self._host.emit(ev.RealtimeToolStart(call.tools.agent, tool, call.event.arguments, info))
        self._host.tool_hooks("on_tool_start", call.tools, tool)
        filler = self._filler()
        try:
            return await self._in_time(call, tool)
        except ToolTimeoutError as late:
            if tool.timeout_behavior == "raise_exception":
                raise
            log.warning("%s", late)
            return await self._error_text(call, tool.timeout_error_function or _sentence, late)
        except Exception as error:
            if tool.failure_error_function is None:
                raise
            log.warning("tool %s failed: %s", tool.name, error, exc_info=True)
            return await self._error_text(call, tool.failure_error_function, error)
        finally:
            if filler is not None:
                filler.cancel()

    async def _in_time(self, call: _Call, tool: FunctionTool) -> Any:
        """The tool runs in a task of its own, so that one that ignores cancelling holds up nobody."""
        limit_s = tool.timeout_seconds or self._config.tool_timeout_s
        work = asyncio.create_task(self._call_tool(call, tool), name=f"tool {tool.name} itself")
        self._strays.add(work)
        work.add_done_callback(self._stray_ended)
        try:
            done, _ = await asyncio.wait({work}, timeout=limit_s)
        except asyncio.CancelledError:
            work.cancel()
            raise
        if done:
            return work.result() if not work.cancelled() else _raise_cancelled(tool)
        work.cancel()
        raise ToolTimeoutError(tool.name, limit_s or 0.0)

    async def _call_tool(self, call: _Call, tool: FunctionTool) -> Any:
        try:
            if tool.call_blocking is not None:
                name, arguments = tool.name, call.event.arguments
                return await self._blocking.run(name, tool.call_blocking, call.context, arguments)
            return await tool.on_invoke_tool(call.context, call.event.arguments)
        except (SystemExit, KeyboardInterrupt) as error:  # raised by the tool, it would end the program
            raise RuntimeError(f"the tool raised {type(error).__name__}") from error

    async def _error_text(
        self, call: _Call, write: Callable[[Any, Any], str | Awaitable[str]], error: Exception
    ) -> str:
        try:
            return str(await _awaited(write(call.context, error)))
        except Exception:  # supervision point: a callback of the application
            log.exception("the error function of tool %s failed", call.event.name)
            return default_tool_error_function(call.context, error)

    def _filler(self) -> asyncio.Task[None] | None:
        after_s = self._config.filler_after_s
        if after_s is None:
            return None

        async def bridge() -> None:
            await asyncio.sleep(after_s)
            await self._host.speak_filler()

        return asyncio.create_task(bridge(), name="filler")

    # ---- ends ------------------------------------------------------------------------------------

    def _ended(self, call: _Call, task: asyncio.Task[None]) -> None:
        if self._calls.get(call.event.call_id) is call:
            del self._calls[call.event.call_id]
        if not task.cancelled() and task.exception() is not None:
            log.error("a tool call ended on an error of ours", exc_info=task.exception())

    def _stray_ended(self, task: asyncio.Task[Any]) -> None:
        self._strays.discard(task)
        if not task.cancelled():
            task.exception()  # seen by the call, or too late for it


async def _awaited(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def _sentence(context: RunContextWrapper[Any], error: Exception) -> str:
    return str(error)


def _raise_cancelled(tool: FunctionTool) -> Any:
    raise RuntimeError(f"tool {tool.name} cancelled itself")
