"""A light in virtual time: what it shows when, and how often anybody is woken for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon.cues import BoxView, Cue, VolumeFlash
from daemon.events import Phase
from daemon.lamp import RETRY_S, Lamp
from hw.errors import DeviceError, Fault
from hw.fakes import FakeLight
from hw.ports import Colour

CYAN, RED, BLACK = (0, 200, 255), (255, 0, 0), (0, 0, 0)
IDLE = BoxView(phase=Phase.IDLE)


class TimedLight(FakeLight):
    """Notes when it was shown what, in ms since the test began."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shown: list[tuple[int, tuple[Colour, ...]]] = []
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        super().start()

    def show(self, colours: Sequence[Colour]) -> None:
        super().show(colours)
        self.shown.append((_now_ms(), tuple(colours)))


def _now_ms() -> int:
    return round((asyncio.get_running_loop().time() - 1000.0) * 1000)


class World:
    """A box that is looked at through one lamp."""

    def __init__(self, *, brightness_percent: int = 100, **options: Any) -> None:
        self.view = IDLE
        self.looks = 0
        self.light = TimedLight(**options)
        self.lamp = Lamp(self.light, self.look, DeviceError, brightness_percent=brightness_percent)

    def look(self) -> BoxView:
        self.looks += 1
        return self.view

    def change(self, **facts: Any) -> None:
        self.view = replace(self.view, **facts)
        self.lamp.refresh()


def virtual(**options: Any) -> Callable[[Callable[[World], Coroutine[Any, Any, None]]], Callable[[], None]]:
    def decorate(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        async def main() -> None:
            world = World(**options)
            await test(world)
            world.lamp.stop()
            looks = world.looks
            await asyncio.sleep(100)
            assert (world.looks, world.light.running) == (looks, False)  # it is dark, and nothing goes on

        def run() -> None:
            run_virtual(main())

        run.__name__ = test.__name__
        return run

    return decorate


@virtual()
async def test_a_press_is_lit_before_refresh_returns(world: World) -> None:
    world.lamp.start()
    await asyncio.sleep(5)
    world.change(phase=Phase.LISTENING)
    assert (world.light.colours, world.light.shown[-1][0]) == ((CYAN,), 5000)


@virtual()
async def test_nobody_is_woken_for_what_does_not_move(world: World) -> None:
    world.lamp.start()
    for view in (IDLE, replace(IDLE, muted=True)):
        world.change(**{"muted": view.muted})
        looks, shown = world.looks, len(world.light.shown)
        await asyncio.sleep(24 * 3600)
        assert (world.looks, len(world.light.shown)) == (looks, shown)


@virtual()
async def test_steps_are_shown_exactly_on_time(world: World) -> None:
    world.lamp.start()
    world.change(phase=Phase.OFFLINE)
    await asyncio.sleep(4.5)
    assert [(ms, colours != (BLACK,)) for ms, colours in world.light.shown] == [
        (0, False),
        (0, True),
        (300, False),
        (4000, True),
        (4300, False),
    ]


@virtual()
async def test_what_moves_smoothly_is_drawn_25_times_a_second(world: World) -> None:
    world.lamp.start()
    world.change(phase=Phase.SPEAKING)
    looks = world.looks
    await asyncio.sleep(10)
    assert world.looks - looks == 250


@virtual(dims=False)
async def test_a_lamp_that_cannot_dim_is_not_woken_for_fades(world: World) -> None:
    world.lamp.start()
    world.change(phase=Phase.SPEAKING)
    looks = world.looks
    await asyncio.sleep(8.1)  # five swells of 1.6 s
    assert world.looks - looks == 10
    assert [ms for ms, _ in world.light.shown[:4]] == [0, 0, 800, 1600]


@virtual()
async def test_a_refresh_without_a_change_disturbs_no_rhythm(world: World) -> None:
    world.lamp.start()
    world.change(phase=Phase.LISTENING)
    for _ in range(200):
        await asyncio.sleep(0.013)
        world.lamp.refresh()
    assert [ms for ms, _ in world.light.shown] == [0, 0, 800, 1000, 1800, 2000]


@virtual()
async def test_each_state_begins_at_its_beginning(world: World) -> None:
    world.lamp.start()
    world.change(phase=Phase.LISTENING)
    await asyncio.sleep(0.9)  # it is in its down step
    world.change(muted=True)
    world.change(muted=False)
    assert world.light.colours == (CYAN,)
    await asyncio.sleep(0.85)
    assert world.light.shown[-1][0] == 900 + 800


@virtual()
async def test_the_volume_is_shown_and_taken_away_in_time(world: World) -> None:
    world.lamp.start()
    world.change(volume_flash=VolumeFlash(50, 1001.5))
    assert world.lamp.cue is Cue.VOLUME
    await asyncio.sleep(3)
    assert world.lamp.cue is Cue.IDLE
    assert world.light.shown[-1] == (1500, (BLACK,))


@virtual()
async def test_a_changed_volume_does_not_begin_anew(world: World) -> None:
    world.lamp.start()
    for percent in (50, 55, 60):
        world.change(volume_flash=VolumeFlash(percent, 1002.0))
        await asyncio.sleep(0.5)
    await asyncio.sleep(0.05)
    at_60_percent = (120, 120, 120)
    assert world.light.shown[-2:] == [(1000, (at_60_percent,)), (1500, ((36, 36, 36),))]


@virtual(pixels=3, brightness_percent=40)
async def test_brightness_is_limited_on_every_pixel(world: World) -> None:
    world.lamp.start()
    world.change(muted=True)
    assert world.light.colours == ((102, 0, 0),) * 3


def test_a_brightness_that_is_not_possible_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="allowed: 1 to 100"):
            World(brightness_percent=0)

    run_virtual(main())


