from __future__ import annotations

import pytest

from hw.buttons.key_latch import KeyLatch, KeyTap

DOWN, UP = True, False


def _run(
    keys_ms: list[int], until_ms: int = 5000, make: type[KeyLatch] | type[KeyTap] = KeyLatch
) -> list[tuple[int, bool]]:
    """The edges of a latch that is asked at every millisecond, with the time of each."""
    latch, reported = make(), list[tuple[int, bool]]()
    for ms in range(until_ms):
        edges = latch.key(ms / 1000) if ms in keys_ms else latch.tick(ms / 1000)
        reported += [(ms, edge) for edge in edges]
    return reported


HOLD_X11 = [100, *range(760, 1500, 40)]  # first repeat after 660 ms
HOLD_CONSOLE = [100, *range(350, 1500, 33)]  # first repeat after 250 ms


@pytest.mark.parametrize(
    ("keys_ms", "edges"),
    [
        ([], []),
        (HOLD_X11, [(100, DOWN), (HOLD_X11[-1] + 150, UP)]),
        (HOLD_CONSOLE, [(100, DOWN), (HOLD_CONSOLE[-1] + 150, UP)]),
        ([100], [(100, DOWN)]),  # tap to talk ...
        ([100, 2000], [(100, DOWN), (2000, UP)]),  # ... tap to send
        ([100, 2000, 3000], [(100, DOWN), (2000, UP), (3000, DOWN)]),  # ... and to interrupt
        ([100, 400], [(100, DOWN), (550, UP)]),  # second tap within the time of a first repeat
        ([100, 2000, *range(2660, 3500, 40)], [(100, DOWN), (2000, UP)]),  # the sending tap was held
        ([100, 2000, 2300], [(100, DOWN), (2000, UP)]),  # deaf after a release by tap
        ([*HOLD_X11, 2500], [(100, DOWN), (HOLD_X11[-1] + 150, UP), (2500, DOWN)]),
    ],
)
def test_keys_become_presses_and_releases(keys_ms: list[int], edges: list[tuple[int, bool]]) -> None:
    assert _run(keys_ms) == edges


def test_a_key_after_a_missed_deadline_is_a_new_press() -> None:
    latch = KeyLatch()
    assert latch.key(0.0) + latch.key(0.5) == [DOWN]
    assert latch.key(3.0) == [UP, DOWN]


def test_a_tap_after_a_missed_deadline_releases() -> None:
    latch = KeyLatch()
    latch.key(0.0)
    assert latch.key(9.0) == [UP]


@pytest.mark.parametrize(
    ("keys_s", "pressed", "deadline"),
    [([], False, None), ([1.0], True, 1.7), ([1.0, 1.5], True, 1.65), ([1.0, 9.0], False, 9.7)],
)
def test_the_latch_says_where_it_is_and_when_to_ask_again(
    keys_s: list[float], pressed: bool, deadline: float | None
) -> None:
    latch = KeyLatch()
    for now in keys_s:
        latch.key(now)
    assert latch.pressed is pressed
    assert latch.next_deadline() == (None if deadline is None else pytest.approx(deadline))


@pytest.mark.parametrize(
    ("keys_ms", "edges"),
    [
        ([], []),
        ([100], [(100, DOWN), (250, UP)]),
        ([100, 300], [(100, DOWN), (250, UP), (300, DOWN), (450, UP)]),
        ([100, 249], [(100, DOWN), (399, UP)]),  # faster than a repeat's end: one tap
        ([100, 250], [(100, DOWN), (250, UP), (250, DOWN), (400, UP)]),
        # held: a tap, and a hold while it repeats
        (HOLD_X11, [(100, DOWN), (250, UP), (760, DOWN), (HOLD_X11[-1] + 150, UP)]),
    ],
)
def test_keys_become_taps(keys_ms: list[int], edges: list[tuple[int, bool]]) -> None:
    assert _run(keys_ms, make=KeyTap) == edges
