"""The failures of docs/failures.md that hands, devices and tools cause, each at several moments."""

from __future__ import annotations

import asyncio
import ctypes
import math
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from box import PERIOD_FRAMES, RATE_HZ, voice
from trouble import ANSWER, MOMENTS, SAID, Troubled, virtual

from daemon.cues import Cue
from daemon.events import Phase
from daemon.health import DeviceHealth, Port
from daemon.last_words import block_abort, record_when_aborted
from daemon.notify import Notifier
from daemon.prompts import Prompt
from daemon.realtime import RealtimeAgent, function_tool
from daemon.recorder import RecorderSettings, load_flight
from daemon.run import _feed_watchdog
from daemon.sound_devices import SoundSettings
from daemon.talk import TalkMode, TalkSettings
from hw.fakes import FakeButton


def cue_after_s(box: Troubled, cue: Cue, since: float) -> float:
    """How long it took until the light showed it."""
    return next((at for at, shown in box.cues if shown is cue and at >= since), math.inf) - since


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- the button ----------------------------------------------------------------------


@virtual
async def test_button_pressed_in_mid_answer() -> None:
    async with Troubled() as box:
        await box.reach("speaking")
        box.forget()
        played = len(box.speaker.played)
        await box.press()
        assert box.cue is Cue.LISTENING
        await box.live(20, SAID)
        assert not any(box.speaker.played[played + 2 * PERIOD_FRAMES :])
        [truncate] = box.server.of("conversation.item.truncate")
        assert abs(truncate["audio_end_ms"] - 200) <= 20
        await box.live(10, SAID[20 * PERIOD_FRAMES * 2 :])
        await box.release()
        await box.hums(2)
        assert SAID in box.server.appended()
        assert box.lines == []
        assert "interrupted" in box.status()["exchanges"][-1]


@pytest.mark.parametrize("moment", ["idle", "thinking", "speaking"])
@virtual
async def test_button_stuck(moment: str) -> None:
    async with Troubled() as box:
        await box.reach(moment)
        await box.press()
        await box.live(30, SAID)
        await box.wait(59.0)
        await box.hums(80)
        assert SAID in box.server.appended()
        assert box.server.types()[-2:] == ["commit", "response.create"]
        box.server.answer("r9", "i9", ANSWER)
        await box.hums(130)
        assert ANSWER in box.speaker.played
        assert box.cue is Cue.IDLE, "who sees it listening believes that it does"
        await box.wait(1000.0)
        stuck = "the button 'talk' was down for 60 s: it is taken to be stuck until it has been up"
        assert box.lines.count(stuck) == 1
        assert len(box.lines) <= 2, box.lines
        await box.release()
        await box.hums(30)
        await box.converses()


@virtual
async def test_button_that_bounces_and_whose_release_is_lost() -> None:
    async with Troubled() as box:
        await box.hums(40)
        await box.press()
        await box.live(30, SAID)
        box.button.release(edge_lost=True)
        await box.hums(15)  # it is read again every 0.1 s
        assert SAID in box.server.appended()
        assert len(box.server.of("input_audio_buffer.commit")) == 1
        assert box.cue is Cue.THINKING
        assert box.lines == []
        box.server.answer("r1", "i1", ANSWER)
        await box.hums(130)
        await box.converses()


