"""A Realtime server with one script, paced by the clock. `python -m tests.bench.server PLAN REPORT`.

One client at a time. A turn begins with the first append, and then every `turn_s`: what the user said is
committed, and an answer as long as the turn comes in deltas while the microphone goes on. After the last
turn come the interruptions: an answer begins, and the user speaks into it, first with little on the way,
then behind five seconds of audio. Each append and each delta begins with its number; when they came and went
stands in the report, on the clock that all processes share.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import signal
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

BYTES_PER_S = 48_000
DELTA_BYTES = 12_000
VARIED_BYTES = (4_800, 24_000)
BURST_DELTAS = 20  # of 12,000 bytes: 5 s
QUIET_GAP_S = 0.15
BURST_GAP_S = 0.3
SETTLE_S = 0.5
SCRIPT_OVER = "script over"
"""A line of the server's output: nothing more will be said."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is said.

    `pace`: how many times faster than it is heard an answer comes. `interruptions`: of each kind. `in_step`:
    an answer comes as the microphone goes on, whatever the clock says; for clients that count instructions.
    `settled`: it begins once the microphone goes at its own pace, and not after what was late at a start.
    """

    turns: int = 1
    turn_s: float = 4.0
    pace: float = 1.0
    interruptions: int = 0
    varied: bool = False
    shuffled: bool = False
    deflate: bool = False
    in_step: bool = False
    settled: bool = False

    def delta_sizes(self, turn: int) -> list[int]:
        """Bytes of each delta of one answer."""
        chance, rest, sizes = random.Random(turn), round(self.turn_s * BYTES_PER_S), []
        while rest:
            size = chance.randrange(*VARIED_BYTES, 2) if self.varied else DELTA_BYTES
            sizes.append(min(size, rest))
            rest -= sizes[-1]
        return sizes

    @property
    def deltas(self) -> int:
        return sum(len(self.delta_sizes(turn)) for turn in range(self.turns))

    def arguments(self) -> list[str]:
        """As `plan_of` reads them."""
        return [json.dumps({name: getattr(self, name) for name in self.__slots__})]


@dataclass(slots=True)
class Report:
    """Times are those of CLOCK_MONOTONIC, in seconds, by the number in the audio."""

    extensions: list[str] = field(default_factory=list)
    appended_bytes: int = 0
    appends: int = 0
    append_at: dict[int, float] = field(default_factory=dict)
    delta_at: dict[int, float] = field(default_factory=dict)
    interruption_at: list[float] = field(default_factory=list)
    first_append_at: float | None = None
    script_over_at: float | None = None
    refused: list[str] = field(default_factory=list)


class Conversation:
    """The script for one connection."""

    def __init__(self, connection: ServerConnection, plan: Plan, report: Report) -> None:
        self._connection = connection
        self._plan = plan
        self._report = report
        self._session: dict[str, Any] = {"type": "realtime", "object": "realtime.session", "id": "sess_1"}
        self._events = 0
        self._deltas = 0
        self._order = random.Random(7)
        self._script: asyncio.Task[None] | None = None
        self._heard_more = asyncio.Event()
        self._before_bytes = 0

    async def run(self) -> None:
        self._report.extensions = [repr(one) for one in self._connection.protocol.extensions]
        await self.send("session.created", session=self._session)
        try:
            async for frame in self._connection:
                await self._receive(json.loads(frame))
        except ConnectionClosed:
            pass
        finally:
            if self._script is not None:
                self._script.cancel()

    async def send(self, kind: str, **fields: Any) -> None:
        self._events += 1
        event = {"type": kind, "event_id": f"event_{self._events}", **fields}
        if self._plan.shuffled:
            keys = list(event)
            self._order.shuffle(keys)
            event = {key: event[key] for key in keys}
        await self._connection.send(json.dumps(event))

    async def _receive(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "input_audio_buffer.append":
            self._heard(event["audio"])
        elif kind == "session.update":
            self._session |= event["session"]
            await self.send("session.updated", session=self._session)
        elif kind == "conversation.item.retrieve":
            await self.send("conversation.item.retrieved", item=_item(event["item_id"], "user"))
        elif kind == "conversation.item.truncate":
            keys = ("item_id", "content_index", "audio_end_ms")
            await self.send("conversation.item.truncated", **{key: event[key] for key in keys})
        elif kind not in ("response.cancel", "input_audio_buffer.clear"):
            self._report.refused.append(kind)

    def _heard(self, audio: str) -> None:
        now = time.monotonic()
        report = self._report
        if report.first_append_at is None:
            report.first_append_at = now
        if self._script is None:
            self._script = asyncio.create_task(self._converse(), name="script")
        report.appended_bytes += len(audio) * 3 // 4
        report.appends += 1
        self._heard_more.set()
        report.append_at.setdefault(struct.unpack_from("<I", base64.b64decode(audio[:8]))[0], now)

    # ---- the script --------------------------------------------------------------------------------------

    async def _converse(self) -> None:
        plan = self._plan
        try:
            if plan.settled:
                await self._wait_settled()
            self._before_bytes, began = self._report.appended_bytes, asyncio.get_running_loop().time()
            for turn in range(plan.turns):
                await self._until(began, turn * plan.turn_s)
                await self._turn(turn, began)
            await self._until(began, plan.turns * plan.turn_s)
            await asyncio.sleep(SETTLE_S)
            for number in range(2 * plan.interruptions):
                await self._interruption(number, 1 if number < plan.interruptions else BURST_DELTAS)
        except ConnectionClosed:
            return
        self._report.script_over_at = time.monotonic()
        print(SCRIPT_OVER, flush=True)

    async def _turn(self, turn: int, began: float) -> None:
        said, answer = f"user_{turn}", f"turn_{turn}"
        await self.send("input_audio_buffer.committed", item_id=said, previous_item_id=None)
        await self.send("conversation.item.added", item=_item(said, "user"), previous_item_id=None)
        await self._begin(answer)
        heard_s = 0.0
        for size in self._plan.delta_sizes(turn):
            await self._until(began, turn * self._plan.turn_s + heard_s / self._plan.pace)
            await self._delta(answer, size)
            await self._part("response.output_audio_transcript.delta", answer, delta="so it goes ")
            heard_s += size / BYTES_PER_S
        await self._part("response.output_audio.done", answer)
        await self._part("response.output_audio_transcript.done", answer, transcript="so it goes")
        await self._end(answer, "completed")

    async def _wait_settled(self) -> None:
        heard_s = float("inf")
        while not 0.7 < heard_s < 1.3:
            before = self._report.appended_bytes
            await asyncio.sleep(1.0)
            heard_s = (self._report.appended_bytes - before) / BYTES_PER_S

    async def _until(self, began: float, moment_s: float) -> None:
        """That far into the conversation, by the clock or by what the microphone sent."""
        if not self._plan.in_step:
            await asyncio.sleep(began + moment_s - asyncio.get_running_loop().time())
            return
        while self._report.appended_bytes - self._before_bytes < moment_s * BYTES_PER_S:
            self._heard_more.clear()
            await self._heard_more.wait()

    async def _interruption(self, number: int, deltas: int) -> None:
        answer = f"interrupted_{number}"
        await self._begin(answer)
        if deltas == 1:
            await self._delta(answer, DELTA_BYTES)
            await asyncio.sleep(QUIET_GAP_S / 3)
        else:
            for _ in range(deltas):
                await self._delta(answer, DELTA_BYTES)
        self._report.interruption_at.append(time.monotonic())
        await self.send("input_audio_buffer.speech_started", item_id=f"barge_{number}", audio_start_ms=number)
        await asyncio.sleep(QUIET_GAP_S if deltas == 1 else BURST_GAP_S)
        await self._end(answer, "cancelled")
        await self.send("input_audio_buffer.speech_stopped", item_id=f"barge_{number}", audio_end_ms=number)
        await asyncio.sleep(QUIET_GAP_S)

    async def _begin(self, answer: str) -> None:
        item = {**_item(answer, "assistant"), "status": "in_progress", "content": []}
        part = {"type": "audio", "transcript": ""}
        await self.send("response.created", response=_response(answer, "in_progress", []))
        await self.send("response.output_item.added", response_id=f"resp_{answer}", output_index=0, item=item)
        await self.send("conversation.item.added", item=item, previous_item_id=None)
        await self._part("response.content_part.added", answer, part=part)

    async def _delta(self, answer: str, size: int) -> None:
        self._deltas += 1
        pcm = struct.pack("<I", self._deltas) + _NOISE[4:size]
        audio = base64.b64encode(pcm).decode()
        self._report.delta_at[self._deltas] = time.monotonic()
        await self._part("response.output_audio.delta", answer, delta=audio)

    async def _end(self, answer: str, status: str) -> None:
        item = _item(answer, "assistant")
        await self.send("response.output_item.done", response_id=f"resp_{answer}", output_index=0, item=item)
        await self.send("conversation.item.done", item=item, previous_item_id=None)
        await self.send("response.done", response=_response(answer, status, [item]))

    async def _part(self, kind: str, answer: str, **fields: Any) -> None:
        where = {"response_id": f"resp_{answer}", "item_id": answer, "output_index": 0, "content_index": 0}
        await self.send(kind, **where, **fields)


def _item(item_id: str, role: str) -> dict[str, Any]:
    content = {"type": "output_audio" if role == "assistant" else "input_audio", "transcript": "so it goes"}
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": role,
    } | {"content": [content]}


def _response(answer: str, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    tokens = {"total_tokens": 90, "input_tokens": 40, "output_tokens": 50}
    details = {"type": "cancelled", "reason": "turn_detected"} if status == "cancelled" else None
    return {
        "object": "realtime.response",
        "id": f"resp_{answer}",
        "status": status,
        "status_details": details,
        "output": output,
        "output_modalities": ["audio"],
        "usage": None if status == "in_progress" else tokens,
    }


# Noise compresses badly, as speech does: what deflate costs must not look better than it is.
_NOISE = random.Random(3).randbytes(max(DELTA_BYTES, VARIED_BYTES[1]))


def plan_of(text: str) -> Plan:
    return Plan(**json.loads(text))


async def serve_script(plan: Plan) -> Report:
    """Serve until SIGTERM; answers what was seen."""
    report = Report()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def converse(connection: ServerConnection) -> None:
        await Conversation(connection, plan, report).run()

    deflate = "deflate" if plan.deflate else None
    async with serve(converse, "127.0.0.1", 0, compression=deflate, max_size=2**24) as server:
        print(_address(server), flush=True)
        await stopping.wait()
    return report


def _address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=plan_of)
    parser.add_argument("report", type=Path)
    arguments = parser.parse_args()
    report = asyncio.run(serve_script(arguments.plan))
    shown = {name: getattr(report, name) for name in Report.__slots__}
    arguments.report.write_text(json.dumps(shown), encoding="utf-8")


if __name__ == "__main__":
    main()
