"""Which agent leads a session, and how it comes to another one. Shell around the loop and the model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from daemon.realtime import model_inputs as inp
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.realtime.lead import Lead, opening_session, take_lead
from daemon.realtime.session_payload import session_update
from daemon.realtime.settings import SessionSettings, read_settings
from daemon.realtime.settings_check import VOICES
from daemon.realtime.settings_types import RealtimeSessionModelSettings

log = logging.getLogger("harkd.session")

AGENT_WITHIN_S = 15.0


class Leading:
    """One lead at a time, and one change of it at a time: `changing` is held by whoever makes one.

    `audio_heard`: the model has spoken, so that its voice cannot be changed within this connection.
    """

    def __init__(
        self,
        agent: RealtimeAgent[Any],
        settings: SessionSettings,
        barge_in: str | None,
        run_context: Callable[[], RunContextWrapper[Any]],
        send: Callable[[inp.RealtimeModelSendEvent], Awaitable[None]],
        new_id: Callable[[str], str],
        *,
        any_voice: bool,
    ) -> None:
        """`any_voice`: the server is not OpenAI's, and may have other voices."""
        self.changing = asyncio.Lock()
        self.audio_heard = False
        self._agent = agent
        self._settings = settings
        self._barge_in = barge_in
        self._run_context = run_context
        self._send = send
        self._new_id = new_id
        self._any_voice = any_voice
        self._lead: Lead | None = None
        self._before: dict[str, Lead] = {}  # by the id of the update the server may still refuse

    def heard_audio(self) -> None:
        self.audio_heard = True

    @property
    def has_begun(self) -> bool:
        return self._lead is not None

    @property
    def agent(self) -> RealtimeAgent[Any]:
        """Who leads, or will."""
        return self._agent if self._lead is None else self._lead.agent

    @property
    def lead(self) -> Lead:
        """Raises `UserError` before `open`."""
        if self._lead is None:
            raise UserError("the session is not connected; use `async with` or await enter()")
        return self._lead

    async def open(self, connection: Mapping[str, Any]) -> dict[str, Any]:
        """The first agent leads; answers the session object to open the connection with."""
        self._lead = await self.take(self._agent, first=True)
        return opening_session(self._lead, self._settings, connection)

    async def take(self, agent: RealtimeAgent[Any], *, first: bool = False) -> Lead:
        """What the agent would lead with. Raises `UserError` and what its functions raise."""
        options: Any = {"any_voice": self._any_voice, "barge_in": self._barge_in}
        try:
            async with asyncio.timeout(AGENT_WITHIN_S):
                return await take_lead(agent, self._run_context(), self._settings, first=first, **options)
        except TimeoutError:
            what = "its instructions, an is_enabled function or an MCP server hangs"
            raise UserError(f"agent {agent.name!r} was not ready in {AGENT_WITHIN_S:g} s: {what}") from None

    async def lead_on(self, lead: Lead) -> None:
        """One session.update; should the server refuse it, the lead from before is back."""
        before = self.lead
        event_id = self._new_id("lead")
        self._before = {event_id: before}
        self._lead = lead
        update = session_update(before.session, lead.session, voice_locked=self.audio_heard)
        await self._send(inp.RealtimeModelSendSessionUpdate(update, event_id))

    async def update_agent(self, agent: RealtimeAgent[Any]) -> None:
        """As `RealtimeSession.update_agent`."""
        async with self.changing:
            await self.lead_on(await self.take(agent))

    async def update_settings(self, settings: RealtimeSessionModelSettings) -> None:
        """As `RealtimeSession.update_settings`."""
        async with self.changing:
            changed = self._settings.with_overrides(read_settings(settings, voices=self._voices))
            lead = self.lead.under(changed, self._barge_in)
            self._settings = changed
            await self.lead_on(lead)

    async def reconfigure(
        self,
        agent: RealtimeAgent[Any],
        settings: RealtimeSessionModelSettings,
        *,
        any_voice: bool,
        update: bool,
    ) -> Mapping[str, Any]:
        """As `RealtimeSession.reconfigure`."""
        async with self.changing:
            before = self._settings, self._any_voice
            self._any_voice = any_voice
            try:
                self._settings = replace(self._settings, base=read_settings(settings, voices=self._voices))
                lead = await self.take(agent)
            except BaseException:
                self._settings, self._any_voice = before
                raise
            if update:
                await self.lead_on(lead)
            else:
                self._lead = lead
            return lead.session

    def refused(self, event_id: str | None) -> None:
        """The server refused something; if it was an update of ours, the lead from before is back."""
        before = self._before.pop(event_id or "", None)
        if before is not None:
            log.warning("the server refused the update, %s leads as before", before.agent.name)
            self._lead = before

    def reconnected(self) -> None:
        """A new connection is configured as a whole."""
        self._before.clear()

    @property
    def _voices(self) -> Any:
        return None if self._any_voice else VOICES
