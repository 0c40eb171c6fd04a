"""Agents and tools from configuration directories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.config.agent_files import load_agents
from daemon.config.files import ConfigError
from daemon.realtime import RealtimeAgent
from daemon.realtime.agent_files import McpServerSpec
from daemon.realtime.mcp_stdio import StdioMcpServer
from daemon.tools import BUILT_IN_TOOLS

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def load(*paths: Path) -> dict[str, RealtimeAgent[Any]]:
    return load_agents(paths, StdioMcpServer)


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        folder, suffix = ("tools", "py") if name.startswith("tool_") else ("agents", "toml")
        file = directory / folder / f"{name}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        file.write_text(text)
    return directory


def mistakes(*paths: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(*paths)
    return str(error.value).splitlines()


def test_example_agents_load_and_hand_over_to_one_another() -> None:
    agents = load(CONFIGS)
    assert sorted(agents) == ["assistant", "kitchen", "night"]
    handoffs = {name: [handoff.tool_name for handoff in agent.handoffs] for name, agent in agents.items()}
    assert handoffs == {
        "assistant": ["transfer_to_kitchen"],
        "kitchen": ["transfer_to_assistant"],
        "night": [],
    }
    offered = {tool.name for agent in agents.values() for tool in agent.tools}
    assert offered == set(BUILT_IN_TOOLS)


def test_directory_without_agents_has_none(tmp_path: Path) -> None:
    assert load(tmp_path, tmp_path / "nowhere.toml") == {}


BELL = """
from daemon.realtime import GuardrailFunctionOutput, function_tool, output_guardrail

@function_tool
def ring_bell() -> str:
    "Ring."
    return "rung"

@output_guardrail
def polite(context, agent, output):
    return GuardrailFunctionOutput(None, False)
"""


def test_operators_tools_and_guardrails_go_by_name(tmp_path: Path) -> None:
    text = 'tools = ["ring_bell", "stop"]\nguardrails = ["polite"]'
    agent = load(write(tmp_path, porter=text, tool_bell=BELL))["porter"]
    assert [tool.name for tool in agent.tools] == ["ring_bell", "stop"]
    assert [guardrail.get_name() for guardrail in agent.output_guardrails] == ["polite"]


def test_later_directory_replaces_an_agent_and_adds_tools(tmp_path: Path) -> None:
    first = write(tmp_path / "a", porter='voice = "marin"', night='voice = "cedar"', tool_bell=BELL)
    second = write(tmp_path / "b", porter='tools = ["ring_bell"]')
    agents = load(first, second)
    assert sorted(agents) == ["night", "porter"]
    assert (agents["porter"].voice, agents["night"].voice) == (None, "cedar")


def test_mistakes_have_file_line_key_and_the_nearest_match(tmp_path: Path) -> None:
    porter = 'voice = "marin"\ntools = [\n  "stop",\n]\n\nhandofs = []\n'
    write(tmp_path, porter=porter, night='handoffs = ["portr"]')
    handoff, key = sorted(mistakes(tmp_path))
    assert handoff == (
        f"{tmp_path}/agents/night.toml:1: handoffs[0]: "
        "leads to 'portr', allowed: porter; did you mean 'porter'?"
    )
    assert key.startswith(f"{tmp_path}/agents/porter.toml:6: handofs: is no key of an agent, allowed: ")
    assert key.endswith("; did you mean 'handoffs'?")


def test_unknown_tool_is_told_where_it_stands(tmp_path: Path) -> None:
    write(tmp_path, porter='voice = "marin"\ntools = [\n  "stop",\n  "sett_timer",\n]\n')
    [line] = mistakes(tmp_path)
    assert line.startswith(f"{tmp_path}/agents/porter.toml:2: tools[1]: is 'sett_timer', allowed: ")
    assert line.endswith("; did you mean 'set_timer'?")


def test_line_of_a_second_table_is_left_out_rather_than_wrong(tmp_path: Path) -> None:
    table = '[[mcp_servers]]\nname = "a"\ncommand = "x"\n\n'
    write(tmp_path, porter=table + table.replace("command", "comand"))
    lines = mistakes(tmp_path)
    assert any(line.startswith(f"{tmp_path}/agents/porter.toml: mcp_servers[1].") for line in lines)
    write(tmp_path, porter=table.replace("command", "comand"))
    assert any(
        line.startswith(f"{tmp_path}/agents/porter.toml:3: mcp_servers[0].") for line in mistakes(tmp_path)
    )


def test_file_in_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "agents").write_text("")
    assert mistakes(tmp_path) == [f"{tmp_path}/agents: cannot be read: Not a directory"]


def test_every_broken_file_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, a="tools = [", b="x = = 1")
    assert len(mistakes(tmp_path)) == 2


def test_mcp_servers_become_handles_that_are_not_started(tmp_path: Path) -> None:
    text = '[[mcp_servers]]\nname = "files"\ncommand = "mcp-files"\nargs = ["/srv"]\n'
    asked: list[McpServerSpec] = []

    def handle(spec: McpServerSpec) -> StdioMcpServer:
        asked.append(spec)
        return StdioMcpServer(spec)

    agents = load_agents([write(tmp_path, a=text, b=text)], handle)
    assert asked == [McpServerSpec("files", "mcp-files", ("/srv",))]
    assert agents["a"].mcp_servers == agents["b"].mcp_servers
