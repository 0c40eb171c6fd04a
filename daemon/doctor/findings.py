"""What a check is, and what comes out of one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from daemon.doctor.facts import Subject
from daemon.records import dataclass


class Outcome(Enum):
    """FAIL: the box will not work, or not safely. WARN: it works, but look at it. SKIP: not asked."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


class Group(Enum):
    """Checks of one group run one after another. The value is for people."""

    SOFTWARE = "Software and configuration"
    SOUND = "Sound"
    PINS = "Button and light"
    NETWORK = "Network and key"
    SERVICE = "Service and board"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fix`: what to do, where that is more exact than what the check says in general."""

    outcome: Outcome
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`number` never changes its meaning. `title`: what it looks at; `fix`: one imperative line.

    `needs`: numbers of earlier checks of the same group, without whose success this one means nothing.
    `limit_s`: how long it may take.
    """

    number: int
    group: Group
    name: str
    title: str
    fix: str
    run: Callable[[Subject], Verdict]
    needs: tuple[int, ...] = ()
    limit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    check: Check
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        return self.verdict.outcome

    @property
    def fix(self) -> str:
        """What to do; "" where nothing is."""
        if self.outcome not in (Outcome.WARN, Outcome.FAIL):
            return ""
        return self.verdict.fix or self.check.fix


def passed(detail: str) -> Verdict:
    return Verdict(Outcome.PASS, detail)


def warned(detail: str, fix: str = "") -> Verdict:
    return Verdict(Outcome.WARN, detail, fix)


def failed(detail: str, fix: str = "") -> Verdict:
    return Verdict(Outcome.FAIL, detail, fix)


def skipped(reason: str) -> Verdict:
    return Verdict(Outcome.SKIP, reason)
