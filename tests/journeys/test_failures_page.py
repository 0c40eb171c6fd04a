"""docs/failures.md names every test that injects a failure, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "failures.md"
NOT_A_ROW = {"what happens", "---"}


def failures_in(file: Path) -> set[str]:
    found = ast.walk(ast.parse(file.read_text("utf-8")))
    functions = (node for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {name.removeprefix("test_") for f in functions if (name := f.name).startswith("test_")}


def rows() -> list[str]:
    """What stands in the first column of its tables, and in its list."""
    page = PAGE.read_text("utf-8")
    first = re.findall(r"^\| ?([^|]+?) ?\|", page, re.MULTILINE)
    listed = re.findall(r"^- (.+)$", page, re.MULTILINE)
    return [row.replace(" ", "_") for row in [*first, *listed] if row not in NOT_A_ROW]


def test_page_and_failures_in_failures_are_the_same() -> None:
    shown = set().union(
        *(failures_in(file) for file in HERE.glob("test_failures_*.py") if file != Path(__file__))
    )
    assert set(rows()) == shown


def test_no_row_is_there_twice() -> None:
    assert len(rows()) == len(set(rows()))
