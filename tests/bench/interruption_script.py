"""The server's side of an interruption, the same for every player. Shell around the loop's clock.

Runs in the interpreter of whoever is measured: standard library only. The connection is a queue in memory, so
that time can be virtual: what is measured is what a player decides, not how long its machine computes.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

from tests.bench.interruption_card import RATE_HZ, Card, Round, judge
from tests.contract.virtual_loop import VirtualLoop

DELTA_MS = 100
DELTA = base64.b64encode(b"\x01\x40" * (RATE_HZ * DELTA_MS // 1000)).decode()  # loud throughout
AHEAD = 5  # deltas sent at once; then one each 100 ms
PLAYED_S = 0.9  # until the event, about
LATE_S = 0.025  # between late deltas: four times faster than they are heard
TURN_S = 0.3
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Case:
    """`burst`: deltas sent in one go right before the event; `late`: after it, until the server stops."""

    name: str
    burst: int = 0
    late: int = 0


CASES = (Case("quiet"), Case("3 s burst", burst=30), Case("late deltas", late=8))


class Wire:
    """One connection: what a client of ours takes for a transport, and the server at its other end."""

    def __init__(self) -> None:
        self.queued_bytes = 0
        self.received: list[dict[str, Any]] = []
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        self._events = 0

    async def connect(self) -> None:
        self.say(
            "session.created", session={"type": "realtime", "object": "realtime.session", "id": "sess_1"}
        )

    def send(self, text: str) -> None:
        event = json.loads(text)
        match event["type"]:
            case "session.update":
                self.say("session.updated", session=event["session"])
            case "input_audio_buffer.commit":
                self.say("input_audio_buffer.committed", item_id="spoken", previous_item_id=None)
            case "input_audio_buffer.append":
                return
        self.received.append(event)

    async def receive(self) -> str:
        return await self._inbox.get()

    async def receive_into(self, on_frame: Callable[[str | bytes], object]) -> NoReturn:
        while True:
            on_frame(await self.receive())

    async def close(self) -> None:
        pass

    def say(self, kind: str, **fields: Any) -> None:
        self._events += 1
        self._inbox.put_nowait(json.dumps({"type": kind, "event_id": f"event_{self._events}", **fields}))

    def status(self, answer: int, status: str) -> None:
        kind = "response.created" if status == "in_progress" else "response.done"
        response = {"object": "realtime.response", "id": f"resp_{answer}", "status": status, "output": []}
        self.say(kind, response=response)

    def delta(self, answer: int) -> None:
        where = {"response_id": f"resp_{answer}", "item_id": f"item_{answer}", "output_index": 0}
        self.say("response.output_audio.delta", **where, content_index=0, delta=DELTA)

    def told_ms(self, answer: int) -> float | None:
        """How much of this answer the client says was heard."""
        told = [event for event in self.received if event["type"] == "conversation.item.truncate"]
        return next((float(e["audio_end_ms"]) for e in told if e["item_id"] == f"item_{answer}"), None)


class Voice:
    """The server hears somebody speak."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def begin(self) -> None:
        self._wire.say("input_audio_buffer.speech_started", item_id="spoken", audio_start_ms=0)

    def end(self) -> None:
        self._wire.say("input_audio_buffer.speech_stopped", item_id="spoken", audio_end_ms=0)
        self._wire.say("input_audio_buffer.committed", item_id="spoken", previous_item_id=None)


async def interruptions(
    wire: Wire, card: Card, case: Case, rounds: int, begin: Callable[[], None], end: Callable[[], None]
) -> list[Round]:
    """Interrupt so many answers by `begin`, each a bit later within a block; `end` ends the user's turn.

    `card` must be running.
    """
    seen = []
    for number in range(rounds):
        card.forget()
        wire.status(number, "in_progress")
        for n in range(AHEAD + round(PLAYED_S * 1000) // DELTA_MS):
            wire.delta(number)
            await asyncio.sleep(0 if n < AHEAD else DELTA_MS / 1000)
        phase = (number + 0.5) / rounds * card.block_ms / 1000
        await asyncio.sleep(card.next_block_at + phase - asyncio.get_running_loop().time())
        for _ in range(case.burst):
            wire.delta(number)
        event_at = asyncio.get_running_loop().time()
        begin()
        for _ in range(case.late):
            await asyncio.sleep(LATE_S)
            wire.delta(number)
        await asyncio.sleep(TURN_S)
        wire.status(number, "cancelled")
        end()
        await asyncio.sleep(SETTLE_S)
        seen.append(judge(card.blocks, card.delay_s, event_at, wire.told_ms(number)))
    return seen


def of_all_cases(play: Callable[[dict[str, Any], Case], Coroutine[Any, Any, list[Round]]]) -> str:
    """What `play` saw of the job on the command line, by the name of the case, as JSON."""
    job, seen = json.loads(sys.argv[1]), {}
    for case in CASES:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            seen[case.name] = [dataclasses.asdict(one) for one in runner.run(play(job, case))]
    return json.dumps(seen)
