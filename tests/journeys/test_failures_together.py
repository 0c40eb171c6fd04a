"""Two failures of docs/failures.md at once, and a clock that jumps: what neither alone would break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from box import NOON, PERIOD_FRAMES, voice
from trouble import ANSWER, MOMENTS, SAID, Troubled, Unreachable, virtual

from daemon.audio.earcons import Earcon
from daemon.box_state import BoxStateFile
from daemon.cues import Cue
from daemon.events import Phase
from daemon.money.accounts import AccountSettings
from daemon.money.budget import Limits, nano
from daemon.money.prices import price_table
from daemon.prompts import Prompt
from daemon.realtime.transports.port import Refusal
from daemon.recorder import RecorderSettings
from daemon.timer_file import TimerFile
from daemon.timers import Timer

YEAR_S = 365 * 86_400.0
EPOCH_S = 1_000.0  # what a board without a clock wakes up with
PRICES = price_table(
    'currency = "USD"\nmodels.gpt-realtime = { text_output = 1_000, seen = "2026-11-21", source = "a test" }'
)
USAGE = {"output_tokens": 1500, "output_token_details": {"text_tokens": 1500}}


def capped(limit: float) -> AccountSettings:
    return AccountSettings(PRICES, Limits(hard_day_nano=nano(limit)), transcription_model="")


def no_key() -> Unreachable:
    return Unreachable(Refusal.KEY, "the server refused the key (HTTP 401)")


def recordings(directory: Path) -> int:
    return len(list(directory.iterdir()))


async def quiet(box: Troubled) -> None:
    """The box ends what it says of its own accord."""
    for _ in range(20):
        await box.hums(20)
        if box.phase is not Phase.SPEAKING:
            return


# ---- two at once ---------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("first", ["link", "microphone"])
@virtual
async def test_link_and_microphone_lost(moment: str, first: str) -> None:
    async with Troubled() as box:
        await box.remembers()
        await box.reach(moment)
        box.out = Unreachable
        lost = box.server
        for what in (first, "microphone" if first == "link" else "link"):
            if what == "link":
                lost.lose()
            else:
                box.microphone.unplug()
            await box.hums(5)
        if moment == "listening":
            await box.release()
        await box.hums(100)
        if moment == "speaking":
            assert ANSWER in box.speaker.played
        assert box.cue is Cue.CANNOT_HEAR
        assert len(box.lines) <= 6, box.lines
        if first == "link":
            box.microphone.plug()
            await box.hums(100)
            assert box.cue is not Cue.CANNOT_HEAR
            await box.comes_back()
        else:
            await box.comes_back()
            await box.hums(10)
            assert box.cue is Cue.CANNOT_HEAR
            box.microphone.plug()
        await box.hums(100)
        if moment in ("listening", "sending", "thinking"):
            said = SAID[: (20 if moment == "listening" else 30) * PERIOD_FRAMES * 2]
            assert said in box.server.appended(), "what was said before is lost"
            box.server.answer("r2", "i2", ANSWER)
            await box.hums(120)
            assert ANSWER in box.speaker.played
        assert box.still_remembers()
        await quiet(box)
        await box.converses()


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_muted_in_an_outage(moment: str) -> None:
    async with Troubled() as box:
        await box.remembers()
        await box.reach(moment)
        box.out = Unreachable
        box.server.lose()
        await box.hums(3)
        box.app.mute(True)
        assert not box.microphone.holds_device
        if moment == "listening":
            await box.release()
        await box.live(150, voice(150 * PERIOD_FRAMES))
        assert box.cue is Cue.MUTED
        await box.comes_back()
        await box.live(50, voice(50 * PERIOD_FRAMES))
        assert box.server.appended() == b"", "something left a muted box"
        if moment == "speaking":
            assert ANSWER in box.speaker.played
        assert box.cue is Cue.MUTED
        box.app.mute(False)
        await quiet(box)
        assert box.cue is Cue.IDLE
        assert box.still_remembers()
        await box.converses()


@virtual
async def test_limit_reached_while_the_session_is_renewed() -> None:
    async with Troubled(accounts=capped(1.0)) as box:
        await box.remembers()
        await box.hums(20)
        await box.wait(55 * 60.0 - 2.0)
        await box.reach("thinking")
        first = box.server
        first.created("r1")
        first.delta("r1", "i1", ANSWER)
        first.audio_done("r1", "i1")
        first.done("r1", usage=USAGE)
        await box.hums(200)
        assert ANSWER in box.speaker.played, "the answer that reaches the limit is heard"
        await box.wait(15.0)
        assert box.server is not first
        assert box.still_remembers()
        assert box.cue is Cue.BLOCKED
        assert box.sounded(Prompt.SPENDING_LIMIT)
        assert box.status()["money"]["today_nano"] == nano(1.5)
        await box.press()
        await box.live(30, SAID)
        await box.release()
        await box.hums(3)
        assert box.server.appended() == b""
        assert len([line for line in box.lines if "limit is 1.00 USD" in line]) <= 3, box.lines
        box.app.books.use(capped(100.0))
        await quiet(box)
        await box.converses()


@virtual
async def test_limit_reached_in_an_outage_holds_after_it() -> None:
    async with Troubled(accounts=capped(1.0)) as box:
        await box.reach("thinking")
        box.server.created("r1")
        box.server.done("r1", usage=USAGE)
        box.out = Unreachable
        box.server.lose()
        await box.hums(100)
        await box.comes_back()
        await quiet(box)
        await box.press()
        await box.live(30, SAID)
        await box.release()
        await box.hums(3)
        assert box.server.appended() == b""


def test_disk_full_and_key_refused(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "below"

    @virtual
    async def main() -> None:
        box = Troubled(
            state_path=nowhere / "box.json",
            timers_path=nowhere / "timers.json",
            recorder=RecorderSettings(nowhere / "flight"),
        )
        box.out = no_key
        async with box:
            box.app.set_volume(40)
            box.app.alarms.set(60, "tea")
            await box.hums(350)
            assert box.cue is Cue.BLOCKED
            await box.wait(58.0)
            await box.hums(100)
            assert box.phase in (Phase.RINGING, Phase.SPEAKING), "timers ring without key and disk"
            await box.press()
            await box.release()
            await box.wait(400.0)
            assert sorted(line.partition(":")[0] for line in box.lines) == [
                "mute and volume cannot be saved, a restart will lose them",
                "the server refused the key (HTTP 401)",
                "the timers cannot be saved, a restart will lose them",
            ]
            box.out = None
            nowhere.mkdir(parents=True)
            await box.wait(400.0)
            await quiet(box)
            assert box.status()["not_saved"] == []
            await box.converses()

    main()
    assert BoxStateFile(nowhere / "box.json").load().volume_percent == 40


@virtual
async def test_loudspeaker_and_microphone_and_link_lost_at_once() -> None:
    async with Troubled() as box:
        await box.remembers()
        await box.reach("speaking")
        box.out = Unreachable
        box.microphone.unplug()
        box.speaker.unplug()
        box.server.lose()
        await box.wait(300.0)
        assert box.cue is Cue.CANNOT_HEAR
        assert len(box.lines) <= 6, box.lines
        box.speaker.plug()
        box.microphone.plug()
        await box.comes_back()
        await box.hums(300)
        assert box.cue is Cue.IDLE
        assert box.still_remembers()
        await box.converses()


@virtual
async def test_timer_rings_in_an_outage_and_the_link_comes_back_meanwhile() -> None:
    async with Troubled() as box:
        await box.hums(20)
        box.app.alarms.set(5, "tea")
        box.out = Unreachable
        box.server.lose()
        await box.hums(600)
        assert box.phase in (Phase.RINGING, Phase.SPEAKING)
        await box.comes_back()
        await box.hums(100)
        assert box.phase in (Phase.RINGING, Phase.SPEAKING), "nobody came"
        await box.press()
        await box.release()
        await box.hums(50)
        assert box.app.alarms.timers == ()
        await box.converses()


@virtual
async def test_button_stuck_in_an_outage() -> None:
    async with Troubled() as box:
        await box.hums(20)
        box.server.lose()
        box.out = Unreachable
        await box.hums(100)
        await box.press()
        await box.wait(100.0)
        box.out = None
        await box.wait(60.0)
        assert box.cue is Cue.IDLE
        assert len(box.lines) <= 5, box.lines
        await box.release()
        await box.hums(30)
        await box.converses()


# ---- the clock is set ----------------------------------------------------------------


@pytest.mark.parametrize("by_s", [30 * YEAR_S, -20 * YEAR_S, 3600.0, -3600.0])
@virtual
async def test_timer_takes_as_long_as_it_was_asked_for_whatever_the_clock_does(by_s: float) -> None:
    async with Troubled() as box:
        await box.hums(20)
        box.app.alarms.set(100, "tea")
        await box.wait(10.0)
        box.noon += by_s
        await box.wait(60.0)
        assert box.phase is Phase.IDLE
        [(_, left_s)] = box.app.alarms.remaining()
        assert left_s == pytest.approx(30.0, abs=1.0)
        await box.wait(left_s + 0.1)
        await box.hums(10)
        assert box.phase in (Phase.RINGING, Phase.SPEAKING)


def test_timer_of_an_earlier_run_waits_for_the_clock_of_a_board_without_a_battery(tmp_path: Path) -> None:
    path = tmp_path / "timers.json"
    TimerFile(path).save([Timer(1, "tea", NOON + 1200.0)])

    @virtual
    async def main() -> None:
        box = Troubled(timers_path=path)
        box.noon = EPOCH_S
        async with box:
            await box.wait(100.0)
            assert box.phase is Phase.IDLE
            assert [timer.label for timer in box.app.alarms.timers] == ["tea"]
            box.noon = NOON  # the network has set it: it is 1000 s and some past noon
            await box.wait(60.0)
            assert box.phase is Phase.IDLE
            await box.wait(60.0)
            await box.hums(10)
            assert box.phase in (Phase.RINGING, Phase.SPEAKING)

    main()


def test_spending_keeps_its_day_when_the_clock_is_set(tmp_path: Path) -> None:
    path = tmp_path / "spending.json"

    def spend(box: Troubled, name: str) -> None:
        box.server.created(name)
        box.server.done(name, usage=USAGE)

    @virtual
    async def main(noon: float, then: float, spent: float) -> None:
        box = Troubled(spending_path=path, accounts=capped(10.0))
        box.noon = noon
        async with box:
            await box.hums(3)
            spend(box, "r1")
            await box.wait(100.0)
            box.noon = then
            await box.wait(100.0)
            spend(box, "r2")
            await box.wait(200.0)
            money: dict[str, Any] = box.status()["money"]
            assert money["today_nano"] == nano(spent), money

    main(NOON, NOON, 3.0)
    main(EPOCH_S, NOON, 6.0)  # what was spent at the wrong time counts today
    main(NOON, NOON - 20 * YEAR_S, 9.0)  # a clock that falls back frees nobody of the limit
    assert not (tmp_path / "spending.json.damaged").exists()


@pytest.mark.parametrize("by_s", [30 * YEAR_S, -20 * YEAR_S])
@virtual
async def test_session_is_renewed_in_its_time_whatever_the_clock_does(by_s: float) -> None:
    async with Troubled() as box:
        await box.remembers()
        box.server.session = {"type": "realtime", "expires_at": NOON + 1000 + 3600}
        await box.hums(20)
        await box.wait(600.0)
        box.noon += by_s
        await box.wait(600.0)
        assert len(box.servers) == 1, "a clock is no reason to renew"
        await box.wait(3600.0 - 1200.0)
        assert len(box.servers) == 2
        assert box.still_remembers()
        assert box.lines == []
        await box.converses()


@pytest.mark.parametrize("by_s", [30 * YEAR_S, -20 * YEAR_S])
def test_newest_flight_recording_is_kept_whatever_the_clock_does(by_s: float, tmp_path: Path) -> None:
    @virtual
    async def main() -> None:
        async with Troubled(recorder=RecorderSettings(tmp_path)) as box:
            for _ in range(6):
                await box.wait(1.0)
                assert await box.app.save_flight()
            box.noon += by_s
            for _ in range(2):
                await box.wait(1.0)
                newest = await box.app.save_flight()
                assert newest.exists()
                assert recordings(tmp_path) == 4

    main()


@virtual
async def test_prompt_is_not_repeated_all_night_when_the_clock_jumps() -> None:
    async with Troubled() as box:
        await box.hums(20)
        box.out = Unreachable
        box.server.lose()
        await box.hums(100)
        assert box.sounded(Earcon.OFFLINE)
        played = len(box.speaker.played)
        for _ in range(20):
            box.noon += YEAR_S
            await box.wait(30.0)
        assert not box.sounded(Earcon.OFFLINE, since=played)
