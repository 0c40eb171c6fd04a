"""The table of states: which one wins, and that no two are taken for each other."""

from __future__ import annotations

from functools import cache
from itertools import combinations, groupby, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cues import TABLE, BoxView, Cue, Row, VolumeFlash, showing
from daemon.events import Phase
from daemon.patterns import Steps, frame

NOW = 1000.0
FLASH = VolumeFlash(30, NOW + 1.5)

VIEWS = st.builds(
    BoxView,
    phase=st.sampled_from(Phase),
    muted=st.booleans(),
    live=st.booleans(),
    microphone=st.sampled_from(["ok", "lost", "silent"]),
    speaker=st.sampled_from(["ok", "lost", "silent"]),
    link_blocked=st.sampled_from(["", "key", "quota", "model"]),
    starting=st.booleans(),
    stopping=st.booleans(),
    config_error=st.booleans(),
    consent_waiting=st.booleans(),
    timer_running=st.booleans(),
    volume_flash=st.sampled_from([None, FLASH]),
    fatal=st.booleans(),
)

BROKEN = {Cue.FATAL, Cue.STOPPING, Cue.CANNOT_HEAR, Cue.CANNOT_SPEAK, Cue.BLOCKED}

# What alone brings each state about, in the order of the table.
ALONE: dict[Cue, dict[str, Any]] = {
    Cue.FATAL: {"fatal": True},
    Cue.STOPPING: {"stopping": True},
    Cue.CANNOT_HEAR: {"microphone": "lost"},
    Cue.LISTENING: {"phase": Phase.LISTENING},
    Cue.RINGING: {"phase": Phase.RINGING},
    Cue.CANNOT_SPEAK: {"speaker": "lost"},
    Cue.BLOCKED: {"link_blocked": "quota"},
    Cue.MUTED: {"muted": True},
    Cue.STARTING: {"starting": True},
    Cue.VOLUME: {"volume_flash": FLASH},
    Cue.CONSENT: {"consent_waiting": True},
    Cue.THINKING: {"phase": Phase.THINKING},
    Cue.SPEAKING: {"phase": Phase.SPEAKING},
    Cue.LIVE: {"live": True},
    Cue.CONFIG_ERROR: {"config_error": True},
    Cue.OFFLINE: {"phase": Phase.OFFLINE},
    Cue.CONNECTING: {"phase": Phase.CONNECTING},
    Cue.TIMER: {"timer_running": True},
    Cue.IDLE: {},
}


def cue_of(**facts: Any) -> Cue:
    return showing(BoxView(**{"phase": Phase.IDLE, **facts}), NOW).cue


# ---- priority ------------------------------------------------------------------


def test_every_state_has_one_row_and_idle_is_the_last() -> None:
    assert [row.cue for row in TABLE] == list(Cue) == list(ALONE)


@pytest.mark.parametrize("cue", list(ALONE))
def test_each_state_is_shown_for_its_own_reason(cue: Cue) -> None:
    assert cue_of(**ALONE[cue]) is cue


@pytest.mark.parametrize(("higher", "lower"), list(combinations(ALONE, 2)))
def test_of_two_states_the_higher_one_is_shown(higher: Cue, lower: Cue) -> None:
    one_phase = "phase" in ALONE[higher] and "phase" in ALONE[lower]
    muted_never = lower is Cue.MUTED and higher in (Cue.LISTENING, Cue.RINGING)
    expected = lower if muted_never else higher
    assert one_phase or cue_of(**{**ALONE[lower], **ALONE[higher]}) is expected


@given(VIEWS)
def test_a_muted_box_shows_that_unless_it_is_broken(view: BoxView) -> None:
    cue = showing(view, NOW).cue
    assert not view.muted or cue in BROKEN | {Cue.MUTED}
    assert cue is not Cue.MUTED or view.muted


@given(VIEWS)
def test_a_box_that_listens_says_so_unless_it_cannot_hear(view: BoxView) -> None:
    cue = showing(view, NOW).cue
    if view.phase in (Phase.LISTENING, Phase.FOLLOW_UP) and not view.muted:
        assert cue in (Cue.LISTENING, Cue.FATAL, Cue.STOPPING, Cue.CANNOT_HEAR)
    else:
        assert cue is not Cue.LISTENING