# ---- a microphone, or a loudspeaker, that goes ---------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_microphone_unplugged(moment: str) -> None:
    async with Troubled() as box:
        await box.remembers()
        await box.reach(moment)
        box.forget()
        gone_at = now()
        box.microphone.unplug()
        await box.live(100)
        if moment == "listening":
            await box.release()
            await box.live(3)
            assert SAID[: 20 * PERIOD_FRAMES * 2] in box.server.appended()
        if moment in ("listening", "sending", "thinking"):
            assert len(box.server.of("input_audio_buffer.commit")) == 1, "what was said before is lost"
            box.server.answer("r1", "i1", ANSWER)
        await box.live(300)
        assert cue_after_s(box, Cue.CANNOT_HEAR, gone_at) <= 1.0
        assert box.cue is Cue.CANNOT_HEAR
        if moment != "idle":
            assert ANSWER in box.speaker.played
        assert box.sounded(Prompt.NO_MICROPHONE) or moment == "listening"
        await box.press()
        await box.live(250)
        await box.release()
        assert box.sounded(Prompt.NO_MICROPHONE)
        await box.wait(1000.0)
        told = [line for line in box.lines if not line.startswith("refused: ")]
        if moment == "sending":
            assert told.pop(0) == "the microphone delivered nothing after the release"
        assert told == ["microphone lost: the microphone has gone: it was unplugged, or its driver failed"]
        box.microphone.plug()
        back_at = now()
        await box.hums(300)
        assert cue_after_s(box, Cue.IDLE, back_at) <= 3.0
        assert len(box.servers) == 1
        await box.converses()


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_loudspeaker_unplugged(moment: str) -> None:
    async with Troubled() as box:
        await box.reach(moment)
        box.forget()
        gone_at = now()
        box.speaker.unplug()
        await box.settle()
        await box.finish(moment)
        await box.hums(100)
        if moment == "listening":
            assert cue_after_s(box, Cue.CANNOT_SPEAK, gone_at) <= 1.2
        else:
            assert cue_after_s(box, Cue.CANNOT_SPEAK, gone_at) <= 1.0
        if moment in ("listening", "sending", "thinking"):
            assert SAID in box.server.appended()
            assert len(box.server.of("input_audio_buffer.commit")) == 1
            box.server.answer("r1", "i1", ANSWER)
            await box.hums(20)
            assert box.phase is Phase.IDLE, "nobody waits for an answer that nobody hears"
        if moment == "speaking":  # the model is told what was not heard
            assert 150 <= box.server.of("conversation.item.truncate")[-1]["audio_end_ms"] <= 250
        await box.wait(1000.0)
        gone = "loudspeaker lost: the loudspeaker has gone: it was unplugged, or its driver failed"
        assert box.lines == [gone]
        box.speaker.plug()
        back_at = now()
        await box.hums(300)
        if moment in ("idle", "speaking"):
            assert cue_after_s(box, Cue.IDLE, back_at) <= 3.0
        assert len(box.servers) == 1
        await box.converses()


@pytest.mark.parametrize("moment", MOMENTS)
@virtual
async def test_microphone_silent_but_open(moment: str) -> None:
    async with Troubled(health=DeviceHealth()) as box:
        await box.reach(moment)
        box.forget()
        since = now()
        await box.live(110)  # nothing but zeros
        assert cue_after_s(box, Cue.CANNOT_HEAR, since) <= 1.0
        if moment == "listening":
            await box.release()
            await box.live(2)
        if moment in ("listening", "sending", "thinking"):
            assert len(box.server.of("input_audio_buffer.commit")) == 1
            box.server.answer("r1", "i1", ANSWER)
        await box.live(400)
        if moment != "idle":
            assert ANSWER in box.speaker.played
        assert box.sounded(Prompt.MICROPHONE_SILENT) or moment == "listening"
        for _ in range(3000):  # five minutes of it
            await asyncio.sleep(0.1)
            box.microphone.feed(bytes(PERIOD_FRAMES * 2))
            box.speaker.play()
        assert len(box.lines) == 1, box.lines
        assert "zeros" in box.lines[0]
        await box.hums(200)
        assert box.cue is Cue.IDLE
        assert len(box.servers) == 1
        await box.converses()


@virtual
async def test_hands_free_box_hears_again_after_its_microphone_was_away() -> None:
    async with Troubled(TalkSettings(mode=TalkMode.HANDS_FREE), model_settings={}) as box:
        await box.hums(20)
        assert box.cue is Cue.LIVE
        box.microphone.unplug()
        await box.live(100)
        assert box.cue is Cue.CANNOT_HEAR
        box.microphone.plug()
        await box.hums(300)
        assert box.cue is Cue.LIVE
        await box.live(30, SAID)
        assert SAID in box.server.appended()


@virtual
async def test_loose_plug_floods_no_journal() -> None:
    async with Troubled() as box:
        await box.hums(20)
        box.forget()
        for _ in range(200):
            box.microphone.unplug()
            await box.wait(2.0)
            box.microphone.plug()
            await box.wait(3.0)
        assert len(box.lines) <= 24, len(box.lines)
        await box.hums(100)
        await box.converses()


# ---- what only a new process mends ---------------------------------------------------


