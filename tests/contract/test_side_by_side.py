"""Several processes say of the tests what one would say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

TESTS = """
import os, warnings
import pytest

@pytest.mark.parametrize("number", range(40))
def test_many(number, tmp_path):
    assert os.listdir(tmp_path) == []

def test_that_fails():
    print("what it said")
    assert 1 == 2

def test_that_is_skipped():
    pytest.skip("for a reason")

@pytest.fixture
def broken():
    yield
    raise RuntimeError("in the end")

def test_whose_fixture_fails(broken): ...

def test_that_warns():
    warnings.warn("somebody")
"""
WAITING_FOR_EACH_OTHER = """
import os, pathlib, time
import pytest

@pytest.mark.parametrize("number", range(6))
def test_meets_the_others(number):
    pathlib.Path(f"met-{os.getpid()}").touch()
    deadline = time.monotonic() + 20
    while len(list(pathlib.Path().glob("met-*"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""
DEADLY = """
import os, signal

def test_one(): ...
def test_that_dies(): os.kill(os.getpid(), signal.SIGKILL)
"""
OUTCOMES = r"(\d+) (failed|passed|skipped|warnings?|errors?)"


def ran(directory: Path, tests: str, *options: str) -> tuple[int, dict[str, int], str]:
    """The exit code, how many tests ended how, and what was printed."""
    (directory / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-p", "side_by_side", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    last = done.stdout.strip().splitlines()[-1]
    return done.returncode, {what: int(count) for count, what in re.findall(OUTCOMES, last)}, done.stdout


def test_outcomes_and_what_is_said_of_them_are_those_of_one_process(tmp_path: Path) -> None:
    alone = ran(tmp_path, TESTS)
    together = ran(tmp_path, TESTS, "--processes=3")
    assert alone[:2] == together[:2]
    assert together[1] == {"failed": 1, "passed": 42, "skipped": 1, "warning": 1, "error": 1}
    for said in ("what it said", "assert 1 == 2", "in the end", "UserWarning: somebody", "[100%]"):
        assert said in together[2]


def test_they_are_done_at_the_same_time(tmp_path: Path) -> None:
    assert ran(tmp_path, WAITING_FOR_EACH_OTHER, "--processes=3")[:2] == (0, {"passed": 6})


def test_process_that_dies_is_a_failure_of_what_it_did_not_do(tmp_path: Path) -> None:
    code, outcomes, printed = ran(tmp_path, DEADLY, "--processes=2")
    assert (code, outcomes) == (1, {"failed": 1, "passed": 1})
    assert "not done: the processes ended with" in printed
    assert "-9" in printed


@pytest.mark.parametrize("processes", [1, 3])
def test_first_failure_ends_it_if_asked(tmp_path: Path, processes: int) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(2000))\ndef test_no(n): assert n == 3"
    code, outcomes, _ = ran(tmp_path, many, "-x", f"--processes={processes}")
    assert code == 1
    assert 1 <= outcomes["failed"] < 200
