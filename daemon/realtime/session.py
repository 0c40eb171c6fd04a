"""One conversation between a user and agents over a model. Shell around the model, tools and the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import count
from typing import Any, Generic

from daemon.realtime import events as ev
from daemon.realtime import model_events as rt
from daemon.realtime import model_inputs as inp
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.audio_store import AudioStore
from daemon.realtime.context import RunContextWrapper, TContext
from daemon.realtime.errors import UserError
from daemon.realtime.event_queue import HISTORY_CHANGED, EventQueue
from daemon.realtime.guard_runner import GuardRunner
from daemon.realtime.guardrails import OutputGuardrailResult, TextCheck
from daemon.realtime.handoffs import Handoff
from daemon.realtime.history_update import history_update
from daemon.realtime.hook_runner import HookRunner
from daemon.realtime.items import MadeItems, RealtimeItem, newest_item, realtime_items
from daemon.realtime.lead import Lead
from daemon.realtime.leading import Leading
from daemon.realtime.mcp_runner import McpRunner
from daemon.realtime.model import RealtimeModel
from daemon.realtime.recent import RecentSet
from daemon.realtime.run_config import is_openai, read_model_config, read_run_config
from daemon.realtime.settings import SessionSettings
from daemon.realtime.settings_types import (
    RealtimeModelConfig,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
)
from daemon.realtime.tool_runner import ToolRunner
from daemon.realtime.toolset import ToolSet
from daemon.realtime.translate import PLAIN
from daemon.realtime.turns import Turns
from daemon.realtime.usage import Usage, response_usage

log = logging.getLogger("harkd.session")

MAX_WRITTEN = 2_000
"""Ids of written messages remembered, as many as the history keeps items."""

_STOP = inp.RealtimeModelSendInterrupt(force_response_cancel=True)

HistoryEdit = Sequence[RealtimeItem] | Callable[[list[RealtimeItem]], Sequence[RealtimeItem]]


class RealtimeSession(Generic[TContext], AsyncIterator[ev.RealtimeSessionEvent]):
    """`async with await runner.run() as session:`, then `async for event in session:`.

    No frame, event, tool, guardrail or time-out ends it: what goes wrong is an `error` event. It ends with
    `close()`, or when a call it is attached to does. Events wait in an `EventQueue`, bounded as stated
    there; several iterators share them. All methods belong to the loop of `enter`.
    """

    def __init__(
        self,
        model: RealtimeModel,
        agent: RealtimeAgent[Any],
        context: TContext | None = None,
        model_config: RealtimeModelConfig | None = None,
        run_config: RealtimeRunConfig | None = None,
    ) -> None:
        """Raises `UserError` with everything that is wrong with the configs; connects nothing."""
        self._model = model
        self._model_config = dict(model_config or {})
        any_voice = not is_openai(self._model_config.get("url"))
        connection = read_model_config(self._model_config)
        self._config = read_run_config(run_config, any_voice=any_voice)
        settings = SessionSettings(
            self._config.model_settings,
            connection.initial_model_settings,
            attached=connection.call_id is not None,
        )
        self._context: RunContextWrapper[Any] = RunContextWrapper(context)
        self._info = ev.RealtimeEventInfo(self._context)
        self._queue = EventQueue()
        self._more = asyncio.Event()
        self._over = False
        self._closing: asyncio.Task[None] | None = None
        self._entered = False
        self._leads = Leading(
            agent,
            settings,
            self._config.barge_in,
            self.tool_run_context,
            self.send,
            self._new_id,
            any_voice=any_voice,
        )
        self._ids = count(1)
        self._turns = Turns()
        self._written: RecentSet[str] = RecentSet(MAX_WRITTEN)
        self._items: MadeItems = {}
        self._muted = False
        self._stored = AudioStore(self._config.history_store_audio)
        self._tasks: set[asyncio.Task[None]] = set()
        self._mcp = McpRunner(self, self._config)
        self._tools = ToolRunner(self, self._config)
        length, guardrails = self._config.debounce_text_length, self._config.output_guardrails
        self._guards = GuardRunner(length, guardrails, self._tripped)
        self._hooks = HookRunner(self._config.hooks, self.tool_run_context, self.report)

    # ---- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> RealtimeSession[TContext]:
        await self.enter()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def enter(self) -> RealtimeSession[TContext]:
        """Evaluate the agent, connect, and return once the server has confirmed the configuration.

        Raises `UserError` and what `RealtimeModel.connect` raises; the session can then not be used again.
        """
        if self._entered:
            raise UserError("the session has been entered before; a runner makes a new one")
        self._entered = True
        opening = await self._leads.open(self._model_config)
        if self._config.tracing_disabled:
            opening["tracing"] = None
        self._model.add_listener(self.on_event)
        options: Any = {**self._model_config, "initial_model_settings": opening}
        try:
            await self._model.connect(options)
        except BaseException:
            self._model.remove_listener(self.on_event)
            await self.close()
            raise
        self._put_history_changed()
        return self

    async def close(self) -> None:
        """End tools, guardrails and the connection; iterators end once the queue is empty. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close session")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._model.remove_listener(self.on_event)
        try:
            await self._tools.close()
            await self._guards.close()
            await self._hooks.close()
            for task in list(self._tasks):
                task.cancel()
            await self._model.close()
        finally:
            self._end()

    def _end(self) -> None:
        self._over = True
        self._more.set()

    def __aiter__(self) -> RealtimeSession[TContext]:
        return self

    async def __anext__(self) -> ev.RealtimeSessionEvent:
        while True:
            event = self._queue.take()
            if event is HISTORY_CHANGED:
                return ev.RealtimeHistoryUpdated(lambda: self.history, self._info)
            if event is not None:
                return event  # type: ignore[return-value]
            if self._over:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()

    # ---- state -----------------------------------------------------------------------------------

    @property
    def model(self) -> RealtimeModel:
        """The connection, for listeners and raw events of your own."""
        return self._model

    @property
    def context(self) -> RunContextWrapper[Any]:
        return self._context

    @property
    def usage(self) -> Usage:
        return self._context.usage

    @property
    def current_agent(self) -> RealtimeAgent[Any]:
        return self._leads.agent

    @property
    def history(self) -> list[RealtimeItem]:
        """The conversation so far, in the server's order. Save it with `model_dump` of each item."""
        if not self._leads.has_begun:
            return []
        return self._stored.fill(realtime_items(self._model.history, self._written, self._items))

    @property
    def dropped_events(self) -> Mapping[str, int]:
        """What was dropped because nobody read it, by type."""
        return self._queue.dropped

    @property
    def barge_in(self) -> str:
        """The policy in force, see `daemon.realtime.barge_in`."""
        return self.leading.barge_in

    @property
    def muted(self) -> bool:
        return self._muted

    @property
    def available_mcp_tools(self) -> list[Mapping[str, Any]]:
        """What the hosted MCP servers of the current agent offer, after its `allowed_tools`."""
        return self._mcp.available()

    @property
    def leading(self) -> Lead:
        """The agent that leads, as it does. Raises `UserError` before `enter`."""
        return self._leads.lead

    # ---- what the application asks for ---------------------------------------------------------

    async def send_message(
        self, message: inp.RealtimeModelUserInput, *, trigger_response: bool = True
    ) -> None:
        """Something the user wrote, or a message dict with text and images."""
        item_id = self._new_id("item")
        self._written.add(item_id)
        await self.send(inp.RealtimeModelSendUserInput(message, trigger_response, item_id))

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Microphone audio; `commit` ends the turn, without asking for an answer. Dropped while muted."""
        if not self._muted:
            _ = self.leading  # raises before the session is connected
            await self._model.send_event(inp.RealtimeModelSendAudio(audio, commit))

    def mute(self, muted: bool = True) -> None:
        """Muted, no microphone audio is sent."""
        self._muted = muted

    async def interrupt(self) -> None:
        """Stop the answer, whether it is being generated or played."""
        await self.send(_STOP)

    async def update_agent(self, agent: RealtimeAgent[Any]) -> None:
        """Let another agent lead. Raises `UserError` and what its functions raise; the old one then stays."""
        await self._leads.update_agent(agent)

    async def update_settings(self, settings: RealtimeSessionModelSettings) -> None:
        """Change the running session; kept over hand-offs. None switches off what can be.

        Raises `SettingsError`.
        """
        await self._leads.update_settings(settings)

    async def reconfigure(
        self,
        agent: RealtimeAgent[Any],
        settings: RealtimeSessionModelSettings,
        *,
        any_voice: bool,
        update: bool,
    ) -> Mapping[str, Any]:
        """Other `model_settings` of the whole run, and another agent; answers the session object for both.

        `any_voice`: the server's voices are not OpenAI's. `update`: the server is told at once; else the
        answer is for whoever connects anew. Raises `SettingsError`, `UserError` and what the agent's
        functions raise; all is as before then.
        """
        return await self._leads.reconfigure(agent, settings, any_voice=any_voice, update=update)

    async def approve_tool_call(self, call_id: str, *, always: bool = False) -> None:
        """Let a call that waits be made; `always`: and every later one of the same tool."""
        if not await self._mcp.answer(call_id, True, None):
            self._tools.approve(call_id, always=always)

    async def reject_tool_call(
        self, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> None:
        """Refuse a call that waits; the model is told `rejection_message`."""
        if not await self._mcp.answer(call_id, False, rejection_message):
            self._tools.reject(call_id, always=always, message=rejection_message)

    async def cancel_tool_call(self, call_id: str) -> bool:
        """Stop a call that runs or waits; False if there is none."""
        return await self._tools.cancel(call_id)

    async def update_history(self, edit: HistoryEdit) -> None:
        """Make the conversation the given list, or what the function makes of it; items keep their places.

        Raises `UserError` for what cannot be created, before anything is changed.
        """
        current = self.history
        wanted = edit(list(current)) if callable(edit) else edit
        for event in history_update(self._model.history, current, list(wanted)):
            await self.send(event)

    # ---- what the tools need ---------------------------------------------------------------------

    def tool_run_context(self) -> RunContextWrapper[Any]:
        self._context.history = tuple(self.history)
        return self._context

    def event_info(self) -> ev.RealtimeEventInfo:
        return self._info

    def emit(self, event: ev.RealtimeSessionEvent) -> None:
        self._queue.put(event)
        self._more.set()

    def report(self, error: Exception) -> None:
        self.emit(ev.RealtimeError(error, self._info))

    async def send_tool_output(self, call: rt.RealtimeModelToolCallEvent, text: str, respond: bool) -> None:
        await self.send(inp.RealtimeModelSendToolOutput(call, text, respond))

    def tool_hooks(self, method: str, tools: ToolSet, *args: Any) -> None:
        self._hooks.tool(method, tools.agent, *args)

    async def speak_filler(self) -> None:
        response = {"instructions": self._config.filler_instructions, "tool_choice": "none"}
        create = inp.raw("response.create", response=response)
        await self._model.send_event_if(create, lambda: not self._over)

    async def hand_off(self, handoff: Handoff, call: rt.RealtimeModelToolCallEvent, tools: ToolSet) -> None:
        """Pass the conversation on; if anything fails the agent stays, and the model is told."""
        async with self._leads.changing:
            before = self.leading
            if before.agent is not tools.agent:
                text = f"The conversation is with {before.agent.name} already."
                await self.send_tool_output(call, text, respond=False)
                return
            try:
                agent = await handoff.on_invoke_handoff(self._context, call.arguments)
                if not isinstance(agent, RealtimeAgent):
                    raise UserError(
                        f"hand-off {handoff.tool_name} answered {agent!r}, expected a RealtimeAgent"
                    )
                lead = await self._leads.take(agent)
            except Exception as error:  # supervision point: functions of the application
                log.warning("hand-off %s failed", handoff.tool_name, exc_info=True)
                self.report(error)
                text = f"The hand-off failed, {before.agent.name} goes on."
                await self.send_tool_output(call, text, respond=True)
                return
            self.emit(ev.RealtimeHandoffEvent(before.agent, agent, self._info))
            await self._leads.lead_on(lead)
            await self.send_tool_output(call, handoff.get_transfer_message(agent), respond=True)
            self._hooks.handoff(before.agent, agent)

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{id(self):x}_{next(self._ids)}"

    async def send(self, event: inp.RealtimeModelSendEvent) -> None:
        """Raises `UserError` before `enter`."""
        _ = self.leading  # raises before the session is connected
        await self._model.send_event(event)

    # ---- what the model says -------------------------------------------------------------------

    def on_event(self, event: rt.RealtimeModelEvent) -> None:
        """The model's listener. The raw event comes first, then what it means."""
        put, kind = self._queue.put, type(event)
        put(ev.RealtimeRawModelEvent(event, self._info))
        self._more.set()
        try:
            plain = PLAIN.get(kind)
            if plain is not None:
                put(plain(event, self._info))
            reaction = _REACTIONS.get(kind)
            if reaction is not None:
                reaction(self, event)
        except Exception as error:  # supervision point: a bug of ours costs one event
            log.exception("error of ours at %s", event.type)
            self.report(error)

    def _turn_started(self, event: rt.RealtimeModelTurnStartedEvent) -> None:
        self._turns.begin(event.response_id, self.leading, out_of_band=event.out_of_band)
        agent = self.leading.agent
        self.emit(ev.RealtimeAgentStartEvent(agent, self._info))
        self._hooks.agent_start(agent)

    def _turn_ended(self, event: rt.RealtimeModelTurnEndedEvent) -> None:
        if event.usage:
            usage = response_usage(event.usage)
            self._context.usage.add(usage)
            self.emit(ev.RealtimeUsage(event.response_id, usage, self._info))
        if event.status not in ("completed", "cancelled"):
            self.emit(ev.RealtimeResponseFailed(event.response_id, event.status, event.detail, self._info))
        turn = self._turns.end(event.response_id)
        if turn is None or event.response_id is None:
            return
        agent = turn.lead.agent
        if event.status != "cancelled":  # what was cut off is not worth another answer
            self._guards.finish(event.response_id, agent, self._context)
        self.emit(ev.RealtimeAgentEndEvent(agent, self._info))
        self._hooks.agent_end(agent, "".join(turn.words))

    def _words(self, event: rt.RealtimeModelTranscriptDeltaEvent) -> None:
        turn = self._turns.get(event.response_id)
        lead = self.leading if turn is None else turn.lead
        if turn is not None:
            turn.words.append(event.delta)
        self._guards.add(event.response_id, event.item_id, event.delta, lead.agent, self._context)

    def _tool_call(self, event: rt.RealtimeModelToolCallEvent) -> None:
        self._tools.start(event, self._turns.lead_of(event.response_id, self.leading).tools)

    def _interrupted(self, event: rt.RealtimeModelAudioInterruptedEvent) -> None:
        """Where answers are text, one that is cut off without any part of it heard interrupts no audio."""
        if event.item_id is not None or not self.leading.written:
            self.emit(ev.RealtimeAudioInterrupted(event.item_id or "", event.content_index, self._info))

    def _speech_started(self, event: rt.RealtimeModelSpeechStartedEvent) -> None:
        """At once if the model can: a task would begin a turn of the loop later."""
        if self.barge_in == "server_vad" and not self._model.send_event_now(_STOP):
            self.soon(self.interrupt(), "barge-in")

    def _item_updated(self, event: rt.RealtimeModelItemUpdatedEvent) -> None:
        known = self._model.history.get(event.item_id)
        if known is None:
            return
        if event.added and known.role == "assistant" and self.leading.written:
            self._written.add(event.item_id)
        found = self._item(event.item_id) if event.added else None
        if found is not None:
            self.emit(ev.RealtimeHistoryAdded(found, self._info))
        else:
            self._put_history_changed()

    def _item(self, item_id: str) -> RealtimeItem | None:
        """One item of the history, as a rule of the newest."""
        newest = newest_item(self._model.history, item_id, self._written)
        found = self._stored.fill([newest]) if newest else self.history
        return next((item for item in found if item.item_id == item_id), None)

    def _committed(self, event: rt.RealtimeModelInputCommittedEvent) -> None:
        if self._stored.enabled:
            retrieve = inp.raw("conversation.item.retrieve", item_id=event.item_id)
            self.soon(self.send(retrieve), "retrieve audio")

    def _raw(self, event: rt.RealtimeModelRawServerEvent) -> None:
        if "item" in event.data:
            self._mcp.see(event.data)
            self._stored.see(event.data)

    def _put_history_changed(self) -> None:
        self._queue.put(HISTORY_CHANGED)
        self._more.set()

    # ---- guardrails ------------------------------------------------------------------------------

    async def _tripped(self, check: TextCheck, results: list[OutputGuardrailResult]) -> None:
        """Silence that answer, and have the model answer again unless another answer has begun."""
        self.emit(ev.RealtimeGuardrailTripped(results, check.text, self._info, check.item_id))
        await self.send(inp.RealtimeModelSendInterrupt(True, check.response_id))
        names = ", ".join(result.guardrail.get_name() for result in results)
        feedback = inp.RealtimeModelSendUserInput(f"guardrail triggered: {names}")
        await self._model.send_event_if(feedback, lambda: self._turns.newest == check.response_id)

    def soon(self, work: Any, name: str) -> None:
        """In a task of ours, which ends with the session."""

        async def supervised() -> None:
            try:
                await work
            except Exception as error:  # supervision point: a model of the application
                log.exception("%s failed", name)
                self.report(error)

        task = asyncio.create_task(supervised(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_REACTIONS: dict[type, Callable[[RealtimeSession[Any], Any], None]] = {
    rt.RealtimeModelTurnStartedEvent: RealtimeSession._turn_started,
    rt.RealtimeModelTurnEndedEvent: RealtimeSession._turn_ended,
    rt.RealtimeModelAudioEvent: lambda session, _: session._leads.heard_audio(),
    rt.RealtimeModelAudioInterruptedEvent: RealtimeSession._interrupted,
    rt.RealtimeModelTranscriptDeltaEvent: RealtimeSession._words,
    rt.RealtimeModelToolCallEvent: RealtimeSession._tool_call,
    rt.RealtimeModelSpeechStartedEvent: RealtimeSession._speech_started,
    rt.RealtimeModelItemUpdatedEvent: RealtimeSession._item_updated,
    rt.RealtimeModelItemDeletedEvent: lambda session, _: session._put_history_changed(),
    rt.RealtimeModelErrorEvent: lambda session, event: session._leads.refused(event.event_id),
    rt.RealtimeModelConnectionStatusEvent: lambda session, _: session._leads.reconnected(),
    rt.RealtimeModelEndOfStreamEvent: lambda session, _: session._end(),
    rt.RealtimeModelInputCommittedEvent: RealtimeSession._committed,
    rt.RealtimeModelRawServerEvent: RealtimeSession._raw,
}