class Watchdog:
    """systemd's side of the watchdog."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch, limit_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        patch.setenv("NOTIFY_SOCKET", str(path))
        patch.setenv("WATCHDOG_USEC", str(round(limit_s * 1_000_000)))
        patch.delenv("WATCHDOG_PID", raising=False)

    def fed(self) -> int:
        """How often since it was asked last."""
        times = 0
        while True:
            try:
                times += b"WATCHDOG=1" in self._socket.recv(4096)
            except BlockingIOError:
                return times

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("moment", MOMENTS)
def test_device_wedged(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dog = Watchdog(tmp_path / "notify", monkeypatch, 12.0)

    @virtual
    async def main() -> None:
        async with Troubled(health=DeviceHealth(watch_silence=False)) as box:
            feeding = asyncio.create_task(_feed_watchdog(Notifier(), box.app.healthy))
            await box.reach(moment)
            box.forget()
            since = now()
            closed: list[str] = []
            box.microphone.stop = lambda: closed.append("microphone")  # type: ignore[method-assign]
            for _ in range(100):  # the loudspeaker plays on, the microphone passes nothing
                await asyncio.sleep(0.01)
                box.speaker.play()
                await box.settle()
            assert cue_after_s(box, Cue.CANNOT_HEAR, since) <= 1.0
            assert box.status()["microphone"]["state"] == "wedged"
            for _ in range(400):
                await asyncio.sleep(0.01)
                box.speaker.play()
            dog.fed()
            for _ in range(2000):
                await asyncio.sleep(0.01)
                box.speaker.play()
            assert dog.fed() == 0, "a box that only a new process mends must not be called healthy"
            assert closed == [], "closing it would hang"
            told = [line for line in box.lines if "microphone wedged" in line]
            assert len(told) == 1, box.lines
            assert len([line for line in box.lines if "watchdog" in line]) == 1
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            del box.microphone.stop  # type: ignore[attr-defined]
            await box.hums(50)  # it comes back by itself after all
            assert box.status()["microphone"]["state"] == "working"

    try:
        main()
    finally:
        dog.close()


def test_event_loop_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time: nothing feeds the watchdog while the loop stands still, and the box goes on after it."""
    dog = Watchdog(tmp_path / "notify", monkeypatch, 0.15)

    async def main() -> None:
        async with Troubled() as box:
            feeding = asyncio.create_task(_feed_watchdog(Notifier(), box.app.healthy))
            await asyncio.sleep(0.15)
            assert dog.fed() >= 1
            time.sleep(0.4)  # noqa: ASYNC251  that is the failure
            assert dog.fed() == 0
            await asyncio.sleep(0.15)
            assert dog.fed() >= 1
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    try:
        asyncio.run(main())
    finally:
        dog.close()


def stand_still(directory: Path, stuck: Connection, hang: Callable[[int], object]) -> None:
    async def main() -> None:
        async with Troubled(recorder=RecorderSettings(directory)) as box:
            record_when_aborted(box.app.recorder)
            box.app.recorder.note("the last thing")
            stuck.send("stuck")
            hang(60)

    block_abort()
    asyncio.run(main())


@pytest.mark.parametrize("hang", [time.sleep, ctypes.CDLL(None).sleep], ids=["in Python", "in a library"])
def test_daemon_ended_by_its_watchdog_leaves_a_flight_recording(
    tmp_path: Path, hang: Callable[[int], object]
) -> None:
    told, telling = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=stand_still, args=(tmp_path, telling, hang))
    process.start()
    assert told.poll(10), "it did not start"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGABRT)
    process.join(10)
    assert process.exitcode == -signal.SIGABRT
    [recording] = tmp_path.iterdir()
    assert recording.name.endswith("-watchdog.jsonl")
    assert any(getattr(entry, "kind", "") == "the last thing" for entry in load_flight(recording).entries)


# ---- an answer without an end --------------------------------------------------------


