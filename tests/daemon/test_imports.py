"""What a command loads before it does its work: on a small board that is what one waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("asyncio", "ssl", "logging", "inspect", "dataclasses", "numpy", "pydantic", "websockets", "gpiozero")
"""The daemon needs most of them; whoever only asks it does not."""

IN_THE_DAEMON = ("numpy", "soxr", "gpiozero", "pyaudio", "pymicro_wakeword", "webrtcvad", "mcp", "pyarrow")
"""Loaded by what a configuration names, and not before."""

LOADED = """
import sys
from daemon.cli import main
try:
    main(sys.argv[2:])
except SystemExit:
    pass
print(*(name for name in sys.argv[1].split() if name in sys.modules), file=sys.stderr)
"""


def loaded(libraries: tuple[str, ...], *command: str) -> str:
    call = [sys.executable, "-c", LOADED, " ".join(libraries), *command]
    return subprocess.run(call, capture_output=True, text=True).stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["--help", "run --help", "config --help", "version --help"])
def test_help_loads_no_more_than_it_needs(command: str) -> None:
    assert loaded(HEAVY, *command.split()) == ""


@pytest.mark.parametrize("command", ["press", "volume 40", "mute on", "say hello", "reload"])
def test_commands_to_the_daemon_load_no_more_than_they_need(command: str, tmp_path: Path) -> None:
    assert loaded(HEAVY, *command.split(), "--socket", str(tmp_path / "nobody.sock")) == ""


def test_status_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    nobody = str(tmp_path / "nobody.sock")
    assert loaded(HEAVY, "status", "--socket", nobody) == "inspect dataclasses"  # to write amounts of money


def test_daemon_loads_a_driver_when_a_configuration_names_it() -> None:
    code = f"import sys, daemon.run; print(*(name for name in {IN_THE_DAEMON!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"


def test_what_a_start_leaves_behind_is_no_business_of_the_collector() -> None:
    code = """
import gc
gc.disable()
from daemon.notify import Notifier
from daemon.run import _tell_ready
_tell_ready(Notifier())
print(gc.isenabled(), gc.get_freeze_count() > 50_000, len(gc.get_objects()) < 1_000)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True True True\n"
