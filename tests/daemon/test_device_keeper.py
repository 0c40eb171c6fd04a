"""The keeper with fake devices in virtual time, and its thread with real ones that hang."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from virtual_loop import run_virtual

from daemon.device_keeper import LOG_LINES, LOG_WINDOW_S, DeviceChange, DeviceKeeper, sound_cards_seen
from daemon.health import UNHEALTHY_AFTER_S, OpenFailure, Port, PortState
from hw.errors import DeviceError, Fault
from hw.fakes import FakeMicrophone, FakeSpeaker
from hw.ports import AudioFormat, Deliver

MIC, SPEAKER = Port.MICROPHONE, Port.SPEAKER
S = PortState
NOISE = bytes(range(1, 161))  # 10 ms at 8 kHz
CALL_S = 0.05


def failure_of(error: Exception) -> OpenFailure | None:
    if not isinstance(error, DeviceError) or error.fault is Fault.LIBRARY_MISSING:
        return None
    return OpenFailure.BUSY if error.fault is Fault.BUSY else OpenFailure.AWAY


class MicrophoneSocket:
    """Where one microphone or another is plugged in; `refusal` is what opening it raises."""

    def __init__(self) -> None:
        self.device = FakeMicrophone(rate_hz=8000)
        self.refusal: Exception | None = None
        self.close_error: Exception | None = None
        self.stops = 0

    @property
    def format(self) -> AudioFormat:
        return self.device.format

    @property
    def running(self) -> bool:
        return self.device.running

    @property
    def holds_device(self) -> bool:
        return self.device.holds_device

    def start(self, deliver: Deliver) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.device.start(deliver)

    def stop(self) -> None:
        self.stops += 1
        self.device.stop()
        if self.close_error is not None:
            raise self.close_error


class Calls:
    """Device calls that take `CALL_S` of virtual time, or for ever."""

    def __init__(self) -> None:
        self.hang = False

    def __call__(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        if not self.hang:
            asyncio.get_running_loop().call_later(CALL_S, self._do, work, done)

    def _do(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        error = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - as the real one
            error = raised
        done(error)


class Box:
    """A keeper whose devices pass a period every 10 ms, unless frozen."""

    def __init__(self) -> None:
        self.mic, self.speaker, self.calls = MicrophoneSocket(), FakeSpeaker(rate_hz=8000), Calls()
        self.sound = NOISE
        self.frozen = False
        self.heard: list[bytes] = []
        self.told: list[DeviceChange] = []
        self.on_change: Callable[[DeviceChange], None] = self.told.append
        self.turns = 0
        self.keeper = DeviceKeeper(
            asyncio.get_running_loop(),
            self.mic,
            self.speaker,
            deliver=self.heard.append,
            pull=lambda frames: bytes(2 * frames),
            on_change=lambda change: self.on_change(change),
            failure_of=failure_of,
            in_use=self._asked,
            call=self.calls,
            cards=lambda: None,
        )

    def _asked(self) -> bool:
        self.turns += 1
        return False

    async def play(self) -> None:
        while True:
            if not self.frozen:
                self.mic.device.feed(self.sound)
                self.speaker.play()
            await asyncio.sleep(0.01)

    def states(self, port: Port = MIC) -> list[PortState]:
        return [change.state for change in self.told if change.port is port and not change.new_format]

    async def hears_again_within(self, seconds: float) -> None:
        self.heard.clear()
        await asyncio.sleep(seconds)
        assert self.heard
        assert self.keeper.state(MIC) is S.WORKING


def run(story: Callable[[Box], Awaitable[None]], *, start: bool = True) -> None:
    async def told() -> None:
        box = Box()
        playing = asyncio.create_task(box.play())
        box.keeper.want(MIC, True)
        box.keeper.want(SPEAKER, True)
        try:
            if start:
                await box.keeper.start()
                await asyncio.sleep(0.5)
            await story(box)
        finally:
            await box.keeper.stop()
            playing.cancel()

    run_virtual(told())


def test_what_is_wanted_is_opened_and_told() -> None:
    async def story(box: Box) -> None:
        assert box.states(MIC) == box.states(SPEAKER) == [S.OPENING, S.WORKING]
        assert set(box.heard) == {NOISE}
        assert box.speaker.pulled_frames > 0

    run(story)


def test_stop_closes_both() -> None:
    async def story(box: Box) -> None:
        assert await box.keeper.stop()
        assert not box.mic.holds_device
        assert not box.speaker.holds_device

    run(story)


def test_an_unplugged_microphone_is_told_within_1_s_and_hears_again_within_3_s_of_its_return() -> None:
    async def story(box: Box) -> None:
        for away_s in (1.0, 2.3, 30.0):
            box.mic.device.unplug()
            await asyncio.sleep(away_s)
            assert box.keeper.state(MIC) is S.LOST
            assert box.keeper.state(SPEAKER) is S.WORKING
            box.mic.device.plug()
            await box.hears_again_within(3.0)
        assert box.states()[2:] == [S.LOST, S.WORKING] * 3
        assert box.keeper.healthy()

    run(story)


def test_a_box_without_devices_comes_up_and_waits_for_them() -> None:
    async def story(box: Box) -> None:
        box.mic.device.unplug()
        box.speaker.unplug()
        await box.keeper.start()
        assert [box.keeper.state(port) for port in Port] == [S.LOST, S.LOST]
        await asyncio.sleep(60.0)
        box.mic.device.plug()
        box.speaker.plug()
        await box.hears_again_within(3.0)
        assert box.keeper.state(SPEAKER) is S.WORKING

    run(story, start=False)


def test_a_busy_microphone_is_told_as_such_and_had_within_3_s_of_being_free() -> None:
    async def story(box: Box) -> None:
        box.mic.refusal = DeviceError(Fault.BUSY, "mic", "another program is using it")
        await box.keeper.start()
        assert box.keeper.status(MIC)["state"] == "busy"
        assert box.keeper.status(MIC)["reason"] == "mic: another program is using it"
        await asyncio.sleep(10.0)
        box.mic.refusal = None
        await box.hears_again_within(3.0)

    run(story, start=False)


@pytest.mark.parametrize(
    "error",
    [DeviceError(Fault.LIBRARY_MISSING, "sound card", "PyAudio is not installed"), ValueError("a bug")],
)
def test_what_no_waiting_mends_is_raised_by_start(error: Exception) -> None:
    async def story(box: Box) -> None:
        box.mic.refusal = error
        with pytest.raises(type(error)) as caught:
            await box.keeper.start()
        assert caught.value is error

    run(story, start=False)


def test_a_bug_of_a_driver_later_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def story(box: Box) -> None:
        box.mic.refusal = ValueError("a bug")
        box.mic.device.unplug()
        await asyncio.sleep(10.0)
        box.mic.refusal = None
        box.mic.device.plug()
        await box.hears_again_within(3.0)

    run(story)
    assert [r.message for r in caplog.records if r.exc_info] == ["the microphone does not open"]


def test_a_driver_that_fails_to_close_has_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def story(box: Box) -> None:
        box.mic.close_error = OSError("no such device")
        assert await box.keeper.switch(MIC, False) is None
        assert box.keeper.state(MIC) is S.CLOSED

    run(story)
    assert [r.message for r in caplog.records if r.exc_info] == ["closing the microphone failed"]


# ---- mute --------------------------------------------------------------------------------------------------


def test_switched_off_nothing_passes_from_the_first_moment_and_the_device_is_closed_at_the_end() -> None:
    async def story(box: Box) -> None:
        switching = asyncio.create_task(box.keeper.switch(MIC, False))
        await asyncio.sleep(0)
        box.heard.clear()
        assert await switching is None
        assert not box.mic.holds_device
        assert box.keeper.status(MIC)["holds_device"] is False
        await asyncio.sleep(5.0)
        assert box.heard == []
        assert await box.keeper.switch(MIC, True) is None
        await box.hears_again_within(0.5)

    run(story)


def test_switching_on_a_missing_microphone_says_why_and_goes_on_trying() -> None:
    async def story(box: Box) -> None:
        await box.keeper.switch(MIC, False)
        box.mic.device.unplug()
        why = await box.keeper.switch(MIC, True)
        assert why == "fake microphone: it is not plugged in. Plug it in."
        box.mic.device.plug()
        await box.hears_again_within(3.0)

    run(story)


def test_of_two_contrary_switches_the_first_says_that_it_was_overruled() -> None:
    async def story(box: Box) -> None:
        off = asyncio.create_task(box.keeper.switch(MIC, False))
        await asyncio.sleep(0)
        assert await box.keeper.switch(MIC, True) is None
        assert await off == "somebody has opened the microphone meanwhile"
        await box.hears_again_within(0.5)

    run(story)


# ---- wedged and silent -------------------------------------------------------------------------------------


def test_a_wedged_device_is_told_never_closed_unhealthy_and_healthy_again_by_itself() -> None:
    async def story(box: Box) -> None:
        box.frozen = True
        await asyncio.sleep(1.0)
        assert box.keeper.state(MIC) is box.keeper.state(SPEAKER) is S.WEDGED
        assert box.keeper.healthy()
        await asyncio.sleep(UNHEALTHY_AFTER_S + 0.1)
        assert not box.keeper.healthy()
        why = await box.keeper.switch(MIC, False)
        assert why == "the microphone is open, but delivers nothing and reports no error"
        assert (box.mic.stops, box.mic.holds_device) == (0, True)
        box.keeper.want(MIC, True)
        box.frozen = False
        await box.hears_again_within(0.5)
        assert box.keeper.healthy()
        assert box.mic.stops == 0

    run(story)


def test_stop_leaves_a_wedged_device_open_and_says_so() -> None:
    async def story(box: Box) -> None:
        box.frozen = True
        await asyncio.sleep(1.0)
        assert not await box.keeper.stop()
        assert box.mic.stops == 0

    run(story)


def test_a_driver_that_hangs_makes_the_box_unhealthy_and_holds_nobody_up() -> None:
    async def story(box: Box) -> None:
        loop = asyncio.get_running_loop()
        box.calls.hang = True
        began = loop.time()
        assert await box.keeper.switch(MIC, False) == "closing the microphone hangs"
        assert loop.time() - began < 4.0
        await asyncio.sleep(UNHEALTHY_AFTER_S + 0.1)
        assert not box.keeper.healthy()
        began = loop.time()
        assert not await box.keeper.stop()
        assert loop.time() - began < 2.5

    run(story)


def test_a_microphone_of_zeros_is_told_within_1_s_and_reopened() -> None:
    async def story(box: Box) -> None:
        box.sound = bytes(len(NOISE))
        await asyncio.sleep(1.05)
        assert box.keeper.state(MIC) is S.SILENT
        await asyncio.sleep(6.0)
        assert (box.mic.stops, box.keeper.status(MIC)["reopened"]) == (1, 1)
        box.sound = NOISE
        await box.hears_again_within(0.5)

    run(story)


# ---- another format ----------------------------------------------------------------------------------------


def test_sound_in_a_new_format_passes_only_after_the_box_was_told() -> None:
    async def story(box: Box) -> None:
        events: list[object] = []
        box.heard.clear()
        box.on_change = lambda change: events.append((change.new_format, len(set(box.heard))))
        old, box.mic.device = box.mic.device, FakeMicrophone(rate_hz=16000)
        old.unplug()
        old.stop()
        await asyncio.sleep(2.0)
        told_at = [seen for new_format, seen in events if new_format]
        assert told_at == [0]  # of the old microphone nothing came any more, of the new one not yet
        assert {len(period) for period in box.heard} == {320}

    run(story)


# ---- what it costs -----------------------------------------------------------------------------------------


@pytest.mark.long
def test_four_looks_a_second_while_open_none_while_closed() -> None:
    async def story(box: Box) -> None:
        box.turns = 0
        for _ in range(500):
            box.keeper.want(MIC, True)  # as it is
            await asyncio.sleep(0.02)
        assert box.turns <= 41
        await box.keeper.switch(MIC, False)
        await box.keeper.switch(SPEAKER, False)
        box.turns = 0
        await asyncio.sleep(1000.0)
        assert box.turns == 0

    run(story)


@pytest.mark.long
def test_a_loose_plug_leaves_a_few_lines_and_the_last_word(caplog: pytest.LogCaptureFixture) -> None:
    async def story(box: Box) -> None:
        for _ in range(50):
            box.mic.device.unplug()
            await asyncio.sleep(0.5)
            box.mic.device.plug()
            await asyncio.sleep(1.5)
        box.mic.device.unplug()
        await asyncio.sleep(LOG_WINDOW_S)

    caplog.set_level(logging.INFO)
    run(story)
    lines = [record.message for record in caplog.records]
    assert len(lines) == LOG_LINES + 1
    assert lines[1] == "microphone works again"
    assert lines[-1].startswith("microphone lost: ")
    assert lines[-1].endswith("(94 changes before were not logged)")


def test_news_come_in_order_to_one_who_wants_something_else_at_once() -> None:
    async def story(box: Box) -> None:
        def on_change(change: DeviceChange) -> None:
            box.told.append(change)
            if change.port is MIC and change.state is S.LOST:
                box.keeper.want(MIC, False)

        box.on_change = on_change
        box.mic.device.unplug()
        await asyncio.sleep(1.0)
        assert box.states() == [S.OPENING, S.WORKING, S.LOST, S.CLOSED]

    run(story)


# ---- the real thread ---------------------------------------------------------------------------------------


class Stuck(MicrophoneSocket):
    """Opening it takes until somebody lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def start(self, deliver: Deliver) -> None:
        self.let.wait()
        super().start(deliver)


