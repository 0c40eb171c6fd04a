"""A whole box where two things happen at once: what each of them alone would not break."""

from __future__ import annotations

import asyncio
from array import array

from box import PERIOD_FRAMES, RATE_HZ, Box, Server, voice

from daemon.audio.capture import CaptureSettings
from daemon.bindings import Bindings
from daemon.box import Devices
from daemon.duplex import Listened
from daemon.events import Phase
from daemon.sound_devices import SoundSettings
from daemon.talk import BargeIn, Capture, TalkMode, TalkSettings
from daemon.volume import VolumeSettings
from hw.fakes import FakeButton, FakeMicrophone, FakeVoiceDetector
from tests.journeys.test_ears_hands_lights import detector, made, phase, spoken, virtual


@virtual
async def test_refusal_in_words_is_told_to_whoever_asked_too() -> None:
    async with made(prompts="en", earcons=True) as box:
        box.app.mute(True)
        await box.live(100)
        answer = await box.app.handle_request({"command": "press"})
        assert answer == {"ok": False, "error": "the microphone is muted"}


# ---- follow-up -----------------------------------------------------------------------

FOLLOW_UP = TalkSettings(follow_up_s=5.0)


async def tap(box: Box) -> None:
    await box.press()
    await box.live(10)
    await box.release()


@virtual
async def test_sound_of_the_boxs_own_is_not_an_answer_that_may_be_replied_to() -> None:
    async with made(FOLLOW_UP, devices={"detector": detector()}, earcons=True) as box:
        await tap(box)
        await box.live(600)  # nothing said
        box.app.set_volume(50)
        await box.live(50)
        assert phase(box) is Phase.IDLE


@virtual
async def test_nobody_is_listened_to_while_a_tool_runs_and_the_answer_comes_after_it() -> None:
    async with made(FOLLOW_UP, devices={"detector": detector()}) as box:
        await tap(box)
        await box.live(130, spoken(600))
        box.server.created("r1")  # calls a tool
        box.server.done("r1")
        await box.live(5)
        assert phase(box) is not Phase.FOLLOW_UP
        box.server.answer("r2", "i2", voice(RATE_HZ))
        await box.live(20)
        assert box.app.conductor.appliance.follow_until is None
        await box.live(150)
        assert phase(box) is Phase.FOLLOW_UP


@virtual
async def test_reply_is_waited_for_after_the_whole_answer_not_before_a_tool() -> None:
    async with made(FOLLOW_UP, devices={"detector": detector()}) as box:
        await tap(box)
        await box.live(130, spoken(600))
        box.server.answer("r1", "i1", voice(2400))  # "Let me see", and a tool
        await box.live(50)
        box.server.answer("r2", "i2", voice(RATE_HZ))
        await box.live(50, spoken(200))  # what the microphone hears of it
        assert phase(box) is Phase.SPEAKING
        await box.live(150)
        assert phase(box) is Phase.FOLLOW_UP


# ---- sounds of the box's own ---------------------------------------------------------


@virtual
async def test_press_is_not_refused_for_the_click_of_a_volume_button() -> None:
    async with made(TalkSettings(barge_in=BargeIn.OFF), earcons=True) as box:
        await box.live(100)
        box.app.set_volume(50)
        await box.live(1)
        await box.press()
        assert phase(box) is Phase.LISTENING


# ---- a voice over the answer ---------------------------------------------------------


async def suspected(box: Box) -> None:
    """The answer plays, and is played more softly: somebody may be speaking."""
    box.server.answer("r1", "i1", array("h", [10_000] * 4 * RATE_HZ).tobytes())
    await box.live(20)
    box.app.sound.mic_tap.deliver(Listened(bytes(PERIOD_FRAMES * 2), suspected=True))
    await box.settle()
    for _ in range(5):
        box.speaker.play()
    assert loudness(box) < 1100


def loudness(box: Box) -> int:
    return array("h", box.speaker.played)[-1]


@virtual
async def test_answer_is_not_kept_soft_for_somebody_a_muted_box_cannot_hear() -> None:
    async with made(TalkSettings(barge_in=BargeIn.LOCAL_VAD)) as box:
        await suspected(box)
        box.app.mute(True)
        await box.live(120)
        assert loudness(box) == 10_000


@virtual
async def test_answer_is_not_kept_soft_when_the_microphone_has_gone() -> None:
    async with made(TalkSettings(barge_in=BargeIn.LOCAL_VAD)) as box:
        await suspected(box)
        box.microphone.unplug()
        await box.live(200)
        assert loudness(box) == 10_000


