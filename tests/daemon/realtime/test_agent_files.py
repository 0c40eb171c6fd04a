"""Agents from TOML tables."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.agent_files import AgentFilesError, McpServerSpec, build_agents
from daemon.realtime.guardrails import GuardrailFunctionOutput, OutputGuardrail
from daemon.realtime.handoffs import Handoff
from daemon.realtime.hosted_mcp import HostedMCPTool
from daemon.realtime.tools import Tool, function_tool

CLOCK = function_tool(lambda: "noon", name_override="clock")
TIMER = function_tool(lambda: "set", name_override="set_timer")
POLITE = OutputGuardrail(lambda context, agent, output: GuardrailFunctionOutput(None, False))
TOOLS: dict[str, Tool] = {"clock": CLOCK, "set_timer": TIMER}

KITCHEN = """
name = "Kitchen helper"
instructions = "You help in the kitchen."
voice = "marin"
tools = ["clock", "set_timer"]
guardrails = ["polite"]
handoffs = ["billing", { agent = "night", tool_name = "good_night", tool_description = "At night." }]

[[mcp_servers]]
name = "files"
command = "mcp-files"
args = ["/srv"]
env = { LANG = "C" }
tools = ["read"]

[[hosted_mcp]]
server_label = "docs"
server_url = "https://example.org/mcp"
require_approval = "never"
"""

BILLING = """
handoff_description = "Knows invoices."
handoffs = ["kitchen"]
prompt = { id = "pmpt_1" }
"""

FILES = {"kitchen": KITCHEN, "billing": BILLING, "night": ""}


class FakeServer:
    """A handle that does nothing."""

    def __init__(self, spec: McpServerSpec) -> None:
        self.spec = spec
        self.name = spec.name

    async def list_tools(self) -> list[Any]:
        return []

    async def call_tool(self, tool_name: str, arguments: dict[str, Any] | None) -> Any:
        return None


def build(files: dict[str, str], voices: Any = ("marin",)) -> dict[str, RealtimeAgent[Any]]:
    tables = {agent_id: tomllib.loads(text) for agent_id, text in files.items()}
    guardrails = {"polite": POLITE}
    return build_agents(tables, tools=TOOLS, guardrails=guardrails, mcp_server=FakeServer, voices=voices)


def test_agents_get_what_their_files_say() -> None:
    agents = build(FILES)
    kitchen = agents["kitchen"]
    assert (kitchen.name, kitchen.instructions) == ("Kitchen helper", "You help in the kitchen.")
    assert (kitchen.voice, kitchen.output_guardrails) == ("marin", [POLITE])
    assert kitchen.tools[:2] == [CLOCK, TIMER]
    assert isinstance(kitchen.tools[2], HostedMCPTool)
    assert agents["billing"].prompt == {"id": "pmpt_1"}
    assert agents["night"].name == "night"


def test_agents_know_each_other_round_in_circles() -> None:
    agents = build(FILES)
    [to_billing, to_night] = agents["kitchen"].handoffs
    [back] = agents["billing"].handoffs
    assert isinstance(to_billing, Handoff)
    assert isinstance(to_night, Handoff)
    assert isinstance(back, Handoff)
    assert to_billing.tool_name == "transfer_to_billing"
    assert to_billing.tool_description.endswith("Knows invoices.")
    assert (to_night.tool_name, to_night.tool_description) == ("good_night", "At night.")
    assert back.agent_name == "Kitchen helper"


def test_agents_with_the_same_mcp_server_share_it() -> None:
    server = '[[mcp_servers]]\nname = "files"\ncommand = "mcp-files"\n'
    agents = build({"a": server, "b": server, "c": server + 'tools = ["read"]\n'})
    assert agents["a"].mcp_servers[0] is agents["b"].mcp_servers[0]
    assert agents["a"].mcp_servers[0] is not agents["c"].mcp_servers[0]


def test_mcp_server_is_described_as_the_file_says() -> None:
    [server] = build(FILES)["kitchen"].mcp_servers
    assert isinstance(server, FakeServer)
    assert server.spec == McpServerSpec("files", "mcp-files", ("/srv",), (("LANG", "C"),), None, ("read",))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tools = ['clok']", "tools[0] is 'clok', allowed: clock, set_timer; did you mean 'clock'?"),
        ("tools = ['clock', 'clock']", "tools[1] is 'clock' once more"),
        ("tools = 'clock'", "tools is 'clock', allowed: a list"),
        ("tools = [5]", "tools[0] is 5, allowed: an id, not empty"),
        ("guardrails = ['rude']", "guardrails[0] is 'rude', allowed: polite"),
        ("handoffs = ['other']", "handoffs[0] leads to 'other', allowed: night"),
        ("handoffs = ['nihgt']", "handoffs[0] leads to 'nihgt', allowed: night; did you mean 'night'?"),
        ("handoffs = ['it']", "handoffs[0] leads to the agent itself, allowed: night"),
        (
            "handoffs = ['night', 'night']",
            "handoffs cannot be: agent 'it': 2 times a tool called 'transfer_to_night'",
        ),
        (
            "handoffs = [{ agent = 'night', tool_name = 'a b' }]",
            "handoffs cannot be: hand-off to 'night': 'a b' is",
        ),
        ("handoffs = [{ to = 'night' }]", "handoffs[0].to is 'night', allowed: one of the keys agent, "),
        ("handoffs = [{}]", "handoffs[0].agent is None, allowed: a value, it is required"),
        ("name = 'night'", "name is 'night', as in agents/night.toml; every agent needs its own"),
        ("voice = 'nova'", "voice is 'nova', allowed: marin, or"),
        ("prompt = { version = '1' }", "prompt.id is None, allowed: a value"),
        ("instructons = 'x'", "instructons is no key of an agent, allowed: name, "),
        ("instructons = 'x'", "; did you mean 'instructions'?"),
        ("[[mcp_servers]]\nname = 'x'", "mcp_servers[0].command is None, allowed: a value, it is required"),
        ("[[hosted_mcp]]\nserver_label = 'x'", "hosted_mcp[0] is refused: hosted MCP tool x: exactly one of"),
        (
            "[[hosted_mcp]]\nserver_label = 'x'\nauthorization = 's3cret'",
            "hosted_mcp[0].authorization is '(secret)', allowed: nothing in an agent file; make the tool",
        ),
    ],
)
def test_file_with_a_mistake(text: str, complaint: str) -> None:
    with pytest.raises(AgentFilesError) as refused:
        build({"night": "", "it": text})
    assert str(refused.value).startswith("agents/it.toml: ")
    assert complaint in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert {problem.agent_id for problem in refused.value.problems} == {"it"}


def test_mistakes_of_all_files_are_told_at_once() -> None:
    with pytest.raises(AgentFilesError) as refused:
        build({"a": "tools = ['x']\nspeed = 1", "b": "voice = 5"})
    told = [(problem.agent_id, problem.key) for problem in refused.value.problems]
    assert sorted(told) == [("a", "speed"), ("a", "tools[0]"), ("b", "voice")]


def test_no_files_make_no_agents() -> None:
    assert build({}) == {}
