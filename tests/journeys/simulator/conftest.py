"""A client that holds every event, both ways, against the types of the `openai` package."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from realtime_oracle import client_event_problems, server_event_problems
from websockets.asyncio.client import ClientConnection, connect

from daemon.simulator import SimulatorServer

Event = dict[str, Any]


class Client:
    """A WebSocket client that checks what passes through it."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    async def send(self, event_type: str, **fields: Any) -> None:
        event = {"type": event_type, **fields}
        assert client_event_problems(event) == []
        await self.websocket.send(json.dumps(event))

    async def append(self, pcm: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def receive(self) -> Event:
        event = json.loads(await asyncio.wait_for(self.websocket.recv(), 5))
        assert server_event_problems(event) == []
        return event

    async def until(self, event_type: str) -> list[Event]:
        events = [await self.receive()]
        while events[-1]["type"] != event_type:
            events.append(await self.receive())
        return events

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")


@asynccontextmanager
async def _client(server: SimulatorServer, **options: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": "Bearer sk-test"}
    async with connect(
        f"{server.url}?model=gpt-realtime", additional_headers=headers, **options
    ) as websocket:
        yield Client(websocket)


@pytest.fixture
def client() -> Callable[..., AbstractAsyncContextManager[Client]]:
    return _client
