"""A test in real time is repeated if the machine stood still, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

TEST = """
import os, pathlib, signal, time
import pytest
import standstill

@pytest.mark.alone
def test_in_real_time():
    tries = pathlib.Path("tries")
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    {meanwhile}
    assert len(tries.read_text()) == {right}
"""
STOPPED = """pid = standstill.sleepers[0].process.pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.2)
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.05)"""
NEVER_LATE = "standstill.sleepers[0].process.kill()"


def ran(directory: Path, meanwhile: str, right: int) -> tuple[int, int, str]:
    """The exit code, how often the test was tried, and what was printed."""
    (directory / "test_it.py").write_text(TEST.format(meanwhile=meanwhile, right=right))
    (directory / "pytest.ini").write_text("[pytest]\nmarkers =\n    alone: real time\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "standstill", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, len((directory / "tries").read_text()), done.stdout


def test_failure_while_the_machine_stood_still_is_tried_again_and_told(tmp_path: Path) -> None:
    code, tries, printed = ran(tmp_path, STOPPED, right=2)
    assert (code, tries) == (0, 2)
    assert "1 passed" in printed
    assert "test_it.py::test_in_real_time: the machine stood still for" in printed


def test_failure_on_a_machine_that_ran_is_a_failure_at_once(tmp_path: Path) -> None:
    code, tries, printed = ran(tmp_path, NEVER_LATE, right=2)
    assert (code, tries) == (1, 1)
    assert "done again" not in printed


def test_what_always_fails_fails_in_the_end(tmp_path: Path) -> None:
    code, tries, _ = ran(tmp_path, STOPPED, right=9)
    assert (code, tries) == (1, 3)
