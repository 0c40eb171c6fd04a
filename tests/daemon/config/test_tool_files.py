"""The operator's Python files: what they offer, what is refused, and who may have written them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.config.files import ConfigError
from daemon.config.tool_files import ToolFiles, load_tool_files
from daemon.realtime import FunctionTool, HostedMCPTool, RealtimeAgent, RunContextWrapper
from daemon.realtime.context import ToolContext
from daemon.tools import BUILT_IN_TOOLS

GARAGE = '''
"""Opens the garage."""
from __future__ import annotations

from dataclasses import dataclass

from daemon.realtime import GuardrailFunctionOutput, function_tool, hosted_mcp_tool, output_guardrail
from daemon.tools.clock import current_time


@dataclass
class Door:
    width_m: float


@function_tool(needs_approval=True)
def open_garage(door: Door) -> str:
    """Open the garage door."""
    return f"open {door.width_m} m"


same = open_garage
docs = hosted_mcp_tool("docs", server_url="https://example.org/mcp")


@output_guardrail
def polite(context, agent, output):
    return GuardrailFunctionOutput(None, "damn" in output)
'''


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    directory = tmp_path / "tools"
    directory.mkdir(mode=0o755)
    return directory


def write(file: Path, text: str, mode: int = 0o644) -> Path:
    file.write_text(text)
    file.chmod(mode)
    return file


def load(tools: Path) -> ToolFiles:
    return load_tool_files(tools, BUILT_IN_TOOLS)


def mistakes(tools: Path) -> str:
    with pytest.raises(ConfigError) as error:
        load(tools)
    return str(error.value)


def test_tools_and_guardrails_at_module_level_are_offered_by_name(tools: Path) -> None:
    write(tools / "garage.py", GARAGE)
    found = load(tools)
    assert list(found.tools) == ["open_garage", "docs"]
    assert isinstance(found.tools["docs"], HostedMCPTool)
    assert list(found.guardrails) == ["polite"]


def test_loaded_tool_works_with_types_of_its_own(tools: Path) -> None:
    write(tools / "garage.py", GARAGE)
    tool = load(tools).tools["open_garage"]
    assert isinstance(tool, FunctionTool)
    text = '{"door": {"width_m": 2.5}}'
    run: RunContextWrapper[Any] = RunContextWrapper(None)
    context = ToolContext.for_call(run, tool.name, "c1", text, RealtimeAgent[Any](name="box"))
    assert asyncio.run(tool.on_invoke_tool(context, text)) == "open 2.5 m"  # type: ignore[arg-type]


def test_no_directory_and_other_files_are_no_tools(tools: Path, tmp_path: Path) -> None:
    write(tools / "_part.py", "1 / 0")
    write(tools / ".hidden.py", "1 / 0")
    write(tools / "notes.txt", "1 / 0")
    assert load(tools) == ToolFiles() == load(tmp_path / "nowhere")


BROKEN = {
    "x = 1\n1 / 0\n": ":2: ZeroDivisionError: division by zero",
    "def f(:\n": ":1: SyntaxError: invalid syntax",
    "\nimport nonexistent_thing\n": ":2: ModuleNotFoundError: No module named 'nonexistent_thing'",
    "import sys\nsys.exit(3)\n": ":2: SystemExit: 3",
    "from daemon.realtime import function_tool\n@function_tool(tiemout=3)\ndef f() -> str: ...\n": (
        ":2: UserError: function_tool has no option 'tiemout'; did you mean 'timeout'?"
    ),
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_broken_file_is_told_with_its_line(tools: Path, text: str) -> None:
    file = write(tools / "broken.py", text)
    assert mistakes(tools) == f"{file}{BROKEN[text]}"
    assert "harkd_tools.broken" not in sys.modules


def test_every_broken_file_is_told(tools: Path) -> None:
    first, second = write(tools / "a.py", "1 / 0"), write(tools / "b.py", "1 / 0")
    assert [line.split(":")[0] for line in mistakes(tools).splitlines()] == [str(first), str(second)]


SET_TIMER = """
from daemon.realtime import function_tool
@function_tool
def set_timer() -> str:
    "Mine."
    return ""
"""


def test_name_that_is_taken_is_refused(tools: Path) -> None:
    file = write(tools / "timer.py", SET_TIMER)
    what = "tool set_timer: there is a built-in tool of this name already; rename one of them"
    assert mistakes(tools) == f"{file}: {what}"


def test_name_in_two_files_is_refused(tools: Path) -> None:
    text = SET_TIMER.replace("set_timer", "bell")
    write(tools / "a.py", text)
    file = write(tools / "b.py", text)
    what = "tool bell: there is a tool in a.py of this name already; rename one of them"
    assert mistakes(tools) == f"{file}: {what}"


# ---- who may have written them ---------------------------------------

MARK = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646, 0o777])
def test_file_that_others_may_write_is_not_run(tools: Path, mode: int) -> None:
    file = write(tools / "a.py", MARK, mode)
    assert f"may be written by others (mode {mode:04o})" in mistakes(tools)
    assert f"run: chmod go-w {file}" in mistakes(tools)
    assert not (tools / "ran").exists()


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_nothing_in_a_directory_that_others_may_write_is_run(tools: Path, mode: int) -> None:
    write(tools / "a.py", MARK)
    tools.chmod(mode)
    # Sticky does not help here: others may still add files.
    assert f"run: chmod go-w {tools}" in mistakes(tools)
    assert not (tools / "ran").exists()


def test_nothing_below_a_directory_that_others_may_write_is_run(tools: Path) -> None:
    write(tools / "a.py", MARK)
    tools.parent.chmod(0o777)
    assert f"run: chmod go-w {tools.parent}" in mistakes(tools)


def test_link_is_not_followed(tools: Path, tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere.py", MARK)
    (tools / "a.py").symlink_to(elsewhere)
    assert "is a link, which is not followed" in mistakes(tools)


def test_link_to_the_directory_is_judged_where_it_lies_and_where_it_leads(
    tools: Path, tmp_path: Path
) -> None:
    open_place = tmp_path / "open"
    open_place.mkdir()
    (open_place / "link").symlink_to(tools)
    write(tools / "a.py", SET_TIMER.replace("set_timer", "bell"))
    assert list(load(open_place / "link").tools) == ["bell"]
    open_place.chmod(0o777)
    assert f"run: chmod go-w {open_place}" in mistakes(open_place / "link")


def test_file_in_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "tools").write_text("")
    assert mistakes(tmp_path / "tools") == f"{tmp_path}/tools: cannot be read: Not a directory"


def test_pipe_in_place_of_a_file_is_refused_and_does_not_hang(tools: Path) -> None:
    os.mkfifo(tools / "a.py", 0o600)
    assert mistakes(tools).endswith("a.py: is no file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_user_is_not_run(tools: Path) -> None:
    file = write(tools / "a.py", MARK)
    os.chown(file, 12345, -1)
    assert mistakes(tools) == (
        f"{file}: belongs to user 12345, so its tools are not loaded; run: chown root {file}"
    )
    assert not (tools / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_directory_of_another_user_is_not_trusted(tools: Path) -> None:
    write(tools / "a.py", MARK)
    os.chown(tools, 12345, -1)
    assert f"run: chown root {tools}" in mistakes(tools)
