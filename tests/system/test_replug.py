"""Cards pulled out, put back, swapped and frozen under a running keeper: real drivers, real time."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.device_keeper import DeviceChange, DeviceKeeper
from daemon.health import UNHEALTHY_AFTER_S, DeviceHealth, OpenFailure, Port, PortState
from hw.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker, list_devices
from hw.errors import DeviceError, Fault
from tests.system.virtual_card import VirtualCard

pytestmark = pytest.mark.system

MIC, SPEAKER = Port.MICROPHONE, Port.SPEAKER
CARD = {MIC: "mic", SPEAKER: "speaker"}
BACK_S = 3.0
NOTICED_S = 1.0
SOON_S = 10.0


def failure_of(error: Exception) -> OpenFailure | None:
    if not isinstance(error, DeviceError) or error.fault is Fault.LIBRARY_MISSING:
        return None
    return OpenFailure.BUSY if error.fault is Fault.BUSY else OpenFailure.AWAY


class Box:
    """Both devices under a keeper. `periods` counts what came from one and went to the other."""

    def __init__(self, card: VirtualCard, in_use: bool, watch_silence: bool) -> None:
        self.card = card
        self.microphone, self.speaker = PortAudioMicrophone("mic"), PortAudioSpeaker("speaker")
        self.periods = {MIC: 0, SPEAKER: 0}
        self.pulled_at: list[float] = []
        self._hand = ThreadPoolExecutor(1)  # the default one grows as it likes, and threads are counted here
        self.changes: list[tuple[float, DeviceChange]] = []
        self.keeper = DeviceKeeper(
            asyncio.get_running_loop(),
            self.microphone,
            self.speaker,
            deliver=self._deliver,
            pull=self._pull,
            on_change=lambda change: self.changes.append((time.monotonic(), change)),
            failure_of=failure_of,
            in_use=lambda: in_use,
            health=DeviceHealth(watch_silence=watch_silence),
            cards=lambda: None,  # no kernel tells of these, on no machine
        )
        self.keeper.want(MIC, True)
        self.keeper.want(SPEAKER, True)

    def _deliver(self, pcm: bytes) -> None:
        self.periods[MIC] += 1

    def _pull(self, frames: int) -> bytes:
        self.periods[SPEAKER] += 1
        self.pulled_at.append(time.monotonic())
        return bytes(2 * frames)

    async def until(self, happened: Callable[[], bool], timeout_s: float = SOON_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not happened():  # noqa: ASYNC110 - what happens to a card tells nobody
                await asyncio.sleep(0.005)

    async def is_state(self, port: Port, state: PortState, timeout_s: float = SOON_S) -> None:
        await self.until(lambda: self.keeper.state(port) is state, timeout_s)

    async def flows(self, *ports: Port, timeout_s: float = SOON_S) -> None:
        """A few periods more have passed: the cards can be pulled out again."""
        wanted = {port: self.periods[port] + 3 for port in ports}
        await self.until(lambda: all(self.periods[p] >= n for p, n in wanted.items()), timeout_s)

    async def unplugged(self, *ports: Port) -> float:
        """Pull the cards out; seconds until the last of them was known to be lost."""
        began = time.monotonic()
        for port in ports:
            self.card.unplug(CARD[port])
        for port in ports:
            await self.is_state(port, PortState.LOST)
        return time.monotonic() - began

    async def plugged(self, *ports: Port) -> float:
        """Put the cards back; seconds from then until sound passes through the last of them again."""
        for port in ports:
            await asyncio.get_running_loop().run_in_executor(self._hand, self.card.plug, CARD[port])
        began = time.monotonic()
        await self.flows(*ports)
        return time.monotonic() - began


def run(
    card: VirtualCard,
    story: Callable[[Box], Awaitable[None]],
    *,
    in_use: bool = False,
    watch_silence: bool = False,  # the virtual microphone delivers zeros when nothing is said
) -> None:
    async def told() -> bool:
        box = Box(card, in_use, watch_silence)
        try:
            await box.keeper.start()
            await story(box)
        finally:
            closed = await box.keeper.stop()
        return closed

    try:
        assert asyncio.run(told())
    finally:
        for name in CARD.values():  # anew: what was plugged in by a thread goes with that thread
            card.unplug(name)
            card.plug(name)


def resources() -> tuple[int, int]:
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    ms = [ordered[round(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.95, 1.0)]
    return f"median {ms[0]:.0f}, p95 {ms[1]:.0f}, most {ms[2]:.0f} ms (mean {statistics.mean(seconds):.2f} s)"


def test_100_times_pulled_out_each_is_working_again_within_3_s(virtual_card: VirtualCard) -> None:
    noticed: list[float] = []
    back: list[float] = []
    counts: list[tuple[int, int]] = []

    async def story(box: Box) -> None:
        await box.flows(MIC, SPEAKER)
        for cycle in range(100):
            ports = [(MIC,), (SPEAKER,), (MIC, SPEAKER)][cycle % 3]
            noticed.append(await box.unplugged(*ports))
            if cycle % 10 == 9:  # longer: the driver's list is renewed meanwhile, and once more to find it
                await asyncio.sleep(cycle % 7 * 0.4)
            back.append(await box.plugged(*ports))
            for port in (MIC, SPEAKER):
                await box.is_state(port, PortState.WORKING)
            await box.flows(MIC, SPEAKER)
            counts.append(resources())
        assert box.keeper.healthy()

    run(virtual_card, story)
    print(f"\nnoticed: {spread(noticed)}\nback: {spread(back)}\nthreads, descriptors: {sorted(set(counts))}")
    assert max(noticed) <= NOTICED_S
    assert max(back) <= BACK_S
    assert counts[99] == counts[4]


@pytest.mark.parametrize("in_use", [False, True], ids=["quiet", "in use"])
@pytest.mark.parametrize(("late", "other"), [(MIC, SPEAKER), (SPEAKER, MIC)], ids=["microphone", "speaker"])
def test_a_box_that_began_without_a_card_has_it_within_3_s(
    virtual_card: VirtualCard, late: Port, other: Port, in_use: bool
) -> None:
    """It is not on the driver's list, which the other device keeps alive."""

    async def story(box: Box) -> None:
        assert box.keeper.state(late) is PortState.LOST
        await box.flows(other)
        assert await box.plugged(late) <= BACK_S
        await box.flows(MIC, SPEAKER)

    virtual_card.unplug(CARD[late])
    run(virtual_card, story, in_use=in_use)


