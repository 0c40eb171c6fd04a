"""A driver that holds every event, both ways, against the types of the `openai` package."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from realtime_oracle import client_event_problems, server_event_problems

from daemon.simulator import Script
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


@pytest.fixture
def drive() -> Callable[..., SessionDriver]:
    return lambda model="gpt-realtime", **script: SessionDriver(Script(**script), model)
