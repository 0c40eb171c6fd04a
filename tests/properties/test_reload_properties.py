"""Whatever is done to a configuration directory: what is in force is right, and in the end what is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pushing import DEEDS, DEEDS_THAT_WRITE, Operator

from daemon.config.diff import Change
from daemon.config.files import Place, load
from daemon.config.layers import Problem
from daemon.config.reload import Reload
from daemon.config.settle import PATIENCE_S, RESTLESS_S, SHRUNK_S
from daemon.config.sources import Loaded

RIGHT = [f"[talk]\nhold_s = {seconds}\nanswer_s = {seconds}\n" for seconds in (2, 3, 4)]
WRONG = ["[talk]\nhold_s = -1\n", "[talk", "\xff\xfe", "[talk]\nhold_s = 3\nhold_s = 4", "[tlak]\n"]
NAMES = ["harkd.toml", "conf.d/10.toml", "conf.d/20.toml", "devices/kitchen.toml"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(DEEDS),
        st.sampled_from(NAMES),
        st.sampled_from(RIGHT + WRONG),
        st.sampled_from([0.0, 0.02, 0.2, 0.4, 1.0, 3.0, 12.0]),
        st.booleans(),
    ),
    max_size=12,
)


class Watched:
    """A box that writes down what it is told and refuses to hear anything in mid-turn."""

    def __init__(self, place: Place) -> None:
        self.in_turn = False
        self.applied: list[Loaded] = []
        self.problems: Sequence[Problem] = ()
        self.reload = Reload(place, load(place), self._apply, lambda: not self.in_turn, self._hear)
        self.now = 0.0

    def _apply(self, loaded: Loaded, changes: Sequence[Change]) -> None:
        assert not self.in_turn
        assert changes
        self.applied.append(loaded)

    def _hear(self, problems: Sequence[Problem]) -> None:
        assert problems != self.problems
        self.problems = problems

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.reload.step(self.now), until)


@given(
    steps=STEPS,
    is_alone=st.booleans(),
    do_last=st.sampled_from(DEEDS_THAT_WRITE),
    last=st.sampled_from(RIGHT),
    name=st.sampled_from(NAMES),
)
@settings(max_examples=500, deadline=None)
def test_last_write_that_is_right_comes_into_force(
    steps: list[tuple[Callable[[Operator, str, str], None], str, str, float, bool]],
    is_alone: bool,
    do_last: Callable[[Operator, str, str], None],
    last: str,
    name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    etc = tmp_path_factory.mktemp("box") / "etc"
    operator = Operator(etc)
    operator.write("harkd.toml", RIGHT[0])
    place = Place((etc,), "kitchen")
    box = Watched(place)
    for do, file, text, seconds, box.in_turn in steps:
        do(operator, file, text)
        box.wait(seconds)
        assert box.reload.in_force.config.talk.hold_s in (2, 3, 4, 15)  # right ones, and the default
        assert not box.applied or box.applied[-1].config == box.reload.in_force.config
    box.in_turn = False
    if is_alone:
        operator.delete_all("", "")
        operator.rename(name, RIGHT[0])
        box.wait(20)
    else:
        operator.delete_all("", "")
    do_last(operator, name, last)
    box.wait(SHRUNK_S + PATIENCE_S + RESTLESS_S)
    assert box.reload.in_force.config == load(place).config
    assert box.reload.in_force.sources.revision == load(place).sources.revision
    assert box.problems == ()
    shutil.rmtree(etc.parent)
