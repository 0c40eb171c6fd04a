"""Makes docs/demo.svg, the terminal of a real `harkd demo`: `pip install rich`, then run this."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path(__file__).with_name("demo.svg")
COLUMNS = 78
FONT_FACES = "@font-face"


def terminal_output(command: list[str]) -> str:
    """What the command prints when it believes it talks to a terminal."""
    output = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        output.extend(data)
        return data

    status = pty.spawn(command, read)
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return output.decode().replace("\r\n", "\n")


def without_web_fonts(svg: str) -> str:
    """A picture in a README must not fetch anything: leave the viewer's own monospace font."""
    while (start := svg.find(FONT_FACES)) >= 0:
        svg = svg[:start] + svg[svg.index("}", start) + 1 :]
    return svg.replace("Fira Code", "DejaVu Sans Mono")


def main() -> None:
    harkd = Path(sys.executable).with_name("harkd")
    text = "$ make demo\n" + terminal_output([str(harkd), "demo"])
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text))
        svg = console.export_svg(title="harkd demo", theme=MONOKAI)
    lines = (line.rstrip() for line in without_web_fonts(svg).splitlines())
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
