"""What docs/tools.md shows works."""

from __future__ import annotations

import re
from pathlib import Path

from daemon.config.agent_files import load_agents
from daemon.config.tool_files import load_tool_files
from daemon.realtime import FunctionTool
from daemon.realtime.mcp_stdio import StdioMcpServer
from daemon.tools import BUILT_IN_TOOLS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "tools.md").read_text("utf-8")


def block(language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def test_example_of_a_tool_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "garage.py").write_text(block("python"))
    tool = load_tool_files(tmp_path, BUILT_IN_TOOLS).tools["open_garage"]
    assert isinstance(tool, FunctionTool)
    assert (tool.needs_approval, tool.timeout_seconds) == (True, 10)
    assert (
        tool.params_json_schema["properties"]["minutes"]["description"] == "How long it stays open, 1 to 30."
    )


def test_example_of_an_mcp_server_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "cook.toml").write_text(block("toml"))
    [server] = load_agents([tmp_path], StdioMcpServer)["cook"].mcp_servers
    assert server.name == "files"


def test_table_names_every_built_in_tool() -> None:
    table = PAGE.partition("## Your own")[0]
    assert set(re.findall(r"`(\w+)`", table)) - {"agents"} == set(BUILT_IN_TOOLS)
