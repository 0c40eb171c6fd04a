"""A box that nobody looks after for months: sessions replaced, hung up, opened again; nobody notices."""

from __future__ import annotations

import asyncio

import pytest
from box import PERIOD_FRAMES, Box, Server, voice
from trouble import EARLIER, Troubled, virtual

from daemon import notices
from daemon.audio.earcons import Earcon
from daemon.cues import Cue
from daemon.events import Phase
from daemon.prompts import Prompt
from daemon.realtime.transports.port import Refusal, TransportRefused
from daemon.talk import TalkMode, TalkSettings
from daemon.transitions import Link

RENEW_AFTER_S = 55 * 60
HOUR_S = 3600.0


class Slow(Server):
    """Takes a while to connect, or is never reached."""

    def __init__(self, after_s: float, *, refuse: bool = False) -> None:
        super().__init__()
        self._after_s = after_s
        self._refuse = refuse

    async def connect(self) -> None:
        await asyncio.sleep(self._after_s)
        if self._refuse:
            raise TransportRefused(Refusal.NETWORK, "no route")


def phase(box: Box) -> Phase:
    return box.app.conductor.appliance.phase


def box_link(box: Box) -> Link:
    return box.app.conductor.appliance.link


async def about_to_be_renewed(box: Box) -> None:
    """Afterwards the session is being replaced by one that takes half a second to open."""
    box.next_server = [Slow(0.5)]
    await box.live(200)  # the sound of the start
    connected_at = 1000.0
    await asyncio.sleep(connected_at + RENEW_AFTER_S - asyncio.get_running_loop().time() - 0.05)
    for _ in range(10):
        await asyncio.sleep(0.01)
        if box_link(box) is Link.RENEWING:
            return
    raise AssertionError("it was not replaced")


# ---- renewal -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(TalkMode))
@virtual
async def test_nobody_notices_that_a_session_is_replaced(mode: TalkMode) -> None:
    async with Troubled(TalkSettings(mode=mode)) as box:
        await box.live(200)
        seen = (phase(box), box.app.lamp.cue, box.app.conductor.appliance.turn)
        heard = len(box.speaker.played.strip(b"\0"))
        box.notices.clear()
        await about_to_be_renewed(box)
        for _ in range(100):
            assert (phase(box), box.app.lamp.cue, box.app.conductor.appliance.turn) == seen
            await box.live(1)
        assert box_link(box) is Link.READY
        assert len(box.servers) == 2
        assert len(box.speaker.played.strip(b"\0")) == heard, "it made a sound"
        assert not [n for n in box.notices if isinstance(n, notices.PhaseChanged)]
        assert not box.app.conductor.last_errors


@virtual
async def test_press_while_a_session_is_replaced_loses_not_one_sample() -> None:
    async with Troubled() as box:
        await about_to_be_renewed(box)
        said = voice(30 * PERIOD_FRAMES, start=5_000)
        await box.press()
        assert phase(box) is Phase.LISTENING
        await box.live(30, said)
        await box.release()
        await box.live(60)
        assert said in box.server.appended()
        assert len(box.server.of("input_audio_buffer.commit")) == 1
        assert len(box.server.of("response.create")) == 1


@virtual
async def test_hands_free_what_is_said_while_a_session_is_replaced_goes_up() -> None:
    async with Troubled(TalkSettings(mode=TalkMode.HANDS_FREE)) as box:
        await about_to_be_renewed(box)
        said = voice(40 * PERIOD_FRAMES, start=5_000)
        await box.live(40, said)
        assert box.server.appended() == b""
        await box.live(60)
        assert said in box.server.appended()


@virtual
async def test_session_that_cannot_be_replaced_is_a_lost_link_and_says_so() -> None:
    async with Troubled() as box:
        await box.live(200)
        box.next_server = [Slow(0.1, refuse=True), Slow(0.1, refuse=True), Slow(0.1, refuse=True)]
        await asyncio.sleep(RENEW_AFTER_S + 6)
        await box.live(200)  # the sound of being online again
        assert Slow in map(type, box.servers)
        assert phase(box) is Phase.IDLE, "it is back"
        assert box.app.conductor.last_errors[-1] == "no route"


# ---- hanging up ----------------------------------------------------------------------

RESTS = TalkSettings(idle_hang_up_s=300.0)


async def hung_up(box: Box) -> None:
    await box.live(400)  # the sound of the start, or what was said last
    await asyncio.sleep(301)
    await box.settle()
    assert box_link(box) is Link.RESTING


@virtual
async def test_connection_that_nobody_uses_is_closed_and_the_box_looks_idle() -> None:
    async with Troubled(RESTS) as box:
        await box.live(200)
        box.notices.clear()
        await hung_up(box)
        await asyncio.sleep(HOUR_S)
        await box.live(1)
        assert len(box.servers) == 1
        assert box.app.lamp.cue is Cue.IDLE
        assert [n for n in box.notices if isinstance(n, notices.PhaseChanged)] == []
        status = box.app.status()
        assert (status["link"], status["link_reason"]) == ("resting", "at rest: nothing was asked for 300 s")


