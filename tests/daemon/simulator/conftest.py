"""Drivers that hold every event, both ways, against the types of the `openai` package."""

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

from daemon.simulator import Script, SimulatorServer
from daemon.simulator.answers import AnswerBook
from daemon.simulator.session import Session

Event = dict[str, Any]


class SessionDriver:
    """A session on a clock of its own. `send` gives the events that follow at once, `wait` later ones."""

    def __init__(self, script: Script, model: str | None = "gpt-realtime") -> None:
        self.now = 1000.0
        self.session = Session(AnswerBook(script), connection=1, model=model, expires_at=1, now=self.now)
        self.opening = self._take()

    def send(self, event_type: str, **fields: Any) -> list[Event]:
        event = {"type": event_type, **fields}
        assert client_event_problems(event) == []
        return self.send_raw(json.dumps(event))

    def send_raw(self, frame: str | bytes) -> list[Event]:
        self.session.receive(frame, self.now)
        return self._take()

    def append(self, pcm: bytes) -> list[Event]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    def update(self, **session: Any) -> list[Event]:
        return self.send("session.update", session={"type": "realtime", **session})

    def say_text(self, text: str) -> list[Event]:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        return self.send("conversation.item.create", item=item)

    def wait(self, seconds: float) -> list[Event]:
        """Tick at every deadline on the way, as the server does."""
        end, events = self.now + seconds, []
        while (due := self.session.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.tick(self.now)
            events += self._take()
        self.now = end
        self.session.tick(end)
        return events + self._take()

    def _take(self) -> list[Event]:
        events = self.session.take()
        for event in events:
            assert server_event_problems(event) == []
        return json.loads(json.dumps(events))


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
def drive() -> Callable[..., SessionDriver]:
    return lambda model="gpt-realtime", **script: SessionDriver(Script(**script), model)


@pytest.fixture
def client() -> Callable[..., AbstractAsyncContextManager[Client]]:
    return _client
