"""The box as its tools see it, from the loop's thread and from others."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from box import Box
from virtual_loop import run_virtual

from daemon.box_controls import BoxControls
from daemon.realtime import RealtimeAgent, RunContextWrapper
from daemon.realtime.context import ToolContext
from daemon.realtime.device import DeviceControls, DeviceRefusal, RunningTimer
from daemon.tools import BUILT_IN_TOOLS


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


async def call(box: Box, name: str, **arguments: Any) -> Any:
    text = json.dumps(arguments)
    run = RunContextWrapper(box.app.controls)
    context = ToolContext.for_call(run, name, "call_1", text, RealtimeAgent[Any](name="box"))
    return await BUILT_IN_TOOLS[name].on_invoke_tool(context, text)


@virtual
async def test_controls_are_what_tools_expect() -> None:
    async with Box() as box:
        assert isinstance(box.app.controls, DeviceControls)


@virtual
async def test_spoken_timer_rings_and_stop_silences_it() -> None:
    async with Box() as box:
        assert await call(box, "set_timer", seconds=2, label="tea") == "Set: timer 1 (tea), 2 s left."
        assert await call(box, "list_timers") == "timer 1 (tea), 2 s left"
        await box.live(250)
        assert box.app.status()["phase"] == "ringing"
        assert await call(box, "list_timers") == "timer 1 (tea), ringing"
        await call(box, "stop")
        assert box.app.status()["phase"] == "idle"
        assert await call(box, "list_timers") == "No timer is set."


@virtual
async def test_spoken_volume_and_mute_reach_the_devices() -> None:
    async with Box() as box:
        await call(box, "set_volume", percent=40)
        await call(box, "mute_microphone")
        assert box.app.gain.percent == 40
        assert not box.microphone.running
        status = await call(box, "device_status")
        assert (status["volume_percent"], status["microphone"]) == (40, "muted")
        assert len(json.dumps(status)) < 500


@virtual
async def test_what_the_box_refuses_is_told() -> None:
    async with Box() as box:
        controls = box.app.controls
        with pytest.raises(DeviceRefusal, match="there is no timer 9; there are: none"):
            controls.cancel_timer(9)
        with pytest.raises(DeviceRefusal, match="at most 7 days"):
            controls.set_timer(1e9, "")
        with pytest.raises(DeviceRefusal, match="allowed: a whole number from 0 to 100"):
            controls.set_volume(101)
        timer = controls.set_timer(60, "tea")
        assert controls.cancel_timer(timer.id) == RunningTimer(1, "tea", 60.0)


@virtual
async def test_time_is_local_with_weekday_and_zone() -> None:
    async with Box() as box:
        pattern = r"[A-Z][a-z]+day 2023-11-1\d \d\d:\d\d:\d\d \S+ \(UTC[+-]\d{4}\)"
        assert re.fullmatch(pattern, box.app.controls.now_local())


def test_another_threads_wish_is_carried_out_on_the_loops_thread() -> None:
    class Recorder:
        volume_percent = 30

        def set_volume(self, percent: object) -> str | None:
            self.thread = threading.get_ident()
            return "too loud" if percent == 99 else None

    async def main() -> None:
        box: Any = Recorder()
        controls = BoxControls(box, lambda: 0.0)
        await asyncio.to_thread(controls.set_volume, 20)
        assert box.thread == threading.get_ident()
        assert await asyncio.to_thread(lambda: controls.volume_percent) == 30
        with pytest.raises(DeviceRefusal, match="too loud"):
            await asyncio.to_thread(controls.set_volume, 99)

    asyncio.run(main())


def test_wish_after_the_loop_has_closed_is_refused() -> None:
    async def make() -> BoxControls:
        box: Any = None
        return BoxControls(box, lambda: 0.0)

    controls = asyncio.run(make())
    thread_said: list[str] = []

    def wish() -> None:
        with pytest.raises(DeviceRefusal) as refusal:
            controls.stop()
        thread_said.append(str(refusal.value))

    thread = threading.Thread(target=wish)
    thread.start()
    thread.join()
    assert thread_said == ["the box is being switched off"]