def _keeper_of(mic: MicrophoneSocket) -> DeviceKeeper:
    return DeviceKeeper(
        asyncio.get_running_loop(),
        mic,
        FakeSpeaker(),
        deliver=lambda pcm: None,
        pull=bytes,
        on_change=lambda change: None,
        failure_of=failure_of,
        in_use=lambda: False,
    )


def test_the_loop_goes_on_while_a_driver_takes_its_time() -> None:
    async def story() -> None:
        mic = Stuck()
        keeper = _keeper_of(mic)
        keeper.want(MIC, True)
        starting = asyncio.create_task(keeper.start())
        await asyncio.sleep(0)
        assert not starting.done()
        mic.let.set()
        await starting
        assert mic.holds_device
        mic.device.feed(NOISE)
        assert await keeper.stop()

    asyncio.run(story())
    assert "sound devices" not in [thread.name for thread in threading.enumerate()]


HANGS = """
import asyncio
from tests.daemon.test_device_keeper import MIC, Stuck, _keeper_of

async def story():
    keeper = _keeper_of(Stuck())
    keeper.want(MIC, True)
    starting = asyncio.create_task(keeper.start())
    await asyncio.sleep(0)
    assert not await keeper.stop()

asyncio.run(story())
"""


@pytest.mark.long
def test_the_process_ends_beside_a_driver_that_hangs() -> None:
    root, contract = Path(__file__).parents[2], Path(__file__).parents[1] / "contract"
    environment = {**os.environ, "PYTHONPATH": f"{root}:{contract}"}
    subprocess.run([sys.executable, "-c", HANGS], env=environment, check=True, timeout=30)


