"""The whole box in virtual time, sample by sample, against a server played by the test."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from box import PERIOD_FRAMES, RATE_HZ, Box, Server, voice
from virtual_loop import VirtualLoop, run_virtual

from daemon import notices
from daemon.box import Devices
from daemon.events import Phase
from daemon.sound_devices import SoundSettings
from daemon.talk import TalkMode, TalkSettings
from daemon.transitions import Turn
from hw.audio.wavfile import WavMicrophone, WavSpeaker

COMMANDS = "press, release, stop, say, ask, approve, reject, volume, mute, flight, reload, status"
FADE_FRAMES = 5 * RATE_HZ // 1000


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


def loud(frames: int) -> bytes:
    return b"\x01\x40" * frames


@pytest.mark.parametrize("preroll_ms", [0, 25, 300])
@pytest.mark.parametrize("offset", [0, 1, 239])
def test_no_sample_is_lost_after_the_press_edge(preroll_ms: int, offset: int) -> None:
    """The press falls somewhere into a period; that whole period and everything after it is on the wire."""

    async def main() -> None:
        async with Box(TalkSettings(preroll_ms=preroll_ms)) as box:
            spoken = voice(100 * PERIOD_FRAMES)
            box.microphone.feed(spoken[: 40 * PERIOD_FRAMES * 2 + offset * 2])
            await box.settle()
            await box.press()
            box.microphone.feed(spoken[40 * PERIOD_FRAMES * 2 + offset * 2 : 90 * PERIOD_FRAMES * 2])
            await box.settle()
            await box.release()
            box.microphone.feed(spoken[90 * PERIOD_FRAMES * 2 :])
            await box.settle()
            start = 40 * PERIOD_FRAMES - preroll_ms * RATE_HZ // 1000
            assert box.server.appended() == spoken[start * 2 : 91 * PERIOD_FRAMES * 2]
            assert box.server.types() == ["session.update", "append", "commit", "response.create"]

    run_virtual(main())


def test_wav_files_in_and_out_lose_no_sample_and_fall_silent_within_a_period(tmp_path: Path) -> None:
    """The same two promises with the WAV drivers, stepped period by period."""
    spoken = voice(30 * PERIOD_FRAMES)
    write_wav(tmp_path / "mouth.wav", spoken)

    async def main() -> int:
        box = Box(TalkSettings(preroll_ms=0))
        microphone = WavMicrophone(tmp_path / "mouth.wav", paced=False, lead_in_s=0.2)
        speaker = WavSpeaker(tmp_path / "ear.wav", rate_hz=RATE_HZ, paced=False)
        box.use(Devices(microphone, speaker, box.buttons))
        async with box:
            microphone.advance(20)  # the file begins with the next period
            await box.settle()
            await box.press()
            microphone.advance(29)
            await box.settle()
            await box.release()
            microphone.advance(1)
            await box.settle()
            assert box.server.appended() == spoken
            box.server.answer("r1", "i1", loud(5 * RATE_HZ))
            await box.settle()
            speaker.advance(100)
            await box.press()
            speaker.advance(100)
            [truncate] = box.server.of("conversation.item.truncate")
            assert truncate["audio_end_ms"] == 1000
            return 100 * PERIOD_FRAMES

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        decided_at = runner.run(main())
    with wave.open(str(tmp_path / "ear.wav"), "rb") as ear:
        heard = ear.readframes(ear.getnframes())
    assert heard[: decided_at * 2] == loud(decided_at)
    assert 0 < len(heard[decided_at * 2 :].rstrip(b"\0")) <= FADE_FRAMES * 2 <= PERIOD_FRAMES * 2


def write_wav(path: Path, pcm: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm)


@virtual
async def test_answer_is_heard_sample_for_sample() -> None:
    async with Box() as box:
        await box.ask_aloud()
        answer = voice(RATE_HZ)
        box.server.answer("r1", "i1", answer)
        await box.live(110)
        assert box.speaker.played.strip(b"\0").ljust(len(answer), b"\0") == answer
        assert [n.phase for n in box.notices if isinstance(n, notices.PhaseChanged)] == [
            Phase.CONNECTING,
            Phase.IDLE,
            Phase.LISTENING,
            Phase.THINKING,
            Phase.SPEAKING,
            Phase.IDLE,
        ]


@pytest.mark.parametrize("buffer_periods", [0, 3])
def test_press_in_mid_answer_is_silent_within_a_period_and_truncates_at_what_was_heard(
    buffer_periods: int,
) -> None:
    async def main() -> None:
        async with Box(buffer_periods=buffer_periods) as box:
            await box.ask_aloud()
            box.server.created("r1")
            box.server.delta("r1", "i1", loud(5 * RATE_HZ))
            await box.live(100)
            pulled = box.speaker.pulled_frames
            await box.press()
            await box.live(60)
            after = box.speaker.played[pulled * 2 :]
            assert 0 < len(after.rstrip(b"\0")) <= FADE_FRAMES * 2 <= PERIOD_FRAMES * 2
            [cancel] = box.server.of("response.cancel")
            [truncate] = box.server.of("conversation.item.truncate")
            assert cancel["response_id"] == "r1"
            assert (truncate["item_id"], truncate["content_index"]) == ("i1", 0)
            # 100 periods were pulled since the answer came, less what the device still held.
            assert truncate["audio_end_ms"] == (100 - buffer_periods) * 10
            assert box.app.conductor.appliance.turn is Turn.OPEN

    run_virtual(main())


@virtual
async def test_late_deltas_of_an_interrupted_answer_never_sound() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.created("r1")
        box.server.delta("r1", "i1", loud(RATE_HZ))
        await box.live(20)
        await box.press()
        await box.live(2)
        played = len(box.speaker.played)
        for item in ("i1", "i2"):
            box.server.delta("r1", item, loud(RATE_HZ))
        await box.live(30)
        box.server.done("r1", "cancelled")
        await box.release()
        await box.live(30)
        assert not box.speaker.played[played:].strip(b"\0")
        truncated = {e["item_id"]: e["audio_end_ms"] for e in box.server.of("conversation.item.truncate")}
        assert truncated == {"i1": 200, "i2": 0}


@virtual
async def test_several_queued_items_each_get_their_own_truncate() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.created("r1")
        for item in ("heard", "playing", "queued", "queued too"):
            box.server.delta("r1", item, loud(RATE_HZ // 2))
            box.server.audio_done("r1", item)
        await box.live(80)
        await box.press()
        truncated = [(e["item_id"], e["audio_end_ms"]) for e in box.server.of("conversation.item.truncate")]
        assert truncated == [("playing", 300), ("queued", 0), ("queued too", 0)]


@virtual
async def test_press_after_generation_ended_truncates_without_cancel() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.answer("r1", "i1", loud(3 * RATE_HZ))
        await box.live(100)
        await box.press()
        assert box.server.of("response.cancel") == []
        [truncate] = box.server.of("conversation.item.truncate")
        assert truncate["audio_end_ms"] == 1000


@virtual
async def test_press_before_the_answer_began_cancels_it_as_soon_as_it_does() -> None:
    async with Box() as box:
        await box.ask_aloud()
        await box.press()
        box.server.created("r1")
        box.server.delta("r1", "i1", loud(RATE_HZ))
        await box.live(20)
        assert [e["response_id"] for e in box.server.of("response.cancel")] == ["r1"]
        assert not box.speaker.played.strip(b"\0")


@virtual
async def test_short_press_is_cleared_on_the_server_and_asks_nothing() -> None:
    async with Box() as box:
        await box.live(40, voice(40 * PERIOD_FRAMES))
        await box.ask_aloud(periods=5)
        assert box.server.types() == ["session.update", "append", "clear"]
        [ended] = [n.exchange for n in box.notices if isinstance(n, notices.ExchangeEnded)]
        assert (ended.ended, ended.reason) == ("cleared", "shorter than 100 ms")


@virtual
async def test_toggle_mode_holds_the_same_conversation() -> None:
    async with Box(TalkSettings(mode=TalkMode.TOGGLE)) as box:
        await box.press()
        await box.release()
        await box.live(30, voice(30 * PERIOD_FRAMES))
        await box.press()
        await box.live(1)
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_hands_free_streams_and_lets_the_server_decide() -> None:
    async with Box(TalkSettings(mode=TalkMode.HANDS_FREE)) as box:
        spoken = voice(21 * PERIOD_FRAMES)  # one at once, the others two at a time
        await box.live(21, spoken)
        assert box.server.appended() == spoken
        box.server.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
        box.server.say("input_audio_buffer.speech_stopped", audio_end_ms=200, item_id="u1")
        box.server.say("input_audio_buffer.committed", item_id="u1", previous_item_id=None)
        box.server.answer("r1", "i1", loud(RATE_HZ))
        sent = len(box.server.appended())
        await box.live(60)
        assert len(box.server.appended()) == sent  # half duplex: the loudspeaker is playing
        await box.live(90)
        assert len(box.server.appended()) > sent
        assert {"commit", "response.create"}.isdisjoint(box.server.types())


@pytest.mark.parametrize("how", ["press", "stop"])
def test_hands_free_answer_cut_before_it_began_is_never_heard(how: str) -> None:
    """The server has heard the turn and will answer by itself; the answer is cut in between."""

    async def main() -> None:
        box = Box(TalkSettings(mode=TalkMode.HANDS_FREE))
        box.next_server = [server := Server()]
        server.session = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
        async with box:
            server.say("input_audio_buffer.committed", item_id="u1", previous_item_id=None)
            await box.settle()
            await box.app.handle_request({"command": how})
            server.created("r1")
            server.delta("r1", "i1", loud(RATE_HZ))
            await box.live(30)
            assert [e["response_id"] for e in server.of("response.cancel")] == ["r1"]
            assert not box.speaker.played.strip(b"\0")
            server.done("r1", "cancelled")
            server.answer("r2", "i2", loud(RATE_HZ // 2))  # the next turn is answered as ever
            await box.live(80)
            assert len(box.speaker.played.strip(b"\0")) == RATE_HZ

    run_virtual(main())


@virtual
async def test_turn_spoken_while_the_link_is_lost_is_sent_whole_afterwards() -> None:
    async with Box() as box:
        spoken = voice(60 * PERIOD_FRAMES)
        await box.press()
        await box.live(20, spoken[: 20 * PERIOD_FRAMES * 2])
        box.server.lose()
        await box.live(40, spoken[20 * PERIOD_FRAMES * 2 :])
        await box.release()
        await box.live(100)
        assert len(box.servers) == 2
        assert box.server.appended()[: len(spoken)] == spoken
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_long_turn_spoken_offline_does_not_swamp_the_new_connection() -> None:
    async with Box() as box:
        slow = Server()
        slow.bytes_per_s = 200_000  # three times real time
        slow.configure = False  # the server takes its time
        box.next_server = [slow]
        spoken = voice(1000 * PERIOD_FRAMES)
        await box.press()
        await box.live(5, spoken[: 5 * PERIOD_FRAMES * 2])
        box.server.lose()
        await box.live(890, spoken[5 * PERIOD_FRAMES * 2 :])
        slow.say("session.updated", session={"type": "realtime"})
        await box.live(5)
        await box.release()
        await box.live(400)
        assert len(box.servers) == 2
        assert slow.appended()[: 895 * PERIOD_FRAMES * 2] == spoken[: 895 * PERIOD_FRAMES * 2]
        assert slow.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_uplink_slower_than_real_time_counts_as_lost() -> None:
    async with Box() as box:
        box.server.bytes_per_s = 20_000
        await box.press()
        await box.live(500, voice(500 * PERIOD_FRAMES))
        assert len(box.servers) == 2
        assert "more waits than the bound" in " ".join(box.app.status()["last_errors"])


@virtual
async def test_stop_while_a_turn_is_still_going_up_takes_it_back() -> None:
    async with Box() as box:
        slow = Server()
        slow.bytes_per_s = 30_000
        slow.configure = False
        box.next_server = [slow]
        await box.press()
        await box.live(2)
        box.server.lose()
        await box.live(500, voice(500 * PERIOD_FRAMES))
        await box.release()
        await box.live(10)
        slow.say("session.updated", session={"type": "realtime"})
        await box.live(10)
        assert await box.app.handle_request({"command": "stop"}) == {"ok": True}
        await box.live(100)
        assert slow.types() == ["session.update", "append", "clear"]


@virtual
async def test_question_whose_answer_never_began_is_asked_again_on_the_next_connection() -> None:
    async with Box() as box:
        await box.ask_aloud()
        asked = box.server.appended()
        box.server.lose()
        await box.live(100)
        assert box.server.appended() == asked
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_link_lost_in_mid_answer_plays_what_is_queued() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.created("r1")
        box.server.delta("r1", "i1", loud(RATE_HZ))
        await box.live(10)
        box.server.lose()
        await box.live(150)
        assert len(box.speaker.played.strip(b"\0")) == RATE_HZ * 2
        assert box.app.conductor.appliance.phase is Phase.IDLE


@virtual
async def test_answer_longer_than_the_ring_is_cut_short_and_the_model_is_told() -> None:
    async with Box(sound=SoundSettings(ring_s=1.0)) as box:
        await box.ask_aloud()
        box.server.created("r1")
        box.server.delta("r1", "i1", loud(RATE_HZ // 2))
        box.server.delta("r1", "i1", loud(RATE_HZ))
        box.server.delta("r1", "i1", loud(RATE_HZ))
        await box.settle()
        assert [e["response_id"] for e in box.server.of("response.cancel")] == ["r1"]
        [truncate] = box.server.of("conversation.item.truncate")
        assert truncate["audio_end_ms"] == 1000
        box.server.done("r1", "cancelled")
        await box.live(150)
        assert len(box.speaker.played.strip(b"\0")) == RATE_HZ * 2
        assert "longer than playback.ring_s" in box.app.status()["last_errors"][-1]


@virtual
async def test_ask_and_say_over_the_control_path() -> None:
    async with Box() as box:
        assert await box.app.handle_request({"command": "ask", "text": "what time is it?"}) == {"ok": True}
        await box.settle()
        [item] = box.server.of("conversation.item.create")
        assert item["item"]["content"] == [{"type": "input_text", "text": "what time is it?"}]
        box.server.answer("r1", "i1", loud(2400))
        await box.live(30)
        assert await box.app.handle_request({"command": "say", "text": "Tea is ready."}) == {"ok": True}
        await box.settle()
        assert box.server.of("response.create")[-1]["response"]["instructions"].endswith("Tea is ready.")


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"command": "dance"}, f"unknown command 'dance'; there are {COMMANDS}"),
        ({"command": "prss"}, f"unknown command 'prss'; there are {COMMANDS}; did you mean 'press'?"),
        ({"command": "mute"}, 'mute: "on" is None, allowed: true or false'),
        ({"command": "volume"}, "the volume is None, allowed: a whole number from 0 to 100"),
        ({"command": "volume", "percent": 101}, "the volume is 101, allowed: a whole number from 0 to 100"),
        ({"command": "approve"}, "nothing waits for approval"),
        ({"command": "say", "text": " "}, "say: needs a text"),
        ({}, f"unknown command None; there are {COMMANDS}"),
    ],
)
def test_control_requests_that_make_no_sense_are_refused(request_: dict[str, Any], error: str) -> None:
    async def main() -> None:
        async with Box() as box:
            assert await box.app.handle_request(request_) == {"ok": False, "error": error}

    run_virtual(main())


@virtual
async def test_status_tells_what_the_box_does() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.answer("r1", "i1", loud(RATE_HZ))
        await box.live(20)
        status = (await box.app.handle_request({"command": "status"}))["status"]
        assert (status["phase"], status["link"], status["link_reason"]) == ("speaking", "ready", "")
        assert status["speaker"]["queued_ms"] == 800
        assert status["microphone"]["last_period_ms"] == 0
        await box.live(120)
        assert box.app.status()["exchanges"] == [
            "exchange 1: press to first frame 10 ms, release to commit 10 ms, "
            "commit to first audio 10 ms, heard"
        ]


@virtual
async def test_stop_silences_and_clears() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.answer("r1", "i1", loud(3 * RATE_HZ))
        await box.live(20)
        assert await box.app.handle_request({"command": "stop"}) == {"ok": True}
        played = len(box.speaker.played)
        await box.live(10)
        assert len(box.speaker.played[played:].rstrip(b"\0")) <= FADE_FRAMES * 2
        assert box.app.conductor.appliance.phase is Phase.IDLE


class BrokenDetector:
    rate_hz = RATE_HZ
    window_frames = PERIOD_FRAMES

    def is_speech(self, window: bytes) -> bool:
        raise OSError("the detector's library has a bad day")


@virtual
async def test_detector_that_fails_costs_no_turn() -> None:
    box = Box()
    box.use(Devices(box.microphone, box.speaker, box.buttons, detector=BrokenDetector()))
    async with box:
        await box.ask_aloud()
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_resent_question_is_not_remembered_as_lost() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.lose()
        await box.live(100)
        box.server.answer("r1", "i1", loud(RATE_HZ // 2))
        await box.live(80)
        [summary] = box.app.status()["exchanges"]
        assert summary.endswith(", heard")


@virtual
async def test_answer_lost_with_the_link_says_why() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.created("r1")
        await box.live(1)
        box.server.lose(1011, "internal error")
        await box.live(2)
        [ended] = [n.exchange for n in box.notices if isinstance(n, notices.ExchangeEnded)]
        assert ended.ended == "unanswered"
        assert "internal error" in ended.reason


@virtual
async def test_error_of_ours_in_one_event_does_not_stop_the_box() -> None:
    async with Box() as box:
        box.app.conductor._sender.open = None  # type: ignore[assignment]  # a bug, planted
        await box.press()
        await box.live(20)
        assert await box.app.handle_request({"command": "ask", "text": "still there?"}) != {}
        box.server.say("response.created", response={"id": "r9", "status": "in_progress", "output": []})
        await box.settle()
        assert box.app.status()["link"] == "ready"


@virtual
async def test_onlooker_that_fails_disturbs_neither_the_turn_nor_the_link() -> None:
    async with Box() as box:
        box.app.conductor._onlookers.insert(0, {}.__getitem__)
        box.server.lose()
        await box.live(300)
        spoken = voice(30 * PERIOD_FRAMES)
        await box.press()
        await box.live(30, spoken)
        await box.release()
        await box.live(1)
        assert spoken in box.server.appended()
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_long_turn_goes_up_again_whole_when_the_link_is_lost_at_its_end() -> None:
    async with Box(TalkSettings(preroll_ms=0, hold_s=5)) as box:
        spoken = voice(2_000 * PERIOD_FRAMES)
        await box.press()
        await box.live(2_000, spoken)
        box.server.lose()
        await box.release()
        await box.live(600)
        assert len(box.servers) == 2
        assert box.server.appended().startswith(spoken)
        assert box.server.types()[-2:] == ["commit", "response.create"]


@pytest.mark.parametrize("command", ["press", "stop"])
def test_say_that_waits_behind_an_answer_is_cut_with_it(command: str) -> None:
    async def main() -> None:
        async with Box() as box:
            await box.ask_aloud()
            box.server.created("r1")
            box.server.delta("r1", "i1", loud(RATE_HZ))
            await box.live(5)
            await box.app.handle_request({"command": "say", "text": "Tea is ready."})
            await box.app.handle_request({"command": command})
            box.server.done("r1", "cancelled")
            await box.live(5)
            assert len(box.server.of("response.create")) == 1  # the question's

    run_virtual(main())


@virtual
async def test_audio_after_the_end_of_an_answer_leaves_nobody_deaf() -> None:
    async with Box(TalkSettings(mode=TalkMode.HANDS_FREE)) as box:
        box.server.answer("r1", "i1", loud(RATE_HZ // 10))
        box.server.delta("r1", "i1", loud(RATE_HZ // 10))
        await box.live(60)
        before = len(box.server.appended())
        await box.live(10, loud(10 * PERIOD_FRAMES))
        assert len(box.server.appended()) > before


class FailsAtTheTurn(Server):
    """Closes the connection at every request for an answer."""

    def send(self, text: str) -> None:
        super().send(text)
        if '"response.create"' in text:
            self.lose(1011, "internal error")


@virtual
async def test_turn_that_breaks_every_connection_is_given_up() -> None:
    async with Box() as box:
        box.next_server = [FailsAtTheTurn() for _ in range(100)]
        box.server.lose()
        await box.live(100)
        await box.ask_aloud()
        await box.live(3_000)
        assert box.app.conductor.appliance.turn is Turn.IDLE
        assert sum(len(server.of("input_audio_buffer.commit")) for server in box.servers) <= 10
        assert "no connection within 15 s" in box.app.status()["exchanges"][-1]


@virtual
async def test_pause_within_an_answer_does_not_move_its_first_audio() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.created("r1")
        for item in ("preamble", "answer"):
            box.server.delta("r1", item, loud(RATE_HZ // 10))
            box.server.audio_done("r1", item)
            await box.live(100)
        box.server.done("r1")
        await box.live(2)
        assert "commit to first audio 10 ms" in box.app.status()["exchanges"][-1]
