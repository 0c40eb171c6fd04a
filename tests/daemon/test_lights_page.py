"""docs/lights.md and its picture are what the tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from daemon.cues import TABLE
from hw import load

DOCS = Path(__file__).resolve().parents[2] / "docs"
AGAIN = "run docs/lights.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lights_page", DOCS / "lights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(maker: ModuleType) -> None:
    assert (DOCS / "lights.md").read_text("utf-8") == maker.page(), AGAIN


def test_the_picture_is_up_to_date(maker: ModuleType) -> None:
    assert (DOCS / "lights.svg").read_text("utf-8") == maker.picture(), AGAIN


def test_the_page_names_every_state_and_every_driver() -> None:
    page = (DOCS / "lights.md").read_text("utf-8")
    assert all(f"| {number} | {row.cue.value} |" in page for number, row in enumerate(TABLE, 1))
    assert all(f"| `{driver}` |" in page for driver in load.LIGHTS if driver != "fake")


def test_the_picture_is_a_picture_with_a_line_per_state() -> None:
    texts = [node.text for node in ElementTree.parse(DOCS / "lights.svg").iter() if node.tag.endswith("text")]
    assert texts[3:] == [row.cue.value for row in TABLE]
