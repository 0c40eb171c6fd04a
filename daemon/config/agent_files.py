"""Reads `agents/*.toml` and `tools/*.py` from configuration directories. Shell around the file system.

What the tables mean is `daemon.realtime.agent_files`'s business.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from daemon.config.files import ConfigError, read_layer
from daemon.config.layers import Layer, Problem
from daemon.config.sources import SourceFile, Sources, parse_source
from daemon.config.tool_files import ToolFiles, load_tool_files
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.agent_files import AgentFileProblem, AgentFilesError, McpServerSpec, build_agents
from daemon.realtime.mcp_tools import MCPServer
from daemon.realtime.settings_check import VOICES
from daemon.tools import BUILT_IN_TOOLS


def load_agents(
    paths: Sequence[Path],
    mcp_server: Callable[[McpServerSpec], MCPServer],
    voices: Collection[str] | None = VOICES,
    sources: Sources | None = None,
) -> dict[str, RealtimeAgent[Any]]:
    """All agents by id, which is their file's name without `.toml`; none if there are no such files.

    `paths` as for `load_config`: of each directory, its `agents/*.toml` and `tools/*.py` count, and a later
    directory's agent replaces an earlier one's of the same name. `mcp_server` makes the handle of a local MCP
    server, `voices` None lets any voice through. With `sources` their files count as they are in there,
    whatever was written since. Raises `ConfigError` with all mistakes of all files.
    """
    directories = [path for path in paths if path.is_dir()]
    contents = None if sources is None else {Path(file.file): file.content for file in sources.files}
    own = _tool_files(directories, contents)
    results: dict[str, Layer | Problem] = {}
    for directory in directories:
        results |= _read_agents(directory / "agents", contents)
    layers = {agent_id: layer for agent_id, layer in results.items() if isinstance(layer, Layer)}
    problems = [result for result in results.values() if isinstance(result, Problem)]
    problems += [problem for layer in layers.values() if (problem := _mcp_missing(layer))]
    if problems:
        raise ConfigError(problems)
    try:
        return build_agents(
            {agent_id: layer.values for agent_id, layer in layers.items()},
            tools={**BUILT_IN_TOOLS, **own.tools},
            guardrails=own.guardrails,
            mcp_server=mcp_server,
            voices=voices,
        )
    except AgentFilesError as error:
        raise ConfigError([_located(problem, layers) for problem in error.problems]) from None


def _read_agents(directory: Path, contents: Mapping[Path, bytes] | None) -> dict[str, Layer | Problem]:
    if contents is not None:
        return {
            file.stem: parse_source(SourceFile(f"0/{file.name}", str(file), content))
            for file, content in contents.items()
            if file.parent == directory
        }
    try:
        names = sorted(os.listdir(directory))  # glob would keep silent about a directory it may not read
    except FileNotFoundError:
        return {}
    except OSError as error:
        return {"": Problem(str(directory), 0, "", f"cannot be read: {error.strerror}")}
    files = [directory / name for name in names if name.endswith(".toml") and name[0] != "."]
    return {file.stem: read_layer(file) for file in files}


def _tool_files(directories: Sequence[Path], contents: Mapping[Path, bytes] | None) -> ToolFiles:
    tools: dict[str, Any] = dict(BUILT_IN_TOOLS)
    guardrails: dict[str, Any] = {}
    for directory in directories:
        found = load_tool_files(directory / "tools", tools, contents)
        tools |= found.tools
        guardrails |= found.guardrails
    return ToolFiles({name: tool for name, tool in tools.items() if name not in BUILT_IN_TOOLS}, guardrails)


def _mcp_missing(layer: Layer) -> Problem | None:
    if not layer.values.get("mcp_servers") or find_spec("mcp") is not None:
        return None
    what = "need the package mcp, which is not installed; run: pip install 'harkd[mcp]'"
    return Problem(layer.file, layer.lines.get(("mcp_servers",), 0), "mcp_servers", what)


def _located(problem: AgentFileProblem, layers: Mapping[str, Layer]) -> Problem:
    layer = layers[problem.agent_id]
    return Problem(layer.file, _line_of(problem.key, layer), problem.key, problem.what)


def _line_of(key: str, layer: Layer) -> int:
    """The line of `tools[2]` is that of `tools`; only the first of several `[[mcp_servers]]` is known."""
    path: tuple[str, ...] = ()
    line = 0
    for name, index in re.findall(r"([^.\[\]]+)(?:\[(\d+)\])?", key):
        path = (*path, name)
        line = layer.lines.get(path, line)
        tables = layer.values.get(name) if len(path) == 1 else None
        is_table = isinstance(tables, list) and (*path, *_first_key(tables)) in layer.lines
        if is_table and index not in ("", "0"):
            return 0
    return line


def _first_key(tables: Sequence[Any]) -> tuple[str, ...]:
    return tuple(tables[0])[:1] if tables and isinstance(tables[0], Mapping) else ("",)
