"""Another model behind the same session: a parrot that needs no server.

Run: python docs/examples/custom_model.py
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from daemon.realtime import (
    RealtimeAgent,
    RealtimeModel,
    RealtimeModelConfig,
    RealtimeModelEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelSendEvent,
    RealtimeModelSendUserInput,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeRunner,
)
from daemon.realtime.wire import read_item


class Parrot(RealtimeModel):
    def __init__(self) -> None:
        self._listeners: list[Any] = []
        self._answers = 0

    async def connect(self, options: RealtimeModelConfig) -> None:
        """`options` has the address, the key and `initial_model_settings`."""

    def add_listener(self, listener: Any) -> None:
        self._listeners.append(listener)

    def remove_listener(self, listener: Any) -> None:
        self._listeners.remove(listener)

    async def close(self) -> None:
        pass

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        if isinstance(event, RealtimeModelSendUserInput):
            self._answers += 1
            text = f"You said: {event.user_input}"
            self._answer(text, f"response_{self._answers}", f"item_{self._answers}")

    def _answer(self, text: str, response_id: str, item_id: str) -> None:
        self._tell(RealtimeModelTurnStartedEvent(response_id))
        content = [{"type": "output_audio", "transcript": text}]
        item = {"id": item_id, "type": "message", "role": "assistant", "content": content}
        self.history.put(read_item(item))
        self._tell(RealtimeModelItemUpdatedEvent(item_id, True))
        self._tell(RealtimeModelTranscriptDeltaEvent(item_id, text, response_id))
        self._tell(RealtimeModelTurnEndedEvent(response_id, "completed", "", {}))

    def _tell(self, event: RealtimeModelEvent) -> None:
        for listener in self._listeners:
            on_event: Callable[[RealtimeModelEvent], None] = getattr(listener, "on_event", listener)
            on_event(event)


async def main(url: str = "", api_key: str | None = None) -> str:
    async with await RealtimeRunner(RealtimeAgent(name="Host"), model=Parrot()).run() as session:
        await session.send_message("good morning")
        async for event in session:
            if event.type == "agent_end":
                break
        return str(session.history[-1].content[0].transcript)


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
