"""Makes the checks, groups side by side, none longer than it may take. Shell around threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from daemon.doctor.facts import Subject
from daemon.doctor.findings import Check, Finding, Group, Outcome, Verdict, failed, skipped, warned
from hw.errors import DeviceError

log = logging.getLogger("harkd")

LANES = ((Group.SOFTWARE,), (Group.SOUND, Group.PINS), (Group.NETWORK,), (Group.SERVICE,))
"""Side by side; within a lane one group after another. Pins wait for sound: while their library is imported
the working directory is another one, and a sound file may be named by it."""

_REPLUG = "Unplug the device and plug it in again, or start the machine anew."
_UNHANG = {Group.SOUND: _REPLUG, Group.PINS: _REPLUG}


class Examination:
    """One run of `checks`. `hung`: some were left behind, in threads that nobody can end."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self.hung = False

    def run(self, subject: Subject) -> list[Finding]:
        """Findings in the order of the checks. Never raises: a check that does is a FAIL."""
        with ThreadPoolExecutor(len(LANES), thread_name_prefix="doctor") as lanes:
            done = [lanes.submit(self._lane, groups, subject) for groups in LANES]
        by_number = {finding.check.number: finding for lane in done for finding in lane.result()}
        return [by_number[check.number] for check in self._checks]

    def _lane(self, groups: Iterable[Group], subject: Subject) -> list[Finding]:
        by_group = ([check for check in self._checks if check.group is group] for group in groups)
        return [finding for checks in by_group for finding in self._group(checks, subject)]

    def _group(self, checks: Iterable[Check], subject: Subject) -> list[Finding]:
        """One after another; behind one that hangs, which may hold what they need, the rest is not tried."""
        findings = []
        failures: dict[int, int] = {}  # of each check that says nothing, the one that failed before it
        stuck = 0
        for check in checks:
            before = next((failures[number] for number in check.needs if number in failures), 0)
            if stuck:
                verdict: Verdict | None = skipped(f"check {stuck} hangs, and may hold what this one needs")
            elif before:
                verdict = skipped(f"check {before} failed")
            else:
                verdict = limited(check, subject)
            if verdict is None:
                stuck = check.number
                self.hung = True
                verdict = failed(f"no answer within {check.limit_s:g} s", _UNHANG.get(check.group, ""))
            if before or verdict.outcome is Outcome.FAIL:
                failures[check.number] = before or check.number
            findings.append(Finding(check, verdict))
        return findings


def limited(check: Check, subject: Subject) -> Verdict | None:
    """What the check says; None if it has not said anything in time: it is left behind."""
    said: list[Verdict] = []  # one at most

    def make() -> None:
        said.append(_made(check, subject))

    thread = threading.Thread(target=make, name=f"doctor-{check.number}", daemon=True)
    thread.start()
    thread.join(check.limit_s)
    return said[0] if said else None


def _made(check: Check, subject: Subject) -> Verdict:
    try:
        return check.run(subject)
    except DeviceError as error:
        return failed(f"{error.device}: {error.detail}", error.remedy)
    except PermissionError as error:
        return warned(
            f"{error.filename or 'something'} may not be looked at by this user",
            "Run it as root: sudo harkd doctor",
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return failed(f"{where}{error.strerror or error}")
    except Exception as error:  # supervision point: one bad check must not hide what the others find
        log.debug("check %d failed", check.number, exc_info=True)
        return failed(f"the check itself failed: {type(error).__name__}: {error}")
