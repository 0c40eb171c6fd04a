"""A whole box with everything it has, and whatever can happen to it, in any order; in virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
from array import array

import pytest
from box import Box, Server
from virtual_loop import run_virtual

from daemon.audio.endpoint import EndpointSettings
from daemon.bindings import Bindings
from daemon.box import Devices
from daemon.ears import EarSettings
from daemon.events import ApprovalWanted, Phase
from daemon.gestures import GestureSettings
from daemon.health import Port
from daemon.notices import Refused
from daemon.realtime.transports.port import Refusal, TransportRefused
from daemon.sound_devices import SoundSettings
from daemon.talk import BargeIn, Capture, TalkMode, TalkSettings
from daemon.transitions import Link
from daemon.upload_gate import GateSettings
from hw.fakes import (
    FakeButton,
    FakeLight,
    FakeMicrophone,
    FakeSpeaker,
    FakeVoiceDetector,
    FakeWakeWordDetector,
)

WALKS = 30
STEPS = 60
PERIOD_S = 0.02
RATES = (24_000, 48_000)
QUIET = (Phase.IDLE,)
LONGEST_S = 60.0
"""Longer than any limit of the settings below."""


class Slow(Server):
    """Takes a while to connect, or to find that it cannot."""

    def __init__(self, after_s: float, *, refuse: bool) -> None:
        super().__init__()
        self._after_s, self._refuse = after_s, refuse

    async def connect(self) -> None:
        await asyncio.sleep(self._after_s)
        if self._refuse:
            raise TransportRefused(Refusal.NETWORK, "no route")


class Walk:
    """One box and one random walk. Every period the microphone hears has a number of its own."""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(seed)
        self.mode = rng.choice(list(TalkMode))
        self.talk = TalkSettings(
            mode=self.mode,
            barge_in=rng.choice(list(BargeIn)),
            capture=rng.choice(list(Capture)),
            preroll_ms=rng.choice([0.0, 300.0]),
            max_turn_s=10.0,
            hold_s=5.0,
            answer_s=8.0,
            approve_s=5.0,
            follow_up_s=rng.choice([0.0, 2.0]),
            idle_hang_up_s=rng.choice([0.0, 0.0, 1.0]),
        )
        self.box = box = Box(
            self.talk,
            buffer_periods=2,
            gestures=GestureSettings(stuck_s=12.0),
            gate=GateSettings() if rng.random() < 0.5 else None,
            sound=SoundSettings(
                speaker_always_open=rng.random() < 0.5, lead_in_ms=rng.choice([0, 60]), ring_s=6.0
            ),
            ears=EarSettings(int(self.talk.preroll_ms), EndpointSettings()),
            prompts=rng.choice(["en", "off"]),
            earcons=True,
        )
        self.microphone = FakeMicrophone(rate_hz=24_000, period_ms=20)
        self.speaker = FakeSpeaker(rate_hz=24_000, period_ms=20)
        box.microphone, box.speaker = self.microphone, self.speaker
        self.keys = {name: FakeButton() for name in ("talk", "mute", "up", "stop", "tool")}
        self.switch = FakeButton()
        bound = {
            "talk": Bindings(hold="talk", tap="talk", double="stop"),
            "mute": Bindings(tap="mute"),
            "up": Bindings(tap="volume_up", hold="volume_up"),
            "stop": Bindings(tap="stop", long="reject"),
            "tool": Bindings(tap="tool:nothing"),
        }
        box.use(
            Devices(
                self.microphone,
                self.speaker,
                {name: (key, bound[name]) for name, key in self.keys.items()},
                {"mute": self.switch},
                FakeVoiceDetector(rate_hz=24_000, window_ms=20, threshold=2000),
                FakeWakeWordDetector(rate_hz=24_000, threshold=32_000),
                FakeLight(),
            )
        )
        self.number = 0  # of the period heard last
        self.responses = 0
        self.open_response: tuple[str, str] | None = None
        self.received_ms: dict[str, float] = {}
        self.calls = 0
        self.done: list[str] = []

    # ---- time --------------------------------------------------------------------------

    async def live(self, periods: int, *, spoken: bool) -> None:
        for _ in range(periods):
            await asyncio.sleep(PERIOD_S)
            self.number = self.number % 8000 + 1
            level = (2000 + self.number) * 2 if spoken else self.number % 900 + 1
            fmt = self.microphone.format
            if self.box.app.hand.muted:
                assert not self.microphone.holds_device or self.box.app.sound.keeper.state(
                    Port.MICROPHONE
                ).value not in ("working",), "muted, and open"
                level = -20_000  # the sound of what nobody may hear
            self.microphone.feed(array("h", [level] * fmt.period_frames * fmt.channels).tobytes())
            self.speaker.play()
            await self.box.settle()

    # ---- what happens ------------------------------------------------------------------

    async def step(self) -> None:
        names = [name for name in dir(self) if name.startswith("do_")]
        name = self.random.choice(names)
        self.done.append(name[3:])
        await getattr(self, name)()
        await self.box.settle()
        await self.live(self.random.choice([0, 0, 1, 3, 20]), spoken=self.random.random() < 0.5)
        self.promises()

    async def do_talk_key(self) -> None:
        await self._key("talk")

    async def do_talk_turn(self) -> None:
        self.keys["talk"].press()
        await self.live(self.random.randint(15, 60), spoken=True)
        self.keys["talk"].release(edge_lost=self.random.random() < 0.2)

    async def do_mute_key(self) -> None:
        await self._tap("mute")

    async def do_volume_key(self) -> None:
        await self._key("up")

    async def do_stop_key(self) -> None:
        await self._key("stop")

    async def do_tool_key(self) -> None:
        await self._tap("tool")

    async def do_switch(self) -> None:
        self.switch.release() if self.switch.is_pressed() else self.switch.press()

    async def do_command(self) -> None:
        request = self.random.choice(
            [
                {"command": "press"},
                {"command": "release"},
                {"command": "stop"},
                {"command": "approve"},
                {"command": "reject"},
                {"command": "ask", "text": "what?"},
                {"command": "say", "text": "this"},
                {"command": "volume", "percent": self.random.choice([0, 30, 100])},
                {"command": "mute", "on": self.random.random() < 0.4},
            ]
        )
        refused = len([n for n in self.box.notices if isinstance(n, Refused)])
        answer = await self.box.app.handle_request(request)
        told = len([n for n in self.box.notices if isinstance(n, Refused)]) > refused
        assert not told or not answer["ok"], f"{request} was refused, and {answer} says otherwise"

    async def do_unplug_microphone(self) -> None:
        self.microphone.unplug()

    async def do_plug_microphone(self) -> None:
        self.microphone.plug(rate_hz=self.random.choice(RATES), channels=self.random.choice([1, 2]))

    async def do_unplug_speaker(self) -> None:
        self.speaker.unplug()

    async def do_plug_speaker(self) -> None:
        self.speaker.plug(rate_hz=self.random.choice(RATES), channels=self.random.choice([1, 2]))

    async def do_lose_link(self) -> None:
        self.box.server.lose(self.random.choice([1001, 1006]))

    async def do_renew_session(self) -> None:
        self._next_is_slow()
        self.box.app.conductor.link.renew("old")

    async def do_hang_up(self) -> None:
        self._next_is_slow()
        if self.box.app.conductor.appliance.is_at_rest:
            self.box.app.conductor.link.rest("nobody is here")

    async def do_change_network(self) -> None:
        self.box.app.conductor.link.network_changed(came=self.random.random() < 0.5)

    def _next_is_slow(self) -> None:
        if not self.box.next_server:
            self.box.next_server = [
                Slow(self.random.choice([0.0, 0.2, 4.0]), refuse=self.random.random() < 0.3)
            ]

    async def do_answer(self) -> None:
        await self._answer(self.random.choice([20, 300, 2500]), whole=True)

    async def do_endless_answer(self) -> None:
        await self._answer(300, whole=False)

    async def do_server_vad(self) -> None:
        if self.mode is TalkMode.HANDS_FREE:
            self.box.server.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
            await self.live(10, spoken=True)
            self.box.server.say("input_audio_buffer.speech_stopped", audio_end_ms=200, item_id="u1")
            if self.random.random() < 0.7:
                self.box.server.say("input_audio_buffer.committed", item_id=f"u{self.number}")

    async def do_alarm(self) -> None:
        if len(self.box.app.alarms.timers) < 3:
            self.box.app.alarms.set(self.random.choice([1, 3]), "tea")

    async def do_approval(self) -> None:
        self.calls += 1
        self.box.app.conductor.step(ApprovalWanted(f"c{self.calls}", "unlock_door"))

    async def do_wake_word(self) -> None:
        fmt = self.microphone.format
        if not self.box.app.hand.muted:
            self.microphone.feed(array("h", [32_767] * fmt.period_frames * fmt.channels).tobytes())

    async def do_wait(self) -> None:
        await self.live(self.random.choice([50, 150]), spoken=self.random.random() < 0.3)

    async def _key(self, name: str) -> None:
        key = self.keys[name]
        key.release() if key.is_pressed() else key.press()

    async def _tap(self, name: str) -> None:
        self.keys[name].release()
        self.keys[name].press()
        await self.live(3, spoken=False)
        self.keys[name].release()

    async def _answer(self, ms: int, *, whole: bool) -> None:
        if self.box.app.conductor.appliance.link is not Link.READY:
            return
        self._finish_answer()
        self.responses += 1
        response_id, item_id = f"r{self.responses}", f"i{self.responses}"
        server = self.box.server
        server.created(response_id)
        if ms:
            self.received_ms[item_id] = self.received_ms.get(item_id, 0) + ms
            server.delta(response_id, item_id, array("h", [9000] * (24 * ms)).tobytes())
        if whole:
            server.audio_done(response_id, item_id)
            server.done(response_id)
        else:
            self.open_response = (response_id, item_id)

    def _finish_answer(self) -> None:
        """A server has one response at a time."""
        if self.open_response is not None:
            response_id, item_id = self.open_response
            self.box.server.audio_done(response_id, item_id)
            self.box.server.done(response_id, self.random.choice(["completed", "cancelled", "incomplete"]))
            self.open_response = None

    # ---- what must hold ----------------------------------------------------------------

    def promises(self) -> None:
        app = self.box.app
        json.dumps(app.status(), allow_nan=False)
        assert app.conductor.appliance.muted == app.hand.muted
        if self.switch.is_pressed():
            assert app.hand.muted
        for server in self.box.servers:
            for cut in server.of("conversation.item.truncate"):
                heard_ms = cut["audio_end_ms"]
                assert heard_ms <= self.received_ms.get(cut["item_id"], -1), cut
        assert all(_lowest(server) > -10_000 for server in self.box.servers), "heard while muted"

    async def rest(self) -> None:
        """Hands off, everything plugged in, the network is there: the box comes to rest."""
        for key in (*self.keys.values(), self.switch):
            key.release()
        self.microphone.plug()
        self.speaker.plug()
        await self.live(20, spoken=False)
        await self.box.app.handle_request({"command": "mute", "on": False})
        for timer in self.box.app.alarms.timers:
            self.box.app.alarms.cancel(timer.id)
        self.box.server.say("input_audio_buffer.speech_stopped", audio_end_ms=200, item_id="u1")
        self._finish_answer()
        for _ in range(int(LONGEST_S / PERIOD_S)):
            await self.live(1, spoken=False)
        self.promises()
        app = self.box.app
        box = app.conductor.appliance
        assert not app.hand.muted
        assert box.phase in QUIET, box.phase
        assert box.microphone_lost is None
        assert not app.gain._ducked
        assert app.gain.percent == app.volume.percent
        assert app.sound.speaker_tap.queued_frames == 0
        assert self.microphone.holds_device == box.wants_microphone
        always = app.settings.sound.speaker_always_open
        assert self.speaker.holds_device == always, "linger"


def _lowest(server: Server) -> int:
    """The lowest of the samples that went up since it was asked last; all that may go up are above 0."""
    seen: int = getattr(server, "looked_at", 0)
    server.looked_at = len(server.events)  # type: ignore[attr-defined]
    sent = [event["audio"] for event in server.events[seen:] if event["type"].endswith(".append")]
    return min((min(array("h", base64.b64decode(audio)), default=0) for audio in sent), default=0)


async def walk(seed: int) -> Walk:
    walk = Walk(seed)
    async with walk.box:
        try:
            for _ in range(STEPS):
                await walk.step()
            await walk.rest()
        except BaseException:
            print(f"seed {seed}: {walk.talk}\n{' '.join(walk.done)}")
            raise
        return walk


@pytest.mark.parametrize("seed", range(WALKS))
def test_box_keeps_its_promises_whatever_happens(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await walk(seed)

    run_virtual(main())
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert errors == [], errors[:3]
