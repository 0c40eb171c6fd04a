"""Compares every record with what the standard library makes of the same class."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from daemon.records import dataclass

MAKERS = [pytest.param(dataclass, id="ours"), pytest.param(dataclasses.dataclass, id="standard")]


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    label: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Deep(Point):
    z: list[int] = field(default_factory=list)


def make(maker: Any, **options: Any) -> Any:
    @maker(**options)
    class Made:
        """For one test."""

        limit: ClassVar[int] = 7
        x: int
        y: list[int] = field(default_factory=list)
        seen: int = field(default=0, init=False)
        label: str = field(default="", repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("below 0")

    return Made


OPTIONS = [
    {"frozen": True, "slots": True},
    {"slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "eq": False},
    {},
]


def behaviour(made: Any) -> list[object]:
    def outcome(act: Any) -> object:
        try:
            return act()
        except (TypeError, ValueError, FrozenInstanceError) as error:
            return f"{type(error).__name__}: {error}"

    one, other = made(x=1, label="a"), made(x=1, label="b")
    return [
        repr(one),
        one == other,
        one == made(x=2),
        one == 1,
        outcome(lambda: hash(made(x=1, y=())) == hash(made(x=1, y=()))),
        outcome(lambda: made(-1)),
        outcome(lambda: made(x=-1)),
        outcome(lambda: made()),
        outcome(lambda: made(1, 2, 3, 4)),
        outcome(lambda: made(x=1, z=2)),
        outcome(lambda: setattr(made(x=1), "x", 5)),
        outcome(lambda: delattr(made(x=1), "x")),
        one.y is not other.y,
        dataclasses.asdict(one),
        dataclasses.replace(one, x=3).x,
        made.limit,
        made.__match_args__,
        hasattr(one, "__dict__"),
    ]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_record_behaves_as_a_standard_dataclass(options: dict[str, bool]) -> None:
    assert behaviour(make(dataclass, **options)) == behaviour(make(dataclasses.dataclass, **options))


def test_record_of_a_record_has_the_fields_of_both() -> None:
    assert repr(Deep(1, z=[4])) == "Deep(x=1, y=2, z=[4])"
    assert Point(1) != Deep(1)


def test_record_is_copied_and_pickled() -> None:
    assert copy.copy(Point(3)) == pickle.loads(pickle.dumps(Point(3))) == Point(3)


@pytest.mark.parametrize("maker", MAKERS)
def test_methods_written_by_hand_are_kept(maker: Any) -> None:
    @maker(frozen=True, slots=True)
    class Hand:
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 42

        def __repr__(self) -> str:
            return "hand"

    assert (Hand(1) == Hand(2), hash(Hand(1)), repr(Hand(1))) == (True, 42, "hand")


def test_nothing_is_compiled_before_the_first_call() -> None:
    code = """
import builtins, sys
import daemon.records
compiled = []
sys.addaudithook(lambda name, args: name == "exec" and compiled.append(name))
@daemon.records.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0
before = len(compiled)
Point(1), Point(2)
print(before, len(compiled) - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "0 1\n"
