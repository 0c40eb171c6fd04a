"""The API's own events beside a session: everything it sends, and one that we write ourselves.

Run: OPENAI_API_KEY=... python docs/examples/raw_events.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys

from daemon.realtime import (
    RealtimeAgent,
    RealtimeModelEvent,
    RealtimeModelListener,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
)

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


class Log(RealtimeModelListener):
    """A plain `on_event` is called at once; an async one gets a task of its own."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def on_event(self, event: RealtimeModelEvent) -> None:
        if event.type == "raw_server_event":
            self.types.append(event.data["type"])


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    log = Log()
    runner = RealtimeRunner(RealtimeAgent(name="Host"))
    async with await runner.run(model_config={"url": url, "api_key": api_key}) as session:
        session.model.add_listener(log)
        greeting = {"instructions": "Greet the user.", "output_modalities": ["text"]}
        message = {"type": "response.create", "other_data": {"response": greeting}}
        await session.model.send_event(RealtimeModelSendRawMessage(message=message))
        async for event in session:
            if event.type == "agent_end":
                break
        session.model.remove_listener(log)
    return log.types


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