def test_cards_that_come_back_in_another_order_are_found_by_name(virtual_card: VirtualCard) -> None:
    listing = Path(virtual_card.environment["ALSA_CONFIG_PATH"])
    text = listing.read_text()

    def reorder() -> None:
        listing.write_text("\n".join(reversed(text.splitlines())) + "\n")

    async def story(box: Box) -> None:
        await box.flows(MIC, SPEAKER)
        await box.unplugged(MIC, SPEAKER)
        reorder()
        assert await box.plugged(SPEAKER, MIC) <= BACK_S

    before = [device.name for device in list_devices()]
    try:
        run(virtual_card, story)
        assert [device.name for device in list_devices()][:2] == [before[1], before[0]]
    finally:
        listing.write_text(text)


def test_a_frozen_microphone_is_not_closed_and_the_box_healthy_again_when_it_thaws(
    virtual_card: VirtualCard,
) -> None:
    async def story(box: Box) -> None:
        await box.flows(MIC, SPEAKER)
        virtual_card.wedge("mic")
        try:
            await box.is_state(MIC, PortState.WEDGED, NOTICED_S)
            assert box.keeper.healthy()
            await box.until(lambda: not box.keeper.healthy(), UNHEALTHY_AFTER_S + NOTICED_S)
            assert box.keeper.status(MIC)["holds_device"]
            await box.flows(SPEAKER)  # goes on beside it
            assert await box.keeper.switch(MIC, False)  # cannot be proven, so it is not claimed
            box.keeper.want(MIC, True)
        finally:
            virtual_card.unwedge("mic")
        await box.flows(MIC, timeout_s=NOTICED_S)
        await box.is_state(MIC, PortState.WORKING, NOTICED_S)
        assert box.keeper.healthy()
        assert box.keeper.status(MIC)["reopened"] == 0

    run(virtual_card, story)


def test_a_microphone_that_delivers_only_zeros_is_silent_until_it_hears_something(
    virtual_card: VirtualCard,
) -> None:
    async def story(box: Box) -> None:
        began = time.monotonic()
        await box.is_state(MIC, PortState.SILENT)
        assert time.monotonic() - began <= NOTICED_S
        noise = bytes(range(256)) * 375  # 1 s
        saying = asyncio.get_running_loop().run_in_executor(None, virtual_card.say, noise, 48000)
        await box.is_state(MIC, PortState.WORKING)
        await saying

    run(virtual_card, story, watch_silence=True)


def test_while_the_microphone_is_away_the_loudspeaker_is_disturbed_but_seldom(
    virtual_card: VirtualCard,
) -> None:
    """Where no kernel tells of plugs, it is closed for a moment to renew the list of devices."""

    async def story(box: Box) -> None:
        await box.flows(MIC, SPEAKER)
        await box.unplugged(MIC)
        box.pulled_at.clear()
        await asyncio.sleep(5.0)
        pauses = [after - before for before, after in pairwise(box.pulled_at)]
        renewed = box.keeper.status(SPEAKER)["reopened"]
        print(f"\nreopened {renewed} times in 5 s, longest pause {max(pauses) * 1000:.0f} ms")
        assert 1 <= renewed <= 3
        assert statistics.median(pauses) <= 0.04  # the longest may be a busy machine's

    run(virtual_card, story, in_use=True)
