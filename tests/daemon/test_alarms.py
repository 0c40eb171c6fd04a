"""Timers in virtual time, with a wall clock that somebody sets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon.alarms import RETRY_S, Alarms
from daemon.timers import RING_S, Timer

NOON = 1_700_000_000.0


class World:
    """Wall clock, bell and disk."""

    def __init__(self) -> None:
        self.set_by_s = 0.0
        self.bell: list[tuple[float, str]] = []
        self.saved: list[list[str]] = []
        self.disk_error: OSError | None = None
        self._loop = asyncio.get_running_loop()
        self.alarms = Alarms(self.now, lambda: self.note("ring"), lambda: self.note("hush"), self.save)

    def now(self) -> float:
        return NOON + self._loop.time() - 1000.0 + self.set_by_s

    def note(self, what: str) -> None:
        self.bell.append((round(self._loop.time() - 1000.0, 3), what))

    async def save(self, timers: Sequence[Timer]) -> None:
        await asyncio.sleep(0.5)
        if self.disk_error:
            raise self.disk_error
        self.saved.append([timer.label for timer in timers])


def virtual(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        world = World()
        await test(world)
        await world.alarms.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def run() -> None:
        run_virtual(main())

    run.__name__ = test.__name__
    return run


@virtual
async def test_timer_rings_and_falls_silent_by_itself(world: World) -> None:
    world.alarms.set(90, "tea")
    await asyncio.sleep(2000)
    assert world.bell == [(90, "ring"), (90 + RING_S, "hush")]
    assert world.alarms.timers == ()


@virtual
async def test_dismissed_timer_is_gone_and_nothing_else_is_told(world: World) -> None:
    world.alarms.set(90, "tea")
    world.alarms.set(200, "egg")
    await asyncio.sleep(100)
    world.alarms.dismiss()
    assert [timer.label for timer in world.alarms.timers] == ["egg"]
    await asyncio.sleep(101)
    assert world.bell == [(90, "ring"), (200, "ring")]


@virtual
async def test_cancelling_the_only_one_that_rings_hushes(world: World) -> None:
    tea = world.alarms.set(90, "tea")
    await asyncio.sleep(95)
    assert world.alarms.remaining() == [(tea, 0)]
    world.alarms.cancel(tea.id)
    assert world.bell == [(90, "ring"), (95, "hush")]


@virtual
async def test_clock_set_forward_changes_no_waiting_time(world: World) -> None:
    world.alarms.set(90, "tea")
    await asyncio.sleep(40)
    world.set_by_s = 7200.0
    assert [left for _, left in world.alarms.remaining()] == [pytest.approx(50)]
    await asyncio.sleep(60)
    assert world.bell == [(90, "ring")]


@virtual
async def test_clock_set_back_changes_no_waiting_time(world: World) -> None:
    world.alarms.set(90, "tea")
    await asyncio.sleep(40)
    world.set_by_s = -86_400.0
    await asyncio.sleep(60)
    assert world.bell == [(90, "ring")]


@virtual
async def test_restored_timer_rings_when_the_network_sets_the_clock(world: World) -> None:
    world.alarms.start([Timer(1, "egg", NOON + 300)])
    await asyncio.sleep(10)
    world.set_by_s = 400.0
    await asyncio.sleep(30)
    assert world.bell == [(30, "ring")]


@virtual
async def test_timer_due_while_the_box_was_off_rings_unless_that_was_long_ago(world: World) -> None:
    world.alarms.start([Timer(1, "bread", NOON - RING_S - 1), Timer(2, "egg", NOON - 60)])
    assert world.bell == [(0, "ring")]
    assert [timer.label for timer in world.alarms.timers] == ["egg"]


@virtual
async def test_changes_are_saved_one_write_at_a_time_and_the_last_state_wins(world: World) -> None:
    world.alarms.set(90, "tea")
    await asyncio.sleep(0.1)
    egg = world.alarms.set(100, "egg")
    world.alarms.set(110, "rice")
    world.alarms.cancel(egg.id)
    await asyncio.sleep(2)
    assert world.saved == [["tea"], ["tea", "rice"]]


@virtual
async def test_stop_waits_for_the_last_change(world: World) -> None:
    world.alarms.set(90, "tea")
    await world.alarms.stop()
    assert world.saved == [["tea"]]


def test_read_only_disk_is_told_once_and_the_timers_go_on(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def test(world: World) -> None:
        world.disk_error = OSError(30, "Read-only file system")
        for seconds in (50, 60):
            world.alarms.set(seconds, "tea")
            await asyncio.sleep(1)
        await asyncio.sleep(60)
        assert [what for _, what in world.bell] == ["ring", "ring"]

    with caplog.at_level(logging.WARNING):
        test()
    assert caplog.text.count("Read-only file system") == 1


@virtual
async def test_what_a_full_disk_refused_is_saved_when_it_has_room_again(world: World) -> None:
    world.alarms.set(5000, "tea")
    await asyncio.sleep(1)
    world.disk_error = OSError(28, "No space left on device")
    world.alarms.cancel(1)
    await asyncio.sleep(10)
    assert world.alarms.failing
    world.disk_error = None
    await asyncio.sleep(RETRY_S)
    assert world.saved == [["tea"], []]
    assert not world.alarms.failing


@virtual
async def test_timer_that_was_over_before_it_could_be_saved_is_nothing_unsaved(world: World) -> None:
    world.disk_error = OSError(28, "No space left on device")
    world.alarms.set(5000, "tea")
    await asyncio.sleep(1)
    world.alarms.cancel(1)
    assert not world.alarms.failing


@virtual
async def test_stop_tries_once_more_what_a_full_disk_refused(world: World) -> None:
    world.disk_error = OSError(28, "No space left on device")
    world.alarms.set(5000, "tea")
    await asyncio.sleep(1)
    world.disk_error = None
    await world.alarms.stop()
    assert world.saved == [["tea"]]
