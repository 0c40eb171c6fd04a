"""What a change may cost: figures of now against those that were agreed on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALLOWED_GROWTH = 0.05
"""Repeated runs of unchanged code differ by less than 1 % in instructions and 2 % in memory."""

RENEW = ".venv/bin/python -m tests.bench.check --renew"

FIGURES: Mapping[str, str] = {
    "session_per_minute": "instructions per minute of conversation of the session layer, floor = 1",
    "session_start": "instructions to start the session layer, floor = 1",
    "session_peak_rss": "peak memory of the session layer, floor = 1",
    "daemon_per_minute": "instructions per minute of conversation of the whole daemon, floor = 1",
    "daemon_start": "instructions to start the whole daemon, floor = 1",
    "daemon_peak_rss": "peak memory of the whole daemon, floor = 1",
}
"""Ratios to the floor in the same run: another Python or processor changes both."""


def ratios(measured: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """From each client's `per_minute`, `start` and `peak_rss`.

    The harness stays in: alone it differs by a tenth from run to run, with a client by 1 %.
    """
    floor = measured["floor"]
    return {
        f"{client}_{figure}": round(measured[client][figure] / cost, 3)
        for client in ("session", "daemon")
        for figure, cost in floor.items()
    }


def complaints(
    baseline: Mapping[str, Any], now: Mapping[str, float], versions: Mapping[str, str]
) -> list[str]:
    """A sentence for each figure that grew too much; none if all is well."""
    grown = []
    for name, meaning in FIGURES.items():
        before = baseline["ratios"].get(name)
        if before is None:
            grown.append(f"{name}: not in the baseline; add it with {RENEW}")
        elif now[name] > before * (1 + ALLOWED_GROWTH):
            grown.append(
                f"{name}: {meaning}: it was {before:.3f}, now it is {now[name]:.3f} "
                f"({100 * (now[name] / before - 1):+.1f} %, allowed {100 * ALLOWED_GROWTH:+.0f} %). Make it "
                f"cheaper, or if it is worth that much, say so in the commit and renew the baseline: {RENEW}"
            )
    if grown and (other := differing(baseline["versions"], versions)):
        grown.append(f"Other versions than the baseline's may be why: {other}")
    return grown


def savings(baseline: Mapping[str, Any], now: Mapping[str, float]) -> list[str]:
    """Figures so much better that the baseline no longer guards them."""
    return [
        f"{name}: it was {before:.3f}, now it is {now[name]:.3f}; renew the baseline: {RENEW}"
        for name, before in baseline["ratios"].items()
        if name in now and now[name] < before * (1 - ALLOWED_GROWTH)
    ]


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = sorted(before.keys() | now.keys())
    return ", ".join(
        f"{name} {now.get(name, 'missing')} (was {before.get(name, 'missing')})"
        for name in names
        if before.get(name) != now.get(name)
    )
