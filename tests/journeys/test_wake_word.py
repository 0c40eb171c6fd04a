"""A box that is called by its name, in virtual time: from the word to the answer and the reply to it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from box import PERIOD_FRAMES, RATE_HZ, Box
from said_okay_nabu import QUESTION_MS, WORD_MS, silence, word, word_and_question
from virtual_loop import run_virtual

from daemon.audio.resample import Resampler
from daemon.box import Devices
from daemon.notices import PhaseChanged
from daemon.talk import BargeIn, TalkMode, TalkSettings
from hw import load
from hw.fakes import FakeVoiceDetector, FakeWakeWordDetector
from hw.ports import VoiceDetector, WakeWordDetector

CALL = array("h", [32_700] * PERIOD_FRAMES).tobytes()  # what the fake takes for its word: one period
FOLLOW_UP_S = 4.0
SETTINGS = TalkSettings(preroll_ms=0, follow_up_s=FOLLOW_UP_S)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


def called_box(
    talk: TalkSettings = SETTINGS,
    wake_word: WakeWordDetector | None = None,
    detector: VoiceDetector | None = None,
    **settings: Any,
) -> Box:
    """A box with a voice detector and a wake word, fakes unless given."""
    box = Box(talk, **settings)
    box.wake_word = wake_word or FakeWakeWordDetector()  # type: ignore[attr-defined]
    box.use(
        Devices(
            box.microphone,
            box.speaker,
            box.buttons,
            detector=detector or FakeVoiceDetector(),
            wake_word=box.wake_word,  # type: ignore[attr-defined]
        )
    )
    return box


def speech(periods: int, start: int = 2000) -> bytes:
    """Loud enough for a voice, too soft for the fake's word; samples that differ for 10,000 frames."""
    return array("h", [start + i % 10_000 for i in range(periods * PERIOD_FRAMES)]).tobytes()


def phases(box: Box) -> list[str]:
    return [str(notice.phase.value) for notice in box.notices if isinstance(notice, PhaseChanged)]


async def call_and_ask(box: Box, periods: int = 40) -> bytes:
    """The word, a pause, a question and the silence that ends the turn."""
    await box.live(1, CALL)
    await box.live(20)
    asked = speech(periods)
    await box.live(periods, asked)
    await box.live(80)
    return asked


async def answered(box: Box, seconds: float = 0.5) -> None:
    """The server answers, and the answer is heard to its end."""
    box.server.answer("r1", "i1", speech(int(seconds * 100)))
    await box.live(int(seconds * 100) + 40)


# ---- a turn -------------------------------------------------------------------------------------------


@virtual
async def test_the_word_opens_a_turn_at_once_and_silence_ends_it() -> None:
    async with called_box() as box:
        await box.live(50)
        await box.live(2, CALL)
        assert box.app.status()["phase"] == "listening"  # and so the light shows it
        await box.live(20)
        await box.live(40, speech(40))
        assert "commit" not in box.server.types()
        await box.live(80)
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]
        assert speech(40) in box.server.appended()


@virtual
async def test_nothing_from_before_the_word_goes_up() -> None:
    async with called_box() as box:
        await box.live(100, speech(100, start=15_000))  # a conversation in the room
        asked = await call_and_ask(box)
        sent = array("h", box.server.appended())
        assert asked in box.server.appended()
        assert not any(15_000 <= sample < 25_000 for sample in sent)


@virtual
async def test_the_word_and_nothing_more_asks_nothing() -> None:
    async with called_box() as box:
        await box.live(1, CALL)
        await box.live(600)
        assert box.server.types() == ["session.update", "append", "clear"]
        assert box.app.status()["phase"] == "idle"


@virtual
async def test_the_word_within_the_turn_it_opened_changes_nothing() -> None:
    async with called_box() as box:
        await box.live(1, CALL)
        await box.live(110)
        await box.live(40, speech(20) + CALL + speech(19))
        await box.live(80)
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_the_button_still_works_and_the_word_in_a_held_turn_does_not_end_it() -> None:
    async with called_box() as box:
        await box.press()
        await box.live(40, speech(20) + CALL + speech(19))
        await box.live(100)  # longer than what ends a turn that the word began
        assert "commit" not in box.server.types()
        await box.release()
        await box.live(1)
        assert box.server.types()[-2:] == ["commit", "response.create"]


# ---- what follows the answer ----------------------------------------------------------------------------


