"""The first two seconds of every state, on one lamp and on three, as a page to be read by eye.

When a pattern is changed on purpose: `python tests/daemon/test_light_frames.py` writes the page; look at it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cues import TABLE, Row
from daemon.patterns import Colour, Shape, frame

PAGE = Path(__file__).with_name("light_frames.txt")
END_MS, COLUMN_MS = 2000, 50
LEVELS = ".123456789#"
"""From dark to as bright as the pattern is at its brightest."""


def drawn(row: Row) -> str:
    pattern = replace(row.pattern, fill=0.5) if row.pattern.shape is Shape.BAR else row.pattern
    lines = [f"{row.cue.value}, #{bytes(pattern.colour).hex()}"]
    for pixels in (1, 3):
        frames = [frame(pattern, pixels, t_ms) for t_ms in range(0, END_MS, COLUMN_MS)]
        for pixel in range(pixels):
            levels = "".join(_level(colours[pixel], pattern.colour) for colours in frames)
            lines.append(f"{pixels if pixel == 0 else ' '} {levels}")
    return "\n".join(lines) + "\n"


def _level(colour: Colour, full: Colour) -> str:
    return LEVELS[round(10 * max(colour) / max(full))] if any(full) else LEVELS[0]


def _page() -> dict[str, str]:
    """From a state's name to its part of the page."""
    parts = PAGE.read_text("utf-8").strip().split("\n\n")
    return {part.partition(",")[0]: part + "\n" for part in parts}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.cue.value)
def test_a_state_looks_as_on_the_page(row: Row) -> None:
    assert drawn(row) == _page()[row.cue.value]


def test_the_page_shows_nothing_else() -> None:
    assert list(_page()) == [row.cue.value for row in TABLE]


if __name__ == "__main__":
    PAGE.write_text("\n".join(drawn(row) for row in TABLE), "utf-8")
