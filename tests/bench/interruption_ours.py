"""The whole daemon on the same device: prints its rounds as JSON."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from daemon.app import App
from daemon.bindings import Bindings
from daemon.box import AppSettings, Devices
from daemon.health import DeviceHealth
from daemon.realtime.agent import RealtimeAgent
from daemon.talk import BargeIn, TalkMode, TalkSettings
from daemon.volume import VolumeSettings
from hw.audio.heard import HeardPosition
from hw.fakes import FakeButton, FakeMicrophone
from hw.ports import AudioFormat, Pull
from tests.bench.interruption_card import RATE_HZ, Card, Round
from tests.bench.interruption_script import Case, Voice, Wire, interruptions, of_all_cases
from tests.contract.box import call_at_once

MIC_PERIOD_MS = 10


class CardSpeaker:
    """The device as a port; says what was heard as a sound card's driver does, by time."""

    underflows = 0

    def __init__(self, card: Card) -> None:
        self.format = AudioFormat(RATE_HZ, 1, card.block_frames)
        self._card = card
        self._heard = HeardPosition(RATE_HZ)
        self._pull: Pull | None = None

    @property
    def holds_device(self) -> bool:
        return self._pull is not None

    @property
    def running(self) -> bool:
        return self._pull is not None

    def heard_frames(self) -> int:
        return self._heard.at(asyncio.get_running_loop().time())

    def start(self, pull: Pull) -> None:
        self._pull = pull
        self._card.start(self._render)

    def stop(self) -> None:
        self._pull = None
        self._card.stop()

    def _render(self, frames: int) -> bytes:
        assert self._pull is not None
        pcm = self._pull(frames)
        self._heard.buffer_pulled(frames, self._card.delay_s, asyncio.get_running_loop().time())
        return pcm


async def hear_silence(microphone: FakeMicrophone) -> None:
    while True:
        await asyncio.sleep(MIC_PERIOD_MS / 1000)
        microphone.feed(bytes(microphone.format.period_bytes))


async def play(job: dict[str, Any], case: Case) -> list[Round]:
    """`by` is "voice", which the server hears, or "press"."""
    card, wire, button = Card(job["block_ms"], job["queued_blocks"]), Wire(), FakeButton()
    spoken = job["by"] == "voice"
    talk = TalkSettings(TalkMode.HANDS_FREE, BargeIn.SERVER_VAD) if spoken else TalkSettings()
    detection = {"type": "semantic_vad", "interrupt_response": True, "create_response": True}
    settings = AppSettings(
        talk,
        RealtimeAgent(name="Assistant"),
        {"turn_detection": detection if spoken else None},  # type: ignore[typeddict-item]
        volume=VolumeSettings(start_percent=100),
    )
    microphone = FakeMicrophone(rate_hz=RATE_HZ, period_ms=MIC_PERIOD_MS)
    devices = Devices(microphone, CardSpeaker(card), {"talk": (button, Bindings(hold="talk"))})
    # Both devices tick on the loop, without the threads that the watch over them expects.
    health = DeviceHealth(watch_periods=False, watch_silence=False)
    app = App(settings, devices, lambda: wire, call_device=call_at_once, health=health)
    stopping = asyncio.Event()
    running = asyncio.create_task(app.run(stopping))
    hearing = asyncio.create_task(hear_silence(microphone))
    await asyncio.sleep(1)
    voice = Voice(wire)
    begin, end = (voice.begin, voice.end) if spoken else (button.press, button.release)
    seen = await interruptions(wire, card, case, job["rounds"], begin, end)
    hearing.cancel()
    stopping.set()
    await running
    return seen


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    print(of_all_cases(play))
