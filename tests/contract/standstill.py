"""What measures in real time is measured again where the machine stood still meanwhile; a plugin of pytest.

A process of its own does nothing but sleep. Where it is woken up late, so was everybody: then a failure says
nothing about harkd, and the test is done once more, and told of at the end. Else a failure is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

REAL_TIME = ("system", "alone")  # markers
STANDSTILL_S = 0.03
"""An idle machine of two cores wakes a sleeper up within 5 ms; sound is lost at 20 to 40 ms."""

TRIES = 3
CALM_S = 0.5
NAP_S = 0.005

_SLEEPER = """
import os, sys, time
parent, nap_s, least_s = os.getppid(), float(sys.argv[1]), float(sys.argv[2])
print(0, 0, flush=True)
while os.getppid() == parent:
    due = time.monotonic() + nap_s
    time.sleep(nap_s)
    woken = time.monotonic()
    if woken - due >= least_s:
        print(due, woken, flush=True)
"""


class Sleeper:
    """Writes down when it was to be woken up, and when it was."""

    def __init__(self) -> None:
        fd, name = tempfile.mkstemp(prefix="standstill-")
        self._late = Path(name)
        command = [sys.executable, "-S", "-c", _SLEEPER, str(NAP_S), str(STANDSTILL_S)]
        with os.fdopen(fd, "wb") as file:
            self.process = subprocess.Popen(command, stdout=file)
        while not self._late.stat().st_size and self.process.poll() is None:
            time.sleep(NAP_S)

    def longest_s(self, began: float, ended: float) -> float:
        """The longest standstill that touches the span, 0 if there was none."""
        time.sleep(2 * NAP_S)  # one that lasts until now is written down when it is over
        spans = (line.split() for line in self._late.read_text().splitlines())
        late = ((float(due), float(woken)) for due, woken in spans)
        return max((woken - due for due, woken in late if woken > began and due < ended), default=0.0)

    def await_calm(self) -> None:
        """Until there was no standstill for `CALM_S`, or no end is to be seen."""
        give_up = time.monotonic() + 20 * CALM_S
        while self.longest_s(time.monotonic() - CALM_S, time.monotonic()) and time.monotonic() < give_up:
            time.sleep(NAP_S)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._late.unlink()


sleepers: list[Sleeper] = []
repeated: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if not any(item.get_closest_marker(name) for name in REAL_TIME):
        return None
    if not sleepers:
        sleepers.append(Sleeper())
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    for attempt in range(1, TRIES + 1):
        began = time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        failed = [report for report in reports if report.failed]
        stood_s = sleepers[0].longest_s(began, time.monotonic()) if failed else 0.0
        if not stood_s or attempt == TRIES:
            break
        error = str(getattr(failed[0].longrepr, "reprcrash", "failed")).splitlines()[0]
        repeated.append(f"{item.nodeid}: the machine stood still for {1000 * stood_s:.0f} ms; {error}")
        sleepers[0].await_calm()
        item._initrequest()  # type: ignore[attr-defined]
    return reports


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if repeated:
        terminalreporter.section("done again")
        for line in repeated:
            terminalreporter.line(line)


def pytest_unconfigure() -> None:
    while sleepers:
        sleepers.pop().stop()
