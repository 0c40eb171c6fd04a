"""Loads the operator's own tools: Python files from `tools/` beside the configuration. Shell around imports.

They run with all rights of the daemon, so only files that nobody else can have written are loaded.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import traceback
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import ModuleType
from typing import Any

from daemon.config.files import ConfigError
from daemon.config.layers import Problem
from daemon.realtime.guardrails import OutputGuardrail
from daemon.realtime.hosted_mcp import HostedMCPTool
from daemon.realtime.tools import FunctionTool, Tool
from daemon.records import dataclass

log = logging.getLogger("harkd")

PACKAGE = "harkd_tools"
"""Their modules are `harkd_tools.NAME` in tracebacks; there is no such package to import from."""


@dataclass(frozen=True, slots=True)
class ToolFiles:
    """What the files define at module level, by the name that an agent's file uses."""

    tools: Mapping[str, Tool] = field(default_factory=dict)
    guardrails: Mapping[str, OutputGuardrail] = field(default_factory=dict)


def load_tool_files(
    directory: Path, built_in: Mapping[str, Tool], contents: Mapping[Path, bytes] | None = None
) -> ToolFiles:
    """Run every `*.py` in `directory`, by name, and collect the tools and guardrails they define.

    Function tools go by their name, hosted MCP tools by their `server_label`, guardrails by `get_name()`.
    Files whose name begins with `_` or `.` are left out; no directory means no tools. Directory, the ones
    above it, and files must belong to root or to this user and be writable by nobody else (above, a sticky
    directory such as `/tmp` is fine); links are not followed. With `contents` those that are in there are
    run, and only if they are still the same. Raises `ConfigError` with all that is wrong.
    """
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return ToolFiles()
    except OSError as error:
        raise ConfigError([Problem(str(directory), 0, "", f"cannot be read: {error.strerror}")]) from None
    problems = _untrusted_ways_to(directory)
    if problems:
        raise ConfigError(problems)
    found = _Found(built_in, problems)
    for name in names:
        if name.endswith(".py") and not name.startswith(("_", ".")):
            found.load(directory / name, contents)
    if problems:
        raise ConfigError(problems)
    return ToolFiles(found.tools, found.guardrails)


def _untrusted_ways_to(directory: Path) -> list[Problem]:
    """Of the directory, and of all above it, where it really is and where links lead to it from."""
    resolved = directory.resolve()
    above = dict.fromkeys([*directory.absolute().parents, *resolved.parents])
    judged = [_untrusted(resolved, resolved.stat()), *map(_untrusted_above, above)]
    return [problem for problem in judged if problem]


def _untrusted_above(path: Path) -> Problem | None:
    """Whoever may write here may swap what is below, unless the sticky bit keeps others' hands off it."""
    found = path.stat()
    sticky = bool(found.st_mode & stat.S_ISVTX)
    return None if sticky and found.st_uid == 0 else _untrusted(path, found)


def _untrusted(path: Path, found: os.stat_result) -> Problem | None:
    """Why `path` may have been written by somebody else."""
    if found.st_uid not in (0, os.geteuid()):
        what = f"belongs to user {found.st_uid}, so its tools are not loaded; run: chown root {path}"
        return Problem(str(path), 0, "", what)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = f"mode {stat.S_IMODE(found.st_mode):04o}"
        what = f"may be written by others ({mode}), so its tools are not loaded; run: chmod go-w {path}"
        return Problem(str(path), 0, "", what)
    return None


class _Found:
    """What has been collected so far, and what is wrong with it."""

    def __init__(self, built_in: Mapping[str, Tool], problems: list[Problem]) -> None:
        self.tools: dict[str, Tool] = {}
        self.guardrails: dict[str, OutputGuardrail] = {}
        self._built_in = built_in
        self._problems = problems
        self._origin: dict[str, str] = dict.fromkeys(built_in, "a built-in tool")

    def load(self, file: Path, contents: Mapping[Path, bytes] | None) -> None:
        source = _read(file)
        if contents is not None and isinstance(source, bytes) and source != contents.get(file):
            source = Problem(str(file), 0, "", "was written while it was read; it is read again soon")
        if isinstance(source, Problem):
            self._problems.append(source)
            return
        module = _run(file, source)
        if isinstance(module, Problem):
            self._problems.append(module)
            return
        for value in vars(module).values():
            self._take(file, value)

    def _take(self, file: Path, value: Any) -> None:
        if isinstance(value, FunctionTool | HostedMCPTool):
            name = value.name if isinstance(value, FunctionTool) else value.server_label
            if self.tools.get(name, self._built_in.get(name)) is value:
                return  # imported from elsewhere, or a second name for the same
            if self._is_free(file, "tool", name):
                self.tools[name] = value
        elif isinstance(value, OutputGuardrail):
            name = value.get_name()
            if self.guardrails.get(name) is not value and self._is_free(file, "guardrail", name):
                self.guardrails[name] = value

    def _is_free(self, file: Path, kind: str, name: str) -> bool:
        key = name if kind == "tool" else f"{kind} {name}"
        if key in self._origin:
            what = f"there is {self._origin[key]} of this name already; rename one of them"
            self._problems.append(Problem(str(file), 0, f"{kind} {name}", what))
            return False
        self._origin[key] = f"a {kind} in {file.name}"
        return True


def _read(file: Path) -> bytes | Problem:
    """The content of the very file that was looked at: it cannot be swapped in between."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "is a link, which is not followed; put the file itself there" if file.is_symlink() else ""
        return Problem(str(file), 0, "", why or f"cannot be read: {error.strerror}")
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return Problem(str(file), 0, "", "is no file")
        return _untrusted(file, found) or stream.read()


def _run(file: Path, source: bytes) -> ModuleType | Problem:
    module = ModuleType(f"{PACKAGE}.{file.stem}")
    module.__file__ = str(file)
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module  # where dataclasses and pydantic look for the names of types
    try:
        exec(compile(source, str(file), "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:  # supervision point: a broken tool is told, with its line
        log.debug("%s failed", file, exc_info=True)
        if before is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = before
        return Problem(str(file), _line_of(error, file), "", f"{type(error).__name__}: {_said(error)}")
    return module


def _said(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error) or "no reason given"


def _line_of(error: BaseException, file: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == str(file)), 0)
