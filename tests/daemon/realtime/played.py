"""A session in virtual time whose server is played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from box import Server

from daemon.realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, RealtimeSession


class Played:
    """`server` is the newest connection; `events` what the session told, raw model events left out."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.next_server: list[Server] = []
        self.events: list[Any] = []
        self.raw: list[str] = []
        self.model = OpenAIRealtimeWebSocketModel(open_transport=self._open)
        self.session: RealtimeSession[Any]

    def _open(self) -> Any:
        self.servers.append(self.next_server.pop(0) if self.next_server else Server())
        return self.servers[-1]

    @property
    def server(self) -> Server:
        return self.servers[-1]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    async def settle(self, rounds: int = 40) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)

    async def collect(self) -> None:
        async for event in self.session:
            (self.raw if event.type == "raw_model_event" else self.events).append(event)  # type: ignore[attr-defined]

    async def call(
        self, name: str, arguments: str = "{}", call_id: str = "c1", response_id: str = "r1"
    ) -> None:
        """A response of nothing but one tool call."""
        self.server.created(response_id)
        self.call_item(name, arguments, call_id, response_id)
        self.server.done(response_id)
        await self.settle()

    def call_item(self, name: str, arguments: str, call_id: str, response_id: str) -> None:
        item = {
            "id": f"i_{call_id}",
            "type": "function_call",
            "status": "completed",
            "name": name,
            "call_id": call_id,
            "arguments": arguments,
        }
        self.server.say("response.output_item.done", response_id=response_id, output_index=0, item=item)

    def outputs(self) -> list[tuple[str, str]]:
        """(call id, text) of the tool results that were sent."""
        items = [event["item"] for event in self.server.of("conversation.item.create")]
        return [(i["call_id"], i["output"]) for i in items if i["type"] == "function_call_output"]


@asynccontextmanager
async def played(
    agent: RealtimeAgent[Any] | None = None, config: dict[str, Any] | None = None, **model_config: Any
) -> AsyncIterator[Played]:
    """Checks at the end that no task is left."""
    play = Played()
    runner: RealtimeRunner[Any] = RealtimeRunner(
        agent or RealtimeAgent(name="Box"), model=play.model, config=config
    )  # type: ignore[arg-type]
    play.session = await runner.run(model_config={"api_key": "key", **model_config})  # type: ignore[typeddict-item]
    async with play.session:
        collecting = asyncio.create_task(play.collect())
        await play.settle()
        yield play
    await collecting
    await play.settle()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == [], "tasks left behind"
