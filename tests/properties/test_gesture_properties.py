"""Whatever a contact does, in whatever order: the promises of debouncer, gestures and bindings together.

In simulated milliseconds, and wired as on the board: edges go through the debouncer, which reads the level
again when it says so, and from there into the panel, which is asked at each of its deadlines.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.bindings import (
    Act,
    Bindings,
    Panel,
    Stuck,
    Talk,
    TalkAbandoned,
    TalkPressed,
    TalkReleased,
    TalkTapped,
    Wish,
)
from daemon.gestures import GestureEngine, GestureSettings, Kind, State, Windows
from hw.buttons.debounce import Debouncer

DOWN, UP = True, False
SEQUENCES = 10_000
CHATTER_MS = 15.0
"""A worn contact's; good ones have done after 5 ms."""
LATEST_RELEASE_MS = 120
SETTLED_MS = 130
"""After the last movement: every level has been read again by then."""


class Contact:
    """A worn contact: what its owner means to do, and what of it reaches the debouncer."""

    def __init__(self, bindings: Bindings) -> None:
        self.panel = Panel({"talk": bindings}, (), GestureSettings())
        self.wishes: list[tuple[float, Wish]] = []  # with the time in ms at which they were made
        self._debouncer = Debouncer(pressed=False)
        self._debouncer.begin(0.0)
        self._level = UP
        self._now = 0.0

    def move(self, at_ms: float, level: bool, *, edge_lost: bool = False) -> None:
        self.wait(at_ms)
        self._level = level
        if not edge_lost:
            self._feed(self._debouncer.edge(level, self._now))

    def wait(self, until_ms: float) -> None:
        while (due := self._next()) is not None and due * 1000 <= until_ms:
            self._now = max(self._now, due)
            self._feed(self._debouncer.settle(self._level, self._now))
            self._note(self.panel.tick(self._now))
        self._now = max(self._now, until_ms / 1000)

    def _next(self) -> float | None:
        deadlines = (self._debouncer.next_deadline(), self.panel.next_deadline())
        return min((due for due in deadlines if due is not None), default=None)

    def _feed(self, edge: bool | None) -> None:
        if edge is not None:
            self._note(self.panel.level("talk", edge, self._now))

    def _note(self, wishes: list[Wish]) -> None:
        self.wishes += [(self._now * 1000, wish) for wish in wishes]


def _chatter(dice: random.Random, at_ms: float, level: bool) -> list[tuple[float, bool]]:
    """Edges within `CHATTER_MS` from `at_ms` that end at `level`."""
    times = sorted(dice.uniform(0.05, CHATTER_MS) for _ in range(2 * dice.randrange(8)))
    return [
        (at_ms, level),
        *((at_ms + after_ms, level is bool(n % 2)) for n, after_ms in enumerate(times)),
    ]


def _bouncing_press(seed: int) -> tuple[list[tuple[float, bool, bool]], float, float]:
    """(ms, level, is the edge lost) of one press among chatter, and when it began and ended.

    The kernel may lose any edge but the first of the press: one that is lost there was never made.
    """
    dice = random.Random(seed)
    down_ms = dice.uniform(0, 20)
    up_ms = down_ms + dice.choice([dice.uniform(30, 300), dice.uniform(30, 5000)])
    edges = _chatter(dice, down_ms, DOWN) + _chatter(dice, up_ms, UP)
    lost = [False, *(dice.random() < 0.3 for _ in edges[1:])]
    return [(at_ms, level, gone) for (at_ms, level), gone in zip(edges, lost, strict=True)], down_ms, up_ms


def test_ten_thousand_bouncing_presses_leave_no_stuck_turn_and_lose_no_release() -> None:
    for seed in range(SEQUENCES):
        contact = Contact(Bindings(hold="talk"))
        edges, down_ms, up_ms = _bouncing_press(seed)
        for at_ms, level, edge_lost in edges:
            contact.move(at_ms, level, edge_lost=edge_lost)
        contact.wait(up_ms + 1000)
        (pressed_ms, pressed), (ended_ms, ended), *more = contact.wishes
        assert isinstance(pressed, TalkPressed), seed
        assert pressed_ms == pytest.approx(down_ms), seed
        assert isinstance(ended, TalkReleased | TalkAbandoned), seed
        assert up_ms - 1e-6 <= ended_ms <= up_ms + LATEST_RELEASE_MS, seed
        assert more == [], seed


ACTIONS = ("none", "stop", "volume_up")
BINDINGS = st.builds(
    Bindings,
    hold=st.sampled_from(["none", "talk", "volume_up"]),
    tap=st.sampled_from(["talk", *ACTIONS]),
    double=st.sampled_from(ACTIONS),
    long=st.sampled_from(ACTIONS),
)
MOVES = st.lists(st.tuples(st.one_of(st.integers(0, 40), st.integers(0, 1200)), st.booleans(), st.booleans()))


