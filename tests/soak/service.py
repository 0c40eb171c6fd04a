"""The other end of the network for a day: the simulator's sessions without sockets, and every outage."""

from __future__ import annotations

import asyncio
import json
import random
from array import array
from collections import Counter, deque
from typing import Any, NoReturn

from daemon.realtime.transports.port import (
    OnFrame,
    Refusal,
    TransportClosed,
    TransportRefused,
    UplinkCongested,
)
from daemon.simulator.faults import garbage_frames
from daemon.simulator.script import GARBAGE, Answer, FunctionCall, Saying
from daemon.simulator.session import Session

LATENCY_S = 0.03
DEAF_AFTER_S = 20.0
"""A connection that answers no ping is given up by ours after about this long."""

BOUND_BYTES = 128_000
ANSWER_LEVEL = 6000
_VOICE = array("h", [ANSWER_LEVEL] * 24_000 * 40).tobytes()
_WORDS = (
    "The kettle holds a litre and a half, and the tide is high at nine in the harbour of Bremen. " * 8
).split()


class Book:
    """What the model says next: calls a tool if one is wanted, else talks for a while."""

    transcript_delay_s = 0.15

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.calls: deque[FunctionCall] = deque(maxlen=8)

    def next_answer(self) -> Answer:
        if self.calls:
            return Answer(function_call=self.calls.popleft())
        if self._chance.random() < 0.03:
            return Answer(
                status=self._chance.choice(["failed", "incomplete"]), error_code="max_output_tokens"
            )
        seconds = min(38.0, 0.5 + self._chance.expovariate(1 / 5))
        words = " ".join(self._chance.choices(_WORDS, k=max(1, int(2.5 * seconds))))
        saying = Saying(words, _VOICE[: 48 * int(seconds * 1000)])
        return Answer(items=(saying,), pace=self._chance.choice([1.2, 4.0, 0.0]), delta_ms=200)

    def next_transcript(self, audio_ms: float) -> str:
        return " ".join(self._chance.choices(_WORDS, k=max(1, int(audio_ms / 400))))

    def create_is_lost(self) -> bool:
        return self._chance.random() < 0.02


class Service:
    """`open` makes the box's transports. `commits` counts the user turns it got, by the level they hold."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.book = Book(chance)
        self.reachable = "yes"  # no, hangs, key, busy
        self.line: Line | None = None
        self.opened = 0
        self.attempts = 0
        self.commits: Counter[int] = Counter()
        self.muddled = 0
        self.usages = 0
        self.answers = 0
        self.tokens = 0
        self.errors: Counter[str] = Counter()
        self.replayed = 0
        self.longest_replay = (0, 0)

    def open(self) -> Line:
        self.attempts += 1
        return Line(self, self._chance)

    def billed(self, usage: dict[str, Any] | None) -> None:
        """An answer's end has reached the box."""
        self.answers += 1
        if usage is not None:
            self.usages += 1
            self.tokens += usage["total_tokens"]

    # ---- outages -------------------------------------------------------------------------

    def lose(self) -> None:
        """Cleanly, with a close frame, or by a reset."""
        if self.line is not None:
            self.line.end(
                *self._chance.choice([(1006, "reset"), (1001, ""), (1011, "internal error"), (1000, "")])
            )

    def fall_silent(self) -> None:
        """The line stays open, and nothing comes through any more."""
        if self.line is not None:
            self.line.deafen()

    def expire(self) -> None:
        if self.line is not None:
            self.line.expire()

    def talk_nonsense(self) -> None:
        if self.line is not None:
            kinds = [kind for kind in GARBAGE if kind != "huge"]
            for frame in garbage_frames(self._chance.sample(kinds, 3)):
                self.line.put(frame)


