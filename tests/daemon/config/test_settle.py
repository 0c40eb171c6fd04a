"""When files that change are read: a list of what was seen when, and what came of it."""

from __future__ import annotations

import pytest

from daemon.config.settle import PATIENCE_S, RESTLESS_S, SETTLE_S, SHRUNK_S, Fingerprint, Settle

OLD: Fingerprint = {"a": (1, 100, 0, 0), "b": (2, 50, 0, 0)}
NEW: Fingerprint = {**OLD, "a": (1, 100, 7, 7)}
NEWER: Fingerprint = {**OLD, "a": (1, 100, 9, 9)}


def settled(fingerprint: Fingerprint = OLD) -> Settle:
    """Has read `fingerprint` at 0 s, without mistakes."""
    settle = Settle()
    settle.seen(fingerprint, -1.0)
    settle.read(0.0, mistaken=False)
    return settle


def test_what_is_there_at_the_beginning_is_read_once() -> None:
    settle = Settle()
    settle.seen(OLD, 5.0)
    assert settle.next_deadline() == 5.0 + SETTLE_S
    assert not settle.read(5.0 + SETTLE_S, mistaken=False)
    assert settle.next_deadline() is None


def test_nothing_changed_is_nothing_to_read() -> None:
    settle = settled()
    settle.seen(OLD, 10.0)
    assert settle.next_deadline() is None
    assert not settle.is_due(99.0)


def test_each_change_puts_reading_off() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    settle.seen(NEWER, 10.2)
    assert not settle.is_due(10.2 + SETTLE_S - 0.01)
    assert settle.is_due(10.2 + SETTLE_S)


@pytest.mark.parametrize(
    "shrunk", [{}, {"a": OLD["a"]}, {**OLD, "a": (1, 0, 7, 7)}], ids=["all gone", "one gone", "one empty"]
)
def test_file_that_is_gone_or_empty_may_be_on_its_way_back(shrunk: Fingerprint) -> None:
    settle = settled()
    settle.seen(shrunk, 10.0)
    assert settle.next_deadline() == 10.0 + SHRUNK_S
    settle.seen(NEW, 10.5)
    assert settle.next_deadline() == 10.5 + SETTLE_S


def test_file_that_is_open_for_writing_is_given_time() -> None:
    settle = settled()
    settle.seen(NEW, 10.0, being_written=True)
    assert settle.next_deadline() == 10.0 + SHRUNK_S


def test_directory_that_never_rests_is_read_nevertheless() -> None:
    settle = settled()
    now = 10.0
    while not settle.is_due(now):
        settle.seen({**OLD, "a": (1, 100, round(now * 1000), 0)}, now)
        now += 0.1
    assert now == pytest.approx(10.0 + RESTLESS_S, abs=0.15)


def test_mistake_is_believed_when_it_stays() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    assert not settle.read(10.3, mistaken=True)
    assert settle.next_deadline() == 10.3 + PATIENCE_S
    assert settle.read(10.3 + PATIENCE_S, mistaken=True)
    assert settle.next_deadline() is None


def test_mistake_that_was_half_a_file_is_forgotten() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    assert not settle.read(10.3, mistaken=True)
    settle.seen(NEWER, 11.0)
    assert not settle.read(11.3, mistaken=False)
    assert settle.next_deadline() is None


def test_patience_counts_from_the_first_mistake_however_often_it_is_mended() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    assert not settle.read(10.3, mistaken=True)
    settle.seen(NEWER, 15.0)
    assert settle.read(15.3, mistaken=True)


def test_mistake_after_a_complaint_is_given_time_again() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    settle.read(10.3, mistaken=True)
    settle.read(15.3, mistaken=True)
    settle.seen(NEWER, 60.0)
    assert not settle.read(60.3, mistaken=True)


def test_who_asks_is_answered_at_once() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    settle.ask(10.1)
    assert settle.is_due(10.1)
    assert settle.read(10.1, mistaken=True)


def test_file_read_just_after_it_changed_is_read_again() -> None:
    settle = settled()
    settle.seen(NEW, 10.0)
    settle.ask(10.1)
    settle.read(10.1, mistaken=False)
    assert settle.next_deadline() == 10.0 + SETTLE_S
    settle.read(10.0 + SETTLE_S, mistaken=False)
    assert settle.next_deadline() is None
