"""Runs the box's agents on the connection that the conductor shares. Shell around model and session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from daemon import events as ev
from daemon.button_tools import ButtonTools
from daemon.conductor import Conductor
from daemon.realtime import events as session_events
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.device import DeviceControls
from daemon.realtime.errors import UserError
from daemon.realtime.hosted_mcp import HostedMCPTool
from daemon.realtime.model import OpenAIRealtimeWebSocketModel
from daemon.realtime.model_events import RealtimeModelEvent
from daemon.realtime.run_config import is_openai
from daemon.realtime.server_events import WireItem
from daemon.realtime.session import RealtimeSession
from daemon.realtime.settings_types import RealtimeSessionModelSettings
from daemon.realtime.tools import Tool
from daemon.realtime.transports.port import Transport

log = logging.getLogger("harkd")

FILLER_AFTER_S = 4.0
"""A tool this slow is bridged by a sentence; people take a longer silence for a failure."""

TOOL_TIMEOUT_S = 60.0
"""For a tool that says nothing of its own: whoever asked has long gone, and the model must not wait on."""


class AgentHost:
    """One session of agents, from start to stop.

    The conductor keeps audio, turns and interruptions for itself; tools, hand-offs, guardrails and history
    are the session's. What both need to know of each other passes here.
    """

    def __init__(
        self,
        agent: RealtimeAgent[Any],
        settings: RealtimeSessionModelSettings,
        url: str,
        open_transport: Callable[[], Transport],
        conductor: Conductor,
        controls: DeviceControls,
    ) -> None:
        """`settings` as `model_settings` of a run config; `url` decides which voices there are.

        Raises `daemon.realtime.errors.UserError` with everything the settings have wrong.
        """
        self._conductor = conductor
        self._agent = agent
        # Programs take seconds to start, and may not: neither the box nor its first answer waits for them.
        self._at_once = agent.clone(mcp_servers=[]) if agent.mcp_servers else agent
        self._model = OpenAIRealtimeWebSocketModel(
            open_transport=open_transport, at_rest=conductor.appliance.settings.connect_on_demand
        )
        self._model.player = conductor
        self.session: RealtimeSession[DeviceControls] = RealtimeSession(
            self._model,
            self._at_once,
            controls,
            {"url": url, "wait_until_ready": False},
            {
                "model_settings": settings,
                "tracing_disabled": True,
                "barge_in": "button",  # the conductor decides on interruptions
                "filler_after_s": FILLER_AFTER_S,
                "tool_timeout_s": TOOL_TIMEOUT_S,
            },
        )
        self.button_tools = ButtonTools(self.session, controls, self._tool_failed)
        self._decisions: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def _tool_failed(self, sentence: str) -> None:
        """A button's tool: nobody hears the model say so."""
        self._conductor.note_error(sentence)
        self._conductor.on_own_sound(ev.Refuse(sentence, ev.Trouble.NOTHING))

    def listen(self, listener: Callable[[RealtimeModelEvent], None]) -> None:
        """Tell somebody else, too, what the model says. Before the start."""
        self._model.add_listener(listener)

    def begin_with(self, items: Sequence[WireItem]) -> None:
        """Go on with a conversation of which this is known. Before the start."""
        self._model.begin_with(items)

    async def start(self) -> None:
        """Begin to connect; returns at once, with the conductor's `link` set.

        Raises `UserError` for an agent that cannot lead.
        """
        self._model.add_listener(self._conductor.on_model_event)  # first: audio before everything else
        try:
            await self.session.enter()
        except UserError:
            raise
        except Exception as error:  # supervision point: functions of the operator
            what = f"agent {self._agent.name!r} cannot lead: {type(error).__name__}: {error}"
            raise UserError(what) from error
        self._conductor.link = self._model.link
        self._conductor.on_decision = self._decide
        self._tasks.append(asyncio.create_task(self._watch(), name="agent events"))
        if self._at_once is not self._agent:
            self._tasks.append(asyncio.create_task(self._add_mcp_tools(), name="MCP tools"))

    async def stop(self) -> None:
        await self.session.close()
        await self.button_tools.stop()
        tasks = [*self._decisions, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reconfigure(
        self,
        agent: RealtimeAgent[Any],
        settings: RealtimeSessionModelSettings,
        url: str,
        open_transport: Callable[[], Transport] | None,
    ) -> bool:
        """Let another agent lead, under other settings; False if that failed, and all is as it was.

        `open_transport`: what has changed needs another connection, in this way. The conversation goes on.
        """
        any_voice = not is_openai(url)
        at_once = agent.clone(mcp_servers=[]) if agent.mcp_servers else agent
        try:
            session = await self.session.reconfigure(
                at_once, settings, any_voice=any_voice, update=open_transport is None
            )
        except Exception as error:  # supervision point: functions of the operator
            log.exception("%s cannot lead", agent.name)
            self._conductor.note_error(f"agents: {agent.name} cannot lead, all stays as it was: {error}")
            return False
        self._agent, self._at_once = agent, at_once
        if open_transport is not None:
            reason = "the configuration has changed"
            self._model.begin_anew(session, open_transport, reason, any_voice=any_voice)
        if agent.mcp_servers:
            await self._add_mcp_tools()
        return True

    async def wait_closed(self) -> None:
        """Raises the error of ours that ended the connection for good."""
        await self._model.wait_closed()

    async def _add_mcp_tools(self) -> None:
        """The first agent once more, with what its MCP servers offer, unless another one leads by then."""
        try:
            for server in self._agent.mcp_servers:
                await server.list_tools()  # outside the session's time limit: this is what starts them
            if self.session.current_agent is self._at_once:
                await self.session.update_agent(self._agent)
        except Exception as error:  # supervision point: programs of the operator
            log.exception("the MCP servers of %s are left out", self._agent.name)
            self._conductor.note_error(f"agents: {self._agent.name} goes on without MCP servers: {error}")

    async def _watch(self) -> None:
        async for event in self.session:
            match event:
                case session_events.RealtimeToolApprovalRequired(tool=tool, call_id=call_id):
                    self._conductor.step(ev.ApprovalWanted(call_id, _name_of(tool)))
                case session_events.RealtimeHandoffEvent(from_agent, to_agent):
                    log.info("%s hands over to %s", from_agent.name, to_agent.name)
                case session_events.RealtimeGuardrailTripped(results):
                    names = ", ".join(result.guardrail.get_name() for result in results)
                    self._conductor.note_error(f"guardrail tripped: {names}")
                case session_events.RealtimeToolEnd(tool=tool):
                    log.info("tool %s done", _name_of(tool))
                case session_events.RealtimeError(error) if isinstance(error, Exception):
                    self._conductor.note_error(f"agents: {error}")

    async def _reject_quietly(self, decision: ev.Reject) -> None:
        if not await self.session.cancel_tool_call(decision.call_id):  # a hosted server's call is not ours
            await self.session.reject_tool_call(decision.call_id, rejection_message=decision.reason)

    def _decide(self, decision: ev.Approve | ev.Reject) -> None:
        if isinstance(decision, ev.Approve):
            work = self.session.approve_tool_call(decision.call_id)
        elif not decision.respond:
            work = self._reject_quietly(decision)
        else:
            work = self.session.reject_tool_call(decision.call_id, rejection_message=decision.reason)
        task = asyncio.create_task(work, name="tool decision")
        self._decisions.add(task)
        task.add_done_callback(self._decisions.discard)


def _name_of(tool: Tool) -> str:
    return tool.server_label if isinstance(tool, HostedMCPTool) else tool.name
