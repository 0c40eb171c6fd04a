"""docs/doctor.md is what the checks say."""

from __future__ import annotations

import runpy
from pathlib import Path

from daemon.doctor.registry import CHECKS

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "doctor.py"))["page"]()
    assert (DOCS / "doctor.md").read_text("utf-8") == made, "run docs/doctor.py"


def test_the_page_has_a_line_for_every_check() -> None:
    lines = (DOCS / "doctor.md").read_text("utf-8").splitlines()
    numbers = [int(line.split("|")[1]) for line in lines if line.startswith("| ") and line[2].isdigit()]
    assert numbers == [check.number for check in CHECKS]
