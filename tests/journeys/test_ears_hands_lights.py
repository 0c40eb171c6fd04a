"""The device side of a whole box in virtual time: buttons, mute, light, sounds, devices that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from box import PERIOD_FRAMES, RATE_HZ, Box, Server, voice
from virtual_loop import run_virtual

from daemon.audio.capture import CaptureSettings
from daemon.audio.endpoint import EndpointSettings
from daemon.bindings import Bindings
from daemon.box import Devices
from daemon.cues import TABLE, Cue
from daemon.ears import EarSettings
from daemon.events import Phase
from daemon.gestures import GestureSettings
from daemon.realtime import RealtimeAgent, function_tool
from daemon.realtime.transports.port import Refusal, TransportRefused
from daemon.sound_devices import SoundSettings
from daemon.talk import Capture, TalkMode, TalkSettings
from daemon.upload_gate import GateSettings
from daemon.volume import VolumeSettings
from hw.fakes import FakeButton, FakeLight, FakeVoiceDetector

TALK = Bindings(hold="talk", tap="talk")
REAL_GESTURES = GestureSettings()


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(test(*args, **kwargs))

    run.__name__ = test.__name__
    return run


def made(talk: TalkSettings | None = None, *, devices: dict[str, Any] | None = None, **settings: Any) -> Box:
    """A box with real gestures and whatever else it is made of."""
    box = Box(talk, gestures=REAL_GESTURES, **settings)
    given = {"buttons": {"talk": (box.button, TALK)}, **(devices or {})}
    box.use(Devices(box.microphone, box.speaker, **given))
    return box


def phase(box: Box) -> Phase:
    return box.app.conductor.appliance.phase


def spoken(ms: int) -> bytes:
    return voice(PERIOD_FRAMES * ms // 10, start=5_000)


def detector() -> FakeVoiceDetector:
    return FakeVoiceDetector(rate_hz=RATE_HZ, window_ms=10, threshold=1000)


# ---- buttons -------------------------------------------------------------------------


@virtual
async def test_tap_then_speak_then_silence_asks_the_question() -> None:
    async with made(devices={"detector": detector()}) as box:
        await box.press()
        await box.live(10)
        await box.release()
        assert phase(box) is Phase.LISTENING
        await box.live(100, spoken(600))
        assert box.server.of("input_audio_buffer.commit") == []
        await box.live(40)
        assert len(box.server.of("input_audio_buffer.commit")) == 1
        assert spoken(600) in box.server.appended()


@virtual
async def test_tap_and_nothing_said_asks_nothing() -> None:
    async with made(devices={"detector": detector()}) as box:
        await box.press()
        await box.live(10)
        await box.release()
        await box.live(600)
        assert phase(box) is Phase.IDLE
        assert box.server.types()[-1] == "clear"


@virtual
async def test_first_frame_is_queued_within_30_ms_of_any_press() -> None:
    async with made(TalkSettings(preroll_ms=0)) as box:
        await box.live(30)
        for _ in range(5):
            before = len(box.server.appended())
            await box.press()
            pressed_at = asyncio.get_running_loop().time()
            while len(box.server.appended()) == before:
                await box.live(1, spoken(10))
            assert asyncio.get_running_loop().time() - pressed_at <= 0.03
            await box.live(40, spoken(400))
            await box.release()
            await box.live(3)
            box.server.answer(f"r{_}", f"i{_}", voice(RATE_HZ))
            await box.live(20)  # the next press is in mid-answer


@virtual
async def test_buttons_do_what_they_are_bound_to() -> None:
    up, down, mute, stop = FakeButton(), FakeButton(), FakeButton(), FakeButton()
    buttons = {
        "up": (up, Bindings(tap="volume_up")),
        "down": (down, Bindings(tap="volume_down")),
        "mute": (mute, Bindings(tap="mute")),
        "stop": (stop, Bindings(tap="stop")),
    }
    async with made(devices={"buttons": buttons}, volume=VolumeSettings(start_percent=50)) as box:

        async def tap(button: FakeButton) -> dict[str, Any]:
            button.press()
            await box.live(5)
            button.release()
            await box.live(5)
            return box.app.status()

        assert (await tap(up))["volume_percent"] == 55
        assert (await tap(down))["volume_percent"] == 50
        assert (await tap(mute))["microphone"]["muted"]
        assert not box.microphone.running
        assert not (await tap(mute))["microphone"]["muted"]
        box.server.answer("r1", "i1", voice(2 * RATE_HZ))
        await box.live(5)
        assert (await tap(stop))["phase"] == "idle"


@virtual
async def test_button_calls_a_tool_without_anybody_speaking() -> None:
    called: list[str] = []

    @function_tool(blocking=False)
    def lights_on() -> str:
        """Switch the lights on."""
        called.append("on")
        return "done"

    @function_tool(blocking=False)
    def broken() -> str:
        """Fail."""
        raise OSError("no bridge")

    first, second, third = FakeButton(), FakeButton(), FakeButton()
    buttons = {
        "lights": (first, Bindings(tap="tool:lights_on")),
        "broken": (second, Bindings(tap="tool:broken")),
        "wrong": (third, Bindings(tap="tool:lights_off")),
    }
    agent = RealtimeAgent[Any](name="Assistant", tools=[lights_on, broken])
    async with made(devices={"buttons": buttons}, agent=agent) as box:
        for button in (first, second, third):
            button.press()
            await box.live(3)
            button.release()
            await box.live(3)
        assert called == ["on"]
        errors = box.app.status()["last_errors"]
        assert any("there is no tool 'lights_off'; there are broken, lights_on" in error for error in errors)


@virtual
async def test_lost_release_ends_the_turn_all_the_same() -> None:
    async with made() as box:
        await box.press()
        await box.live(50, spoken(500))
        box.button.release(edge_lost=True)
        await box.live(15)
        assert len(box.server.of("input_audio_buffer.commit")) == 1


# ---- mute ----------------------------------------------------------------------------


@virtual
async def test_mute_switch_that_is_on_at_the_start_keeps_the_microphone_closed_for_good() -> None:
    switch = FakeButton()
    switch.press()
    async with made(devices={"switches": {"mute": switch}}) as box:
        await box.live(20, spoken(200))
        assert not box.microphone.holds_device
        answer = await box.app.handle_request({"command": "mute", "on": False})
        assert "the mute switch 'mute' is on" in answer["error"]
        assert not box.microphone.holds_device
        switch.release()
        await box.live(30)
        assert box.microphone.running
        switch.press()
        await box.live(1)
        assert not box.microphone.holds_device
        assert box.server.appended() == b""


def test_mute_and_volume_survive_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with made(state_path=path) as box:
            assert box.app.status()["microphone"]["muted"]
            assert box.app.status()["volume_percent"] == 40
            assert not box.microphone.holds_device
            answer = await box.app.handle_request({"command": "press"})
            assert answer["error"] == "the microphone is muted"

    path = tmp_path / "box.json"
    path.write_text('{"muted": true, "volume_percent": 40}')
    run_virtual(main())


@virtual
async def test_on_demand_the_microphone_is_closed_between_presses() -> None:
    async with made(TalkSettings(capture=Capture.ON_DEMAND)) as box:
        await box.live(20, spoken(200))
        assert not box.microphone.holds_device
        await box.press()
        assert box.microphone.running
        await box.live(40, spoken(400))
        await box.release()
        await box.live(3)
        assert not box.microphone.holds_device
        assert len(box.server.of("input_audio_buffer.commit")) == 1


# ---- light and sounds ----------------------------------------------------------------


@virtual
async def test_light_follows_the_box() -> None:
    light = FakeLight()
    async with made(devices={"light": light}) as box:
        lamp = box.app.lamp
        assert lamp is not None
        seen = [lamp.cue]
        await box.press()
        seen.append(lamp.cue)  # at once: not a millisecond has passed
        await box.live(40, spoken(400))
        await box.release()
        await box.live(1)
        seen.append(lamp.cue)
        box.server.answer("r1", "i1", voice(RATE_HZ))
        await box.live(20)
        seen.append(lamp.cue)
        await box.live(120)
        box.app.mute(True)
        seen.append(lamp.cue)
        box.app.mute(False)
        await box.live(3)
        box.microphone.unplug()
        await box.live(60)
        seen.append(lamp.cue)
        assert seen == [Cue.IDLE, Cue.LISTENING, Cue.THINKING, Cue.SPEAKING, Cue.MUTED, Cue.CANNOT_HEAR]
    assert light.colours == ((0, 0, 0),)


def test_every_phase_has_a_place_in_the_table_of_lights() -> None:
    assert {cue.cue for cue in TABLE} == set(Cue)


async def unreachable(box: Box) -> None:
    class Refusing(Server):
        async def connect(self) -> None:
            raise TransportRefused(Refusal.NETWORK, "name not resolved")

    box.next_server = [Refusing() for _ in range(40)]


@virtual
async def test_press_without_a_network_is_answered_in_words_within_300_ms() -> None:
    box = made(prompts="en", earcons=True)
    await unreachable(box)
    async with box:
        await box.live(3)
        played = len(box.speaker.played)
        box.button.press()
        await box.live(30)
        said = box.speaker.played[played:]
        assert any(said), "silence"
        assert phase(box) is Phase.SPEAKING
        await box.live(400)
        assert phase(box) in (Phase.OFFLINE, Phase.CONNECTING)


@virtual
async def test_box_falls_silent_about_its_troubles_when_it_is_pressed() -> None:
    box = made(prompts="en", earcons=True)
    await unreachable(box)
    async with box:
        await box.live(3)
        await box.press()
        await box.live(20)
        await box.release()
        await box.live(5)
        await box.press()  # in mid-sentence
        await box.live(15)  # the short sound that says that nothing has changed
        played = len(box.speaker.played)
        await box.live(20)
        assert not any(box.speaker.played[played:])


@virtual
async def test_timer_is_heard_although_the_box_was_turned_down() -> None:
    async with made(volume=VolumeSettings(start_percent=1)) as box:
        box.app.alarms.set(1, "tea")
        await box.live(200)
        loudest = max(abs(s) for s in memoryview(box.speaker.played).cast("h"))
        assert loudest > 2000
        await box.press()
        await box.live(5)
        assert box.app.gain.percent == 1


# ---- devices -------------------------------------------------------------------------


@virtual
async def test_devices_that_come_back_with_other_rates_are_used_as_they_are() -> None:
    async with made() as box:
        box.microphone.unplug()
        box.speaker.unplug()
        await box.live(50)
        box.microphone.plug(rate_hz=48_000, channels=2)
        box.speaker.plug(rate_hz=48_000)
        for _ in range(300):
            await asyncio.sleep(0.01)
            box.microphone.feed(bytes(480 * 4))
            box.speaker.play()
            await box.settle()
        status = box.app.status()
        assert (status["microphone"]["rate_hz"], status["speaker"]["rate_hz"]) == (48_000, 48_000)
        await box.press()
        for _ in range(50):
            await asyncio.sleep(0.01)
            box.microphone.feed(b"\x00\x10\x00\x00" * 480)
            await box.settle()
        await box.release()
        box.microphone.feed(bytes(480 * 4))
        await box.settle()
        sent = box.server.appended()
        assert abs(len(sent) / 2 / RATE_HZ - 0.51 - 0.3) < 0.02
        assert len(box.server.of("input_audio_buffer.commit")) == 1


@virtual
async def test_loudspeaker_that_rests_between_answers_is_there_for_the_next() -> None:
    settings = SoundSettings(speaker_always_open=False, lead_in_ms=50)
    async with made(sound=settings) as box:
        await box.live(1100)
        assert not box.speaker.holds_device
        box.server.answer("r1", "i1", voice(RATE_HZ))
        await box.live(20)
        assert box.speaker.running
        heard = box.speaker.played.lstrip(b"\0")
        assert heard[:2000] == voice(RATE_HZ)[:2000]
        assert len(box.speaker.played) - len(heard) >= 2 * 0.05 * RATE_HZ
        await box.live(100)
        assert box.server.of("conversation.item.truncate") == []
        await box.live(1100)
        assert not box.speaker.holds_device


# ---- hands-free ----------------------------------------------------------------------


@virtual
async def test_hands_free_sends_only_speech_where_that_is_wanted() -> None:
    talk = TalkSettings(mode=TalkMode.HANDS_FREE)
    async with made(talk, devices={"detector": detector()}, gate=GateSettings()) as box:
        await box.live(200)
        assert box.server.appended() == b""
        await box.live(250, spoken(500))
        sent = box.server.appended()
        assert spoken(500) in sent
        before, after = sent.index(spoken(500)), len(sent) - sent.index(spoken(500)) - len(spoken(500))
        assert 0.3 <= before / 2 / RATE_HZ <= 0.6
        assert 1.0 <= after / 2 / RATE_HZ <= 1.4
        await box.live(300)
        assert box.server.appended() == sent


class AskedDetector(FakeVoiceDetector):
    """Counts what it is asked about."""

    asked = 0

    def is_speech(self, window: bytes) -> bool:
        self.asked += 1
        return super().is_speech(window)


@virtual
async def test_a_voice_after_a_long_silence_goes_up_whole_and_within_200_ms() -> None:
    """Most of the silence is never listened to."""
    listener = AskedDetector(rate_hz=RATE_HZ, window_ms=10, threshold=1000)
    talk = TalkSettings(mode=TalkMode.HANDS_FREE)
    async with made(talk, devices={"detector": listener}, gate=GateSettings()) as box:
        await box.live(800)
        asked = listener.asked
        await box.live(1000)
        assert 20 <= listener.asked - asked <= 100  # of 1000 windows
        await box.live(28, spoken(500)[: PERIOD_FRAMES * 2 * 28])
        assert box.server.appended() != b""
        await box.live(172, spoken(500)[PERIOD_FRAMES * 2 * 28 :])
        sent = box.server.appended()
        assert spoken(500) in sent
        assert 0.3 <= sent.index(spoken(500)) / 2 / RATE_HZ <= 0.6


@virtual
async def test_levels_are_told_from_the_last_moments() -> None:
    async with made(sound=SoundSettings(CaptureSettings(high_pass_hz=0, gain_db=6.0))) as box:
        await box.live(40, b"\x00\x20" * PERIOD_FRAMES * 40)
        levels = box.app.status()["microphone"]["levels"]
        assert levels["peak_dbfs"] == pytest.approx(-6.0, abs=0.2)
        await box.live(40)
        assert box.app.status()["microphone"]["levels"]["zeros_ms"] >= 290


# ---- wake word and follow-up ----------------------------------------------------------


@virtual
async def test_reply_needs_no_button() -> None:
    ears = EarSettings(300, EndpointSettings(end_silence_ms=500))
    talk = TalkSettings(follow_up_s=5.0, echo_tail_ms=100)
    async with made(talk, devices={"detector": detector()}, ears=ears) as box:
        await box.press()
        await box.live(10)
        await box.release()
        await box.live(130, spoken(600))
        box.server.answer("r1", "i1", b"\x01\x00" * 2400)
        await box.live(60)
        assert phase(box) is Phase.FOLLOW_UP
        await box.live(150, bytes(PERIOD_FRAMES * 2 * 20) + voice(PERIOD_FRAMES * 60, start=9_000))
        assert len(box.server.of("input_audio_buffer.commit")) == 2
        assert voice(PERIOD_FRAMES * 60, start=9_000) in box.server.appended()


def test_disk_that_takes_nothing_is_seen_in_the_status(tmp_path: Path) -> None:
    async def main() -> None:
        async with Box(state_path=tmp_path / "nowhere" / "box.json") as box:
            assert box.app.status()["not_saved"] == []
            box.app.mute(True)
            await box.app.state.stop()  # which waits for what is being written
            assert box.app.status()["not_saved"] == ["mute and volume"]

    asyncio.run(main())
