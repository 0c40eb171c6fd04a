"""The player of `openai-agents` on the same device: prints its rounds as JSON.

Runs with the interpreter of .venv-peers. The player itself is as published: only the sound library that it
imports and the connection that its SDK opens are stood in for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import websockets

from tests.bench.interruption_card import RATE_HZ, Card, Round
from tests.bench.interruption_script import Case, Voice, Wire, interruptions, of_all_cases


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


SOUND: Any = sys.modules.setdefault("sounddevice", types.ModuleType("sounddevice"))


async def play(job: dict[str, Any], case: Case) -> list[Round]:
    card, wire = Card(job["block_ms"], job["queued_blocks"]), Wire()

    async def connect(url: str, **_: Any) -> Socket:
        await wire.connect()
        return Socket(wire)

    SOUND.OutputStream = functools.partial(OutputStream, card)
    SOUND.InputStream = InputStream
    websockets.connect = connect  # type: ignore[assignment, misc]
    player_module = importlib.import_module("demo")
    player = asyncio.create_task(player_module.NoUIDemo().run())
    await asyncio.sleep(1)
    voice = Voice(wire)
    seen = await interruptions(wire, card, case, job["rounds"], voice.begin, voice.end)
    player.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await player
    return seen


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # the player prints what happens
        seen = of_all_cases(play)
    print(seen)