def test_a_new_device_node_is_another_number_and_no_directory_is_none(tmp_path: Path) -> None:
    before = sound_cards_seen(str(tmp_path))
    (tmp_path / "pcmC1D0c").touch()
    assert None is not sound_cards_seen(str(tmp_path)) != before
    assert sound_cards_seen(str(tmp_path / "missing")) is None


# ---- exchanging a device ---------------------------------------------------------------


def exchange_microphone(box: Box) -> tuple[MicrophoneSocket, list[str]]:
    """The same kind of microphone; it is fed from here on, and the list tells when it took over."""
    old, new = box.mic, MicrophoneSocket()
    order: list[str] = []

    def exchanged() -> None:
        order.append("running" if old.running else "closed")
        box.mic = new

    box.keeper.exchange(MIC, new, exchanged)
    return new, order


def test_device_is_exchanged_when_the_old_one_is_closed() -> None:
    async def story(box: Box) -> None:
        old = box.mic
        box.told.clear()
        new, order = exchange_microphone(box)
        await box.hears_again_within(0.3)
        assert order == ["closed"]
        assert (old.running, new.running) == (False, True)
        assert box.states() == [S.CLOSED, S.OPENING, S.WORKING]
        assert [change.new_format for change in box.told].count(True) == 1

    run(story)


