"""Tables of (ms, level), and the gestures that must come of them."""

from __future__ import annotations

from itertools import product

import pytest

from daemon.gestures import (
    MOVES,
    SWITCH_OFF_S,
    Gesture,
    GestureEngine,
    Kind,
    Signal,
    State,
    SwitchFollower,
    Windows,
)

DOWN, UP = True, False
PRESS, LIFT, RELEASE, TAP = Kind.PRESS, Kind.LIFT, Kind.RELEASE, Kind.TAP
DOUBLE, LONG, REPEAT, STUCK = Kind.DOUBLE, Kind.LONG, Kind.REPEAT, Kind.STUCK

# Time in milliseconds throughout: whole numbers compare exactly.
ONE_MEANING = Windows(stuck_s=60_000)
TALK = Windows(tap_s=250, stuck_s=60_000)
TALK_DOUBLE = Windows(tap_s=250, gap_s=300, stuck_s=60_000)
LONG_TOO = Windows(long_s=800, stuck_s=60_000)
ALL = Windows(gap_s=300, long_s=800, stuck_s=60_000)
VOLUME = Windows(tap_s=500, repeat_after_s=500, repeat_every_s=250, stuck_s=60_000)

Moves = list[tuple[int, bool]]
Said = list[tuple[int, Kind]]


def _plain(gestures: list[Gesture]) -> Said:
    return [(round(gesture.at), gesture.kind) for gesture in gestures]


def _run(windows: Windows, moves: Moves, until_ms: int) -> Said:
    """Every gesture with the time at which it was said, the engine being asked at each of its deadlines."""
    engine, said = GestureEngine(windows), Said()
    for at_ms, level in [*moves, (until_ms, None)]:
        while (due := engine.next_deadline()) is not None and due <= at_ms:
            said += _plain(engine.tick(due))
        said += _plain(engine.level(level, at_ms) if level is not None else engine.tick(at_ms))
    return said


@pytest.mark.parametrize(
    ("windows", "moves", "said"),
    [
        # one meaning: a tap is certain when the finger lifts, however long that took
        (ONE_MEANING, [(10, DOWN), (90, UP)], [(10, PRESS), (90, LIFT), (90, TAP)]),
        (ONE_MEANING, [(10, DOWN), (5010, UP)], [(10, PRESS), (5010, LIFT), (5010, TAP)]),
        # hold or tap
        (TALK, [(10, DOWN), (259, UP)], [(10, PRESS), (259, LIFT), (259, TAP)]),
        (TALK, [(10, DOWN), (260, UP)], [(10, PRESS), (260, RELEASE)]),
        (TALK, [(10, DOWN), (3010, UP)], [(10, PRESS), (3010, RELEASE)]),
        # a tap waits for the second one only where a double is bound
        (TALK_DOUBLE, [(10, DOWN), (110, UP)], [(10, PRESS), (110, LIFT), (410, TAP)]),
        (
            TALK_DOUBLE,
            [(10, DOWN), (110, UP), (409, DOWN), (509, UP)],
            [(10, PRESS), (110, LIFT), (409, PRESS), (509, LIFT), (509, DOUBLE)],
        ),
        (
            TALK_DOUBLE,
            [(10, DOWN), (110, UP), (410, DOWN), (510, UP)],
            [(10, PRESS), (110, LIFT), (410, TAP), (410, PRESS), (510, LIFT), (810, TAP)],
        ),
        (  # three taps: a double and a tap
            TALK_DOUBLE,
            [(0, DOWN), (50, UP), (100, DOWN), (150, UP), (200, DOWN), (250, UP)],
            [
                *[(0, PRESS), (50, LIFT), (100, PRESS), (150, LIFT), (150, DOUBLE)],
                *[(200, PRESS), (250, LIFT), (550, TAP)],
            ],
        ),
        (  # a tap, then a hold
            TALK_DOUBLE,
            [(10, DOWN), (110, UP), (200, DOWN), (2000, UP)],
            [(10, PRESS), (110, LIFT), (200, PRESS), (450, TAP), (2000, RELEASE)],
        ),
        # long: said while the button is down, and its release is no tap
        (LONG_TOO, [(10, DOWN), (809, UP)], [(10, PRESS), (809, LIFT), (809, TAP)]),
        (LONG_TOO, [(10, DOWN), (2000, UP)], [(10, PRESS), (810, LONG), (2000, RELEASE)]),
        (
            ALL,
            [(10, DOWN), (110, UP), (200, DOWN), (2000, UP)],
            [(10, PRESS), (110, LIFT), (200, PRESS), (1000, TAP), (1000, LONG), (2000, RELEASE)],
        ),
        # volume goes on while held
        (VOLUME, [(0, DOWN), (499, UP)], [(0, PRESS), (499, LIFT), (499, TAP)]),
        (
            VOLUME,
            [(0, DOWN), (1100, UP)],
            [(0, PRESS), (500, REPEAT), (750, REPEAT), (1000, REPEAT), (1100, RELEASE)],
        ),
        # stuck: once, and deaf until it has been up
        (
            TALK,
            [(0, DOWN), (90_000, DOWN), (95_000, UP), (96_000, DOWN), (96_100, UP)],
            [
                *[(0, PRESS), (60_000, STUCK), (60_000, RELEASE)],
                *[(96_000, PRESS), (96_100, LIFT), (96_100, TAP)],
            ],
        ),
        (
            TALK_DOUBLE,
            [(0, DOWN), (100, UP), (200, DOWN), (70_000, UP)],
            [
                *[(0, PRESS), (100, LIFT), (200, PRESS), (450, TAP)],
                *[(60_200, STUCK), (60_200, RELEASE)],
            ],
        ),
        # a level that is no news
        (
            TALK,
            [(10, UP), (20, DOWN), (30, DOWN), (100, UP), (110, UP)],
            [(20, PRESS), (100, LIFT), (100, TAP)],
        ),
    ],
)
def test_levels_become_gestures(windows: Windows, moves: Moves, said: Said) -> None:
    assert _run(windows, moves, 99_000) == said