def _turns_are_whole(wishes: list[Wish]) -> None:
    """Every talk that begins ends once, before the next; nothing ends that did not begin."""
    open_turn = False
    for wish in wishes:
        if isinstance(wish, Talk):
            assert isinstance(wish, TalkPressed) != open_turn
            open_turn = not open_turn
    assert not open_turn


@given(BINDINGS, MOVES)
def test_any_history_that_ends_released_ends_with_every_turn_ended(
    bindings: Bindings, moves: list[tuple[int, bool, bool]]
) -> None:
    contact, at_ms = Contact(bindings), 0
    for elapsed_ms, level, edge_lost in moves:
        at_ms += elapsed_ms
        contact.move(at_ms, level, edge_lost=edge_lost and level is UP)
    contact.move(at_ms + SETTLED_MS, UP)
    contact.wait(at_ms + 2000)
    wishes = [wish for _, wish in contact.wishes]
    _turns_are_whole(wishes)
    assert contact.panel.unsettled == []
    assert contact.panel.next_deadline() is None
    for wish in wishes:
        if isinstance(wish, Act):
            assert wish.action in (bindings.hold, bindings.tap, bindings.double, bindings.long)
            assert wish.action not in ("talk", "none")
        assert not isinstance(wish, TalkTapped) or bindings.tap == "talk"


@given(BINDINGS)
def test_contact_that_stays_closed_is_stuck_once_and_holds_no_turn(bindings: Bindings) -> None:
    contact = Contact(bindings)
    contact.move(10, DOWN)
    contact.wait(300_000)
    wishes = [wish for _, wish in contact.wishes]
    assert [wish.at for wish in wishes if isinstance(wish, Stuck)] == [60.01]
    _turns_are_whole(wishes)
    contact.move(300_500, UP)
    assert [wish for _, wish in contact.wishes] == wishes


@given(BINDINGS, BINDINGS, st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 1500))))
def test_two_talk_buttons_never_speak_at_once(
    one: Bindings, other: Bindings, moves: list[tuple[str, bool, int]]
) -> None:
    panel, wishes, now = Panel({"a": one, "b": other}, (), GestureSettings()), list[Wish](), 0.0
    for name, level, elapsed_ms in moves:
        now += elapsed_ms / 1000
        wishes += panel.tick(now) + panel.level(name, level, now)
    wishes += panel.level("a", UP, now) + panel.level("b", UP, now) + panel.tick(now + 10)
    _turns_are_whole(wishes)
    assert panel.unsettled == []


WINDOWS = st.builds(
    Windows,
    tap_s=st.sampled_from([None, 250.0]),
    gap_s=st.sampled_from([0.0, 300.0]),
    long_s=st.sampled_from([None, 800.0]),
    repeat_after_s=st.sampled_from([None, 500.0]),
    repeat_every_s=st.just(250.0),
    stuck_s=st.just(60_000.0),
)


@given(WINDOWS, st.lists(st.tuples(st.sampled_from(["down", "up", "tick"]), st.integers(-50, 2000))))
def test_gestures_alternate_and_times_never_go_back_whenever_they_are_heard(
    windows: Windows, events: list[tuple[str, int]]
) -> None:
    engine, said, now = GestureEngine(windows), [], 0.0
    for event, elapsed in events:  # backwards, too: an edge may wait longer than a level that was read
        now += elapsed
        said += engine.tick(now) if event == "tick" else engine.level(event == "down", now)
    said += engine.level(UP, now + 5000) + engine.tick(now + 10_000)
    kinds = [gesture.kind for gesture in said]
    presses = [kind for kind in kinds if kind in (Kind.PRESS, Kind.LIFT, Kind.RELEASE)]
    assert [kind is Kind.PRESS for kind in presses] == [n % 2 == 0 for n in range(len(presses))]
    assert len(presses) % 2 == 0
    assert kinds.count(Kind.TAP) + 2 * kinds.count(Kind.DOUBLE) <= kinds.count(Kind.LIFT)
    assert [gesture.at for gesture in said] == sorted(gesture.at for gesture in said)
    assert engine.next_deadline() is None
    assert not engine.down


def test_every_state_is_reached_by_what_is_tried_here() -> None:
    engine, seen = GestureEngine(Windows(tap_s=250, gap_s=300, stuck_s=60_000)), {State.UP}
    for level, at in [(DOWN, 0), (UP, 100), (DOWN, 200), (DOWN, 500), (DOWN, 70_000)]:
        engine.level(level, at)
        seen.add(engine._state)
    assert seen == set(State)
