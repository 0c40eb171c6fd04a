"""The failures of docs/failures.md that come over the network, each at several moments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import pytest
from box import PERIOD_FRAMES, Server, voice
from trouble import ANSWER, MOMENTS, SAID, Troubled, Unreachable, virtual

from daemon.audio.earcons import Earcon
from daemon.complaints import LINES
from daemon.cues import Cue
from daemon.prompts import Prompt
from daemon.realtime.transports.port import Refusal
from tests.journeys.test_garbage import GARBAGE

HOUR_S = 3600.0
WITHOUT_A_LINK = {Cue.OFFLINE, Cue.CONNECTING}


# ---- no network at boot --------------------------------------------------------------


@virtual
async def test_no_network_at_boot() -> None:
    box = Troubled()
    box.out = Unreachable
    async with box:
        assert (await box.app.handle_request({"command": "press"}))["error"].startswith("not connected: ")
        assert box.cue in WITHOUT_A_LINK | {Cue.SPEAKING}
        await box.hums(300)  # the words of that
        assert box.cue in WITHOUT_A_LINK
        assert not box.sounded(Earcon.OFFLINE), "at the start nobody expects a connection"
        await box.wait(1000.0)
        before = len(box.speaker.played)
        await box.press()
        await box.hums(30)
        await box.release()
        assert any(box.speaker.played[before:]), "a press was met with silence"
        await box.hums(200)
        assert box.sounded(Prompt.NO_CONNECTION, since=before)
        assert [line for line in box.lines if not line.startswith("refused")] == ["name not resolved"]
        box.out = None
        await box.wait(30.0)  # the longest pause between two attempts
        await box.hums(100)
        assert box.cue is Cue.IDLE
        assert box.sounded(Earcon.ONLINE)
        await box.converses()


# ---- the link is lost ----------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_link_lost(moment: str) -> None:
    async with Troubled() as box:
        await box.remembers()
        box.app.set_volume(97)
        box.app.set_volume(100)
        await box.reach(moment)
        box.forget()
        box.out = Unreachable
        lost = box.server
        lost.lose()
        await box.settle()
        await box.finish(moment)
        await box.hums(150)
        if moment == "speaking":
            assert ANSWER in box.speaker.played
        await box.comes_back()
        await box.hums(30)
        assert "connection closed (1006: reset)" in box.lines
        assert len(box.lines) <= 3, box.lines
        assert box.still_remembers()
        if moment in ("listening", "sending", "thinking"):
            assert SAID in box.server.appended()
            assert len(box.server.of("input_audio_buffer.commit")) == 1
            assert len(box.server.of("response.create")) == 1
            box.server.answer("r2", "i2", ANSWER)
            await box.hums(120)
            assert ANSWER in box.speaker.played
        await box.converses()
        assert box.app.volume_percent == 100


@virtual
async def test_link_lost_and_found_is_told_by_sound_and_light() -> None:
    async with Troubled() as box:
        await box.hums(40)
        box.out = Unreachable
        box.server.lose()
        await box.hums(30)
        assert box.sounded(Earcon.OFFLINE)
        assert box.cue in WITHOUT_A_LINK
        box.out = None
        await box.wait(30.0)
        await box.hums(30)
        assert box.sounded(Earcon.ONLINE)
        assert box.cue is Cue.IDLE


@virtual
async def test_outage_of_an_hour_does_not_flood_the_journal() -> None:
    reasons = cycle(["name not resolved", "no route to host", "connection refused", "timed out"])
    async with Troubled() as box:
        await box.hums(40)
        box.forget()
        box.out = lambda: Unreachable(detail=next(reasons))
        box.server.lose()
        await box.wait(HOUR_S)
        assert 1 <= len(box.lines) <= 10, box.lines
        assert len(box.servers) < 1000
        box.out = None
        await box.wait(30.0)
        await box.converses()


# ---- a slow uplink -------------------------------------------------------------------


@virtual
async def test_uplink_slower_than_real_time() -> None:
    async with Troubled() as box:
        await box.remembers()
        slow = box.server
        slow.bytes_per_s = 20_000  # a third of what speech needs
        said = voice(500 * PERIOD_FRAMES)
        await box.hums(40)
        box.forget()
        await box.press()
        await box.live(500, said)
        assert slow.queued_bytes <= slow.bound_bytes
        await box.release()
        await box.hums(50)
        assert box.server is not slow
        assert said in box.server.appended(), "what was said before the link was given up is lost"
        assert len(box.server.of("input_audio_buffer.commit")) == 1
        [line] = box.lines
        assert "more waits than the bound" in line
        assert box.still_remembers()
        box.server.answer("r1", "i1", ANSWER)
        await box.hums(120)
        assert ANSWER in box.speaker.played
        await box.converses()


# ---- key, quota, model ---------------------------------------------------------------

REFUSALS = [
    (Refusal.KEY, Prompt.BAD_KEY, "the server refused the key (HTTP 401)"),
    (Refusal.FORBIDDEN, Prompt.BAD_KEY, "the server refused access (HTTP 403)"),
    (Refusal.QUOTA, Prompt.QUOTA_USED_UP, "the quota is used up (HTTP 429)"),
    (Refusal.MODEL, Prompt.MODEL_UNAVAILABLE, "there is no model gpt-9 (HTTP 404)"),
]


CASES = [
    *((refusal, "boot") for refusal in REFUSALS),
    *((refusal, moment) for refusal, moment in zip(cycle(REFUSALS), MOMENTS)),
]


@pytest.mark.parametrize(("refused", "moment"), CASES)
@virtual
async def test_key_quota_or_model_refused(refused: tuple[Refusal, Prompt, str], moment: str) -> None:
    refusal, words, detail = refused
    box = Troubled()
    if moment == "boot":
        box.out = lambda: Unreachable(refusal, detail)
    async with box:
        if moment != "boot":
            await box.reach(moment)
            box.out = lambda: Unreachable(refusal, detail)
            box.server.lose()
            await box.finish(moment)
        await box.hums(300)
        assert box.cue is Cue.BLOCKED
        await box.wait(20.0)
        await box.hums(1)
        assert box.status()["link_reason"] == detail
        if moment == "speaking":
            assert ANSWER in box.speaker.played
        attempts = len(box.servers)
        await box.wait(1000.0)
        assert len(box.servers) - attempts <= 4, "a refusal is not a reason to hurry"
        assert box.lines.count(detail) == 1, box.lines
        assert len(box.lines) <= 4, box.lines
        assert box.sounded(words)
        box.out = None
        await box.wait(330.0)
        await box.hums(50)
        assert box.cue is Cue.IDLE
        assert box.sounded(Earcon.ONLINE)
        await box.converses()


# ---- the session's age ---------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_session_reaches_its_age_limit(moment: str) -> None:
    async with Troubled() as box:
        await box.remembers()
        await box.hums(20)
        await box.wait(55 * 60.0 - 1.2)
        box.forget()
        played = len(box.speaker.played)
        await box.reach(moment)
        first = box.server
        if moment == "listening":
            await box.live(200, bytes(2))
            assert box.server is first, "renewed under the user's feet"
            await box.release()
        await box.hums(150 if moment in ("thinking", "sending") else 50)
        if moment != "idle":
            assert box.server is first, "renewed under the user's feet"
        if moment in ("listening", "sending", "thinking"):
            assert SAID[:9600] in first.appended()
            first.answer("r1", "i1", ANSWER)
        await box.hums(250)
        await box.wait(10.0)
        assert box.server is not first
        assert len(box.servers) == 2
        assert box.still_remembers()
        if moment != "idle":
            assert ANSWER in box.speaker.played
        heard = box.speaker.played[played:].replace(ANSWER, b"")
        assert not any(heard), "something was heard of it"
        assert box.lines == []
        await box.converses()


# ---- nonsense ------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_server_sends_nonsense(moment: str) -> None:
    async with Troubled() as box:
        await box.reach(moment)
        box.forget()
        before = box.cue
        small = [frame for frame in GARBAGE.values() if len(frame) < 200_000]
        for frame in small:
            box.server.inbox.put_nowait(frame)
        await box.settle()
        assert box.cue is before
        counters = box.app.conductor.link.protocol.counters
        assert counters.malformed + counters.unknown == len(small)
        await box.finish(moment)
        await box.hums(2)
        if moment in ("listening", "sending", "thinking"):
            assert SAID in box.server.appended()
            box.server.answer("r1", "i1", ANSWER)
        await box.hums(120)
        if moment != "idle":
            assert ANSWER in box.speaker.played
        assert len(box.servers) == 1
        await box.converses()
        assert 1 <= len(box.lines) <= LINES, box.lines
        assert "makes no sense" in box.status()["last_errors"][-1]


@pytest.mark.parametrize("frames", ["half an object", "missing fields", "unknown type"])
@virtual
async def test_nonsense_for_an_hour_does_not_flood_the_journal(frames: str) -> None:
    async with Troubled() as box:
        await box.hums(20)
        for _ in range(3600 // 10):
            box.server.inbox.put_nowait(GARBAGE[frames])
            await box.wait(10.0)
        assert len(box.lines) <= 6, len(box.lines)
        await box.converses()


def _error(server: Server, number: int) -> None:
    error = {"type": "server_error", "code": f"odd_{number % 3}", "message": f"trouble {number}"}
    server.say("error", error=error)


def _broken(server: Server, number: int) -> None:
    server.created(f"r{number}")
    server.done(f"r{number}", "failed", status_details={"error": {"code": "x", "message": f"no {number}"}})


@pytest.mark.parametrize("nonsense", [_error, _broken])
@virtual
async def test_errors_for_an_hour_do_not_flood_the_journal(nonsense: Callable[[Server, int], None]) -> None:
    async with Troubled() as box:
        await box.hums(20)
        for number in range(3600 // 10):
            nonsense(box.server, number)
            await box.wait(10.0)
        assert 1 <= len(box.lines) <= 6 * LINES, len(box.lines)
        assert len(box.status()["last_errors"]) <= 8
        await box.converses()
