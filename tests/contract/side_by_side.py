"""Runs what was collected in several processes, copies of the one that collected; a plugin of pytest.

pytest-xdist has every process load and collect all tests anew, and tell of each one by a handful of messages:
for the 5,900 tests of `make unit`, on a busy machine, 51 s of two processors, not 36; one alone takes 34.
"""

from __future__ import annotations

import os
import signal
import struct
import tempfile
import warnings
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

import pytest

SPAN = struct.Struct("=II")
"""From which to before which test."""

MOST_AT_ONCE = 8
"""Tests that a process takes; fewer and fewer as the end draws near, so that all end together."""

PASSED = float
"""What is told of a test that passed and said nothing: how many seconds it took."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=1, help="run the tests in so many processes")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    options = session.config.option
    if options.processes < 2 or options.collectonly or session.testsfailed:
        return None
    foreman = _Foreman(session)
    foreman.run(options.processes)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


class _Foreman:
    """Starts the processes and tells of their tests as if they were its own."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._hook = session.config.hook
        self._untold = set(range(len(session.items)))
        reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.showfspath = False  # they come in any order

    def run(self, processes: int) -> None:
        with tempfile.TemporaryFile(buffering=0) as spans:
            spans.write(b"".join(SPAN.pack(*span) for span in _spans(self._session.items, processes)))
            spans.seek(0)  # all processes read from this one position
            workers: dict[Connection, int] = {}
            try:
                for number in range(processes):
                    pipe, pid = _fork(self._session, spans.fileno(), number)
                    workers[pipe] = pid
                self._listen(list(workers), spans.fileno())
            except BaseException:
                for pid in workers.values():
                    os.kill(pid, signal.SIGINT)
                raise
            finally:
                ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers.values()]
        if not (self._session.shouldfail or self._session.shouldstop):
            for number in sorted(self._untold):
                self._tell(number, f"not done: the processes ended with {ends}, a negative one by a signal")

    def _listen(self, pipes: list[Connection], spans: int) -> None:
        while pipes:
            for pipe in wait(pipes):
                assert isinstance(pipe, Connection)
                try:
                    told, warned = pipe.recv()
                except EOFError:
                    pipes.remove(pipe)
                    continue
                for number, said in told:
                    self._tell(number, said)
                for arguments in warned:
                    self._hook.pytest_warning_recorded.call_historic(kwargs=arguments)
                if self._session.shouldfail or self._session.shouldstop:
                    os.lseek(spans, 0, os.SEEK_END)  # nothing is left to be taken

    def _tell(self, number: int, said: PASSED | str | list[dict[str, Any]]) -> None:
        """`said`: seconds, or what went wrong with it, or pytest's own reports."""
        self._untold.discard(number)
        item, config = self._session.items[number], self._session.config
        if isinstance(said, list):
            reports = [self._hook.pytest_report_from_serializable(config=config, data=one) for one in said]
        else:
            outcome, problem, took_s = (
                ("failed", said, 0.0) if isinstance(said, str) else ("passed", None, said)
            )
            about = (item.nodeid, item.location, {}, outcome, problem, "call")
            reports = [pytest.TestReport(*about, duration=took_s)]
        for report in reports:
            self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _spans(items: list[pytest.Item], processes: int) -> list[tuple[int, int]]:
    """Tests of one file together, which may share what is costly."""
    spans, begin = [], 0
    while begin < len(items):
        most = max(1, min(MOST_AT_ONCE, (len(items) - begin) // (4 * processes)))
        end = begin + 1
        while end < min(begin + most, len(items)) and items[end].path == items[begin].path:
            end += 1
        spans.append((begin, end))
        begin = end
    return spans


def _fork(session: pytest.Session, spans: int, number: int) -> tuple[Connection, int]:
    ours, theirs = Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of numpy can bear it
        pid = os.fork()
    if pid:
        theirs.close()
        return ours, pid
    status = 1
    try:
        _Worker(session, theirs, number).run(spans)
        status = 0
    finally:
        os._exit(status)


class _Worker:
    """Takes spans until none is left; in a process of its own, and a plugin of pytest there."""

    def __init__(self, session: pytest.Session, pipe: Connection, number: int) -> None:
        self._session = session
        self._pipe = pipe
        self._reports: list[pytest.TestReport] = []
        self._warned: list[dict[str, Any]] = []
        config: Any = session.config
        config.pluginmanager.unregister(name="terminalreporter")
        config.pluginmanager.register(self)
        capture = config.pluginmanager.get_plugin("capturemanager")
        capture.stop_global_capturing()  # into a file with one position for all processes
        capture.start_global_capturing()
        config._tmp_path_factory._basetemp = config._tmp_path_factory.mktemp(f"process-{number}", False)

    def run(self, spans: int) -> None:
        span = _take(spans)
        while span:
            following = _take(spans)
            afterwards = [*span[1:], following[0] if following else None]
            told = [self._test(*pair) for pair in zip(span, afterwards, strict=True)]
            self._pipe.send((told, self._warned))
            self._warned.clear()
            span = following

    def _test(self, number: int, following: int | None) -> tuple[int, PASSED | list[dict[str, Any]]]:
        items, config = self._session.items, self._session.config
        self._reports.clear()
        nextitem = None if following is None else items[following]
        config.hook.pytest_runtest_protocol(item=items[number], nextitem=nextitem)
        if all(report.passed and not report.sections for report in self._reports):
            return number, sum(report.duration for report in self._reports)
        serialize = config.hook.pytest_report_to_serializable
        return number, [serialize(config=config, report=report) for report in self._reports]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        warning_message.source = None  # whatever it is, it stays here
        about = {"warning_message": warning_message, "when": when, "nodeid": nodeid, "location": location}
        self._warned.append(about)


def _take(spans: int) -> range:
    read = os.read(spans, SPAN.size)
    return range(*SPAN.unpack(read)) if read else range(0)
