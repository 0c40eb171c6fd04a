"""Fingers on fake buttons, in virtual time."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from virtual_loop import run_virtual

from daemon.bindings import Act, Bindings, TalkPressed
from daemon.button_board import ButtonBoard
from daemon.gestures import GestureSettings
from hw.buttons.gpio import GpioButton
from hw.errors import DeviceError, Fault
from hw.fakes import FakeButton
from hw.ports import Button, OnEdge

HOLD = Bindings(hold="talk")
LOUDER = Bindings(hold="volume_up", tap="volume_up")


class BrokenButton(FakeButton):
    def start(self, on_edge: OnEdge) -> None:
        raise DeviceError(Fault.BUSY, "GPIO 4", "in use", "Name another pin.")


class GoingButton(FakeButton):
    gone = False

    def is_pressed(self) -> bool:
        if self.gone:
            raise DeviceError(Fault.LOST, "GPIO 5", "No such device")
        return super().is_pressed()


class World:
    """A board with a talk button, a volume button and a mute switch, and everything it told."""

    def __init__(self, **others: Button) -> None:
        self.talk, self.louder, self.mute = (FakeButton() for _ in range(3))
        contacts = {"talk": self.talk, "louder": self.louder, "mute": self.mute} | others
        self.told: list[tuple[int, str]] = []  # (ms, what)
        self.troubles: list[tuple[str, str]] = []
        self.loop = asyncio.get_running_loop()
        self.heard = asyncio.Event()
        self.board = ButtonBoard(
            {"talk": (contacts["talk"], HOLD), "louder": (contacts["louder"], LOUDER)},
            {"mute": contacts["mute"]},
            GestureSettings(),
            on_talk=lambda talk: self.note(type(talk).__name__),
            act=lambda act: self.note(act.action),
            on_switch=lambda name, on: self.note(f"{name} {'on' if on else 'off'}"),
            on_trouble=lambda name, sentence: self.troubles.append((name, sentence)),
            device_error=DeviceError,
        )

    def note(self, what: str) -> None:
        self.told.append((round((self.loop.time() - 1000) * 1000), what))
        self.heard.set()

    async def until_told(self, times: int) -> None:
        async with asyncio.timeout(5):
            while len(self.told) < times:
                self.heard.clear()
                await self.heard.wait()


def virtual(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        world = World()
        world.board.start()
        await test(world)
        world.board.stop()

    def run() -> None:
        run_virtual(main())

    run.__name__ = test.__name__
    return run


@virtual
async def test_hold_talks_from_the_press_to_the_release(world: World) -> None:
    world.talk.press()
    await asyncio.sleep(2)
    world.talk.release()
    await asyncio.sleep(1)
    assert world.told == [(0, "TalkPressed"), (2000, "TalkReleased")]


@virtual
async def test_release_whose_edge_was_lost_is_found_within_a_tenth_of_a_second(world: World) -> None:
    world.talk.press()
    await asyncio.sleep(1.05)
    world.talk.release(edge_lost=True)
    await asyncio.sleep(1)
    [_, (found_ms, what)] = world.told
    assert what == "TalkReleased"
    assert 1050 < found_ms <= 1150


@virtual
async def test_lost_release_is_found_while_another_button_is_busy(world: World) -> None:
    world.talk.press()
    await asyncio.sleep(0.5)
    world.talk.release(edge_lost=True)
    for _ in range(10):
        world.louder.press()
        await asyncio.sleep(0.02)
        world.louder.release()
        await asyncio.sleep(0.02)
    [found_ms] = [ms for ms, what in world.told if what == "TalkReleased"]
    assert 500 < found_ms <= 600


@virtual
async def test_volume_goes_on_while_held_and_ends_with_the_release(world: World) -> None:
    world.louder.press()
    await asyncio.sleep(0.8)
    world.louder.release()
    await asyncio.sleep(2)
    assert world.told == [(0, "volume_up"), (500, "volume_up"), (750, "volume_up")]


@virtual
async def test_stuck_button_ends_its_turn_and_is_told_once(world: World) -> None:
    world.talk.press()
    await asyncio.sleep(200)
    assert world.told == [(0, "TalkPressed"), (60_000, "TalkReleased")]
    [(name, sentence)] = world.troubles
    assert (name, "was down for 60 s" in sentence) == ("talk", True)


@virtual
async def test_nothing_is_scheduled_while_nothing_is_pressed(world: World) -> None:
    for contact in (world.talk, world.mute):
        contact.press()
        await asyncio.sleep(1)
    world.talk.release()
    await asyncio.sleep(1)
    assert world.board._timer is None  # also while the switch is on


@virtual
async def test_nothing_is_told_after_stop_not_even_what_was_under_way(world: World) -> None:
    world.talk.press()
    world.board.stop()
    world.talk.release()
    await asyncio.sleep(100)
    assert world.told == []
    world.board.stop()


@virtual
async def test_board_works_again_after_a_restart(world: World) -> None:
    world.board.stop()
    world.board.start()
    world.talk.press()
    await asyncio.sleep(1)
    assert world.told == [(0, "TalkPressed")]


# ---- switches ------------------------------------------------------------------------


@virtual
async def test_switch_tells_where_it_stands(world: World) -> None:
    assert not world.board.switch_on("mute")
    assert world.board.mute_reason() is None
    world.mute.press()
    await asyncio.sleep(1)
    assert world.board.mute_reason() == (
        "the mute switch 'mute' is on: only a hand on the box can open the microphone"
    )
    world.mute.release()
    await asyncio.sleep(1)
    assert world.told == [(0, "mute on"), (1050, "mute off")]
    assert world.board.mute_reason() is None


@virtual
async def test_switch_whose_edge_was_lost_is_heard_before_anybody_can_talk(world: World) -> None:
    world.mute.press(edge_lost=True)
    await asyncio.sleep(1)
    world.talk.press()
    await asyncio.sleep(0.01)
    assert world.told == [(1000, "mute on"), (1000, "TalkPressed")]


@virtual
async def test_switch_whose_edge_was_lost_is_heard_when_software_wants_the_microphone(world: World) -> None:
    world.mute.press(edge_lost=True)
    assert world.board.mute_reason() is not None
    assert world.told == [(0, "mute on")]


@virtual
async def test_glimpse_of_an_open_contact_does_not_turn_the_switch_off(world: World) -> None:
    world.mute.press()
    await asyncio.sleep(1)
    world.mute.release(edge_lost=True)  # chatter that the driver keeps to itself ...
    assert world.board.switch_on("mute")
    world.mute.press(edge_lost=True)  # ... and that ends where it was
    await asyncio.sleep(1)
    assert world.told == [(0, "mute on")]
    assert world.board.switch_on("mute")


def test_switch_that_is_on_at_the_start_is_known_when_start_returns() -> None:
    async def main() -> None:
        world = World()
        world.board.start()
        world.board.stop()
        world.mute.press(edge_lost=True)
        world.board.start()
        assert world.board.switch_on("mute")
        await asyncio.sleep(1)
        assert world.told == world.troubles == []
        world.board.stop()

    run_virtual(main())


def test_name_that_is_no_switch_is_a_key_error() -> None:
    async def main() -> None:
        world = World()
        for name in ("talk", "mut"):
            with pytest.raises(KeyError):
                world.board.switch_on(name)

    run_virtual(main())


# ---- what goes wrong -----------------------------------------------------------------


def test_broken_button_is_told_of_and_the_others_work() -> None:
    async def main() -> None:
        world = World(talk=BrokenButton())
        world.board.start()
        world.louder.press()
        world.talk.press()
        await asyncio.sleep(0.1)
        assert world.told == [(0, "volume_up")]
        assert world.troubles == [
            ("talk", "the button 'talk' does not work: GPIO 4: in use. Name another pin.")
        ]
        world.board.stop()

    run_virtual(main())


def test_switch_that_cannot_be_read_keeps_the_microphone_closed() -> None:
    async def main() -> None:
        world = World(mute=BrokenButton())
        world.board.start()
        assert world.board.switch_on("mute")
        assert world.board.mute_reason() == world.troubles[0][1]
        assert "cannot be read, so the microphone stays closed: GPIO 4: in use" in world.troubles[0][1]
        world.board.stop()

    run_virtual(main())


def test_button_that_is_down_at_the_start_is_told_of_and_ignored_until_it_has_been_up() -> None:
    async def main() -> None:
        world = World()
        world.board.start()
        world.board.stop()
        world.talk.press()
        world.board.start()
        await asyncio.sleep(100)
        world.talk.release()
        await asyncio.sleep(1)
        assert world.told == []
        [(name, sentence)] = world.troubles
        assert (name, "active_high" in sentence) == ("talk", True)
        world.talk.press()
        await asyncio.sleep(1)
        assert world.told == [(101_000, "TalkPressed")]
        world.board.stop()

    run_virtual(main())


def test_receiver_that_raises_costs_its_event_only(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = World()
        world.board.start()
        world.board._on_talk, heard = lambda talk: 1 / 0, world.board._on_talk
        world.talk.press()
        await asyncio.sleep(0.5)
        world.board._on_talk = heard
        world.talk.release(edge_lost=True)
        await asyncio.sleep(1)
        assert [what for _, what in world.told] == ["TalkReleased"]
        world.board.stop()

    with caplog.at_level(logging.ERROR, "asyncio"):
        run_virtual(main())
    assert "ZeroDivisionError" in caplog.text


def test_edges_come_from_any_thread_with_the_time_they_were_made() -> None:
    async def main() -> None:
        talks, done = [], asyncio.Event()
        loop, button = asyncio.get_running_loop(), FakeButton()

        def on_talk(talk: object) -> None:
            talks.append(talk)
            done.set()

        board = ButtonBoard(
            {"talk": (button, HOLD)},
            {},
            GestureSettings(),
            on_talk=on_talk,
            act=lambda act: None,
            on_switch=lambda name, on: None,
            on_trouble=lambda name, sentence: None,
            device_error=DeviceError,
        )
        board.start()
        before = loop.time()
        finger = threading.Thread(target=button.press)
        finger.start()
        finger.join()  # the loop stands still meanwhile
        after = loop.time()
        await asyncio.wait_for(done.wait(), 5)
        board.stop()
        assert before <= talks[0].at <= after
        assert isinstance(talks[0], TalkPressed)

    asyncio.run(main())


def test_act_says_which_button_it_was() -> None:
    async def main() -> None:
        world, acts = World(), list[Act]()
        world.board._act = acts.append
        world.board.start()
        world.louder.press()
        await asyncio.sleep(0)
        assert acts == [Act("louder", "volume_up", 1000.0)]
        world.board.stop()

    run_virtual(main())


def test_switch_that_goes_is_on_from_the_next_look_and_told_once() -> None:
    async def main() -> None:
        mute = GoingButton()
        world = World(mute=mute)
        world.board.start()
        mute.gone = True
        world.talk.press()
        await asyncio.sleep(2)
        world.talk.release()
        await asyncio.sleep(2)
        assert [what for _, what in world.told] == ["mute on", "TalkPressed", "TalkReleased"]
        assert "the microphone stays closed: GPIO 5: No such device" in (world.board.mute_reason() or "")
        assert [name for name, _ in world.troubles] == ["mute"]
        world.board.stop()

    run_virtual(main())


def test_button_that_goes_while_it_is_down_is_let_go() -> None:
    async def main() -> None:
        talk = GoingButton()
        world = World(talk=talk)
        world.board.start()
        talk.press()
        await asyncio.sleep(1)
        talk.gone = True
        await asyncio.sleep(1)
        assert [what for _, what in world.told] == ["TalkPressed", "TalkReleased"]
        [(name, sentence)] = world.troubles
        assert (name, sentence) == ("talk", "the button 'talk' does not work: GPIO 5: No such device")
        world.board.stop()

    run_virtual(main())


# ---- on pins -------------------------------------------------------------------------


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    factory.reset()  # gpiozero 1.6: its factories share their pins
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    yield factory
    gpiozero.Device.pin_factory = before


def test_worn_button_and_switch_on_pins_are_heard_as_their_owner_meant_it(pins: MockFactory) -> None:
    async def main() -> None:
        talk, mute = pins.pin("GPIO17"), pins.pin("GPIO5")
        mute.drive_low()
        world = World(talk=GpioButton(17), mute=GpioButton(5, pull=False, recheck_ms=1000))
        world.board.start()
        assert world.board.switch_on("mute")
        for _ in range(4):
            mute.drive_high()
            mute.drive_low()
        mute.drive_high()
        await world.until_told(1)
        assert world.board.mute_reason() is None
        for _ in range(4):
            talk.drive_low()
            talk.drive_high()
        talk.drive_low()
        await asyncio.sleep(0.3)  # longer than a tap
        talk.drive_high()
        await world.until_told(3)
        world.board.stop()
        assert [what for _, what in world.told] == ["mute off", "TalkPressed", "TalkReleased"]

    asyncio.run(main())


def test_pin_in_use_leaves_the_other_buttons_working(pins: MockFactory) -> None:
    async def main() -> None:
        world = World(talk=GpioButton(17), louder=GpioButton("GPIO17"), mute=GpioButton(5))
        world.board.start()
        pins.pin("GPIO17").drive_low()
        await world.until_told(1)
        world.board.stop()
        assert [what for _, what in world.told] == ["TalkPressed"]
        [(name, sentence)] = world.troubles
        assert (name, "GPIO17 is already in use" in sentence) == ("louder", True), sentence

    asyncio.run(main())
