"""Agents as data: from the tables of `agents/*.toml` to agents that know each other. Pure.

Each file is one agent; its name without `.toml` is the id by which configuration and other agents refer to
it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.guardrails import OutputGuardrail
from daemon.realtime.handoffs import Handoff, realtime_handoff
from daemon.realtime.hosted_mcp import HostedMCPTool, hosted_mcp_tool
from daemon.realtime.mcp_tools import MCPServer
from daemon.realtime.settings_check import (
    VOICES,
    Check,
    Problems,
    SettingsProblem,
    anything,
    list_of,
    mapping,
    prompt,
    record,
    text,
    voice_among,
)
from daemon.realtime.tools import Tool
from daemon.realtime.toolset import ToolSet
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class AgentFileProblem:
    """One mistake in one file; `key` as in `mcp_servers[0].command`, "" for the whole file."""

    agent_id: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"agents/{self.agent_id}.toml: {self.key + ' ' if self.key else ''}{self.what}"


class AgentFilesError(UserError):
    """Files that make no agents; `problems` has everything that is wrong with all of them."""

    def __init__(self, problems: Iterable[AgentFileProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class McpServerSpec:
    """A local MCP server to be started; `env` is added to the environment, `tools` None offers all it has."""

    name: str
    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)
    cwd: str | None = None
    tools: tuple[str, ...] | None = None


_ID = text("an id, not empty", empty=False)


def _handoff(value: Any, field: str, problems: Problems) -> Any:
    """An agent's id, or an object with one."""
    if isinstance(value, str):
        return {"agent": value}
    return _record({"agent": _ID, "tool_name": _ID, "tool_description": text()}, ("agent",))(
        value, field, problems
    )


