"""Makes docs/lights.md and docs/lights.svg from the tables in `daemon.cues` and `hw.load`: run it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from daemon.cues import TABLE, Row
from daemon.patterns import Fade, Pattern, Shape, Steady, Steps, Swell, frame, next_frame_ms
from hw import load

PAGE = Path(__file__).with_name("lights.md")
PICTURE = Path(__file__).with_name("lights.svg")

# ---- words -----------------------------------------------------------------

COLOURS = {
    "BLACK": "dark",
    "DIM_RED": "dim red",
    "DIM_CYAN": "dim cyan",
    "DIM_BLUE": "dim blue",
    "ICE": "icy blue",
}

INTRO = """\
# Lights

<!-- Made by docs/lights.py from the tables in daemon/cues.py and hw/load.py: change those, and run it. -->

The box shows one state at a time: the first of this table that holds. Every state has a rhythm of its own,
so that it can be told on a single lamp of one colour and by eyes that do not see all colours;
`tests/daemon/test_cues.py` compares them pair by pair. Those that look alike mean the same. Nothing flashes
more than three times a second.

![Each state in time, on one lamp and on three](lights.svg)

| | state | means | colour | looks |
|---|---|---|---|---|
"""

DRIVERS = """
- A muted box shows that it is, whatever else it does, unless something is broken (rows 1 to 7; it never
  shows "listening" or "ringing" then).
- A lamp that only switches shows fades as two steps and is dark where others are faint.
- While nothing moves nobody is woken: idle and muted cost nothing (save for pulses, see below). Steps are
  drawn when they happen, fades 25 times a second.
- A light that cannot be had or goes away is logged once and tried again every 30 s. The box goes on without
  it.
- Brightness is meant as the eye takes it: drivers turn it into light by the CIE 1976 curve, half as bright
  being a fifth of the light. What is lit stays lit, however low the limit.

## Drivers

| driver | lamps | options (and what they are unless given) |
|---|---|---|
"""

LAMPS = {
    "apa102": "APA102 and SK9822 on SPI, such as the three of a ReSpeaker 2-Mic HAT; `current` is 1 to 31",
    "console": "a line on the terminal: a coloured block per pixel, and the colour's name",
    "gpio_led": "one lamp on one pin",
    "gpio_rgb": "one lamp of three colours on three pins",
    "ws2812": "WS2812 on the data wire (MOSI, GPIO 10) of an SPI bus that does nothing else; also a Pi 5",
}

NOT_OPTIONS = {"open_spi", "stream"}  # for programs, not for files

END = """
Pins are BCM numbers (18) or names gpiozero knows ("GPIO18", "BOARD12"). A lamp wants a resistor of its own;
`active_high = false` is for one between 3.3 V and the pin, `common_anode = true` for three of them. A single
lamp only switches unless `pwm = true`: fades and the limit of brightness want that, and python3-lgpio.
Pulses are made by a thread of lgpio, which wakes up 100 times a second for each pin that is dimmed, and 50
times a second for ever once one was; dark and full need no pulses, and a lamp that only switches no lgpio.

SPI needs `sudo apt install python3-spidev`, `sudo raspi-config nonint do_spi 0`, a reboot, and the user in
the group `spi`. `ws2812` sends 2.4 million bits a second; where the core clock varies (Raspberry Pi 3, 4,
Zero 2 W) `core_freq=250` or `core_freq_min=500` in `/boot/firmware/config.txt` keeps that so. A board whose
lamps have a power switch of their own needs that switched on by other means.

