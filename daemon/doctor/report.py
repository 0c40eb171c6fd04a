"""What the doctor found, for people and for programs. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from daemon.doctor.findings import Finding, Outcome, Verdict
from daemon.records import dataclass
from daemon.redaction import redacted

_COLOURS = {Outcome.PASS: "32", Outcome.WARN: "33", Outcome.FAIL: "1;31", Outcome.SKIP: "2"}
_NAME_WIDTH = 18
_BELOW = " " * (2 + 2 + 1 + 4 + 2 + _NAME_WIDTH + 1)
_NARROWEST = 30
_WORDS = {Outcome.PASS: "passed", Outcome.WARN: "to look at", Outcome.FAIL: "failed", Outcome.SKIP: "skipped"}


@dataclass(frozen=True, slots=True)
class Report:
    """`heading` is of the whole box: what was examined, and how. `took_s`: how long all of it was."""

    version: str
    heading: Sequence[str]
    daemon_running: bool
    findings: Sequence[Finding]
    took_s: float

    @property
    def ok(self) -> bool:
        return not any(finding.outcome is Outcome.FAIL for finding in self.findings)


def exit_code(report: Report) -> int:
    """1 if anything failed; what is only worth a look is 0."""
    return 0 if report.ok else 1


def counts(report: Report) -> Mapping[Outcome, int]:
    return {outcome: sum(one.outcome is outcome for one in report.findings) for outcome in Outcome}


def as_json(report: Report) -> dict[str, Any]:
    """Keys are only ever added. `fix` is null where there is nothing to do."""
    return {
        "version": report.version,
        "ok": report.ok,
        "daemon_running": report.daemon_running,
        "counts": {outcome.value: count for outcome, count in counts(report).items()},
        "checks": [
            {
                "number": finding.check.number,
                "group": finding.check.group.name.lower(),
                "name": finding.check.name,
                "outcome": finding.outcome.value,
                "detail": finding.verdict.detail,
                "fix": finding.fix or None,
            }
            for finding in report.findings
        ],
    }


def as_text(report: Report, *, width: int = 100, colour: bool = False) -> str:
    """At most `width` columns, save for words that are longer."""
    lines = list(report.heading)
    for group, findings in groupby(report.findings, key=lambda finding: finding.check.group):
        lines += ["", group.value]
        for finding in findings:
            lines += _lines(finding, width, colour)
    return "\n".join([*lines, "", _sum(report)])


def _lines(finding: Finding, width: int, colour: bool) -> Iterator[str]:
    outcome = finding.outcome.value
    shown = f"\x1b[{_COLOURS[finding.outcome]}m{outcome}\x1b[0m" if colour else outcome
    first = f"  {finding.check.number} {shown}  {finding.check.name:<{_NAME_WIDTH}} "
    room = max(_NARROWEST, width - len(_BELOW))
    said, *more = _wrapped(finding.verdict.detail, room) or [""]
    yield (first + said).rstrip()
    yield from (_BELOW + line for line in more)
    fix = _wrapped(finding.fix, room - 3)
    yield from (f"{_BELOW}{'   ' if number else '-> '}{line}" for number, line in enumerate(fix))


def _wrapped(text: str, width: int) -> list[str]:
    """Commands and paths stay whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _sum(report: Report) -> str:
    said = ", ".join(f"{count} {_WORDS[outcome]}" for outcome, count in counts(report).items() if count)
    return f"{said}; {len(report.findings)} checks in {report.took_s:.1f} s"


def without_secrets(findings: Iterable[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The same, fit to be shown to anybody."""
    return [replace(finding, verdict=_cleaned(finding.verdict, secrets)) for finding in findings]


def _cleaned(verdict: Verdict, secrets: Sequence[str]) -> Verdict:
    detail, fix = redacted(verdict.detail, secrets), redacted(verdict.fix, secrets)
    return replace(verdict, detail=detail, fix=fix)
