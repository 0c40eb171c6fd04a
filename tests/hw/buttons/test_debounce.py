"""Tables of (ms, what happened, level), and the edges that must come of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.buttons.debounce import Debouncer

DOWN, UP = True, False


class Contact:
    """Drives a Debouncer as the shell does: the level is read at every deadline."""

    def __init__(self, *, pressed: bool = False) -> None:
        self.level = pressed
        self.reported: list[tuple[int, bool]] = []
        # time in milliseconds throughout: whole numbers compare exactly
        self._debouncer = Debouncer(pressed, quiet_s=8, recheck_s=100)
        self._debouncer.begin(0.0)
        self._ms = 0

    def move(self, at_ms: int, level: bool, *, edge_lost: bool = False) -> None:
        self.wait(at_ms)
        self.level = level
        if not edge_lost:
            self._report(self._debouncer.edge(level, at_ms))

    def wait(self, until_ms: int) -> None:
        while self._ms < until_ms:
            self._ms += 1
            self._report(self._debouncer.settle(self.level, self._ms))

    def _report(self, edge: bool | None) -> None:
        if edge is not None:
            self.reported.append((self._ms, edge))


@pytest.mark.parametrize(
    ("edges", "reported"),
    [
        ([(10, DOWN), (500, UP)], [(10, DOWN), (500, UP)]),
        ([(10, DOWN), (11, UP), (12, DOWN), (300, UP), (301, DOWN), (302, UP)], [(10, DOWN), (300, UP)]),
        ([(10, DOWN), (13, UP)], [(10, DOWN), (18, UP)]),  # shorter than the quiet time
        ([(10, DOWN), (13, UP), (17, DOWN)], [(10, DOWN)]),  # chatter that ends pressed
        ([(10, DOWN), (13, UP), (20, DOWN), (23, UP)], [(10, DOWN), (18, UP)]),
        ([(10, UP)], []),  # an edge to where it is
    ],
)
def test_edges_become_presses_and_releases(
    edges: list[tuple[int, bool]], reported: list[tuple[int, bool]]
) -> None:
    contact = Contact()
    for at_ms, level in edges:
        contact.move(at_ms, level)
    contact.wait(1000)
    assert contact.reported == reported


def test_a_release_whose_edge_was_lost_is_found_within_the_recheck_time() -> None:
    contact = Contact()
    contact.move(10, DOWN)
    contact.move(250, UP, edge_lost=True)
    contact.wait(1000)
    assert contact.reported == [(10, DOWN), (318, UP)]


def test_a_button_held_at_the_start_reports_its_release_only() -> None:
    contact = Contact(pressed=True)
    contact.move(400, UP)
    assert contact.reported == [(400, UP)]


def test_a_released_button_needs_no_looking_after() -> None:
    debouncer = Debouncer(False)
    debouncer.begin(0.0)
    assert debouncer.next_deadline() is None


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans())))
def test_whatever_happened_the_report_ends_at_the_level_unless_a_press_was_lost(
    moves: list[tuple[int, bool, bool]],
) -> None:
    contact, at_ms = Contact(), 0
    for elapsed_ms, level, edge_lost in moves:
        at_ms += elapsed_ms
        contact.move(at_ms, level, edge_lost=edge_lost and level is UP)
    contact.wait(at_ms + 500)
    reported = [level for _, level in contact.reported]
    assert reported == [i % 2 == 0 for i in range(len(reported))]
    assert (reported[-1] if reported else UP) is contact.level


def test_what_was_made_before_the_latest_reading_is_covered_by_it() -> None:
    contact = Debouncer(pressed=False, quiet_s=8)
    assert contact.edge(DOWN, 10) is True
    assert contact.settle(UP, 18) is False  # the level of now, as of when it was due
    assert contact.settle(UP, 26) is None
    assert [contact.edge(DOWN, 25), contact.edge(DOWN, 40), contact.edge(UP, 60)] == [None, True, False]
