from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.patterns import (
    FRAME_MS,
    Colour,
    Fade,
    Pattern,
    Rhythm,
    Shape,
    Steady,
    Steps,
    Swell,
    dimmed,
    frame,
    next_frame_ms,
)

FULL: Colour = (200, 100, 0)
DARK: Colour = (0, 0, 0)

RHYTHMS = st.one_of(
    st.just(Steady()),
    st.lists(st.integers(20, 900), min_size=2, max_size=8)
    .filter(lambda durations: len(durations) % 2 == 0)
    .map(lambda durations: Steps(tuple(durations), down=0.3)),
    st.integers(200, 4000).map(Swell),
    st.integers(100, 2000).map(Fade),
)
PATTERNS = st.builds(
    Pattern, st.just(FULL), RHYTHMS, st.sampled_from(Shape), st.floats(0, 1, allow_nan=False)
)


def at(rhythm: Rhythm, *times_ms: int, dims: bool = True) -> list[int]:
    """The red of a single pixel."""
    return [frame(Pattern(FULL, rhythm), 1, t_ms, dims=dims)[0][0] for t_ms in times_ms]


def test_steady_is_full_for_ever() -> None:
    assert at(Steady(), 0, 10**9) == [200, 200]
    assert next_frame_ms(Pattern(FULL), 0) is None


def test_steps_change_exactly_on_time_and_come_round() -> None:
    rhythm = Steps((100, 200, 300, 400), down=0.5)
    assert at(rhythm, 0, 99, 100, 299, 300, 599, 600, 999, 1000) == [
        200,
        200,
        100,
        100,
        200,
        200,
        100,
        100,
        200,
    ]


def test_steps_say_their_next_edge() -> None:
    pattern = Pattern(FULL, Steps((100, 200, 300, 400)))
    assert [next_frame_ms(pattern, t_ms) for t_ms in (0, 100, 450, 999, 1000)] == [100, 300, 600, 1000, 1100]


def test_a_lamp_that_cannot_dim_is_dark_in_the_down_steps() -> None:
    assert at(Steps((100, 100), down=0.9), 0, 100, dims=False) == [200, 0]


def test_a_swell_goes_from_full_to_dark_and_back_in_frames_of_40_ms() -> None:
    assert at(Swell(1600), 0, 400, 800, 1200, 1600) == [200, 100, 0, 100, 200]
    assert at(Swell(1600), 40, 79) == at(Swell(1600), 40, 40)
    assert [next_frame_ms(Pattern(FULL, Swell(1600)), t_ms) for t_ms in (0, 40, 41)] == [40, 80, 80]


def test_a_swell_is_two_steps_where_there_is_no_dimming() -> None:
    assert at(Swell(1600), 0, 799, 800, 1599, dims=False) == [200, 200, 0, 0]
    assert next_frame_ms(Pattern(FULL, Swell(1600)), 0, dims=False) == 800


def test_a_fade_ends_dark_and_moves_no_more() -> None:
    pattern = Pattern(FULL, Fade(1000))
    assert at(Fade(1000), 0, 520, 1000, 5000) == [200, 96, 0, 0]
    assert [next_frame_ms(pattern, t_ms) for t_ms in (0, 980, 1000)] == [40, 1000, None]


def test_a_fade_goes_out_half_way_where_there_is_no_dimming() -> None:
    pattern = Pattern(FULL, Fade(1000))
    assert at(Fade(1000), 0, 499, 500, dims=False) == [200, 200, 0]
    assert [next_frame_ms(pattern, t_ms, dims=False) for t_ms in (0, 500)] == [500, None]


@pytest.mark.parametrize(
    ("pixels", "lit"),
    [
        (1, ["#", ".", "#", "."]),
        (2, ["#.", ".#", "#.", ".#"]),
        (3, ["#..", ".#.", "..#", "#.."]),
        (7, ["#..#..#", ".#..#..", "..#..#.", "#..#..#"]),
    ],
)
def test_a_chase_moves_on_with_each_step(pixels: int, lit: list[str]) -> None:
    pattern = Pattern(FULL, Steps((100, 100)), Shape.CHASE)
    frames = [frame(pattern, pixels, t_ms) for t_ms in (0, 100, 200, 300)]
    assert ["".join("#" if colour == FULL else "." for colour in row) for row in frames] == lit


@pytest.mark.parametrize(
    ("fill", "dims", "reds"),
    [
        (0.0, True, [20, 0, 0, 0]),
        (0.0, False, [20, 0, 0, 0]),
        (0.25, True, [200, 0, 0, 0]),
        (0.6, True, [200, 200, 80, 0]),
        (0.6, False, [200, 200, 0, 0]),
        (1.0, True, [200, 200, 200, 200]),
    ],
)
def test_a_bar_fills_pixel_by_pixel_and_is_never_all_dark(fill: float, dims: bool, reds: list[int]) -> None:
    pattern = Pattern(FULL, Steady(), Shape.BAR, fill)
    assert [red for red, _, _ in frame(pattern, 4, 0, dims=dims)] == reds


def test_a_bar_on_a_single_pixel_is_its_brightness() -> None:
    assert frame(Pattern(FULL, Steady(), Shape.BAR, 0.5), 1, 0) == ((100, 50, 0),)


def test_dimmed_keeps_lit_what_is_lit() -> None:
    assert dimmed(((255, 1, 0), DARK), 40) == ((102, 1, 0), DARK)
    assert dimmed((FULL,), 100) == (FULL,)


@given(PATTERNS, st.integers(1, 12), st.integers(0, 20_000), st.booleans())
def test_nothing_changes_before_the_next_frame(pattern: Pattern, pixels: int, t_ms: int, dims: bool) -> None:
    next_ms = next_frame_ms(pattern, t_ms, dims=dims)
    end_ms = t_ms + 5000 if next_ms is None else next_ms
    assert end_ms > t_ms
    now = frame(pattern, pixels, t_ms, dims=dims)
    assert frame(pattern, pixels, end_ms - 1, dims=dims) == now
    assert frame(pattern, pixels, (t_ms + end_ms) // 2, dims=dims) == now


@given(PATTERNS, st.integers(1, 12), st.integers(0, 20_000), st.booleans())
def test_there_is_one_colour_per_pixel_and_none_brighter_than_the_pattern(
    pattern: Pattern, pixels: int, t_ms: int, dims: bool
) -> None:
    colours = frame(pattern, pixels, t_ms, dims=dims)
    assert len(colours) == pixels
    assert all(0 <= part <= full for colour in colours for part, full in zip(colour, FULL, strict=True))


@given(st.integers(200, 4000), st.integers(0, 500).map(lambda number: number * FRAME_MS))
def test_what_moves_smoothly_takes_25_frames_a_second(period_ms: int, begin_ms: int) -> None:
    pattern, t_ms, frames = Pattern(FULL, Swell(period_ms)), begin_ms, 0
    while t_ms < begin_ms + 1000:
        t_ms = next_frame_ms(pattern, t_ms) or 0
        frames += 1
    assert frames == 1000 / FRAME_MS
