"""The comparison as an SVG picture. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.bench.bars import Figures, net_per_minute
from tests.bench.table import COLUMNS, NAMES

WIDTH, MARGIN, GAP = 860, 28, 32
PANEL_WIDTH = (WIDTH - 2 * MARGIN - GAP) / 2
TITLE_HEIGHT, ROW_HEIGHT, BAR_HEIGHT = 46, 26, 16
NAME_WIDTH, VALUE_WIDTH = 116, 80
HEAD_HEIGHT, FOOT_HEIGHT = 62, 34
COLOURS: Mapping[str, str] = {
    "floor": "#9aa5b1",
    "session": "#0f8b8d",
    "daemon": "#0b6e70",
    "agents_sdk": "#e0a458",
    "openai_sdk": "#c8553d",
}
STYLE = """
text { font: 13px "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif; fill: #1f2933 }
.head { font-size: 19px; font-weight: 600 } .title { font-size: 14px; font-weight: 600 }
.quiet { fill: #616e7c; font-size: 12px } .ours { font-weight: 600 }
""".strip()


@dataclass(frozen=True, slots=True)
class Panel:
    """`value` of a client, in units of `form`; `note` says what is counted."""

    title: str
    note: str
    value: Callable[[Figures, str], float]
    form: str


PANELS = (
    Panel(
        "A minute of conversation",
        "million instructions, without the harness",
        lambda found, client: net_per_minute(found, client) / 1e6,
        "{:,.0f} M",
    ),
    Panel(
        "Memory",
        "most that was resident in that minute",
        lambda found, client: found["memory"][client]["peak_mb"],
        "{:.0f} MB",
    ),
    Panel(
        "Start",
        "million instructions until connected, and to stop",
        lambda found, client: found["instructions"][client]["start"] / 1e6,
        "{:,.0f} M",
    ),
    Panel(
        "An interruption",
        "ms until known, median, behind 5 s of audio",
        lambda found, client: found["latency"][client]["interruption behind a burst"],
        "{:.1f} ms",
    ),
)


def drawn(figures: Figures) -> str:
    """A whole SVG document; what was not measured is left out."""
    panel_height = TITLE_HEIGHT + ROW_HEIGHT * len(COLUMNS) + GAP
    height = HEAD_HEIGHT + 2 * panel_height + FOOT_HEIGHT - GAP / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        'aria-label="What a conversation costs with harkd and with other clients">',
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="10" fill="#ffffff" '
        'stroke="#cbd2d9"/>',
        _text(MARGIN, 38, "What a conversation costs, beside other clients of the same server", "head"),
    ]
    for number, panel in enumerate(PANELS):
        x = MARGIN + (number % 2) * (PANEL_WIDTH + GAP)
        parts += _panel(panel, figures, x, HEAD_HEIGHT + number // 2 * panel_height)
    parts.append(_text(MARGIN, height - 18, _footnote(figures), "quiet"))
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, figures: Figures, x: float, y: float) -> list[str]:
    values = {client: value for client in COLUMNS if (value := _value(panel, figures, client)) is not None}
    widest = max(values.values(), default=1.0)
    parts = [_text(x, y + 14, panel.title, "title"), _text(x, y + 32, panel.note, "quiet")]
    for row, (client, value) in enumerate(values.items()):
        top = y + TITLE_HEIGHT + row * ROW_HEIGHT
        width = max(2.0, (PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH) * value / widest)
        kind = "ours" if client in ("session", "daemon") else "name"
        bar_x = x + NAME_WIDTH
        parts += [
            _text(x, top + 13, NAMES[client], kind),
            f'<rect x="{bar_x:g}" y="{top:g}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="3" '
            f'fill="{COLOURS[client]}"/>',
            _text(bar_x + width + 7, top + 13, panel.form.format(value), kind),
        ]
    return parts


def _value(panel: Panel, figures: Figures, client: str) -> float | None:
    try:
        return panel.value(figures, client)
    except KeyError:
        return None


def _footnote(figures: Figures) -> str:
    where = figures["where"]
    peers = where["peers"]
    return (
        "floor: websockets and orjson alone · "
        f"openai-agents {peers['openai-agents']}, openai {peers['openai']} · "
        f"Python {where['ours']['python']}, x86-64 · {where['date']}"
    )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'
