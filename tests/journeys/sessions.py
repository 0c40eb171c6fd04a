"""A session of the public API in conversation with the simulator, over a real WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from realtime_oracle import client_event_problems, server_event_problems

from daemon.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from daemon.simulator import SimulatorServer
from daemon.simulator.script import parse_script

PATIENCE_S = 20.0

LOUD = b"".join(((9000 if n // 40 % 2 else -9000) & 0xFFFF).to_bytes(2, "little") for n in range(24_000))
"""One second that any voice detector takes for speech."""


class Talk:
    """What a session told, collected as it comes."""

    def __init__(self, server: SimulatorServer, session: RealtimeSession[Any]) -> None:
        self.server = server
        self.session = session
        self.events: list[Any] = []
        self.times: list[float] = []
        self._more = asyncio.Event()

    async def collect(self) -> None:
        async for event in self.session:
            self.events.append(event)
            self.times.append(asyncio.get_running_loop().time())
            self._more.set()

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events if event.type != "raw_model_event"]

    async def until(self, kind: str, times: int = 1) -> Any:
        """The event of this type, when so many have come."""
        await self.until_true(lambda: len(self.of(kind)) >= times, f"{times} x {kind}")
        return self.of(kind)[times - 1]

    async def until_true(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._more.clear()
                    try:
                        async with asyncio.timeout(0.05):
                            await self._more.wait()
                    except TimeoutError:
                        pass
        except TimeoutError:
            raise AssertionError(f"no {what} in {self.types[-40:]}") from None

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """What the server received of this type."""
        return self.server.events(kind)

    async def speak(self, seconds: float = 1.0, silence_s: float = 1.2) -> None:
        """Into the microphone, as fast as it goes, and then silence."""
        pcm = LOUD[: int(seconds * 48_000) // 2 * 2] + bytes(int(silence_s * 48_000) // 2 * 2)
        for start in range(0, len(pcm), 9600):
            await self.session.send_audio(pcm[start : start + 9600])


@asynccontextmanager
async def talking(
    script: str = "",
    agent: RealtimeAgent[Any] | None = None,
    config: dict[str, Any] | None = None,
    context: Any = None,
    **model_config: Any,
) -> AsyncIterator[Talk]:
    """Checks at the end that both sides spoke as the API's types say, and that no task is left."""
    before = asyncio.all_tasks()
    parsed = parse_script(script, "script", lambda name: b"")
    async with SimulatorServer(script=parsed) as server:
        runner: RealtimeRunner[Any] = RealtimeRunner(agent or RealtimeAgent(name="Box"), config=config)  # type: ignore[arg-type]
        connection: Any = {"api_key": "key", "url": f"{server.url}?model=gpt-realtime", **model_config}
        async with await runner.run(context=context, model_config=connection) as session:
            talk = Talk(server, session)
            collecting = asyncio.create_task(talk.collect())
            yield talk
        await asyncio.wait_for(collecting, PATIENCE_S)
        problems = [line for _, event in server.received for line in client_event_problems(event)]
        problems += [line for _, event in server.sent for line in server_event_problems(event)]
        assert problems == []
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    assert left == []