class Line:
    """One connection, as a transport of the box; its session lives and dies with it."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        self._service = service
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._session: Session | None = None
        self._inbox: asyncio.Queue[str | bytes | Exception] = asyncio.Queue()
        self._on_way: deque[list[str | bytes | Exception]] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._tick_timer: asyncio.TimerHandle | None = None
        self.silent = self._closed = False
        self._queued = 0
        self._items = self._chars = 0
        self._replaying = True

    async def connect(self) -> None:
        service = self._service
        await asyncio.sleep(0.2)
        if service.reachable == "hangs":
            await asyncio.sleep(10)
            raise TransportRefused(Refusal.NETWORK, "no answer within 10 s")
        if service.reachable != "yes":
            refusal = {"no": Refusal.NETWORK, "key": Refusal.KEY, "busy": Refusal.SERVER}[service.reachable]
            raise TransportRefused(refusal, f"refused: {service.reachable}")
        service.opened += 1
        expires_at = int(1_700_000_000 + self._loop.time() + 3600)
        book: Any = service.book
        self._session = Session(
            book,
            connection=service.opened,
            model="gpt-realtime",
            expires_at=expires_at,
            now=self._loop.time(),
        )
        service.line = self
        self._pump()

    @property
    def queued_bytes(self) -> int:
        return self._queued

    def send(self, text: str) -> None:
        if self._closed or self._session is None:
            raise TransportClosed(1006, "not open")
        if self.silent:
            if self._queued + len(text) > BOUND_BYTES:
                raise UplinkCongested("more waits than the bound")
            self._queued += len(text)
            return
        event = self._session.receive(text, self._loop.time())
        assert event is not None, text[:200]
        self._note(event)
        self._pump()

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        while True:
            frame = await self._inbox.get()
            if isinstance(frame, Exception):
                raise frame
            if isinstance(frame, str) and frame.startswith('{"type": "response.done"'):
                self._service.billed(json.loads(frame)["response"]["usage"])
            on_frame(frame)

    async def close(self) -> None:
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        if self._service.line is self:
            self._service.line = None
        self._session = None

    # ---- what the service does ---------------------------------------------------------------

    def end(self, code: int, reason: str) -> None:
        self.silent = True
        self._inbox.put_nowait(TransportClosed(code, reason))

    def deafen(self) -> None:
        self.silent = True
        self._timers.add(self._loop.call_later(DEAF_AFTER_S, self.end, 1006, "no answer to a ping"))

    def expire(self) -> None:
        if self._session is not None and not self.silent:
            self._session.expire()
            self._pump()

    def put(self, frame: str | bytes | Exception) -> None:
        if not self.silent:
            self._inbox.put_nowait(frame)

    def _pump(self) -> None:
        session = self._session
        if session is None:
            return
        frames: list[str | bytes | Exception] = []
        for event in session.take():
            self._tell(event)
            frames.append(json.dumps(event))
        if session.closing is not None:
            frames.append(TransportClosed(*session.closing))
        self._forget_audio(session)
        if frames:
            self._on_way.append(frames)
            self._loop.call_later(LATENCY_S, self._arrive)
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        due = session.next_deadline()
        self._tick_timer = None if due is None else self._loop.call_at(due, self._tick)

    def _arrive(self) -> None:
        for frame in self._on_way.popleft():
            self.put(frame)

    def _tick(self) -> None:
        if self._session is not None:
            self._session.tick(self._loop.time())
            self._pump()

    def _forget_audio(self, session: Session) -> None:
        """A day of it would be what grows; of turns only the level is remembered."""
        for _, pcm in session.committed:
            samples = array("h", pcm)
            said = Counter(level for level in samples[:: max(1, len(samples) // 400)] if level > 1000)
            levels = [level for level, times in said.most_common(2) if times > 20]
            self._service.muddled += len(levels) > 1
            self._service.commits[levels[0] if levels else 0] += 1
        if session.committed:
            session.committed.clear()
        if (last := session.conversation.last) is not None and last.kind == "user":
            last.audio.clear()

    def _note(self, event: dict[str, Any]) -> None:
        """What was said to a new connection before anything else is the conversation so far."""
        kind = event["type"]
        if kind == "conversation.item.create" and self._replaying:
            self._items += 1
            self._chars += len(json.dumps(event["item"]))
            self._service.replayed += 1
            self._service.longest_replay = max(self._service.longest_replay, (self._items, self._chars))
        elif kind != "session.update":
            self._replaying = False

    def _tell(self, event: dict[str, Any]) -> None:
        service = self._service
        if event["type"] == "error":
            service.errors[str(event["error"]["code"])] += 1
        elif event["type"] == "response.done":
            assert self._session is not None
            for item in self._session.conversation:
                item.audio.clear()
