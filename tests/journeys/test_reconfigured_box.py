"""Another configuration in a box that runs, scope by scope, in virtual time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from box import PERIOD_FRAMES, Box, Server, voice
from virtual_loop import run_virtual

from daemon.audio.capture import CaptureSettings
from daemon.bindings import Bindings
from daemon.ears import EarSettings
from daemon.events import Ask
from daemon.health import Port, PortState
from daemon.realtime.agent import RealtimeAgent
from daemon.reloading import use
from daemon.settings import GateSettings
from daemon.sound_devices import SoundSettings
from daemon.talk import TalkMode, TalkSettings
from daemon.volume import VolumeSettings
from hw.fakes import FakeButton, FakeLight, FakeMicrophone, FakeSpeaker


def run(story: Callable[[Box], Awaitable[None]], talk: TalkSettings | None = None, **settings: Any) -> None:
    async def told() -> None:
        async with Box(talk, **settings) as box:
            await story(box)

    run_virtual(told())


def change(box: Box, *parts: str, devices: dict[str, Any] | None = None, **settings: Any) -> None:
    others = replace(box.app.devices, **(devices or {}))
    use(box.app, replace(box.app.settings, **settings), others, set(parts))


# ---- live ----------------------------------------------------------------------------------


def test_box_made_hands_free_streams_from_the_next_period_on() -> None:
    async def story(box: Box) -> None:
        change(box, talk=TalkSettings(mode=TalkMode.HANDS_FREE))
        await box.live(10, voice(10 * PERIOD_FRAMES))
        assert len(box.server.appended()) >= 8 * PERIOD_FRAMES * 2
        change(box, talk=TalkSettings())
        await box.live(5)
        sent = len(box.server.appended())
        await box.live(10)
        assert len(box.server.appended()) == sent

    run(story)


def test_live_change_costs_no_sample_of_the_turn_after_it() -> None:
    async def story(box: Box) -> None:
        speech = voice(60 * PERIOD_FRAMES)
        for i in range(20):
            await box.live(1, speech[i * 480 : (i + 1) * 480])
            change(box, talk=TalkSettings(answer_s=20.0 + i), volume=VolumeSettings(max_percent=90 + i % 2))
        await box.press()
        await box.live(40, speech[20 * 480 :])
        await box.release()
        await box.live(2)
        heard = box.server.appended()
        assert heard.rstrip(b"\0") in speech
        assert len(heard) >= 2 * PERIOD_FRAMES * 50  # with the pre-roll from before the changes

    run(story)


def test_volume_beyond_other_limits_is_taken_to_them_and_back() -> None:
    async def story(box: Box) -> None:
        assert box.app.set_volume(90) is None
        change(box, volume=VolumeSettings(max_percent=50, start_percent=50))
        assert (box.app.volume_percent, box.app.gain.percent) == (50, 50)
        change(box, volume=VolumeSettings())
        assert box.app.volume_percent == 90  # what the person wanted

    run(story)


def test_gate_that_is_switched_on_keeps_silence_at_home() -> None:
    talk = TalkSettings(mode=TalkMode.HANDS_FREE)

    async def story(box: Box) -> None:
        await box.live(10)
        sent = len(box.server.appended())
        assert sent > 0
        change(box, talk=TalkSettings(), gate=GateSettings())
        assert box.app.settings.gate is not None
        await box.live(10)
        assert len(box.server.appended()) <= sent + 480

    run(story, talk)


def test_longer_appends_are_fewer_and_the_turn_is_whole() -> None:
    async def story(box: Box) -> None:
        speech = voice(60 * PERIOD_FRAMES)
        change(box, append_ms=40, ears=EarSettings(preroll_ms=0))
        await box.press()
        await box.live(60, speech)
        await box.release()
        await box.live(2)
        appends = [len(base64.b64decode(e["audio"])) for e in box.server.of("input_audio_buffer.append")]
        assert appends[1:-1] == [4 * 2 * PERIOD_FRAMES] * len(appends[1:-1])  # of 10 ms each
        assert box.server.appended().rstrip(b"\0") in speech
        assert sum(appends) >= 2 * PERIOD_FRAMES * 59
        assert box.server.types()[-2:] == ["commit", "response.create"]

    run(story)


# ---- hardware ------------------------------------------------------------------------------


def test_exchanged_microphone_is_heard_and_the_old_one_closed() -> None:
    async def story(box: Box) -> None:
        old, new = box.microphone, FakeMicrophone(rate_hz=48_000, period_ms=20)
        change(box, "microphone", devices={"microphone": new})
        await box.settle()
        assert (old.running, new.running) == (False, True)
        await box.press()
        for _ in range(10):
            await asyncio.sleep(0.02)
            new.feed(voice(960))
            await box.settle()
        await box.release()
        await asyncio.sleep(0.02)
        new.feed(bytes(1920))
        await box.settle()
        assert len(box.server.appended()) == pytest.approx(24_000 * 2 * 0.2, rel=0.2)  # at the session's rate
        assert box.server.types()[-2:] == ["commit", "response.create"]

    run(story)


def test_exchanged_loudspeaker_plays_the_next_answer_and_tells_what_was_heard() -> None:
    async def story(box: Box) -> None:
        old, new = box.speaker, FakeSpeaker(rate_hz=24_000, period_ms=20)
        await box.live(50)
        change(box, "speaker", devices={"speaker": new})
        await box.settle()
        box.speaker = new
        assert not old.running
        await box.ask_aloud()
        box.server.answer("r1", "a1", voice(24_000))
        await box.settle()
        for _ in range(10):
            await asyncio.sleep(0.02)
            new.play()
            await box.settle()
        box.app.stop_speaking()
        await box.settle()
        (cut,) = box.server.of("conversation.item.truncate")
        assert cut["audio_end_ms"] == 160  # two periods of 20 ms were still in the device

    run(story)


def test_device_that_is_exchanged_for_a_missing_one_is_told_and_waited_for() -> None:
    async def story(box: Box) -> None:
        new = FakeMicrophone(rate_hz=24_000, period_ms=10)
        new.unplug()
        change(box, "microphone", devices={"microphone": new})
        await asyncio.sleep(1)
        assert box.app.sound.keeper.state(Port.MICROPHONE) is PortState.LOST
        box.microphone = new
        new.plug()
        await asyncio.sleep(3)
        assert box.app.sound.keeper.state(Port.MICROPHONE) is PortState.WORKING

    run(story)


def test_exchanged_button_talks_and_the_old_one_does_nothing() -> None:
    async def story(box: Box) -> None:
        old, new = box.button, FakeButton()
        change(box, "buttons", devices={"buttons": {"other": (new, Bindings(hold="talk"))}})
        old.press()
        await box.live(5)
        assert not box.server.appended()
        box.button = new
        await box.ask_aloud()
        assert box.server.appended()

    run(story)


def test_switch_that_is_new_and_on_mutes_at_once_and_one_taken_away_mutes_no_more() -> None:
    async def story(box: Box) -> None:
        switch = FakeButton()
        switch.press()
        change(box, "buttons", devices={"switches": {"mute": switch}})
        await box.settle()
        assert box.app.hand.muted
        assert not box.microphone.running
        change(box, "buttons", devices={"switches": {}})
        await box.settle()
        assert not box.app.hand.muted
        assert box.microphone.running

    run(story)


def test_exchanged_light_shows_how_the_box_is() -> None:
    async def story(box: Box) -> None:
        first, second = FakeLight(), FakeLight()
        change(box, "light", devices={"light": first})
        assert first.running
        change(box, "light", devices={"light": second})
        assert (first.running, second.running) == (False, True)
        await box.press()
        assert second.frames
        change(box, "light", devices={"light": None})
        assert not second.running

    run(story)


def test_settings_of_capture_hold_from_the_next_period() -> None:
    async def story(box: Box) -> None:
        quieter = SoundSettings(CaptureSettings(high_pass_hz=0, gain_db=-20))
        change(box, sound=quieter)
        await box.press()
        await box.live(20, voice(20 * PERIOD_FRAMES, start=10_000))
        await box.release()
        await box.live(1)
        loudest = max(memoryview(box.server.appended()).cast("h"))
        assert 1000 <= loudest <= 1500

    run(story)


# ---- session -------------------------------------------------------------------------------


def test_other_instructions_are_told_in_one_update_and_nothing_else_happens() -> None:
    async def story(box: Box) -> None:
        agent = RealtimeAgent[Any](name="Assistant", instructions="Be brief.")
        assert await box.app.agents.reconfigure(agent, {"turn_detection": None}, "wss://x/y", None)
        await box.settle()
        *_, update = box.server.of("session.update")
        assert update["session"]["instructions"] == "Be brief."
        assert len(box.servers) == 1

    run(story)


def test_other_voice_comes_with_another_connection_and_the_same_conversation() -> None:
    async def story(box: Box) -> None:
        box.app.step(Ask("What is the time?"))
        await box.settle()
        (asked,) = box.server.of("conversation.item.create")
        box.server.say("conversation.item.added", item=asked["item"] | {"id": "u1"}, previous_item_id=None)
        box.server.answer("r1", "a1", voice(2400))
        await box.live(30)
        settings: Any = {"turn_detection": None, "voice": "cedar"}
        agent = RealtimeAgent[Any](name="Assistant")
        done = await box.app.agents.reconfigure(agent, settings, "wss://api.openai.com/v1", box._open)
        await asyncio.sleep(1)
        assert done
        assert len(box.servers) == 2
        (opening,) = box.server.of("session.update")
        assert opening["session"]["audio"]["output"]["voice"] == "cedar"
        (said,) = box.server.of("conversation.item.create")
        assert said["item"]["content"][0]["text"] == "What is the time?"

    run(story)


def test_setting_taken_back_is_not_in_the_next_session() -> None:
    async def story(box: Box) -> None:
        agent = RealtimeAgent[Any](name="Assistant")
        faster: Any = {"turn_detection": None, "speed": 1.4}
        await box.app.agents.reconfigure(agent, faster, "wss://x/y", box._open)
        await asyncio.sleep(1)
        assert box.server.of("session.update")[0]["session"]["audio"]["output"]["speed"] == 1.4
        await box.app.agents.reconfigure(agent, {"turn_detection": None}, "wss://x/y", box._open)
        await asyncio.sleep(1)
        assert "speed" not in box.server.of("session.update")[0]["session"]["audio"]["output"]

    run(story)


def test_agent_that_cannot_lead_leaves_all_as_it_was() -> None:
    def instructions(context: object, agent: object) -> str:
        raise ValueError("no such recipe")

    async def story(box: Box) -> None:
        agent = RealtimeAgent[Any](name="Cook", instructions=instructions)
        updates = len(box.server.of("session.update"))
        assert not await box.app.agents.reconfigure(agent, {"speed": 1.4}, "wss://x/y", box._open)
        assert box.app.agents.session.current_agent.name == "Assistant"
        assert (len(box.servers), len(box.server.of("session.update"))) == (1, updates)
        assert "no such recipe" in box.app.conductor.last_errors[-1]

    run(story)


def test_changed_address_is_tried_at_once_although_the_old_one_is_not_answering() -> None:
    async def story(box: Box) -> None:
        box.server.lose()
        dead = Server()
        dead.configure = False
        box.next_server = [dead]
        await asyncio.sleep(2)
        agent = RealtimeAgent[Any](name="Assistant")
        await box.app.agents.reconfigure(agent, {"turn_detection": None}, "wss://new/y", box._open)
        await asyncio.sleep(0.5)
        assert box.server is not dead
        assert box.app.status()["link"] == "ready"

    run(story)


def test_problem_is_shown_and_over_when_it_is_mended() -> None:
    async def story(box: Box) -> None:
        box.app.on_config_problems(["harkd.toml:3: talk.hold: there is no such key"])
        assert box.app.view().config_error
        assert "talk.hold" in box.app.conductor.last_errors[-1]
        box.app.on_config_problems(())
        assert not box.app.view().config_error

    run(story)
