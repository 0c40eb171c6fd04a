"""Mute, volume, timers and consent on the whole box, in virtual time."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from box import PERIOD_FRAMES, RATE_HZ, Box, voice
from virtual_loop import run_virtual

from daemon import events as ev
from daemon.audio.chime import chime
from daemon.events import Phase
from daemon.notices import PhaseChanged
from daemon.talk import TalkMode, TalkSettings

CHIME = chime(RATE_HZ)
HANDS_FREE = TalkSettings(mode=TalkMode.HANDS_FREE)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


async def ask(box: Box, **request: Any) -> dict[str, Any]:
    return await box.app.handle_request(request)


def samples(pcm: bytes) -> list[int]:
    return list(array("h", pcm))


# ---- mute ------------------------------------------------------------


@virtual
async def test_mute_closes_the_device_and_forgets_the_turn_everywhere() -> None:
    async with Box() as box:
        await box.press()
        await box.live(20, voice(20 * PERIOD_FRAMES))
        assert await ask(box, command="mute", on=True) == {"ok": True}
        assert not box.microphone.running
        await box.live(50, voice(50 * PERIOD_FRAMES))
        await box.release()
        assert box.server.types()[-1] == "clear"
        assert box.server.of("input_audio_buffer.commit") == []
        microphone = box.app.status()["microphone"]
        assert (microphone["muted"], microphone["state"], microphone["holds_device"]) == (
            True,
            "closed",
            False,
        )


@virtual
async def test_nothing_said_before_or_while_muted_is_in_the_next_turn() -> None:
    async with Box() as box:
        await box.live(50, voice(50 * PERIOD_FRAMES))
        box.microphone.feed(voice(PERIOD_FRAMES))  # captured, not yet taken by the loop
        box.app.mute(True)
        box.microphone.feed(voice(10 * PERIOD_FRAMES))
        box.app.mute(False)
        await box.press()
        said = voice(20 * PERIOD_FRAMES, start=9_000)
        await box.live(20, said)
        await box.release()
        await box.live(1)
        assert box.server.appended().startswith(said)


@virtual
async def test_period_of_a_device_that_breaks_its_word_is_not_kept_while_muted() -> None:
    async with Box() as box:
        box.app.mute(True)
        box.app.conductor.on_period(voice(PERIOD_FRAMES))
        box.app.mute(False)
        await box.press()
        await box.live(12)
        assert not box.server.appended().strip(b"\0")


@virtual
async def test_press_while_muted_is_refused_and_unmute_makes_it_work_again() -> None:
    async with Box() as box:
        assert await ask(box, command="mute", on=True) == {"ok": True}
        assert await ask(box, command="mute", on=True) == {"ok": True}
        assert await ask(box, command="press") == {"ok": False, "error": "the microphone is muted"}
        await ask(box, command="mute", on=False)
        assert box.microphone.running
        await box.ask_aloud()
        assert box.server.types()[-2:] == ["commit", "response.create"]


@virtual
async def test_hands_free_mute_empties_the_servers_buffer_and_unmute_streams_again() -> None:
    async with Box(HANDS_FREE) as box:
        await box.live(10, voice(10 * PERIOD_FRAMES))
        box.app.mute(True)
        await box.live(10, voice(10 * PERIOD_FRAMES))
        assert box.server.types() == ["session.update", "append", "clear"]
        box.app.mute(False)
        await box.live(10, voice(10 * PERIOD_FRAMES))
        assert box.server.types() == ["session.update", "append", "clear", "append"]


@virtual
async def test_microphone_unplugged_while_muted_is_waited_for() -> None:
    async with Box() as box:
        assert await ask(box, command="mute", on=True) == {"ok": True}
        box.microphone.unplug()
        assert await ask(box, command="mute", on=False) == {"ok": True}
        await box.live(2)
        assert box.app.status()["microphone"]["state"] == "lost"
        assert (await ask(box, command="press"))["error"].startswith("no microphone: ")
        box.microphone.plug()
        await box.live(300)
        assert await ask(box, command="press") == {"ok": True}


@virtual
async def test_microphone_unplugged_in_mid_conversation_is_back_within_three_seconds() -> None:
    async with Box() as box:
        await box.press()
        await box.live(20, voice(20 * PERIOD_FRAMES))
        box.microphone.unplug()
        await box.live(50)
        assert box.app.conductor.appliance.microphone_lost is not None
        box.microphone.plug()
        await box.live(300)
        said = voice(30 * PERIOD_FRAMES, start=9_000)
        await box.live(30, said)  # the button is still held
        await box.release()
        await box.live(1)
        assert said in box.server.appended()
        assert box.server.types()[-2:] == ["commit", "response.create"]


@virtual
async def test_answer_ends_with_the_loudspeaker_and_the_next_is_heard_on_the_next() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.answer("r1", "i1", voice(2 * RATE_HZ))
        await box.live(50)
        box.speaker.unplug()
        await box.live(50)
        assert box.app.status()["phase"] == "idle"
        assert 350 < box.server.of("conversation.item.truncate")[-1]["audio_end_ms"] < 550
        await box.ask_aloud()
        box.server.answer("r2", "i2", voice(RATE_HZ))  # heard by nobody, and nobody waits for its end
        await box.live(10)
        assert box.app.status()["phase"] == "idle"
        box.speaker.plug()
        await box.live(300)
        await box.ask_aloud()
        box.server.answer("r3", "i3", voice(RATE_HZ, start=20_000))
        await box.live(60)
        assert voice(RATE_HZ, start=20_000)[2000:20_000] in box.speaker.played


@virtual
async def test_box_comes_up_without_a_single_sound_device() -> None:
    box = Box()
    box.microphone.unplug()
    box.speaker.unplug()
    async with box:
        await box.live(50)
        assert box.app.status()["microphone"]["state"] == "lost"
        box.microphone.plug()
        box.speaker.plug()
        await box.live(300)
        await box.ask_aloud()
        box.server.answer("r1", "i1", voice(2400))
        await box.live(30)
        assert voice(2400) in box.speaker.played


# ---- volume ----------------------------------------------------------


@virtual
async def test_volume_is_heard_with_the_next_period_and_moves_no_heard_position() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.created("r1")
        box.server.delta("r1", "i1", array("h", [16_000] * RATE_HZ).tobytes())
        await box.live(20)
        assert await ask(box, command="volume", percent=50) == {"ok": True}
        await box.live(20)
        played = samples(box.speaker.played)
        assert all(abs(sample - 1600) < 2 for sample in played[-2 * PERIOD_FRAMES :])  # 20 dB less
        assert max(abs(b - a) for a, b in zip(played[-4000:], played[-3999:], strict=False)) <= 60
        await box.press()
        [truncate] = box.server.of("conversation.item.truncate")
        assert truncate["audio_end_ms"] == 400
        assert box.app.status()["volume_percent"] == 50


# ---- timers ----------------------------------------------------------


def chimes_in(pcm: bytes) -> int:
    """Each begins with the same loud part, and none of the pauses holds it."""
    part = CHIME[2000:3000]
    return pcm.count(part)


@virtual
async def test_timer_rings_through_the_loudspeaker_until_the_button_is_pressed() -> None:
    async with Box() as box:
        box.app.alarms.set(5, "tea")
        await box.live(499)
        assert chimes_in(box.speaker.played) == 0
        await box.live(800)
        assert chimes_in(box.speaker.played) == 3
        assert box.app.status()["phase"] == "ringing"
        await box.press()
        await box.release()
        await box.live(500)
        assert chimes_in(box.speaker.played) == 3
        assert box.app.alarms.timers == ()
        assert box.server.types() == ["session.update"]  # the server never heard of it
        phases = [notice.phase for notice in box.notices if isinstance(notice, PhaseChanged)]
        assert phases[-3:] == [Phase.IDLE, Phase.RINGING, Phase.IDLE]


@virtual
async def test_press_in_mid_chime_silences_within_a_period_and_truncates_nothing() -> None:
    async with Box() as box:
        box.app.alarms.set(1, "tea")
        await box.live(130)
        await box.press()
        await box.live(1)
        played = len(box.speaker.played)
        await box.live(20)
        assert not box.speaker.played[played:].strip(b"\0")
        assert box.server.of("conversation.item.truncate") == []


@virtual
async def test_timer_rings_without_a_network() -> None:
    async with Box() as box:
        box.server.lose()
        box.app.alarms.set(1, "tea")
        await box.live(400)
        assert chimes_in(box.speaker.played) >= 1


@virtual
async def test_timer_waits_for_the_end_of_the_answer() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.answer("r1", "i1", voice(3 * RATE_HZ))
        await box.live(10)
        box.app.alarms.set(1, "tea")
        await box.live(285)
        assert chimes_in(box.speaker.played) == 0
        await box.live(60)
        assert chimes_in(box.speaker.played) == 1
        assert "heard" in box.app.status()["exchanges"][-1]


@virtual
async def test_answer_to_a_question_typed_during_a_chime_is_heard_after_it_was_cut() -> None:
    async with Box() as box:
        box.app.alarms.set(1, "tea")
        await box.live(130)
        await ask(box, command="ask", text="which timer is that?")
        box.server.answer("r1", "i1", voice(RATE_HZ))
        await box.live(50)
        assert voice(RATE_HZ)[2000:4000] in box.speaker.played
        await ask(box, command="stop")
        assert box.app.alarms.timers == ()


@virtual
async def test_timer_nobody_comes_for_falls_silent_after_a_quarter_of_an_hour() -> None:
    async with Box() as box:
        box.app.alarms.set(1, "tea")
        await asyncio.sleep(16 * 60)
        await box.live(400)
        assert box.app.status()["phase"] == "idle"


@virtual
async def test_status_lists_timers_by_name() -> None:
    async with Box() as box:
        box.app.alarms.set(90, "tea")
        box.app.alarms.set(30, "")
        assert box.app.status()["timers"] == ["timer (2) in 30 s", "tea (1) in 90 s"]


# ---- consent ---------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "decision"),
    [
        ({"command": "press"}, ev.Approve("c1")),
        ({"command": "approve"}, ev.Approve("c1")),
        ({"command": "reject"}, ev.Reject("c1", "A person rejected the call.")),
        ({"command": "stop"}, ev.Reject("c1", "A person stopped the box.", respond=False)),
    ],
)
def test_decision_reaches_whoever_asked(request_: dict[str, Any], decision: ev.Event) -> None:
    async def main() -> None:
        async with Box() as box:
            decisions: list[Any] = []
            box.app.conductor.on_decision = decisions.append
            box.app.conductor.step(ev.ApprovalWanted("c1", "unlock_door"))
            assert box.app.status()["waiting_calls"] == ["unlock_door"]
            assert await ask(box, **request_) == {"ok": True}
            assert decisions == [decision]
            assert box.server.types() == ["session.update"]  # no turn was opened

    run_virtual(main())


@virtual
async def test_nobody_deciding_rejects_after_the_time_limit() -> None:
    async with Box(TalkSettings(approve_s=20.0)) as box:
        decisions: list[Any] = []
        box.app.conductor.on_decision = decisions.append
        box.app.conductor.step(ev.ApprovalWanted("c1", "unlock_door"))
        await box.live(1995)
        assert decisions == []
        await box.live(10)
        assert decisions == [ev.Reject("c1", "Nobody approved the call in time.")]
        assert box.app.status()["last_errors"] == ["nobody approved unlock_door within 20 s"]


def test_timers_survive_a_restart_of_the_daemon(tmp_path: Path) -> None:
    """In real time: the file is written by a thread."""
    path = tmp_path / "timers.json"

    async def first() -> None:
        async with Box(timers_path=path) as box:
            box.app.alarms.set(90, "tea")
            box.app.alarms.cancel(box.app.alarms.set(60, "egg").id)

    async def second() -> None:
        async with Box(timers_path=path) as box:
            [tea] = box.app.controls.timers()
            assert (tea.id, tea.label) == (1, "tea")
            assert 60 < tea.remaining_s <= 90

    asyncio.run(first())
    asyncio.run(second())


def test_box_starts_with_a_damaged_timer_file_and_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "timers.json").write_text("{{{")

    async def main() -> None:
        async with Box(timers_path=tmp_path / "timers.json") as box:
            assert box.app.alarms.timers == ()
        async with Box(timers_path=tmp_path / "nowhere" / "timers.json") as box:
            box.app.alarms.set(90, "tea")
            assert len(box.app.alarms.timers) == 1

    asyncio.run(main())
