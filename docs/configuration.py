"""Writes docs/configuration.md and configs/schema.json from the schema."""

from __future__ import annotations

from pathlib import Path

from daemon.config.reference import render_page, render_schema

DOCS = Path(__file__).resolve().parent


def main() -> None:
    (DOCS / "configuration.md").write_text(render_page(), encoding="utf-8")
    (DOCS.parent / "configs" / "schema.json").write_text(render_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
