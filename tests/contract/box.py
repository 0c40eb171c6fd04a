"""A whole box in virtual time: real app, fake devices, and a server played by the test."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from array import array
from collections.abc import Callable
from typing import Any, NoReturn

from daemon.app import App
from daemon.bindings import Bindings
from daemon.box import AppSettings, Devices
from daemon.gestures import GestureSettings
from daemon.health import DeviceHealth
from daemon.notices import Notice
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.transports.port import OnFrame, TransportClosed, UplinkCongested
from daemon.talk import TalkSettings
from daemon.volume import VolumeSettings
from hw.fakes import FakeButton, FakeMicrophone, FakeSpeaker
from tests.contract.inbox import hand_on

RATE_HZ = 24_000
PERIOD_S = 0.01
NOON = 1_700_000_000.0  # wall clock, when the loop's is 0
PERIOD_FRAMES = 240


def voice(frames: int, start: int = 1) -> bytes:
    """Samples that are all different from silence and from one another for 30,000 frames."""
    return array("h", [(start + i) % 30_000 + 1 for i in range(frames)]).tobytes()


class Server:
    """One connection of a Realtime server that does only what the test says, and the obvious by itself."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.inbox: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.bytes_per_s: float | None = None  # how fast the uplink is; None for at once
        self.bound_bytes = 128_000
        self._queued = 0.0
        self._drained_at = asyncio.get_running_loop().time()
        self.configure = True
        self.session: dict[str, Any] = {"type": "realtime"}
        self._ids = itertools.count(1)

    async def connect(self) -> None:
        pass

    @property
    def queued_bytes(self) -> int:
        now = asyncio.get_running_loop().time()
        left = self._queued - (now - self._drained_at) * (self.bytes_per_s or 0)
        self._queued = max(0.0, left) if self.bytes_per_s else 0.0
        self._drained_at = now
        return round(self._queued)

    def send(self, text: str) -> None:
        if self.queued_bytes + len(text) > self.bound_bytes:
            raise UplinkCongested("more waits than the bound")
        self._queued += len(text)
        event = json.loads(text)
        self.events.append(event)
        if event["type"] == "session.update" and self.configure:
            self.say("session.updated", session=self.session)

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        await hand_on(self.inbox, on_frame)

    async def close(self) -> None:
        pass

    def say(self, kind: str, **fields: Any) -> None:
        self.inbox.put_nowait(json.dumps({"type": kind, "event_id": f"event_{next(self._ids)}", **fields}))

    def lose(self, code: int = 1006, reason: str = "reset") -> None:
        self.inbox.put_nowait(TransportClosed(code, reason))

    def types(self) -> list[str]:
        """What the client sent, runs of appends as one."""
        kinds = [event["type"].removeprefix("input_audio_buffer.") for event in self.events]
        return [kind for kind, _ in itertools.groupby(kinds)]

    def appended(self) -> bytes:
        return b"".join(base64.b64decode(e["audio"]) for e in self.events if e["type"].endswith(".append"))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    # ---- an answer, piece by piece ----

    def created(self, response_id: str) -> None:
        self.say("response.created", response={"id": response_id, "status": "in_progress", "output": []})

    def delta(self, response_id: str, item_id: str, pcm: bytes, content_index: int = 0) -> None:
        self.say(
            "response.output_audio.delta",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=content_index,
            delta=base64.b64encode(pcm).decode(),
        )

    def audio_done(self, response_id: str, item_id: str) -> None:
        self.say(
            "response.output_audio.done",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=0,
        )

    def done(self, response_id: str, status: str = "completed", **details: Any) -> None:
        response = {"id": response_id, "status": status, "output": [], "usage": None, **details}
        self.say("response.done", response=response)

    def answer(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """A whole answer at once, faster than real time."""
        self.created(response_id)
        for start in range(0, len(pcm), 9600):
            self.delta(response_id, item_id, pcm[start : start + 9600])
        self.audio_done(response_id, item_id)
        self.done(response_id)


def call_at_once(work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
    """Opens and closes a fake device without a thread, which would live in real time."""
    error = None
    try:
        work()
    except Exception as raised:  # noqa: BLE001  as the keeper's own thread does
        error = raised
    asyncio.get_running_loop().call_soon(done, error)


class Box:
    """`async with Box() as box:` is a box connected and idle, at 24 kHz, 10 ms periods, no voice detector."""

    def __init__(self, talk: TalkSettings | None = None, buffer_periods: int = 0, **settings: Any) -> None:
        self.microphone = FakeMicrophone(rate_hz=RATE_HZ, period_ms=10)
        self.speaker = FakeSpeaker(rate_hz=RATE_HZ, period_ms=10, buffer_periods=buffer_periods)
        self.button = FakeButton()
        self.buttons = {"talk": (self.button, Bindings(hold="talk"))}
        self.noon = NOON  # a test may set the wall clock
        self.servers: list[Server] = []
        self.next_server: list[Server] = []
        self.notices: list[Notice] = []
        settings.setdefault("agent", RealtimeAgent(name="Assistant"))
        settings.setdefault("model_settings", {"turn_detection": None})
        # Nothing is a tap: tests press and release without letting time pass.
        settings.setdefault("gestures", GestureSettings(tap_max_ms=0.001))
        settings.setdefault("volume", VolumeSettings(start_percent=100))
        self._settings = AppSettings(talk or TalkSettings(), **settings)
        self.use(Devices(self.microphone, self.speaker, self.buttons))
        self._stopping = asyncio.Event()

    def use(self, devices: Devices, health: DeviceHealth | None = None) -> None:
        """Before the start: these devices instead, which the test steps itself, judged by `health`."""
        self._devices = devices
        loop = asyncio.get_running_loop()
        self.app = App(
            self._settings,
            devices,
            self._open,
            [self.notices.append],
            lambda: self.noon + loop.time(),
            call_device=call_at_once,
            # The test steps them by hand.
            health=health or DeviceHealth(watch_periods=False, watch_silence=False),
        )

    def _open(self) -> Server:
        self.servers.append(self.next_server.pop(0) if self.next_server else Server())
        return self.servers[-1]

    @property
    def server(self) -> Server:
        return self.servers[-1]

    async def __aenter__(self) -> Box:
        self._task = asyncio.create_task(self.app.run(self._stopping))
        await self.settle()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()
        await self._task
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert others == [], "tasks left behind"
        assert not self._devices.microphone.running
        assert not self._devices.speaker.running

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def live(self, periods: int, heard: bytes = b"") -> None:
        """Let time pass: the microphone hears `heard`, then silence, and the loudspeaker plays."""
        pcm = heard + bytes(max(0, periods * PERIOD_FRAMES * 2 - len(heard)))
        for i in range(periods):
            await asyncio.sleep(PERIOD_S)
            self.microphone.feed(pcm[i * PERIOD_FRAMES * 2 : (i + 1) * PERIOD_FRAMES * 2])
            self.speaker.play()
            await self.settle()

    async def press(self) -> None:
        self.button.press()
        await self.settle()

    async def release(self) -> None:
        await asyncio.sleep(0.000_01)
        self.button.release()
        await self.settle()

    async def ask_aloud(self, periods: int = 30) -> None:
        """Hold the button, speak, release."""
        await self.press()
        await self.live(periods, voice(periods * PERIOD_FRAMES))
        await self.release()
        await self.live(1)