@virtual
async def test_press_opens_it_again_and_nothing_of_what_was_said_before_or_now_is_lost() -> None:
    async with Troubled(RESTS) as box:
        await box.remembers()
        await hung_up(box)
        box.next_server = [Slow(1.5)]
        said = voice(30 * PERIOD_FRAMES, start=5_000)
        await box.press()
        await box.live(30, said)
        await box.release()
        assert box.app.lamp.cue is Cue.LISTENING or phase(box) is Phase.THINKING
        await box.live(200)
        assert said in box.server.appended()
        assert EARLIER in str(box.server.of("conversation.item.create"))
        assert len(box.server.of("response.create")) == 1
        box.server.answer("r2", "i2", voice(2400))
        await box.live(100)
        assert phase(box) is Phase.IDLE


@virtual
async def test_typed_question_opens_it_again_and_is_asked() -> None:
    async with Troubled(RESTS) as box:
        await hung_up(box)
        box.next_server = [Slow(1.5)]
        assert (await box.app.handle_request({"command": "ask", "text": "hello"}))["ok"]
        assert phase(box) is Phase.THINKING
        await box.live(200)
        assert [e["type"] for e in box.server.events][1:] == ["conversation.item.create", "response.create"]


@virtual
async def test_question_for_a_connection_that_cannot_be_opened_is_not_answered_when_it_can() -> None:
    async with Troubled(RESTS) as box:
        await hung_up(box)
        box.next_server = [Slow(0.5, refuse=True)]
        await box.app.handle_request({"command": "ask", "text": "hello"})
        await box.live(300)
        assert box_link(box) is Link.READY
        assert box.server.of("response.create") == []
        assert any(isinstance(n, notices.Refused) for n in box.notices)


@virtual
async def test_timers_ring_while_the_connection_rests_and_open_nothing() -> None:
    async with Troubled(RESTS) as box:
        await hung_up(box)
        before = len(box.speaker.played.strip(b"\0"))
        box.app.alarms.set(1, "tea")
        await box.live(200)
        assert len(box.speaker.played.strip(b"\0")) > before
        await box.press()
        await box.release()
        await box.live(100)
        assert (len(box.servers), box_link(box)) == (1, Link.RESTING)


@virtual
async def test_muted_hands_free_box_hangs_up_and_listens_again_when_it_may() -> None:
    async with Troubled(TalkSettings(mode=TalkMode.HANDS_FREE, idle_hang_up_s=300.0)) as box:
        await asyncio.sleep(1000)
        assert box_link(box) is not Link.RESTING
        box.app.mute(True)
        await hung_up(box)
        box.app.mute(False)
        await box.live(150)  # half duplex: the sound of that comes first
        said = voice(40 * PERIOD_FRAMES, start=5_000)
        await box.live(45, said)
        assert said in box.server.appended()


# ---- on demand -----------------------------------------------------------------------


@virtual
async def test_box_that_connects_on_demand_is_idle_from_the_start_and_answers_the_first_press() -> None:
    async with Troubled(TalkSettings(connect_on_demand=True)) as box:
        await box.live(200)
        await asyncio.sleep(HOUR_S)
        assert (box.servers, phase(box)) == ([], Phase.IDLE)
        box.next_server = [Slow(1.0)]
        said = voice(30 * PERIOD_FRAMES, start=5_000)
        await box.press()
        await box.live(30, said)
        await box.release()
        await box.live(150)
        assert said in box.server.appended()
        assert len(box.server.of("response.create")) == 1
        await asyncio.sleep(HOUR_S)
        assert box_link(box) is Link.READY, "without a limit it stays"


@virtual
async def test_first_press_of_a_box_without_a_network_is_answered_in_words_in_the_end() -> None:
    async with Troubled(TalkSettings(connect_on_demand=True, hold_s=5.0)) as box:
        box.next_server = [Slow(0.1, refuse=True) for _ in range(99)]
        await box.press()
        await box.live(30, voice(30 * PERIOD_FRAMES))
        await box.release()
        await box.live(700)
        assert box.sounded(Prompt.NO_CONNECTION)


@virtual
async def test_hands_free_box_never_waits_for_a_press() -> None:
    async with Troubled(TalkSettings(mode=TalkMode.HANDS_FREE, connect_on_demand=True)) as box:
        await box.live(5)
        assert box_link(box) is Link.READY


# ---- the sound of it -----------------------------------------------------------------


@virtual
async def test_link_lost_after_a_rest_is_told_of_like_any_other() -> None:
    async with Troubled(RESTS) as box:
        await box.live(200)
        await hung_up(box)
        await box.press()
        await box.release()
        await box.live(50)
        before = len(box.speaker.played)
        box.next_server = [Slow(5.0) for _ in range(9)]
        box.server.lose()
        await box.live(100)
        assert box.sounded(Earcon.OFFLINE, before)