**Not seen on real lamps yet.** The pin drivers are tested against gpiozero's mock pins and simulated lines of
a real Linux, the SPI drivers byte by byte against what the data sheets ask for, all of them by the suite in
`tests/contract/test_light_port.py`.
"""


def page() -> str:
    rows = "".join(
        f"| {number} | {row.cue.value} | {row.means} | {colour_name(row)} | {looks(row.pattern)} |\n"
        for number, row in enumerate(TABLE, 1)
    )
    drivers = "".join(
        f"| `{name}` | {LAMPS[name]} | {options(name)} |\n" for name in load.LIGHTS if name != "fake"
    )
    return INTRO + rows + DRIVERS + drivers + END


def colour_name(row: Row) -> str:
    from daemon import cues

    constant = next(name for name, value in vars(cues).items() if value is row.pattern.colour)
    return COLOURS.get(constant, constant.lower())


def looks(pattern: Pattern) -> str:
    several = {
        Shape.WHOLE: "",
        Shape.CHASE: "; on several lamps each third one, moving on",
        Shape.BAR: "; on several lamps a bar, on one its brightness",
    }
    return rhythm_in_words(pattern) + several[pattern.shape]


def rhythm_in_words(pattern: Pattern) -> str:
    match pattern.rhythm:
        case Steady():
            return "steady" if any(pattern.colour) else "nothing"
        case Swell(period_ms):
            return f"swells every {seconds(period_ms)}"
        case Fade(over_ms):
            return f"fades within {seconds(over_ms)}"
        case Steps(durations_ms, down):
            dark = "faint" if down else "dark"
            lit = [(duration, len(list(same))) for duration, same in groupby(durations_ms[::2])]
            flashes = ", ".join(
                seconds(duration) if n == 1 else f"{n} times {seconds(duration)}" for duration, n in lit
            )
            return f"{flashes} lit, then {seconds(durations_ms[-1])} {dark}"


def seconds(ms: int) -> str:
    return f"{ms / 1000:g} s"


def options(driver: str) -> str:
    parameters = inspect.signature(load.LIGHTS[driver]).parameters.values()
    words = [
        f"`{p.name}`" + ("" if p.default is p.empty else f" ({str(p.default).lower()})")
        for p in parameters
        if p.name not in NOT_OPTIONS
    ]
    return ", ".join(words)


# ---- picture ---------------------------------------------------------------

LONG_MS, SHORT_MS = 8000, 4000
PX_PER_S = 50
LINE, LAMP, NAME_WIDTH, GAP = 24, 14, 110, 16
WIDTH = NAME_WIDTH + (LONG_MS + SHORT_MS) // 1000 * PX_PER_S + 2 * GAP
TOP = 44
HALF = 0.5  # what a bar stands at


def picture() -> str:
    height = TOP + LINE * len(TABLE) + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        ' font-size="12" fill="#dddddd">',
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#16181c"/>',
        f'<text x="{GAP}" y="24" font-weight="bold">state</text>',
        f'<text x="{NAME_WIDTH}" y="24">one lamp, {LONG_MS // 1000} seconds</text>',
        f'<text x="{_second_column()}" y="24">three lamps, {SHORT_MS // 1000} seconds</text>',
    ]
    for number, row in enumerate(TABLE):
        y = TOP + LINE * number
        pattern = replace(row.pattern, fill=HALF) if row.pattern.shape is Shape.BAR else row.pattern
        lines.append(f'<text x="{GAP}" y="{y + 12}">{row.cue.value}</text>')
        lines += strip(pattern, 1, LONG_MS, NAME_WIDTH, y)
        lines += strip(pattern, 3, SHORT_MS, _second_column(), y)
    return "\n".join([*lines, "</svg>", ""])


def _second_column() -> int:
    return NAME_WIDTH + LONG_MS // 1000 * PX_PER_S + GAP


def strip(pattern: Pattern, pixels: int, end_ms: int, x: int, y: int) -> Iterator[str]:
    """One line of light per pixel, from left to right in time."""
    yield f'<rect x="{x}" y="{y}" width="{end_ms * PX_PER_S // 1000}" height="{LAMP + 2}" fill="#000000"/>'
    share = LAMP / pixels
    t_ms = 0
    while t_ms < end_ms:
        next_ms = min(next_frame_ms(pattern, t_ms) or end_ms, end_ms)
        if not isinstance(pattern.rhythm, Steps | Steady):
            next_ms = min(t_ms + 160, end_ms)  # a quarter of the frames is enough on paper
        left, width = x + t_ms * PX_PER_S / 1000, (next_ms - t_ms) * PX_PER_S / 1000
        for pixel, colour in enumerate(frame(pattern, pixels, t_ms)):
            if any(colour):
                top = y + 1 + pixel * share
                height = share - (0.8 if pixels > 1 else 0)
                yield (
                    f'<rect x="{left:g}" y="{top:.4g}" width="{width:g}" height="{height:.3g}"'
                    ' fill="#{:02x}{:02x}{:02x}"/>'.format(*colour)
                )
        t_ms = next_ms


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