# ---- a loudspeaker that rests --------------------------------------------------------

RESTING = SoundSettings(speaker_always_open=False)


@virtual
async def test_loudspeaker_exchanged_at_rest_costs_one_answer_not_the_box() -> None:
    async with made(sound=RESTING) as box:
        await box.live(1100)
        box.speaker.plug(rate_hz=48_000)
        box.server.answer("r1", "i1", voice(RATE_HZ))
        await box.live(10)
        assert phase(box) is Phase.IDLE
        assert box.server.of("conversation.item.truncate")[-1]["audio_end_ms"] == 0
        box.server.answer("r2", "i2", voice(RATE_HZ))
        await box.live(130)
        assert len(box.speaker.played.strip(b"\0")) > 1.9 * 2 * RATE_HZ
        assert phase(box) is Phase.IDLE


@virtual
async def test_first_answer_is_heard_although_the_loudspeaker_is_not_what_it_seemed() -> None:
    box = made(sound=RESTING)
    box.speaker.plug(rate_hz=48_000)
    async with box:
        await box.live(1100)
        assert not box.speaker.holds_device
        box.server.answer("r1", "i1", voice(RATE_HZ))
        await box.live(130)
        assert len(box.speaker.played.strip(b"\0")) > 1.9 * 2 * RATE_HZ


@virtual
async def test_answer_is_heard_from_its_beginning_by_a_loudspeaker_that_was_missing_for_the_last() -> None:
    async with made(sound=RESTING) as box:
        await box.live(1100)
        box.speaker.unplug()
        box.server.answer("r1", "i1", voice(RATE_HZ))
        await box.live(300)
        assert phase(box) is Phase.IDLE
        await box.live(1000)
        box.speaker.plug()
        box.server.answer("r2", "i2", voice(RATE_HZ))
        await box.live(130)
        assert voice(RATE_HZ) in box.speaker.played


# ---- a microphone that comes and goes ------------------------------------------------

OLD, NEW = b"\x03\x03" * PERIOD_FRAMES, b"\x01\x01" * PERIOD_FRAMES
"""Periods of the sound before and after a gap."""


def sent_after(box: Box, start: int) -> set[int]:
    """The sample values that went up."""
    return set(array("h", box.server.appended()[start:]))


@virtual
async def test_turn_on_demand_does_not_begin_with_what_was_heard_when_it_was_last_open() -> None:
    talk = TalkSettings(capture=Capture.ON_DEMAND, follow_up_s=1.0)
    loud = FakeVoiceDetector(rate_hz=RATE_HZ, window_ms=10, threshold=8000)
    async with made(talk, devices={"detector": loud}) as box:
        await tap(box)
        await box.live(130, b"\x00\x40" * PERIOD_FRAMES * 60)
        box.server.answer("r1", "i1", b"\x01\x00" * 2400)
        await box.live(400, OLD * 400)  # during the follow-up, too
        assert not box.microphone.holds_device
        sent = len(box.server.appended())
        await box.press()
        await box.live(40, NEW * 40)
        assert sent_after(box, sent) <= {0, 0x101}


@virtual
async def test_turn_does_not_begin_with_what_was_heard_before_the_microphone_was_unplugged() -> None:
    async with made() as box:
        await box.live(40, OLD * 40)
        box.microphone.unplug()
        await box.live(100)
        box.microphone.plug()
        for _ in range(100):
            await asyncio.sleep(0.02)
            await box.settle()
        assert box.microphone.running
        await box.press()
        await box.live(40, NEW * 40)
        assert sent_after(box, 0) <= {0, 0x101}


@virtual
async def test_microphone_missing_on_demand_is_told_at_the_press_and_found_by_a_later_one() -> None:
    async with made(TalkSettings(capture=Capture.ON_DEMAND), prompts="en", earcons=True) as box:
        await box.live(100)
        box.microphone.unplug()
        played = len(box.speaker.played)
        await box.press()
        await box.live(30)
        assert any(box.speaker.played[played:]), "silence"
        await box.live(300)
        await box.release()
        box.microphone.plug()
        await box.live(300)
        await box.ask_aloud()
        assert len(box.server.of("input_audio_buffer.commit")) == 1


@virtual
async def test_microphone_missing_in_a_hands_free_box_is_waited_for_also_on_demand() -> None:
    async with made(TalkSettings(mode=TalkMode.HANDS_FREE, capture=Capture.ON_DEMAND)) as box:
        await box.live(100)
        box.microphone.unplug()
        await box.live(300)
        box.microphone.plug()
        await box.live(500)
        sent = len(box.server.appended())
        await box.live(10, NEW * 10)
        assert sent_after(box, sent) == {0x101}


