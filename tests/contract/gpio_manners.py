"""How GPIO lines behave: asserted of the fake kernel in tests/hw, and of Linux in tests/hil."""

from __future__ import annotations

import errno
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hw.gpio_chips import Ask
from hw.gpio_line import BOTH_EDGES, INPUT, NO_PULL, OUTPUT, PULL_DOWN, PULL_UP, EdgeWatch, GpioLine, LineEdge

SOON_S = 5.0
WATCHED = INPUT | PULL_UP | BOTH_EDGES
LINE = 5


class Chip(Protocol):
    @property
    def chip(self) -> str: ...
    def pull(self, number: int, *, high: bool) -> None: ...
    def is_driven_high(self, number: int) -> bool: ...
    def unplug(self) -> None: ...


@dataclass
class Lines:
    """A chip, the hand on it, and who asks the kernel about it."""

    hand: Chip
    ask: Ask

    def line(self) -> GpioLine:
        return GpioLine(self.hand.chip, LINE, self.ask)

    def is_refused(self, use: Callable[[], object]) -> OSError | None:
        try:
            use()
        except OSError as error:
            return error
        return None


class Watcher:
    """Watches a line, and what it is told."""

    def __init__(self, line: GpioLine) -> None:
        self.edges: queue.Queue[LineEdge] = queue.Queue()
        self.lost: queue.Queue[OSError] = queue.Queue()
        self.watch = EdgeWatch(line, "manners", self.edges.put, self.lost.put)

    def next(self) -> LineEdge:
        return self.edges.get(timeout=SOON_S)


def edges_come_in_order_with_the_time_they_were_made(lines: Lines) -> None:
    line = lines.line()
    line.claim(WATCHED)
    watcher = Watcher(line)
    for high in (False, True, False, True):
        before = time.monotonic()
        lines.hand.pull(LINE, high=high)
        edge = watcher.next()
        assert edge.high is high
        assert before - 1e-6 <= edge.at_s <= time.monotonic() + 1e-6
    watcher.watch.stop()
    line.release()


def edges_nobody_asked_for_are_not_told_later(lines: Lines) -> None:
    line = lines.line()
    line.claim(INPUT | PULL_UP)
    lines.hand.pull(LINE, high=False)
    line.claim(INPUT | NO_PULL | BOTH_EDGES)
    watcher = Watcher(line)
    lines.hand.pull(LINE, high=True)
    assert watcher.next().high
    watcher.watch.stop()
    assert watcher.edges.empty()
    line.release()


def stopped_watcher_is_told_no_more_and_the_line_is_free(lines: Lines) -> None:
    for _ in range(20):
        line = lines.line()
        line.claim(WATCHED)
        watcher = Watcher(line)
        watcher.watch.stop()
        line.release()
        lines.hand.pull(LINE, high=False)
        assert watcher.edges.empty()
        assert watcher.lost.empty()


def watcher_stops_from_within(lines: Lines) -> None:
    line, seen = lines.line(), queue.Queue[LineEdge]()
    watches: list[EdgeWatch] = []

    def stop(edge: LineEdge) -> None:
        watches[0].stop()
        line.release()
        seen.put(edge)

    line.claim(WATCHED)
    watches.append(EdgeWatch(line, "manners", stop, seen.put))
    lines.hand.pull(LINE, high=False)
    assert not seen.get(timeout=SOON_S).high
    again = lines.line()
    again.claim(WATCHED)
    again.release()


def level_follows_resistor_and_hand(lines: Lines) -> None:
    line = lines.line()
    line.claim(INPUT | PULL_DOWN)
    levels = [line.is_high()]
    lines.hand.pull(LINE, high=True)
    levels.append(line.is_high())
    line.claim(INPUT | PULL_UP)
    levels.append(line.is_high())
    line.release()
    assert levels == [False, True, True]


def output_has_its_level_from_the_beginning(lines: Lines) -> None:
    line = lines.line()
    line.claim(OUTPUT, high=True)
    driven = [lines.hand.is_driven_high(LINE)]
    line.drive(high=False)
    driven.append(lines.hand.is_driven_high(LINE))
    line.drive(high=True)
    driven += [lines.hand.is_driven_high(LINE), line.is_high()]
    line.claim(OUTPUT)
    driven.append(lines.hand.is_driven_high(LINE))
    line.release()
    assert driven == [True, False, True, True, False]


def line_that_is_held_is_busy_and_told_whose_it_is(lines: Lines) -> None:
    line = lines.line()
    line.claim(WATCHED)
    refused = lines.is_refused(lambda: lines.line().claim(OUTPUT))
    assert refused is not None
    assert (refused.errno, refused.strerror) == (errno.EBUSY, "'harkd' holds it")
    line.release()
    other = lines.line()
    other.claim(OUTPUT)
    other.release()


def line_that_does_not_exist_is_refused(lines: Lines) -> None:
    refused = lines.is_refused(lambda: GpioLine(lines.hand.chip, 54, lines.ask).claim(OUTPUT))
    assert refused is not None
    assert refused.errno == errno.EINVAL


def chip_that_goes_is_told_once(lines: Lines) -> None:
    """The last: there is no chip any more."""
    line = lines.line()
    line.claim(WATCHED)
    watcher = Watcher(line)
    lines.hand.unplug()
    assert watcher.lost.get(timeout=SOON_S).errno == errno.ENODEV
    refused = lines.is_refused(line.is_high)
    assert refused is not None
    assert refused.errno == errno.ENODEV
    watcher.watch.stop()
    line.release()
    assert watcher.lost.empty()
    assert watcher.edges.empty()


MANNERS = (
    edges_come_in_order_with_the_time_they_were_made,
    edges_nobody_asked_for_are_not_told_later,
    stopped_watcher_is_told_no_more_and_the_line_is_free,
    watcher_stops_from_within,
    level_follows_resistor_and_hand,
    output_has_its_level_from_the_beginning,
    line_that_is_held_is_busy_and_told_whose_it_is,
    line_that_does_not_exist_is_refused,
    chip_that_goes_is_told_once,
)
