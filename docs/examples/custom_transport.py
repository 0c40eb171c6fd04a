"""Another way to carry the frames: here the usual one, with a count of what passes.

A transport is one connection: `connect`, `send`, `receive_into`, `close`, `queued_bytes`, as
`daemon/realtime/transports/port.py` says. One is made for every connection, also after a loss.

Run: OPENAI_API_KEY=... python docs/examples/custom_transport.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from typing import NoReturn

from daemon.realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner
from daemon.realtime.transports.port import OnFrame
from daemon.realtime.transports.websocket import WebSocketTransport

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


class Counted:
    def __init__(self, carrier: WebSocketTransport, frames: Counter[str]) -> None:
        self._carrier = carrier
        self._frames = frames

    async def connect(self) -> None:
        await self._carrier.connect()

    def send(self, text: str) -> None:
        self._frames["sent"] += 1
        self._carrier.send(text)

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        def count(frame: str | bytes) -> None:
            self._frames["received"] += 1
            on_frame(frame)

        await self._carrier.receive_into(count)

    async def close(self) -> None:
        await self._carrier.close()

    @property
    def queued_bytes(self) -> int:
        return self._carrier.queued_bytes


async def main(url: str = URL, api_key: str | None = None) -> Counter[str]:
    frames: Counter[str] = Counter()
    key = api_key or os.environ.get("OPENAI_API_KEY")
    model = OpenAIRealtimeWebSocketModel(
        open_transport=lambda: Counted(WebSocketTransport(url, api_key=lambda: key), frames)
    )
    runner = RealtimeRunner(RealtimeAgent(name="Host"), model=model)
    async with await runner.run(model_config={"url": url}) as session:
        await session.send_message("Good morning.")
        async for event in session:
            if event.type == "agent_end":
                break
    return frames


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
