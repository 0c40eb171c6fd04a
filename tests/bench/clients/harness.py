"""What all clients do alike: speak frame by frame, and note when what came. Standard library only.

`CLIENT.py URL JOB`; JOB is a JSON object of `frames` to speak, `frame_ms`, `gap_ms` from one to the next,
`deltas` and `interruptions` to expect, and the file for the `report`. It runs in the interpreter of whoever
is measured, so its own cost is measured, too: by the client `null`, which connects to nothing.
"""

from __future__ import annotations

import asyncio
import gc
import json
import struct
import sys
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0
FRAME_BYTES_PER_MS = 48
SHORTEST_S = 0.001
"""Late frames wait, too: a sleep of nothing takes fewer instructions, and a busy machine would look quick."""


class Harness:
    """Tell it `audio` and `interrupted`; it calls `append` in time."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._frame = bytes(range(1, 241)) * (job["frame_ms"] * FRAME_BYTES_PER_MS // 240)
        self._append_at = array("d", bytes(8 * job["frames"]))  # whole at once: what grows is the client
        self._delta_at: dict[int, float] = {}
        self._interrupted_at: list[float] = []
        self._audio_bytes = 0
        self._ready_at = 0.0
        self._complete = asyncio.Event()
        self._rss: list[int] = []

    def audio(self, pcm: bytes) -> None:
        """A delta has reached the application, decoded."""
        self._audio_bytes += len(pcm)
        self._delta_at[struct.unpack_from("<I", pcm)[0]] = time.monotonic()
        self._look()

    def interrupted(self) -> None:
        """The application knows that the user has begun to speak."""
        self._interrupted_at.append(time.monotonic())
        self._look()

    def _look(self) -> None:
        enough = len(self._interrupted_at) >= self._job["interruptions"]
        if enough and len(self._delta_at) >= self._job["deltas"]:
            self._complete.set()

    async def speak(self, append: Callable[[bytes], Awaitable[None]]) -> None:
        """All frames in time; returns when everything expected has come, or patience is over."""
        self._ready_at = began = time.monotonic()
        gap_s = self._job["gap_ms"] / 1000
        for number in range(self._job["frames"]):
            await asyncio.sleep(max(SHORTEST_S, began + number * gap_s - time.monotonic()))
            self._append_at[number] = time.monotonic()
            await append(struct.pack("<I", number) + self._frame[4:])
            if number % 250 == 249:
                self._rss.append(_memory("VmRSS"))
        self._look()
        if self._job["deltas"] or self._job["interruptions"]:
            patience_s = PATIENCE_S + self._job["interruptions"]
            try:
                await asyncio.wait_for(self._complete.wait(), patience_s)
            except TimeoutError:
                print("not everything has come", file=sys.stderr)
        self._write()

    def _write(self) -> None:
        report = {
            "ready_at": self._ready_at,
            "append_at": dict(enumerate(self._append_at)),
            "delta_at": self._delta_at,
            "interrupted_at": self._interrupted_at,
            "audio_bytes": self._audio_bytes,
            "peak_rss_kb": _memory("VmHWM"),
            "rss_kb": self._rss,
            "collections": [generation["collections"] for generation in gc.get_stats()],
        }
        Path(self._job["report"]).write_text(json.dumps(report), encoding="utf-8")


async def hold_session(agent_class: Any, runner_class: Any, url: str, harness: Harness) -> None:
    """A conversation through the classes of `openai-agents`, or ours of the same names."""
    runner = runner_class(agent_class(name="bench", instructions="Be brief."))
    options = {"api_key": "sk-bench", "url": f"{url}?model=gpt-realtime"}
    async with await runner.run(model_config=options) as session:
        reader = asyncio.create_task(_read(session, harness))
        await harness.speak(session.send_audio)
        reader.cancel()


async def _read(session: Any, harness: Harness) -> None:
    async for event in session:
        if event.type == "audio":
            harness.audio(event.audio.data)
        elif event.type == "audio_interrupted":
            harness.interrupted()


def _memory(field: str) -> int:
    """KiB, of this process."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def run(converse: Callable[[str, Harness], Awaitable[None]]) -> None:
    """The client's `main`."""

    async def main() -> None:
        await converse(sys.argv[1], Harness(json.loads(sys.argv[2])))

    asyncio.run(main())