def test_device_that_was_closed_is_exchanged_at_once_and_stays_closed() -> None:
    async def story(box: Box) -> None:
        await box.keeper.switch(MIC, False)
        new, order = exchange_microphone(box)
        assert order == ["closed"]
        await asyncio.sleep(1)
        assert not new.running
        assert await box.keeper.switch(MIC, True) is None
        await box.hears_again_within(0.3)

    run(story)


def test_device_is_exchanged_while_it_is_being_opened() -> None:
    async def story(box: Box) -> None:
        await box.keeper.switch(MIC, False)
        box.keeper.want(MIC, True)
        new, order = exchange_microphone(box)
        assert order == []
        await box.hears_again_within(0.5)
        assert (order, new.running) == (["closed"], True)

    run(story)


def test_device_that_is_missing_is_exchanged_for_one_that_is_there() -> None:
    async def story(box: Box) -> None:
        box.mic.refusal = DeviceError(Fault.BUSY, "mic", "another program is using it")
        box.mic.device.unplug()
        await asyncio.sleep(1)
        assert box.keeper.state(MIC) is S.BUSY
        exchange_microphone(box)
        await box.hears_again_within(0.3)

    run(story)


def test_what_is_wanted_during_an_exchange_holds_after_it() -> None:
    async def story(box: Box) -> None:
        new, _ = exchange_microphone(box)
        box.keeper.want(MIC, False)
        await asyncio.sleep(1)
        assert not new.running
        box.keeper.want(MIC, True)
        await box.hears_again_within(0.3)

    run(story)


def test_device_exchanged_twice_at_once_is_the_last_one() -> None:
    async def story(box: Box) -> None:
        between, order = exchange_microphone(box)
        last, _ = exchange_microphone(box)
        await box.hears_again_within(0.5)
        assert (between.running, last.running, order) == (False, True, [])

    run(story)


def test_device_that_hangs_is_not_exchanged() -> None:
    async def story(box: Box) -> None:
        box.calls.hang = True
        new, order = exchange_microphone(box)
        await asyncio.sleep(60)
        assert (order, new.running, box.keeper.healthy()) == ([], False, False)

    run(story)


def test_loudspeaker_is_exchanged_like_a_microphone() -> None:
    async def story(box: Box) -> None:
        old, new = box.speaker, FakeSpeaker(rate_hz=8000)

        def exchanged() -> None:
            box.speaker = new

        box.keeper.exchange(SPEAKER, new, exchanged)
        await asyncio.sleep(0.5)
        assert (old.running, new.running) == (False, True)
        assert box.keeper.state(SPEAKER) is S.WORKING

    run(story)
