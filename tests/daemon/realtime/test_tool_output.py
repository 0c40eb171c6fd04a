"""Results of tools as text for the model."""

from __future__ import annotations

import datetime
import pathlib
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

from daemon.realtime.tool_output import MAX_OUTPUT_CHARS, background_result, output_text


class Colour(Enum):
    RED = "red"


class Song(BaseModel):
    title: str
    released: datetime.date


@dataclass
class Track:
    number: int
    song: Song


class Plain:
    def __str__(self) -> str:
        return "plain thing"


SONG = Song(title="Köln", released=datetime.date(1975, 1, 24))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("already text", "already text"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (3.5, "3.5"),
        ({"grüße": [1, None]}, '{"grüße": [1, null]}'),
        ((1, 2), "[1, 2]"),
        ({"only"}, '["only"]'),
        (SONG, '{"title": "Köln", "released": "1975-01-24"}'),
        (Track(1, SONG), '{"number": 1, "song": {"title": "Köln", "released": "1975-01-24"}}'),
        ([Colour.RED], '["red"]'),
        (b"\x00\x01", '"2 bytes"'),
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (pathlib.PurePosixPath("/etc"), '"/etc"'),
        (float("nan"), "nan"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (Plain(), '"plain thing"'),
        ("half \ud800", "half ?"),
        (background_result({"a": 1}), '{"a": 1}'),
    ],
)
def test_output_of_a_tool_as_text(value: Any, text: str) -> None:
    assert output_text(value) == text


def test_output_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert output_text(loop) == "[[...]]"


def test_output_that_is_too_long_says_so() -> None:
    text = output_text("x" * (MAX_OUTPUT_CHARS + 1))
    assert text.endswith(f"x ... (cut off, {MAX_OUTPUT_CHARS + 1} characters in all)")