@virtual
async def test_a_reply_needs_no_word_while_the_window_is_open() -> None:
    async with called_box() as box:
        await call_and_ask(box)
        await answered(box)
        assert box.app.status()["phase"] == "follow-up"
        await box.live(100)
        reply = speech(30, start=14_000)
        await box.live(30, reply)
        await box.live(80)
        assert box.server.types().count("commit") == 2
        assert reply[len(reply) // 4 :] in box.server.appended()
        assert phases(box)[-3:] == ["follow-up", "listening", "thinking"]


@virtual
async def test_after_the_window_only_the_word_opens_a_turn() -> None:
    async with called_box() as box:
        await call_and_ask(box)
        await answered(box)
        await box.live(int(FOLLOW_UP_S * 100) + 20)
        assert box.app.status()["phase"] == "idle"
        appended = len(box.server.appended())
        await box.live(60, speech(60))
        await box.live(80)
        assert len(box.server.appended()) == appended
        await call_and_ask(box)
        assert box.server.types().count("commit") == 2


@virtual
async def test_without_a_follow_up_window_every_turn_needs_the_word() -> None:
    async with called_box(TalkSettings(preroll_ms=0)) as box:
        await call_and_ask(box)
        await answered(box)
        assert box.app.status()["phase"] == "idle"
        await box.live(60, speech(60))
        await box.live(80)
        assert box.server.types().count("commit") == 1


@virtual
async def test_the_word_in_the_window_opens_one_turn_and_not_two() -> None:
    async with called_box() as box:
        await call_and_ask(box)
        await answered(box)
        await box.live(30, speech(10) + CALL + speech(19))
        await box.live(80)
        assert box.server.types().count("commit") == 2


# ---- while it must not listen, or rings, or answers -------------------------------------------------------


@virtual
async def test_a_muted_box_is_deaf_to_its_name_and_hears_it_again_afterwards() -> None:
    async with called_box() as box:
        box.app.mute(True)
        box.microphone.feed(CALL)
        await box.live(20, CALL)
        box.app.conductor.on_period(CALL)  # a device that breaks its word
        await box.settle()
        assert box.server.types() == ["session.update"]
        box.app.mute(False)
        await box.live(5)
        assert box.server.types() == ["session.update"]
        await call_and_ask(box)
        assert box.server.types()[-2:] == ["commit", "response.create"]


@virtual
async def test_muting_makes_it_forget_the_half_of_the_word_it_has_heard() -> None:
    async with called_box() as box:
        resets = box.wake_word.resets  # type: ignore[attr-defined]
        box.app.mute(True)
        assert box.wake_word.resets == resets + 1  # type: ignore[attr-defined]


@virtual
async def test_another_microphone_makes_it_forget_what_the_last_one_heard() -> None:
    async with called_box() as box:
        resets = box.wake_word.resets  # type: ignore[attr-defined]
        box.microphone.unplug()
        await box.live(50)
        box.microphone.plug(rate_hz=48_000)
        await box.live(300)
        assert box.wake_word.resets > resets  # type: ignore[attr-defined]
        box.microphone.feed(array("h", [32_700] * 960).tobytes())
        await box.live(2)
        assert box.app.status()["phase"] == "listening"


@pytest.mark.parametrize(
    ("barge_in", "cuts"), [(BargeIn.WAKE_WORD, True), (BargeIn.BUTTON, False), (BargeIn.OFF, False)]
)
def test_the_word_cuts_an_answer_only_where_that_is_asked_for(barge_in: BargeIn, cuts: bool) -> None:
    async def main() -> None:
        talk = TalkSettings(preroll_ms=0, follow_up_s=FOLLOW_UP_S, barge_in=barge_in)
        async with called_box(talk) as box:
            await call_and_ask(box)
            box.server.created("r1")
            box.server.delta("r1", "i1", speech(200))
            await box.live(50)
            await box.live(3, CALL)
            assert box.app.status()["phase"] == ("listening" if cuts else "speaking")
            played = len(box.speaker.played)
            await box.live(20)
            assert bool(box.speaker.played[played:].strip(b"\0")) is not cuts
            assert bool(box.server.of("conversation.item.truncate")) is cuts

    run_virtual(main())


@virtual
async def test_the_word_dismisses_an_alarm_and_opens_no_turn() -> None:
    async with called_box() as box:
        box.app.alarms.set(1, "tea")
        await box.live(130)
        assert box.app.status()["phase"] == "ringing"
        await box.live(5, CALL)
        played = len(box.speaker.played)
        await box.live(300)
        assert not box.speaker.played[played:].strip(b"\0")
        assert box.app.alarms.timers == ()
        assert box.server.types() == ["session.update"]


@virtual
async def test_the_word_without_a_connection_is_refused_and_heard_again_with_one() -> None:
    async with called_box() as box:
        box.server.lose()
        await box.settle()
        await box.live(3, CALL)
        assert box.app.status()["phase"] != "listening"
        await box.live(400)
        await call_and_ask(box)
        assert box.server.types()[-2:] == ["commit", "response.create"]


@virtual
async def test_hands_free_needs_no_word_and_heeds_none() -> None:
    async with called_box(TalkSettings(mode=TalkMode.HANDS_FREE, preroll_ms=0)) as box:
        await box.live(20, speech(10) + CALL)
        assert box.server.types() == ["session.update", "append"]


class BrokenWakeWord(FakeWakeWordDetector):
    def hears(self, window: bytes) -> bool:
        raise OSError("the model is gone")


@virtual
async def test_a_wake_word_that_breaks_leaves_a_box_with_a_button() -> None:
    async with called_box(wake_word=BrokenWakeWord()) as box:
        await box.live(20, CALL)
        await box.ask_aloud()
        assert box.server.types()[-2:] == ["commit", "response.create"]


# ---- a voice, the real engine and the real voice detector --------------------------------------------------


def at_the_microphone(pcm_16k: bytes) -> bytes:
    resampler = Resampler(16_000, RATE_HZ)
    return resampler.feed(pcm_16k) + resampler.flush()


def real_box(talk: TalkSettings) -> Box:
    return called_box(talk, load.wake_word("microwakeword"), load.voice_detector("webrtc"))


async def hear(box: Box, pcm_16k: bytes) -> None:
    pcm = at_the_microphone(pcm_16k)
    await box.live(-(-len(pcm) // (2 * PERIOD_FRAMES)), pcm)


@pytest.mark.parametrize("preroll_ms", [0.0, 300.0])
def test_okay_nabu_what_time_is_it(preroll_ms: float) -> None:
    """One breath, a pause of 300 ms in it: the turn begins after the word and holds the whole question."""

    async def main() -> None:
        async with real_box(TalkSettings(preroll_ms=preroll_ms, follow_up_s=FOLLOW_UP_S)) as box:
            said = word_and_question()
            await hear(box, silence(1000) + said + silence(1500))
            assert box.server.types() == ["session.update", "append", "commit", "response.create"]
            sent_ms = len(box.server.appended()) / 2 / RATE_HZ * 1000
            question = at_the_microphone(silence(1000) + said)[
                2 * RATE_HZ * (1000 + QUESTION_MS[0]) // 1000 :
            ]
            tail = question[2400:-2400]  # the filter's edges aside
            assert tail in box.server.appended()
            begins_ms = 1000 + QUESTION_MS[0] + 50 - box.server.appended().index(tail) / 2 / RATE_HZ * 1000
            assert begins_ms > 1000 + WORD_MS[1] - 300  # nearly all of the word stays here
            assert sent_ms < QUESTION_MS[1] - WORD_MS[0] + 1100

    run_virtual(main())


def test_the_word_then_a_pause_to_think_then_the_question_is_one_turn() -> None:
    async def main() -> None:
        async with real_box(SETTINGS) as box:
            await hear(box, silence(1000) + word() + silence(2500))
            assert box.app.status()["phase"] == "listening"
            await hear(box, word_and_question()[len(silence(QUESTION_MS[0])) :] + silence(1500))
            assert box.server.types() == ["session.update", "append", "commit", "response.create"]

    run_virtual(main())


def test_the_word_alone_asks_nothing() -> None:
    async def main() -> None:
        async with real_box(SETTINGS) as box:
            await hear(box, silence(1000) + word() + silence(7000))
            assert box.server.types() == ["session.update", "append", "clear"]

    run_virtual(main())


def test_the_question_without_the_word_is_nobodys_business() -> None:
    async def main() -> None:
        async with real_box(SETTINGS) as box:
            await hear(
                box, silence(1000) + word_and_question()[len(silence(QUESTION_MS[0])) :] + silence(1500)
            )
            assert box.server.types() == ["session.update"]

    run_virtual(main())