@virtual
async def test_answer_longer_than_the_ring() -> None:
    async with Troubled(sound=SoundSettings(ring_s=2.0)) as box:
        await box.reach("thinking")
        box.forget()
        box.server.created("r1")
        for number in range(100):
            box.server.delta("r1", "i1", voice(RATE_HZ // 2, start=number))
        await box.hums(20)
        assert [event["response_id"] for event in box.server.of("response.cancel")] == ["r1"]
        [truncate] = box.server.of("conversation.item.truncate")
        assert truncate["audio_end_ms"] == 2000
        box.server.done("r1", "cancelled")
        queued_ms = box.status()["speaker"]["queued_ms"]
        assert queued_ms <= 2000
        assert box.cue is Cue.SPEAKING
        await box.hums(250)
        assert len(box.speaker.played.strip(b"\0")) >= 2 * 2 * RATE_HZ - 2, "what was queued is heard"
        assert box.lines == ["answer cut after 2 s: longer than playback.ring_s"]
        await box.converses()


# ---- tools ---------------------------------------------------------------------------


def hanging() -> Any:
    @function_tool(blocking=False, timeout=5.0)
    async def look_up() -> str:
        """Take for ever, with a limit of its own."""
        await asyncio.sleep(1e6)
        return ""

    return look_up


def hanging_without_a_limit() -> Any:
    @function_tool(blocking=False)
    async def look_up() -> str:
        """Take for ever."""
        await asyncio.sleep(1e6)
        return ""

    return look_up


def raising() -> Any:
    @function_tool(blocking=False)
    async def look_up() -> str:
        """Fail."""
        raise OSError("the bridge is away")

    return look_up


def call_of(box: Troubled, name: str) -> None:
    """The model calls a tool instead of speaking."""
    box.server.created("r1")
    call = {
        "id": "f1",
        "type": "function_call",
        "status": "completed",
        "name": name,
        "call_id": "c1",
        "arguments": "{}",
    }
    box.server.say("response.output_item.added", response_id="r1", output_index=0, item=call)
    box.server.say("conversation.item.added", previous_item_id=None, item=call)
    box.server.say(
        "response.function_call_arguments.done",
        response_id="r1",
        item_id="f1",
        output_index=0,
        call_id="c1",
        name=name,
        arguments="{}",
    )
    box.server.say("response.output_item.done", response_id="r1", output_index=0, item=call)
    box.server.done("r1", output=[call])


@pytest.mark.parametrize(
    ("tool", "within_s", "says"),
    [
        (hanging, 5, "Tool 'look_up' timed out after 5 seconds."),
        (hanging_without_a_limit, 60, "Tool 'look_up' timed out after 60 seconds."),
        (raising, 1, "tool look_up failed: the bridge is away"),
    ],
)
@virtual
async def test_tool_hangs_or_raises(tool: Callable[[], Any], within_s: float, says: str) -> None:
    agent = RealtimeAgent[Any](name="Assistant", tools=[tool()])
    async with Troubled(agent=agent) as box:
        await box.reach("thinking")
        box.forget()
        call_of(box, "look_up")
        await box.hums(3)
        await box.wait(4.5)
        if len(box.server.of("response.create")) == 2:  # a sentence in between: "one moment"
            box.server.answer("filler", "f2", voice(2400))
            await box.hums(30)
        await box.wait(within_s)
        await box.hums(3)
        outputs = [
            event["item"]["output"]
            for event in box.server.of("conversation.item.create")
            if event["item"]["type"] == "function_call_output"
        ]
        assert len(outputs) == 1
        assert box.server.types()[-1] == "response.create", "the model may speak about it"
        box.server.answer("r2", "i2", ANSWER)
        await box.hums(120)
        assert ANSWER in box.speaker.played
        assert len(box.lines) == 1, box.lines
        assert says in box.lines[0]
        assert box.phase is Phase.IDLE
        await box.converses()


# ---- a button and a switch at the same time ------------------------------------------


@virtual
async def test_mute_switch_that_cannot_be_read_keeps_the_microphone_closed() -> None:
    switch = FakeButton()
    async with Troubled(devices={"switches": {"mute": switch}}) as box:
        await box.hums(20)
        switch.press(edge_lost=True)
        await box.press()
        await box.live(30, SAID)
        assert box.server.appended() == b""
        assert not box.microphone.holds_device
        assert box.cue is Cue.MUTED or box.phase is Phase.SPEAKING


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()

    @virtual
    async def main() -> None:
        async with Troubled() as box:
            await box.hums(5)
            box.microphone.unplug()
            await box.hums(60)
            assert box.app.sound.keeper.state(Port.MICROPHONE).value == "lost"

    for _ in range(3):
        main()
    deadline = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
