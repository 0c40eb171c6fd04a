"""The figures as text for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench.bars import Figures, Outcome, net_per_minute, outcomes

COLUMNS = ("floor", "session", "daemon", "agents_sdk", "openai_sdk")
NAMES: Mapping[str, str] = {
    "floor": "floor",
    "session": "harkd session",
    "daemon": "harkd daemon",
    "agents_sdk": "openai-agents",
    "openai_sdk": "openai",
}
Row = tuple[str, Callable[[Figures, str], float], str]


def _latency(what: str) -> Row:
    return f"{what}, median ms", lambda figures, client: figures["latency"][client][what], ".2f"


ROWS: tuple[Row, ...] = (
    ("instructions, M/min, less harness", lambda found, client: net_per_minute(found, client) / 1e6, ".0f"),
    (
        "  of the floor's",
        lambda found, client: net_per_minute(found, client) / net_per_minute(found, "floor"),
        ".2f",
    ),
    ("instructions to start, M", lambda found, client: found["instructions"][client]["start"] / 1e6, ".0f"),
    (
        "  of the floor's",
        lambda found, client: (
            found["instructions"][client]["start"] / found["instructions"]["floor"]["start"]
        ),
        ".2f",
    ),
    ("peak memory, MB", lambda found, client: found["memory"][client]["peak_mb"], ".1f"),
    ("growth, MB/min", lambda found, client: found["memory"][client]["growth_mb"], ".2f"),
    (
        "process start to first append, ms",
        lambda found, client: found["latency"][client]["first append"],
        ".0f",
    ),
    _latency("append"),
    _latency("delta"),
    _latency("interruption"),
    _latency("interruption behind a burst"),
)


def comparison(figures: Figures) -> list[str]:
    """A column for each client."""
    wide = max(len(title) for title, _, _ in ROWS)
    lines = [" " * wide + "".join(f"{NAMES[client]:>15}" for client in COLUMNS)]
    for title, figure, form in ROWS:
        lines.append(
            f"{title:{wide}}" + "".join(f"{_cell(figures, figure, client, form):>15}" for client in COLUMNS)
        )
    return lines


def _cell(figures: Figures, figure: Callable[[Figures, str], float], client: str, form: str) -> str:
    try:
        return format(figure(figures, client), form)
    except KeyError:
        return "-"


def verdicts(figures: Figures) -> list[str]:
    """A line for each bar."""
    found = outcomes(figures)
    wide = max(len(outcome.bar.what) for outcome in found)
    return [f"{outcome.bar.what:{wide}}  {_seen(outcome):>14}  {_verdict(outcome)}" for outcome in found]


def _seen(outcome: Outcome) -> str:
    return "not measured" if outcome.seen is None else f"{outcome.seen:.3g} {outcome.bar.unit}"


def _verdict(outcome: Outcome) -> str:
    most = f"{outcome.bar.most:g} {outcome.bar.unit}".strip()
    if outcome.passed is None:
        return f"     (at most {most})"
    return f"{'ok  ' if outcome.passed else 'FAIL'} (at most {most})"
