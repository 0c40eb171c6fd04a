"""How checks are run: side by side, in order within a group, none for ever, and none takes others along."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from daemon.doctor.examination import Examination
from daemon.doctor.facts import Subject
from daemon.doctor.findings import Check, Finding, Group, Outcome, Verdict, failed, passed, skipped, warned
from daemon.doctor.registry import CHECKS
from hw.errors import DeviceError, Fault
from tests.daemon.doctor.healthy import RUNNING, subject

Run = Callable[[Subject], Verdict]


def check(
    number: int, run: Run, *, needs: tuple[int, ...] = (), limit_s: float = 5.0, group: Group = Group.SOUND
) -> Check:
    return Check(number, group, f"check {number}", "Title.", "Do this.", run, needs, limit_s)


def says(verdict: Verdict) -> Run:
    return lambda _: verdict


def raises(error: Exception) -> Run:
    def run(_: Subject) -> Verdict:
        raise error

    return run


def examine(*checks: Check) -> list[Finding]:
    return Examination(checks).run(subject())


@pytest.mark.parametrize(
    ("error", "said", "fix"),
    [
        (DeviceError(Fault.BUSY, "mic", "mpv has it", "End mpv."), "mic: mpv has it", "End mpv."),
        (DeviceError(Fault.BUSY, "mic", "mpv has it"), "mic: mpv has it", "Do this."),
        (OSError(30, "Read-only file system", "/x"), "/x: Read-only file system", "Do this."),
        (OSError("PortAudio says no"), "PortAudio says no", "Do this."),
        (KeyError("x"), "the check itself failed: KeyError: 'x'", "Do this."),
    ],
)
def test_what_a_probe_raises_is_a_sentence(error: Exception, said: str, fix: str) -> None:
    (finding,) = examine(check(1, raises(error)))
    assert (finding.outcome, finding.verdict.detail, finding.fix) == (Outcome.FAIL, said, fix)


def test_what_this_user_may_not_look_at_is_left_to_root() -> None:
    (finding,) = examine(check(1, raises(PermissionError(13, "Permission denied", "/etc/harkd"))))
    assert finding.outcome is Outcome.WARN
    assert finding.verdict.detail == "/etc/harkd may not be looked at by this user"
    assert finding.fix == "Run it as root: sudo harkd doctor"


def test_a_check_that_hangs_fails_in_time_and_the_rest_of_its_group_is_not_tried() -> None:
    for_ever = threading.Event()

    def hang(_: Subject) -> Verdict:
        for_ever.wait()
        return passed("late")

    other = check(3, says(passed("fine")), group=Group.NETWORK)
    examination = Examination([check(1, hang, limit_s=0.05), check(2, says(passed("fine"))), other])
    findings = examination.run(subject())
    for_ever.set()
    assert [finding.outcome.value for finding in findings] == ["FAIL", "SKIP", "PASS"]
    assert findings[0].verdict.detail == "no answer within 0.05 s"
    assert findings[1].verdict.detail == "check 1 hangs, and may hold what this one needs"
    assert examination.hung


def test_the_first_failure_is_named_by_all_that_need_it() -> None:
    good = says(passed("fine"))
    findings = examine(
        check(1, says(failed("broken"))),
        check(2, good, needs=(1,)),
        check(3, good, needs=(2,)),
        check(4, good),
    )
    assert [finding.verdict.detail for finding in findings] == [
        "broken",
        "check 1 failed",
        "check 1 failed",
        "fine",
    ]


@pytest.mark.parametrize("verdict", [warned("so so"), skipped("not asked"), passed("fine")])
def test_what_did_not_fail_holds_nobody_up(verdict: Verdict) -> None:
    findings = examine(check(1, says(verdict)), check(2, says(passed("fine")), needs=(1,)))
    assert findings[1].outcome is Outcome.PASS


def test_groups_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=5)

    def meet(_: Subject) -> Verdict:
        both.wait()
        return passed("met")

    findings = examine(check(1, meet, group=Group.SOUND), check(2, meet, group=Group.NETWORK))
    assert [finding.verdict.detail for finding in findings] == ["met", "met"]


def test_pins_are_looked_at_after_sound_even_if_sound_hangs() -> None:
    for_ever, seen = threading.Event(), list[str]()

    def hang(_: Subject) -> Verdict:
        seen.append("sound")
        for_ever.wait()
        return passed("late")

    def look(_: Subject) -> Verdict:
        seen.append("pins")
        return passed("fine")

    findings = examine(check(1, hang, limit_s=0.05), check(2, look, group=Group.PINS))
    for_ever.set()
    assert seen == ["sound", "pins"]
    assert findings[1].outcome is Outcome.PASS


def test_a_healthy_box_passes() -> None:
    findings = Examination(CHECKS).run(subject(daemon=RUNNING))
    assert {finding.outcome for finding in findings} == {Outcome.PASS, Outcome.SKIP}
    assert [finding.check for finding in findings] == list(CHECKS)