# ---- a light that fails ------------------------------------------------------------------


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_light_that_goes_is_said_once_and_comes_back_as_the_box_is_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @virtual()
    async def scene(world: World) -> None:
        world.lamp.start()
        world.light.unplug()
        world.change(phase=Phase.LISTENING)  # raises nothing
        assert world.lamp.problem.startswith("fake light: it was unplugged")
        await asyncio.sleep(10 * RETRY_S - 1)
        assert (world.light.starts, world.lamp.cue) == (1 + 9, None)
        world.change(phase=Phase.IDLE, muted=True)
        world.light.plug()
        await asyncio.sleep(1.1)
        assert (world.light.colours, world.lamp.problem, world.lamp.cue) == ((RED,), "", Cue.MUTED)

    with caplog.at_level(logging.INFO, "harkd"):
        scene()
    assert len(_warnings(caplog)) == 1
    assert caplog.records[-1].message == "the light is back"


class Unlit(TimedLight):
    """Opens, and shows nothing."""

    def show(self, colours: Sequence[Colour]) -> None:
        raise DeviceError(Fault.UNSUPPORTED, "unlit", "it does not shine")


def test_a_light_that_opens_and_shows_nothing_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    @virtual()
    async def scene(world: World) -> None:
        lamp = Lamp(light := Unlit(), world.look, DeviceError)
        lamp.start()
        await asyncio.sleep(3 * RETRY_S + 1)
        assert (light.starts, light.running, lamp.problem) == (4, False, "unlit: it does not shine")
        lamp.stop()

    with caplog.at_level(logging.INFO, "harkd"):
        scene()
    assert len(caplog.records) == 1


def test_a_light_that_is_not_there_at_the_start_hinders_nobody(caplog: pytest.LogCaptureFixture) -> None:
    @virtual()
    async def scene(world: World) -> None:
        world.light.unplug()
        world.lamp.start()
        world.change(muted=True)
        world.light.plug()
        await asyncio.sleep(RETRY_S + 1)
        assert world.light.colours == (RED,)

    scene()
    assert len(_warnings(caplog)) == 1


@virtual()
async def test_a_light_that_goes_while_it_moves_is_tried_no_more_until_its_time(world: World) -> None:
    world.lamp.start()
    world.change(phase=Phase.SPEAKING)
    await asyncio.sleep(1)
    world.light.unplug()
    await asyncio.sleep(RETRY_S - 2)
    looks = world.looks
    await asyncio.sleep(1)
    assert (world.looks, world.light.starts, world.light.running) == (looks, 1, False)


@virtual()
async def test_stop_ends_the_retries(world: World) -> None:
    world.light.unplug()
    world.lamp.start()
    world.lamp.stop()
    await asyncio.sleep(10 * RETRY_S)
    assert world.light.starts == 1


@virtual()
async def test_refresh_is_harmless_before_start_and_after_stop(world: World) -> None:
    world.change(muted=True)
    world.lamp.start()
    world.lamp.stop()
    world.change(muted=False)
    assert world.light.shown == [(0, (RED,))]


@virtual()
async def test_it_can_be_started_again(world: World) -> None:
    world.lamp.start()
    world.change(muted=True)
    world.lamp.stop()
    world.lamp.start()
    assert world.light.colours == (RED,)


@virtual()
async def test_a_light_that_comes_back_begins_its_rhythm_anew(world: World) -> None:
    world.view = BoxView(phase=Phase.OFFLINE)
    world.lamp.start()
    world.light.unplug()
    await asyncio.sleep(10)  # found out when its first flash ends
    world.light.plug()
    await asyncio.sleep(RETRY_S - 9)
    assert [ms for ms, _ in world.light.shown] == [0, 30_300, 30_600]
