"""The player of `openai-agents` on the same device: `interruption_sdk.py JOB` prints its rounds as JSON.

Runs with the interpreter of .venv-peers. The player itself is as published: only the sound library that it
imports and the connection that its SDK opens are stood in for.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import websockets
from interruption_card import RATE_HZ, Card
from interruption_script import CASES, Voice, Wire, interruptions
from virtual_loop import VirtualLoop


class OutputStream:
    """As the library's: asks `callback` to fill a block."""

    def __init__(self, card: Card, callback: Callable[..., None], blocksize: int, **_: Any) -> None:
        assert blocksize == card.block_frames, f"the player wants blocks of {blocksize}"
        self._card = card
        self._callback = callback

    @property
    def active(self) -> bool:
        return self._card.running

    def start(self) -> None:
        self._card.start(self._render)

    def stop(self) -> None:
        self._card.stop()

    def close(self) -> None:
        self._card.stop()

    def _render(self, frames: int) -> bytes:
        block = np.zeros((frames, 1), np.int16)
        self._callback(block, frames, None, None)
        return block.tobytes()


class InputStream:
    """Hears silence, in real time."""

    active = False

    def __init__(self, **_: Any) -> None:
        self._read = 0

    def start(self) -> None:
        self._began = asyncio.get_running_loop().time()

    def close(self) -> None:
        pass

    @property
    def read_available(self) -> int:
        return round((asyncio.get_running_loop().time() - self._began) * RATE_HZ) - self._read

    def read(self, frames: int) -> tuple[Any, bool]:
        self._read += frames
        return np.zeros((frames, 1), np.int16), False


class Socket:
    """As of `websockets`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, text: str) -> None:
        self._wire.send(text)

    async def close(self) -> None:
        pass

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> str:
        return await self._wire.receive()


async def play(card: Card, case_name: str, rounds: int) -> list[dict[str, Any]]:
    wire = Wire()

    async def connect(url: str, **_: Any) -> Socket:
        await wire.connect()
        return Socket(wire)

    sound: Any = types.ModuleType("sounddevice")
    sound.OutputStream = lambda **options: OutputStream(card, **options)
    sound.InputStream = InputStream
    sys.modules["sounddevice"] = sound
    websockets.connect = connect  # type: ignore[assignment, misc]
    import demo

    player = asyncio.create_task(demo.NoUIDemo().run())
    await asyncio.sleep(1)
    voice = Voice(wire)
    case = next(case for case in CASES if case.name == case_name)
    seen = await interruptions(wire, card, case, rounds, voice.begin, voice.end)
    player.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await player
    return [dataclasses.asdict(one) for one in seen]


def main() -> None:
    job = json.loads(sys.argv[1])
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, contextlib.redirect_stdout(sys.stderr):
        seen = runner.run(play(Card(job["block_ms"], job["queued_blocks"]), job["case"], job["rounds"]))
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
