"""Who leads the conversation, with the tools and the session object that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.barge_in import barge_in_of, with_barge_in
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.mcp_tools import mcp_function_tools
from daemon.realtime.run_config import read_model_config, read_run_config
from daemon.realtime.session_payload import session_payload
from daemon.realtime.settings import Layer, SessionSettings, agent_layer, read_settings
from daemon.realtime.settings_check import VOICES
from daemon.realtime.tools import FunctionTool
from daemon.realtime.toolset import ToolSet, enabled_tool_set
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class Lead:
    """An agent as it leads: `layer` is what it says about the session, `session` the API's session object.

    `first` until the first hand-off.
    """

    agent: RealtimeAgent[Any]
    tools: ToolSet
    layer: Layer
    first: bool
    session: Mapping[str, Any]
    barge_in: str
    written: bool

    def under(self, settings: SessionSettings, barge_in: str | None) -> Lead:
        """The same lead after the settings have changed. Raises `SettingsError`."""
        return _lead(self.agent, self.tools, self.layer, settings, self.first, barge_in)


async def take_lead(
    agent: RealtimeAgent[Any],
    context: RunContextWrapper[Any],
    settings: SessionSettings,
    *,
    first: bool,
    any_voice: bool = False,
    barge_in: str | None = None,
) -> Lead:
    """Evaluate everything about an agent. Raises `UserError`, and what its functions and servers raise."""
    instructions = await agent.get_system_prompt(context)
    layer = agent_layer(agent, instructions, voices=_voices(any_voice))
    tools, handoffs = settings.tool_lists(agent, first=first)
    local = await _local_mcp_tools(agent)
    tool_set = await enabled_tool_set(agent, context, [*tools, *local], handoffs)
    return _lead(agent, tool_set, layer, settings, first, barge_in)


def opening_session(lead: Lead, settings: SessionSettings, connection: Mapping[str, Any]) -> dict[str, Any]:
    """The session object to open a connection with: an address of the owner's names the model itself, unless
    a model was given too."""
    session = dict(lead.session)
    if connection.get("url") is not None and "model" not in {**settings.base, **settings.initial}:
        session.pop("model", None)
    return session


async def initial_payload(
    agent: RealtimeAgent[Any],
    context: Any = None,
    model_config: Mapping[str, Any] | None = None,
    run_config: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The session object with which a call is accepted; the audio formats are the call's unless given."""
    connection, run = read_model_config(model_config), read_run_config(run_config)
    initial = {**connection.initial_model_settings, **read_settings(overrides or {}, where="overrides.")}
    settings = SessionSettings(run.model_settings, initial, attached=True)
    wrapper = RunContextWrapper(context)
    lead = await take_lead(agent, wrapper, settings, first=True, barge_in=run.barge_in)
    # Accepting a call starts its session, which must have a model; attaching to it later must not name one.
    return {"model": settings.model, **lead.session}


def initial_session(
    given: Mapping[str, Any], *, attached: bool = False, any_voice: bool = False, addressed: bool = False
) -> dict[str, Any]:
    """The session object from settings in any spelling, with the defaults; as it is if it has a `type`.

    `addressed`: the owner's address names the model, unless the settings do.
    """
    if "type" in given:
        return dict(given)
    layer = read_settings(given, where="initial_model_settings.", voices=_voices(any_voice))
    effective = SessionSettings(initial=layer, attached=attached).effective({}, first=True)
    if addressed and "model" not in layer:
        effective.pop("model", None)
    return session_payload(effective, _wire_tools(layer))


def session_changes(given: Mapping[str, Any], *, any_voice: bool = False) -> dict[str, Any]:
    """Only what these settings, in any spelling, say; as it is if it has a `type`."""
    if "type" in given:
        return dict(given)
    layer = read_settings(given, where="session_settings.", voices=_voices(any_voice))
    changes = session_payload(layer, _wire_tools(layer))
    if "tools" not in layer and "handoffs" not in layer:
        del changes["tools"]
    if "instructions" not in layer:
        del changes["instructions"]
    return changes


def _lead(
    agent: RealtimeAgent[Any],
    tools: ToolSet,
    layer: Layer,
    settings: SessionSettings,
    first: bool,
    barge_in: str | None,
) -> Lead:
    effective = with_barge_in(barge_in, settings.effective(layer, first=first))
    return Lead(
        agent=agent,
        tools=tools,
        layer=layer,
        first=first,
        session=session_payload(effective, tools.to_wire()),
        barge_in=barge_in_of(barge_in, effective),
        written=effective.get("output_modalities") == ["text"],
    )


async def _local_mcp_tools(agent: RealtimeAgent[Any]) -> list[FunctionTool]:
    tools: list[FunctionTool] = []
    for server in agent.mcp_servers:
        tools += mcp_function_tools(server, await server.list_tools(), agent.mcp_config)
    return tools


def _wire_tools(layer: Layer) -> list[dict[str, Any]]:
    return [entry.to_wire() for entry in (*layer.get("tools", ()), *layer.get("handoffs", ()))]


def _voices(any_voice: bool) -> Collection[str] | None:
    return None if any_voice else VOICES
