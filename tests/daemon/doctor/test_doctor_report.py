"""What the doctor prints, and what it answers."""

from __future__ import annotations

import json

import pytest

from daemon.doctor.findings import Finding, Outcome, Verdict, failed, passed, skipped, warned
from daemon.doctor.registry import CHECKS
from daemon.doctor.report import Report, as_json, as_text, exit_code, without_secrets

BY_NUMBER = {check.number: check for check in CHECKS}
FOUND = (
    (11, passed("3.13.5")),
    (23, failed("hw:CARD=Jabra: no microphone on such a card", "Did you mean 'hw:CARD=USB'?")),
    (24, skipped("check 23 failed")),
    (56, warned("since it was started: under-voltage")),
)

TEXT = """\
harkd 0.1.0 on a desk

Software and configuration
  11 PASS  python             3.13.5

Sound
  23 FAIL  microphone         hw:CARD=Jabra: no microphone
                              on such a card
                              -> Did you mean 'hw:CARD=USB'?
  24 SKIP  microphone opens   check 23 failed

Service and board
  56 WARN  power              since it was started:
                              under-voltage
                              -> Use the board's own power
                                 supply and a short, thick
                                 cable.

1 passed, 1 to look at, 1 failed, 1 skipped; 4 checks in 3.2 s"""

JSON = """
{
  "version": "0.1.0",
  "ok": false,
  "daemon_running": false,
  "counts": {"PASS": 1, "WARN": 1, "FAIL": 0, "SKIP": 0},
  "checks": [
    {"number": 11, "group": "software", "name": "python", "outcome": "PASS", "detail": "3.13.5", "fix": null},
    {
      "number": 56,
      "group": "service",
      "name": "power",
      "outcome": "WARN",
      "detail": "low",
      "fix": "Use the board's own power supply and a short, thick cable."
    }
  ]
}
"""


def report(*found: tuple[int, Verdict]) -> Report:
    findings = [Finding(BY_NUMBER[number], verdict) for number, verdict in found]
    return Report("0.1.0", ["harkd 0.1.0 on a desk"], False, findings, 3.21)


def test_text_is_in_columns_with_the_fix_below() -> None:
    assert as_text(report(*FOUND), width=60) == TEXT


def test_text_in_colour_differs_only_in_colour() -> None:
    coloured = as_text(report(*FOUND), width=60, colour=True)
    assert "\x1b[1;31mFAIL\x1b[0m" in coloured
    plain = coloured
    for code in ("1;31", "32", "33", "2", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == TEXT


def test_json_has_these_keys() -> None:
    expected = json.loads(JSON) | {"ok": True}
    assert as_json(report(FOUND[0], (56, warned("low")))) == expected


@pytest.mark.parametrize(
    ("verdict", "code"), [(passed("x"), 0), (warned("x"), 0), (skipped("x"), 0), (failed("x"), 1)]
)
def test_only_a_failure_is_an_exit_code(verdict: Verdict, code: int) -> None:
    assert exit_code(report(FOUND[0], (56, verdict))) == code


def test_a_finding_that_says_nothing_has_a_line() -> None:
    assert "  11 PASS  python" in as_text(report((11, Verdict(Outcome.PASS, ""))))


def test_findings_are_shown_without_secrets() -> None:
    check = BY_NUMBER[14]
    (finding,) = without_secrets(
        [Finding(check, failed("my-own-key is odd", "Say my-own-key again."))], ["my-own-key", ""]
    )
    assert (finding.verdict.detail, finding.fix) == ("[secret] is odd", "Say [secret] again.")
