"""Starts the server and its clients, each in a process of its own, and reads what they cost. Shell."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.bench.server import Plan

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIENTS = HERE / "clients"
OURS = ROOT / ".venv-bench" / "bin" / "python"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
PYTHON_OF = {"agents_sdk": PEERS, "openai_sdk": PEERS}
FRAME_MS = 20
COUNTED_GAP_MS = 5
"""Nothing that is counted depends on the clock, so frames follow each other more quickly then."""
PATIENCE_S = 600.0
COUNTS = "counts"


class BenchError(Exception):
    """A measurement that did not happen; says what to look at."""


class LateError(BenchError):
    """The machine was too busy for what goes by the clock: the next time may be better."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A program that runs another and writes how many instructions of user space it took.

    `command` holds `{counts}` for the file. `python` and `path` are for programs of another processor.
    """

    command: tuple[str, ...]
    python: Path | None = None
    path: Path | None = None

    def before(self, counts: Path) -> list[str]:
        return [part.format(counts=counts) for part in self.command]


VALGRIND = Counter(
    ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--quiet", "--cachegrind-out-file={counts}")
)


@dataclass(slots=True)
class Run:
    """One client's conversation, seen from both ends. `server` and `client` are their reports."""

    server: dict[str, Any]
    client: dict[str, Any] = field(default_factory=dict)
    instructions: int | None = None
    spawned_at: float = 0.0
    errors: str = ""


def go_first() -> None:
    """Before all other programs, if allowed: under a counter, devices are late on a busy machine."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def environment() -> dict[str, str]:
    """Of every process measured: nothing in it depends on this shell, and hashes are the same in each run."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
    }


@dataclass(slots=True)
class ScriptedServer:
    """`report` is filled when it has ended."""

    url: str
    report: dict[str, Any]
    _output: IO[str]

    def wait_over(self) -> None:
        """Until the script is over; `BenchError` if that never comes."""
        if not select.select([self._output], [], [], PATIENCE_S)[0] or not self._output.readline():
            raise BenchError("the script was never over: did the client connect?")


@contextlib.contextmanager
def scripted_server(plan: Plan, folder: Path) -> Iterator[ScriptedServer]:
    """A server for one client; stopped at the end, with its report."""
    file = folder / "server.json"
    command = [sys.executable, "-m", "tests.bench.server", *plan.arguments(), str(file)]
    report: dict[str, Any] = {}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            if not url:
                raise BenchError("the scripted server did not start")
            yield ScriptedServer(url, report, server.stdout)
        finally:
            server.terminate()
            server.wait(10)
    report.update(json.loads(file.read_text(encoding="utf-8")))


def converse(client: str, plan: Plan, counter: Counter | None = None) -> Run:
    """One client through the whole script. Under a `counter` all its times are worthless."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = {
            "frames": round(plan.turns * plan.turn_s * 1000) // FRAME_MS,
            "frame_ms": FRAME_MS,
            "gap_ms": COUNTED_GAP_MS if counter else FRAME_MS,
            "deltas": 0 if client == "null" else plan.deltas,
            "interruptions": 0 if client == "null" else 2 * plan.interruptions,
            "report": str(folder / "client.json"),
        }
        with scripted_server(plan, folder) as server:
            run = Run(server.report)
            command = [str(CLIENTS / f"{client}.py"), server.url, json.dumps(job)]
            _run(run, PYTHON_OF.get(client, OURS), command, folder, counter)
        run.client = json.loads((folder / "client.json").read_text(encoding="utf-8"))
    return run


def _run(run: Run, python: Path, arguments: list[str], folder: Path, counter: Counter | None) -> None:
    """Run it to its end; fills in when it began, what it said, and its instructions."""
    command, env = launch(python, arguments, folder, counter)
    run.spawned_at = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    run.errors = done.stderr
    if done.returncode:
        raise BenchError(f"{' '.join(command[:3])} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    if counter is not None:
        run.instructions = instructions_in(folder)


def launch(
    python: Path, arguments: Sequence[str], folder: Path, counter: Counter | None
) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a process that is measured."""
    if counter is None:
        return [str(python), *arguments], environment()
    env = environment()
    if counter.path is not None:
        env["PYTHONPATH"] += f":{counter.path}"
    return [*counter.before(folder / COUNTS), str(counter.python or python), *arguments], env


def instructions_in(folder: Path) -> int:
    """What a counter wrote there."""
    file = folder / COUNTS
    found = re.search(r"^summary: (\d+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise BenchError(f"{file}: the counter wrote no summary")
    return int(found[1])