@pytest.mark.parametrize(("muted", "cue"), [(False, Cue.CANNOT_HEAR), (True, Cue.MUTED)])
def test_a_muted_microphone_may_be_silent(muted: bool, cue: Cue) -> None:
    assert cue_of(microphone="silent", muted=muted) is cue


def test_the_volume_is_shown_as_long_as_it_is_news() -> None:
    view = BoxView(phase=Phase.IDLE, volume_flash=FLASH)
    shown = showing(view, NOW)
    assert (shown.cue, shown.pattern.fill, shown.until) == (Cue.VOLUME, 0.3, FLASH.until)
    over = showing(view, FLASH.until)
    assert (over.cue, over.until) == (Cue.IDLE, None)


# ---- telling them apart ---------------------------------------------------------

LOOK_MS = 24_000
SAMPLE_MS = 10
PAUSE_MS = 1000
TELLING = 1.5
"""How much longer or more often one must be than the other for an eye to tell them."""


@cache
def runs(row: Row, pixels: int, dims: bool) -> list[tuple[tuple[bool, ...], int]]:
    """What an eye without colours sees: which pixels are lit, and for how many ms, one after the other."""

    def lit(t_ms: int) -> tuple[bool, ...]:
        full = max(row.pattern.colour) / 2
        return tuple(max(colour) > full for colour in frame(row.pattern, pixels, t_ms, dims=dims))

    looks = [lit(t_ms) for t_ms in range(0, LOOK_MS, SAMPLE_MS)]
    return [(look, len(list(same)) * SAMPLE_MS) for look, same in groupby(looks)]


@cache
def features(row: Row, dims: bool) -> dict[str, float]:
    """How a single lamp goes on and off, in the words of somebody who watches it."""
    steps = runs(row, 1, dims)
    lit = [ms for (on,), ms in steps if on]
    dark = [ms for (on,), ms in steps if not on]
    pauses = sum(ms >= PAUSE_MS for ms in dark)
    return {
        "flashes": len(lit),
        "longest lit": max(lit, default=0),
        "longest dark": max(dark[:-1] or dark, default=0),
        "flashes in a row": round(len(lit) / (pauses + 1)),
        "moving": float(len(steps) > 2),
    }


def tellable(one: Row, other: Row, dims: bool) -> bool:
    a, b = features(one, dims), features(other, dims)
    if (
        a["flashes in a row"] != b["flashes in a row"]
        and max(a["longest dark"], b["longest dark"]) >= PAUSE_MS
    ):
        return True
    return any(max(a[name], b[name]) > TELLING * min(a[name], b[name]) for name in a)


@pytest.mark.parametrize("dims", [True, False])
def test_on_one_lamp_of_one_colour_states_look_alike_only_if_they_mean_the_same(dims: bool) -> None:
    alike = {(one.cue, other.cue) for one, other in combinations(TABLE, 2) if not tellable(one, other, dims)}
    same = {(one.cue, other.cue) for one, other in combinations(TABLE, 2) if one.means == other.means}
    assert alike == same == {(Cue.STARTING, Cue.CONNECTING)}


@pytest.mark.parametrize(("pixels", "dims"), list(product([2, 3, 12], [True, False])))
def test_on_more_lamps_states_differ_without_their_colours(pixels: int, dims: bool) -> None:
    seen = [(row.means, runs(row, pixels, dims)) for row in TABLE]
    assert all(a == b or runs_a != runs_b for (a, runs_a), (b, runs_b) in combinations(seen, 2))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.cue.value)
def test_nothing_flashes_more_than_three_times_a_second(row: Row) -> None:
    begins, t_ms = [], 0
    for (on,), ms in runs(row, 1, dims=False):
        if on:
            begins.append(t_ms)
        t_ms += ms
    assert all(later - first >= 1000 for first, later in zip(begins, begins[3:], strict=False))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.cue.value)
def test_every_state_but_idle_is_lit_from_its_first_moment(row: Row) -> None:
    assert (max(frame(row.pattern, 1, 0)[0]) == 0) is (row.cue is Cue.IDLE)


@pytest.mark.parametrize("row", [row for row in TABLE if isinstance(row.pattern.rhythm, Steps)])
def test_steps_are_lit_and_down_by_turns(row: Row) -> None:
    assert isinstance(row.pattern.rhythm, Steps)
    assert len(row.pattern.rhythm.durations_ms) % 2 == 0
