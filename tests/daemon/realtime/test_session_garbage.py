"""Frames and deltas leave no garbage for the collector."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from typing import Any, NoReturn

from daemon.realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, RealtimeSession
from daemon.realtime.transports.port import OnFrame


class Line:
    """A transport whose other end is the test."""

    queued_bytes = 0

    def __init__(self) -> None:
        self.arriving: asyncio.Queue[str] = asyncio.Queue()
        self.sent = 0

    async def connect(self) -> None:
        self.arriving.put_nowait('{"type":"session.updated","session":{}}')
        self.arriving.put_nowait('{"type":"response.created","response":{"id":"r"}}')

    def send(self, text: str) -> None:
        self.sent += 1

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        while True:
            on_frame(await self.arriving.get())

    async def close(self) -> None: ...


async def talk(session: RealtimeSession[Any], line: Line, frames: int) -> int:
    """So many frames up and deltas down; answers the collections meanwhile."""
    audio = base64.b64encode(bytes(9_600)).decode()
    fields = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "a", "content_index": 0}
    delta = json.dumps({**fields, "delta": audio})
    heard = 0
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    for _ in range(frames):
        await session.send_audio(bytes(960))
        line.arriving.put_nowait(delta)
        async for event in session:
            if event.type == "audio":
                heard += len(event.audio.data)
                break
    assert heard == 9_600 * frames
    return int(gc.get_stats()[0]["collections"] - before)


def test_thousand_frames_and_deltas_leave_the_collector_nothing_to_do() -> None:
    """It runs whenever 700 more objects were made than went; one left over by each pair makes it run once."""

    async def run() -> tuple[int, int]:
        line = Line()
        model = OpenAIRealtimeWebSocketModel(open_transport=lambda: line)
        runner = RealtimeRunner(RealtimeAgent(name="a"), model=model)
        async with await runner.run(model_config={"api_key": "k"}) as session:
            await talk(session, line, 10)
            return await talk(session, line, 1_000), line.sent

    collections, sent = asyncio.run(run())
    assert collections == 0
    assert sent >= 1_010
