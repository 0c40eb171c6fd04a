"""The failures of docs/failures.md that end the daemon: what was said before is known to the one after it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from file_box import write_config, write_silence
from trouble import Troubled, virtual

from daemon.control import ControlError, request
from daemon.conversation_file import FORGOTTEN_AFTER_S, GATHER_S
from daemon.simulator.server import SimulatorServer
from tests.system.running_box import simulator

SOON_S = 20.0
ASKED = "the parrot is called Polly"


class Daemon:
    """`harkd run` as systemd starts it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        kept = {"STATE_DIRECTORY": str(directory / "state"), "RUNTIME_DIRECTORY": str(directory / "run")}
        for path in kept.values():
            Path(path).mkdir(exist_ok=True)
        with (directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "--config", str(directory)],
                stdout=log,
                stderr=log,
                env={**os.environ, "OPENAI_API_KEY": "any", **kept},
            )
        self.until(lambda: self.ask("status")["status"]["link"] == "ready", "ready")

    def ask(self, command: str, **fields: str) -> dict[str, Any]:
        return request(self.directory / "control.sock", {"command": command, **fields})

    def until(self, happened: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SOON_S
        while True:
            try:
                if happened():
                    return
            except (ControlError, KeyError, OSError):
                pass  # it is still starting
            log = (self.directory / "log").read_text()
            assert time.monotonic() < deadline, f"not {what}: {log[-3000:]}"
            assert self.process.poll() is None, log[-3000:]
            time.sleep(0.02)

    @property
    def kept(self) -> Path:
        return self.directory / "run" / "conversation.json"

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(SOON_S)


@contextmanager
def running(directory: Path) -> Iterator[Daemon]:
    daemon = Daemon(directory)
    try:
        yield daemon
    finally:
        daemon.process.kill()
        daemon.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatorServer]:
    with simulator() as server:
        write_silence(tmp_path)
        write_config(tmp_path, server.url)
        yield server


def told(server: SimulatorServer, connection: int) -> list[str]:
    """The words of the items that this connection was told, in order."""
    seen = [event for _, event in server.connections[connection].received]
    items = [event["item"] for event in seen if event["type"] == "conversation.item.create"]
    return [part["text"] for item in items for part in item.get("content", [])]


def test_conversation_goes_on_after_a_crash(tmp_path: Path, server: SimulatorServer) -> None:
    with running(tmp_path) as daemon:
        daemon.ask("ask", text=ASKED)
        daemon.until(lambda: "assistant" in daemon.kept.read_text(), "written down")
        words = [item["content"][0]["text"] for item in json.loads(daemon.kept.read_text())["items"]]
        daemon.end(signal.SIGKILL)
    assert words[0] == ASKED
    with running(tmp_path) as daemon:
        daemon.until(lambda: len(server.connections) > 1 and len(told(server, 1)) == len(words), "told")
        assert told(server, 1) == words
        daemon.until(daemon.kept.exists, "written down for the next crash")
        daemon.end(signal.SIGTERM)
        assert not daemon.kept.exists(), "who stops a box ends the conversation"


# ---- in virtual time -------------------------------------------------------------------


def box_in(directory: Path) -> Troubled:
    return Troubled(conversation_path=directory / "conversation.json")


async def conversed_and_crashed(directory: Path) -> None:
    """Only a daemon that was told to stop, which is `daemon.run`'s to know, forgets what was said."""
    async with box_in(directory) as box:
        await box.remembers()
        await box.converses()
        await box.wait(GATHER_S + 0.1)


@virtual
async def test_second_crash_finds_the_conversation_again(tmp_path: Path) -> None:
    await conversed_and_crashed(tmp_path)
    for _ in range(2):
        async with box_in(tmp_path) as box:
            assert box.still_remembers()
            await box.wait(GATHER_S + 0.1)
    async with box_in(tmp_path) as box:
        await box.converses(2)
        assert box.lines == []


@virtual
async def test_conversation_of_long_ago_is_over(tmp_path: Path) -> None:
    await conversed_and_crashed(tmp_path)
    await asyncio.sleep(FORGOTTEN_AFTER_S + 1)
    async with box_in(tmp_path) as box:
        await box.converses(2)
        assert not box.still_remembers()


@pytest.mark.parametrize("keep", [0, 1, 50])
@virtual
async def test_damaged_conversation_is_a_new_one(keep: int, tmp_path: Path) -> None:
    await conversed_and_crashed(tmp_path)
    path = tmp_path / "conversation.json"
    path.write_bytes(path.read_bytes()[:keep])
    async with box_in(tmp_path) as box:
        await box.converses(2)
        assert not box.still_remembers()
        [line] = box.lines
        assert "conversation.json: damaged, set aside as conversation.json.damaged" in line
