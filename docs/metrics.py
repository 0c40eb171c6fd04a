"""Writes the table of docs/metrics.md. Run it after a change of daemon/metrics.py."""

from __future__ import annotations

from pathlib import Path

from daemon.metrics import table

PAGE = Path(__file__).with_name("metrics.md")
BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"


def main() -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}")


if __name__ == "__main__":
    main()