# ---- sounds of the box's own beside an answer ----------------------------------------


@virtual
async def test_click_that_no_longer_fits_behind_an_answer_costs_nothing_of_it() -> None:
    async with made(sound=SoundSettings(ring_s=1.0), earcons=True) as box:
        await box.live(100)
        box.server.created("r1")
        box.server.delta("r1", "i1", voice(RATE_HZ))
        await box.settle()
        assert box.app.set_volume(99) is None
        assert box.server.of("conversation.item.truncate") == []
        assert box.server.of("response.cancel") == []
        await box.live(120)
        played = len(box.speaker.played)
        box.app.set_volume(98)  # and the next one is heard
        await box.live(10)
        assert any(box.speaker.played[played:])


@virtual
async def test_answer_that_begins_while_a_timer_rings_is_not_as_loud_as_the_timer() -> None:
    async with made(volume=VolumeSettings(start_percent=10)) as box:
        box.app.alarms.set(1, "tea")
        await box.live(110)
        assert box.app.gain.percent == 60
        box.server.answer("r1", "i1", voice(3 * RATE_HZ))  # a tool that took its time has ended
        await box.live(150)
        assert box.app.gain.percent == 10


async def sound_of(action: str, switch: FakeButton) -> bytes:
    """What is heard after a button bound to `action`."""
    button = FakeButton()
    devices = {"switches": {"mute": switch}, "buttons": {"key": (button, Bindings(tap=action))}}
    async with made(devices=devices, earcons=True) as box:
        await box.live(200)
        played = len(box.speaker.played)
        button.press()
        await box.live(5)
        button.release()
        await box.live(50)
        return box.speaker.played[played:]


@virtual
async def test_button_whose_wish_is_refused_is_answered_with_a_sound() -> None:
    switch = FakeButton()
    switch.press()
    assert any(await sound_of("mute", switch))
    assert any(await sound_of("tool:lights_off", FakeButton()))


# ---- mute ----------------------------------------------------------------------------


async def spoken_offline(box: Box, periods: int) -> Server:
    """A turn whose link is lost in it; the next connection is there, and not ready yet."""
    later = Server()
    later.configure = False
    box.next_server = [later]
    await box.press()
    await box.live(10, spoken(100))
    box.server.lose()
    await box.live(periods, spoken(periods * 10))
    await box.release()
    await box.live(1)
    assert box.server is later
    return later


@virtual
async def test_turn_that_waits_for_the_link_is_forgotten_by_muting() -> None:
    async with made() as box:
        later = await spoken_offline(box, 40)
        box.app.mute(True)
        later.say("session.updated", session=later.session)
        await box.live(50)
        assert later.types() == ["session.update"]
        assert phase(box) is Phase.IDLE


@virtual
async def test_turn_on_its_way_up_stops_there_by_muting() -> None:
    async with made() as box:
        slow = await spoken_offline(box, 300)
        slow.bytes_per_s = 80_000  # 64,000 are a second of sound
        slow.say("session.updated", session=slow.session)
        await box.live(20)
        up = len(slow.appended())
        assert 0 < up < 2 * RATE_HZ * 2
        box.app.mute(True)
        await box.live(500)
        assert len(slow.appended()) == up
        assert slow.types()[-1] == "clear"
        assert phase(box) is Phase.IDLE


@virtual
async def test_unanswered_turn_is_not_sent_again_by_a_muted_box() -> None:
    async with made() as box:
        await box.ask_aloud()
        assert phase(box) is Phase.THINKING
        box.app.mute(True)
        box.server.lose()
        await box.live(500)
        assert box.server.appended() == b""
        assert phase(box) is Phase.IDLE


@virtual
async def test_microphone_with_fewer_channels_than_configured_is_heard() -> None:
    capture = CaptureSettings(channel=1, high_pass_hz=0)
    box = Box(sound=SoundSettings(capture))
    box.microphone = FakeMicrophone(rate_hz=RATE_HZ, channels=2, period_ms=10)
    box.use(Devices(box.microphone, box.speaker, box.buttons))
    async with box:
        box.microphone.unplug()
        await box.live(60)
        box.microphone.plug(channels=1)
        await box.live(300)
        await box.press()
        await box.live(40, NEW * 40)
        assert 0x101 in sent_after(box, 0)
