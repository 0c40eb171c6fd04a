"""Draws lanes of bars, marks and curves over one axis of time, as SVG. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from html import escape

from daemon.records import dataclass

WIDTH, LEFT, RIGHT = 1120, 92, 16
"""Pixels: the whole picture, the lanes' names, and what is left free."""

LANE, GAP, CURVE_LANE = 24, 12, 60
BADGE = 9
"""A moment's number: radius of its circle."""

BADGE_ROWS = 3
CHAR = 6.6
"""Pixels a character takes, about; a label that does not fit is left out, and still a tooltip."""

STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)
MOST_TICKS = 14


@dataclass(frozen=True, slots=True)
class Bar:
    """`kind` is the class that gives it its colour."""

    start: float
    end: float
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    at: float
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Gets a number and a line through all lanes."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Lane:
    """`curve`: points in time, values in milliseconds, from 0."""

    title: str
    bars: Sequence[Bar] = ()
    marks: Sequence[Mark] = ()
    curve: Sequence[tuple[float, float]] = ()

    def within(self, start: float, end: float) -> Lane:
        """What of it is to be seen there; values just outside give the curve its ends."""
        bars = [
            Bar(max(bar.start, start), min(bar.end, end), bar.kind, bar.label)
            for bar in self.bars
            if bar.end > start and bar.start < end
        ]
        curve = [(at, value) for at, value in self.curve if start <= at <= end]
        before = [value for at, value in self.curve if at < start]
        if curve or (before and before[-1]):
            curve = [(start, before[-1] if before else 0.0), *curve]
        return Lane(self.title, bars, [mark for mark in self.marks if start <= mark.at <= end], curve)


@dataclass(frozen=True, slots=True)
class Picture:
    """From `start` to `end`; `zero` is where the axis counts from. All in seconds."""

    start: float
    end: float
    zero: float
    moments: Sequence[Moment]
    lanes: Sequence[Lane] = field(default=())

    def x(self, at: float) -> float:
        return LEFT + (at - self.start) / (self.end - self.start) * (WIDTH - LEFT - RIGHT)


def draw(picture: Picture) -> str:
    """One `<svg>` element, its colours given by classes."""
    top = 2 * BADGE * BADGE_ROWS + 8
    body: list[str] = []
    y = top
    for lane in picture.lanes:
        height = CURVE_LANE if lane.curve else LANE
        body += _lane(picture, lane, y, height)
        y += height + GAP
    whole = y + 22
    pieces = [
        f'<svg viewBox="0 0 {WIDTH} {whole}" role="img">',
        *_axis(picture, top, y),
        *body,
        *_moments(picture, y),
        "</svg>",
    ]
    return "\n".join(pieces)


def _axis(picture: Picture, top: float, bottom: float) -> Iterator[str]:
    span = picture.end - picture.start
    step = next((step for step in STEPS_S if span / step <= MOST_TICKS), STEPS_S[-1])
    yield '<g class="axis">'
    number = -int((picture.zero - picture.start) / step)
    while (at := picture.zero + number * step) <= picture.end:
        x = picture.x(at)
        yield f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>'
        label = f"{number * step:g} s"
        yield f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{label}</text>'
        number += 1
    yield "</g>"


def _lane(picture: Picture, lane: Lane, y: float, height: float) -> Iterator[str]:
    yield f'<g><text class="dim" x="0" y="{y + height / 2 + 4:.1f}">{escape(lane.title)}</text>'
    if lane.curve:
        yield from _curve(picture, lane.curve, y, height)
    for bar in lane.bars:
        yield _bar(picture, bar, y, height)
    free_from = float("-inf")
    for mark in sorted(lane.marks, key=lambda mark: mark.at):
        x = picture.x(mark.at)
        said = f"<title>{escape(_at(picture, mark.at, mark.label))}</title>"
        path = f'x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + height}"'
        yield f'<line class="{mark.kind}" {path}>{said}</line>'
        width = len(mark.label) * CHAR
        if not mark.label or x <= free_from:
            continue
        text_y, fits = y + height / 2 + 4, x + width + 4 < WIDTH
        if fits or x - width - 4 > max(free_from, LEFT):
            place = f'x="{x + 4:.1f}"' if fits else f'x="{x - 4:.1f}" text-anchor="end"'
            yield f'<text {place} y="{text_y:.1f}">{escape(mark.label)}</text>'
            free_from = x + width + 8 if fits else x
    yield "</g>"


def _bar(picture: Picture, bar: Bar, y: float, height: float) -> str:
    x = picture.x(bar.start)
    width = max(1.0, picture.x(bar.end) - x)
    said = _at(picture, bar.start, f"{bar.label or bar.kind}, {(bar.end - bar.start) * 1000:.0f} ms")
    box = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}"'
    rectangle = f'<rect class="{bar.kind}" {box}><title>{escape(said)}</title></rect>'
    if len(bar.label) * CHAR + 8 > width:
        return rectangle
    inside = ' style="fill: var(--page)"' if bar.kind == "hand" else ""
    text_y = y + height / 2 + 4
    return f'{rectangle}<text{inside} x="{x + 5:.1f}" y="{text_y:.1f}">{escape(bar.label)}</text>'


def _curve(picture: Picture, points: Sequence[tuple[float, float]], y: float, height: float) -> Iterator[str]:
    most = max(value for _, value in points) or 1.0
    bottom = y + height
    path = [f"{picture.x(at):.1f},{bottom - value / most * height:.1f}" for at, value in points]
    ends = f"{picture.x(points[-1][0]):.1f},{bottom} {picture.x(points[0][0]):.1f},{bottom}"
    yield f'<polygon class="curve" points="{" ".join(path)} {ends}"/>'
    yield f'<text class="dim" x="{LEFT - 6}" y="{y + 10}" text-anchor="end">{most / 1000:.1f} s</text>'


def _moments(picture: Picture, bottom: float) -> Iterator[str]:
    free_from = [float("-inf")] * BADGE_ROWS
    for number, moment in enumerate(picture.moments, 1):
        x = picture.x(moment.at)
        row = next((row for row, free in enumerate(free_from) if x >= free), free_from.index(min(free_from)))
        badge_x = max(x, free_from[row])
        free_from[row] = badge_x + 2 * BADGE + 2
        y = BADGE * (2 * row + 1) + 1
        said = f"<title>{escape(_at(picture, moment.at, moment.what))}</title>"
        yield (
            f'<g class="moment">{said}<line x1="{x:.1f}" y1="{y + BADGE}" x2="{x:.1f}" y2="{bottom}"/>'
            f'<circle cx="{badge_x:.1f}" cy="{y}" r="{BADGE}"/>'
            f'<text x="{badge_x:.1f}" y="{y + 4}" text-anchor="middle">{number}</text></g>'
        )


def _at(picture: Picture, at: float, what: str) -> str:
    return f"{at - picture.zero:.3f} s: {what}" if what else f"{at - picture.zero:.3f} s"
