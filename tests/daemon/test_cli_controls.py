"""`harkd mute`, `volume`, `approve` and `reject`, from the command line to the request that arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import FAILED, OK, build_parser, main
from daemon.control_server import ControlServer


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["mute", "on"], {"command": "mute", "on": True}),
        (["mute", "off"], {"command": "mute", "on": False}),
        (["volume", "40"], {"command": "volume", "percent": 40}),
        (["approve"], {"command": "approve"}),
        (["reject"], {"command": "reject"}),
    ],
)
def test_command_arrives_as_this_request(tmp_path: Path, words: list[str], request_: dict[str, Any]) -> None:
    seen: list[Mapping[str, Any]] = []

    async def handle(request: Mapping[str, Any]) -> dict[str, Any]:
        seen.append(request)
        return {"ok": True} if len(seen) == 1 else {"ok": False, "error": "no"}

    async def run() -> list[int]:
        server = ControlServer(tmp_path / "s", handle)
        await server.start()
        line = [*words, "--socket", str(tmp_path / "s")]
        codes = [await asyncio.to_thread(main, line) for _ in range(2)]
        await server.stop()
        return codes

    assert asyncio.run(run()) == [OK, FAILED]
    assert seen == [request_, request_]


@pytest.mark.parametrize("words", [["mute"], ["mute", "maybe"], ["volume"], ["volume", "loud"]])
def test_command_that_makes_no_sense_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        build_parser().parse_args(words)
    assert exit_.value.code == 2