def _record(keys: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    return record(keys, required, otherwise="")


_MCP_SERVER = _record(
    {
        "name": _ID,
        "command": text("a program", empty=False),
        "args": list_of(text()),
        "env": mapping,
        "cwd": text(),
        "tools": list_of(_ID),
    },
    ("name", "command"),
)


def _secret(value: Any, field: str, problems: Problems) -> Any:
    """Not here, and not repeated in a message either."""
    allowed = "nothing in an agent file; make the tool with hosted_mcp_tool() in a tools file and name it"
    problems.append(SettingsProblem(field, "(secret)", allowed))
    return None


_HOSTED_MCP = _record(
    {
        "server_label": text(),
        "server_url": text(),
        "connector_id": text(),
        "tunnel_id": text(),
        "authorization": _secret,
        "headers": _secret,
        "allowed_tools": anything,
        "require_approval": anything,
        "server_description": text(),
    },
    ("server_label",),
)

_KEYS: Mapping[str, Check] = {
    "name": text("a name, not empty", empty=False),
    "instructions": text(),
    "handoff_description": text(),
    "prompt": prompt,
    "tools": list_of(_ID),
    "handoffs": list_of(_handoff),
    "guardrails": list_of(_ID),
    "mcp_servers": list_of(_MCP_SERVER),
    "hosted_mcp": list_of(_HOSTED_MCP),
}


def build_agents(
    files: Mapping[str, Mapping[str, Any]],
    *,
    tools: Mapping[str, Tool],
    guardrails: Mapping[str, OutputGuardrail],
    mcp_server: Callable[[McpServerSpec], MCPServer],
    voices: Collection[str] | None = VOICES,
) -> dict[str, RealtimeAgent[Any]]:
    """All agents by id, from the tables of all files by id.

    `tools` and `guardrails` are what the files may name. `mcp_server` makes the handle of a local MCP
    server; agents with the same server share one. `voices` None lets any voice through. Hand-offs may go
    round in circles. Raises `AgentFilesError` with all mistakes of all files.
    """
    problems: list[AgentFileProblem] = []
    tables = {agent_id: _read(agent_id, table, voices, problems) for agent_id, table in files.items()}
    _check_names(tables, problems)
    for agent_id, table in tables.items():
        _check_known(agent_id, table, "tools", tools, problems)
        _check_known(agent_id, table, "guardrails", guardrails, problems)
        _check_handoffs(agent_id, table, tables, problems)
    if problems:
        raise AgentFilesError(problems)
    servers: dict[McpServerSpec, MCPServer] = {}
    agents: dict[str, RealtimeAgent[Any]] = {}
    for agent_id, table in tables.items():
        agent = _agent(agent_id, table, problems)
        agent.tools[:0] = [tools[name] for name in table.get("tools", [])]
        agent.output_guardrails += [guardrails[name] for name in table.get("guardrails", [])]
        for spec in map(_server_spec, table.get("mcp_servers", [])):
            if spec not in servers:
                servers[spec] = mcp_server(spec)
            agent.mcp_servers.append(servers[spec])
        agents[agent_id] = agent
    for agent_id, table in tables.items():
        _link(agent_id, table.get("handoffs", []), agents, problems)
    if problems:
        raise AgentFilesError(problems)
    return agents


def _read(
    agent_id: str,
    table: Mapping[str, Any],
    voices: Collection[str] | None,
    problems: list[AgentFileProblem],
) -> dict[str, Any]:
    """The table with every value checked for itself."""
    found: Problems = []
    checked = {}
    keys = {**_KEYS, "voice": voice_among(voices)}
    for key, value in table.items():
        if key in keys:
            checked[key] = keys[key](value, key, found)
        else:
            what = f"is no key of an agent, allowed: {', '.join(keys)}{did_you_mean(key, keys)}"
            problems.append(AgentFileProblem(agent_id, key, what))
    problems += [_problem(agent_id, problem) for problem in found]
    return {} if found else checked


def _problem(agent_id: str, problem: SettingsProblem) -> AgentFileProblem:
    what = str(replace(problem, field=""))
    return AgentFileProblem(agent_id, problem.field, what.lstrip())


def _check_names(tables: Mapping[str, Mapping[str, Any]], problems: list[AgentFileProblem]) -> None:
    seen: dict[str, str] = {}
    for agent_id, table in tables.items():
        name = table.get("name", agent_id)
        if name in seen:
            what = f"is {name!r}, as in agents/{seen[name]}.toml; every agent needs its own"
            problems.append(AgentFileProblem(agent_id, "name", what))
        seen.setdefault(name, agent_id)


def _check_known(
    agent_id: str,
    table: Mapping[str, Any],
    key: str,
    known: Collection[str],
    problems: list[AgentFileProblem],
) -> None:
    names = table.get(key, [])
    for index, name in enumerate(names):
        where = f"{key}[{index}]"
        if name not in known:
            allowed = ", ".join(sorted(known)) or "nothing, there are none"
            what = f"is {name!r}, allowed: {allowed}{did_you_mean(name, known)}"
            problems.append(AgentFileProblem(agent_id, where, what))
        elif name in names[:index]:
            problems.append(AgentFileProblem(agent_id, where, f"is {name!r} once more"))


def _check_handoffs(
    agent_id: str,
    table: Mapping[str, Any],
    tables: Collection[str],
    problems: list[AgentFileProblem],
) -> None:
    others = [other for other in tables if other != agent_id]
    for index, handoff in enumerate(table.get("handoffs", [])):
        target = handoff["agent"]
        if target not in others:
            allowed = ", ".join(sorted(others)) or "nothing, there is no other agent"
            mine = "the agent itself" if target == agent_id else repr(target)
            what = f"leads to {mine}, allowed: {allowed}{did_you_mean(target, others)}"
            problems.append(AgentFileProblem(agent_id, f"handoffs[{index}]", what))


def _agent(agent_id: str, table: Mapping[str, Any], problems: list[AgentFileProblem]) -> RealtimeAgent[Any]:
    """The agent with its hosted tools; the rest is added by name."""
    hosted: list[Tool] = []
    for index, given in enumerate(table.get("hosted_mcp", [])):
        try:
            hosted.append(_hosted(given))
        except UserError as bad:
            problems.append(AgentFileProblem(agent_id, f"hosted_mcp[{index}]", f"is refused: {bad}"))
    return RealtimeAgent(
        name=table.get("name", agent_id),
        instructions=table.get("instructions"),
        handoff_description=table.get("handoff_description"),
        prompt=table.get("prompt"),
        voice=table.get("voice"),
        tools=hosted,
    )


def _hosted(given: Mapping[str, Any]) -> HostedMCPTool:
    options = {key: value for key, value in given.items() if key != "server_label"}
    return hosted_mcp_tool(given["server_label"], **options)


def _server_spec(given: Mapping[str, Any]) -> McpServerSpec:
    return McpServerSpec(
        name=given["name"],
        command=given["command"],
        args=tuple(given.get("args", ())),
        env=tuple((str(key), str(value)) for key, value in given.get("env", {}).items()),
        cwd=given.get("cwd"),
        tools=tuple(given["tools"]) if "tools" in given else None,
    )


def _link(
    agent_id: str,
    handoffs: Iterable[Mapping[str, Any]],
    agents: Mapping[str, RealtimeAgent[Any]],
    problems: list[AgentFileProblem],
) -> None:
    """Add the hand-offs, named after the other agent's id unless the file names them itself."""
    agent = agents[agent_id]
    made: list[Handoff] = []
    try:
        for given in handoffs:
            name = given.get("tool_name") or f"transfer_to_{re.sub(r'[^a-zA-Z0-9_-]', '_', given['agent'])}"
            made.append(realtime_handoff(agents[given["agent"]], name, given.get("tool_description")))
        ToolSet(agent, tuple(agent.tools), tuple(made))
    except UserError as bad:
        problems.append(AgentFileProblem(agent_id, "handoffs" if handoffs else "tools", f"cannot be: {bad}"))
    agent.handoffs += made