def test_press_is_said_in_the_step_of_its_edge() -> None:
    assert GestureEngine(TALK_DOUBLE).level(DOWN, 7.0) == [Gesture(PRESS, 7.0)]


def test_late_loop_mistakes_no_tap_for_a_long_press() -> None:
    engine = GestureEngine(LONG_TOO)
    edges = [engine.level(DOWN, 0), engine.level(UP, 100)]  # both heard when the clock says 5000
    assert [_plain(said) for said in edges] == [[(0, PRESS)], [(100, LIFT), (100, TAP)]]
    assert engine.tick(5000) == []


def test_late_loop_says_what_was_due_before_the_edge_first_and_repeats_once() -> None:
    engine = GestureEngine(VOLUME)
    engine.level(DOWN, 0)
    assert _plain(engine.tick(1700)) == [(500, REPEAT)]
    assert engine.next_deadline() == 1950
    assert _plain(engine.level(UP, 2000)) == [(1950, REPEAT), (2000, RELEASE)]


def test_level_read_again_repairs_a_lost_release_and_a_lost_press() -> None:
    engine = GestureEngine(TALK)
    engine.level(DOWN, 0)
    assert _plain(engine.level(UP, 1000)) == [(1000, RELEASE)]
    assert _plain(engine.level(DOWN, 2000)) == [(2000, PRESS)]


def test_edge_older_than_the_level_read_meanwhile_counts_as_now() -> None:
    engine = GestureEngine(TALK)
    engine.level(DOWN, 0)
    engine.level(UP, 1000)
    assert _plain(engine.level(UP, 990)) == []
    assert _plain(engine.level(DOWN, 995)) == [(1000, PRESS)]


def test_button_that_is_down_at_the_start_says_nothing_until_it_has_been_up() -> None:
    engine = GestureEngine(ALL)
    engine.begin(pressed=True)
    assert engine.down
    assert engine.next_deadline() is None
    assert engine.level(DOWN, 5) == engine.level(UP, 5000) == []
    assert _plain(engine.level(DOWN, 6000)) == [(6000, PRESS)]


@pytest.mark.parametrize(
    ("windows", "moves", "deadline"),
    [
        (ONE_MEANING, [], None),
        (ONE_MEANING, [(10, DOWN)], 60_010),
        (ALL, [(10, DOWN)], 810),
        (TALK, [(10, DOWN)], 260),
        (TALK, [(10, DOWN), (100, UP)], None),
        (TALK_DOUBLE, [(10, DOWN), (100, UP)], 400),
        (TALK, [(10, DOWN), (70_000, DOWN)], None),  # stuck
    ],
)
def test_nothing_is_waited_for_that_is_not_bound(
    windows: Windows, moves: Moves, deadline: int | None
) -> None:
    engine = GestureEngine(windows)
    for at_ms, level in moves:
        engine.level(level, at_ms)
    assert engine.next_deadline() == deadline


# ---- the table -----------------------------------------------------------------------


def test_every_state_has_a_row_and_hears_the_edge_that_leaves_it() -> None:
    leaves = {State.UP: Signal.DOWN, State.GAP: Signal.DOWN}
    for state in State:
        assert leaves.get(state, Signal.UP) in MOVES[state]


def test_every_press_ends_and_only_a_press_that_was_said_ends() -> None:
    pressed = {State.DOWN, State.HELD, State.DOWN_AGAIN}
    for state, signal in product(State, Signal):
        after, kinds = MOVES[state].get(signal, (state, ()))
        assert (PRESS in kinds) == (state not in pressed and after in pressed)
        assert (LIFT in kinds or RELEASE in kinds) == (state in pressed and after not in pressed)


# ---- switches ------------------------------------------------------------------------


def _follow(moves: Moves, until_ms: int = 1000, *, on: bool = False) -> list[tuple[int, bool]]:
    """The positions reported, by a follower that is asked every millisecond."""
    switch, reported, levels = SwitchFollower(), [], dict(moves)
    switch.begin(on)
    for ms in range(until_ms):
        turned = switch.level(levels[ms], ms / 1000) if ms in levels else switch.tick(ms / 1000)
        reported += [] if turned is None else [(ms, turned)]
    return reported


OFF_MS = round(SWITCH_OFF_S * 1000)


@pytest.mark.parametrize(
    ("moves", "on", "reported"),
    [
        ([(10, True)], False, [(10, True)]),
        ([(10, True), (12, False), (14, True), (15, False), (18, True)], False, [(10, True)]),
        ([(10, True), (500, False)], False, [(10, True), (500 + OFF_MS, False)]),
        ([(500, False), (505, True), (510, False)], True, [(510 + OFF_MS, False)]),
        ([(10, True), (500, True), (600, True)], False, [(10, True)]),
        ([(10, False)], False, []),
        ([(10, True)], True, []),
    ],
)
def test_switch_is_on_at_once_and_off_when_it_is_quiet(
    moves: Moves, on: bool, reported: list[tuple[int, bool]]
) -> None:
    assert _follow(moves, on=on) == reported


def test_switch_that_was_off_while_nobody_asked_and_is_on_again_has_not_turned() -> None:
    switch = SwitchFollower()
    switch.begin(on=True)
    switch.level(False, 0.0)
    assert switch.level(True, 5.0) is None
    assert switch.on
    assert switch.next_deadline() is None
