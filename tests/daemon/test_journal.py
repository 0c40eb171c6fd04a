from __future__ import annotations

import asyncio
import io
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import Box, voice
from virtual_loop import run_virtual

from daemon.journal import BUG, KINDS, MESSAGE_BOUND, TURN, datagram, fields_of, problem, table, turn
from daemon.journal_stream import CleanFormatter, JournalHandler, leads_to_the_journal, start_logging
from daemon.notices import Exchange
from daemon.redaction import Redactor

KEY = "hunter2 hunter2"
PAGE = Path(__file__).parents[2] / "docs" / "journal.md"


def record(message: str = "hello", level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    return logging.getLogger("harkd.test").makeRecord(
        "harkd.test", level, "/x/y.py", 7, message, (), None, "work", extra
    )


def test_line_has_the_fields_of_the_journal() -> None:
    fields = fields_of(record(), "hello")
    assert fields == [
        ("MESSAGE", "hello"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "harkd"),
        ("LOGGER", "harkd.test"),
        ("THREAD_NAME", "MainThread"),
        ("CODE_FILE", "/x/y.py"),
        ("CODE_LINE", "7"),
        ("CODE_FUNC", "work"),
    ]


@pytest.mark.parametrize(
    ("level", "number"), [(10, "7"), (20, "6"), (25, "6"), (30, "4"), (40, "3"), (50, "2")]
)
def test_levels_are_those_of_syslog(level: int, number: str) -> None:
    assert dict(fields_of(record(level=level), ""))["PRIORITY"] == number


def test_line_about_an_event_has_its_fields_and_its_id() -> None:
    fields = dict(fields_of(record(**TURN(turn=3, answer_ms=412.0, reason=None)), ""))
    assert fields["HARKD_EVENT"] == "turn"
    assert fields["MESSAGE_ID"] == TURN.message_id
    assert (fields["HARKD_TURN"], fields["HARKD_ANSWER_MS"]) == ("3", "412.0")
    assert "HARKD_REASON" not in fields


def test_undeclared_field_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        TURN(tunr=3)


def test_question_and_answer_are_told_with_their_times() -> None:
    exchange = Exchange(3, 100.0, True, 100.012, 101.5, 101.51, 102.0, 104.25, "interrupted", "", "resp_7")
    fields = dict(turn(exchange)["journal"])
    assert fields == {
        "HARKD_EVENT": "turn",
        "MESSAGE_ID": TURN.message_id,
        "HARKD_TURN": "3",
        "HARKD_ENDED": "interrupted",
        "HARKD_RESPONSE_ID": "resp_7",
        "HARKD_FIRST_FRAME_MS": "12.0",
        "HARKD_COMMIT_MS": "10.0",
        "HARKD_ANSWER_MS": "500.0",
        "HARKD_PRESS_TO_ANSWER_MS": "2000.0",
        "HARKD_TURN_MS": "4250.0",
    }


def test_question_that_was_never_asked_has_no_times_but_one() -> None:
    exchange = Exchange(1, 100.0, True, ended_at=100.3, ended="cleared", reason="too short")
    assert exchange.figures() == {"turn_ms": 300.0}
    assert ("HARKD_REASON", "too short") in turn(exchange)["journal"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("link", [("HARKD_EVENT", "link"), ("HARKD_LINK", "down")]),
        ("config: /etc/harkd/harkd.toml:3: talk.mode: is 3", [("HARKD_EVENT", "config-refused")]),
        ("agents: a tool failed", [("HARKD_EVENT", "problem")]),
    ],
)
def test_problem_is_about_what_its_line_begins_with(what: str, told: list[tuple[str, str]]) -> None:
    assert [field for field in problem(what)["journal"] if field[0] != "MESSAGE_ID"] == told


def test_traceback_of_an_error_is_an_error_of_ours() -> None:
    failed = record(level=logging.ERROR)
    failed.exc_info = (ValueError, ValueError("x"), None)
    fields = dict(fields_of(failed, ""))
    assert (fields["HARKD_EVENT"], fields["HARKD_ERROR"]) == ("bug", "ValueError")
    failed.levelno = logging.WARNING  # as of a tool that raised
    assert "HARKD_EVENT" not in dict(fields_of(failed, ""))


def test_long_line_is_cut() -> None:
    message = dict(fields_of(record(), "x" * 100_000))["MESSAGE"]
    assert len(message) == MESSAGE_BOUND + len(" [cut]")


def test_kinds_are_told_apart() -> None:
    assert len({kind.message_id for kind in KINDS}) == len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(len(bytes.fromhex(kind.message_id)) == 16 for kind in KINDS)


def test_page_has_the_table() -> None:
    assert table() in PAGE.read_text()


def test_datagram_is_what_the_journal_expects() -> None:
    assert datagram([("A", "b"), ("C", "d\ne")]) == b"A=b\nC\n\x03\0\0\0\0\0\0\0d\ne\n"


# ---- to the journal ----------------------------------------------------------------


class Journal:
    """A journal's socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))

    def read(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.read_text().splitlines())

    def read_text(self) -> str:
        return self.socket.recv(100_000).decode(errors="replace")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "socket")
    yield journal
    journal.socket.close()


@pytest.fixture
def handler(journal: Journal) -> Iterator[JournalHandler]:
    handler = JournalHandler(Redactor([KEY]), io.StringIO(), journal.path)
    yield handler
    handler.close()


def test_line_arrives_without_secrets(handler: JournalHandler, journal: Journal) -> None:
    handler.emit(record(f"no {KEY}", **BUG(error=KEY)))
    fields = journal.read()
    assert (fields["MESSAGE"], fields["HARKD_ERROR"]) == ("no [secret]", "[secret]")


def test_events_go_with_the_configuration(handler: JournalHandler, journal: Journal) -> None:
    handler.revision = lambda: "3f2a"
    handler.emit(record())
    assert "HARKD_REVISION" not in journal.read()
    handler.emit(record(**TURN(turn=1)))
    assert journal.read()["HARKD_REVISION"] == "3f2a"


def test_traceback_arrives_whole_and_without_secrets(handler: JournalHandler, journal: Journal) -> None:
    try:
        raise ValueError(KEY)
    except ValueError:
        failed = record("it failed")
        failed.exc_info = sys.exc_info()
        handler.emit(failed)
    text = journal.read_text()
    assert "it failed\nTraceback" in text
    assert "ValueError: [secret]" in text
    assert KEY not in text


def test_journal_that_takes_nothing_is_not_waited_for(handler: JournalHandler, journal: Journal) -> None:
    for number in range(1000):
        handler.emit(record(f"line {number}"))
    taken = 0
    while True:
        try:
            journal.read()
            taken += 1
        except BlockingIOError:
            break
    assert 0 < taken < 1000
    handler.emit(record("after"))
    assert journal.read()["MESSAGE"] == f"{1000 - taken} lines before this one are lost"
    assert journal.read()["MESSAGE"] == "after"


def test_without_a_journal_lines_have_levels(tmp_path: Path) -> None:
    stderr = io.StringIO()
    handler = JournalHandler(Redactor(), stderr, tmp_path / "none")
    handler.emit(record("one\ntwo", logging.WARNING))
    handler.close()
    assert stderr.getvalue() == "<4>one\n<4>two\n"


def test_journal_that_comes_back_is_used_again(tmp_path: Path) -> None:
    stderr = io.StringIO()
    handler = JournalHandler(Redactor(), stderr, tmp_path / "socket")
    handler.emit(record("first"))
    journal = Journal(tmp_path / "socket")
    handler.emit(record("second"))
    assert journal.read()["MESSAGE"] == "second"
    assert stderr.getvalue() == "<6>first\n"
    handler.close()
    journal.socket.close()


# ---- which ---------------------------------------------------------------------------


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_systemd_says_that_stderr_is_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        about = os.fstat(stream.fileno())
        assert leads_to_the_journal(stream, {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
        assert not leads_to_the_journal(stream, {"JOURNAL_STREAM": f"{about.st_dev}:1"})
        assert not leads_to_the_journal(stream, {})
    assert not leads_to_the_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})


def test_journal_is_used_if_stderr_leads_there(
    root: logging.Logger, journal: Journal, tmp_path: Path
) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        about = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
        handler = start_logging(
            Redactor(), verbose=False, stderr=stream, environ=environ, journal_socket=journal.path
        )
        assert handler is not None
        logging.getLogger("harkd").info("hello")
        handler.close()
    assert journal.read()["MESSAGE"] == "hello"
    assert (tmp_path / "stderr").read_text() == ""


def test_otherwise_lines_go_to_stderr(root: logging.Logger) -> None:
    stderr = io.StringIO()
    assert start_logging(Redactor([KEY]), verbose=True, stderr=stderr, environ={}) is None
    logging.getLogger("harkd.x").debug("hello %s", KEY)
    logging.getLogger("websockets.client").debug("> every frame")
    assert stderr.getvalue() == "DEBUG harkd.x: hello [secret]\n"


def test_what_asyncio_tells_is_cleaned_too(root: logging.Logger) -> None:
    stderr = io.StringIO()
    start_logging(Redactor([KEY]), verbose=True, stderr=stderr, environ={})

    async def fail(key: str) -> None:
        raise RuntimeError(key)

    async def main() -> None:
        task = asyncio.create_task(fail(KEY))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    asyncio.run(main(), debug=True)
    assert "Task exception was never retrieved" in stderr.getvalue()
    assert KEY not in stderr.getvalue()


def test_stack_is_cleaned_too() -> None:
    told = record("x")
    told.stack_info = f"Stack: {KEY}"
    assert CleanFormatter("%(message)s", Redactor([KEY])).format(told) == "x\nStack: [secret]"


# ---- what a box tells ----------------------------------------------------------------


def told_by(records: list[logging.LogRecord], event: str) -> list[dict[str, str]]:
    all_fields = [dict(getattr(record, "journal", ())) for record in records]
    return [fields for fields in all_fields if fields.get("HARKD_EVENT") == event]


def test_box_tells_of_its_session_and_of_each_question_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "harkd")

    async def main() -> None:
        async with Box() as box:
            await box.ask_aloud()
            box.server.answer("resp_1", "item_1", voice(4800))
            await box.live(60)

    run_virtual(main())
    assert [fields["HARKD_LINK"] for fields in told_by(caplog.records, "link")] == ["ready"]
    [turn] = told_by(caplog.records, "turn")
    assert (turn["HARKD_TURN"], turn["HARKD_ENDED"], turn["HARKD_RESPONSE_ID"]) == ("1", "heard", "resp_1")
    assert float(turn["HARKD_TURN_MS"]) > float(turn["HARKD_PRESS_TO_ANSWER_MS"]) >= 300.0
    assert 0.0 <= float(turn["HARKD_COMMIT_MS"]) <= 20.0


def test_box_tells_that_the_link_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Box() as box:
            box.server.lose()
            await box.live(3)

    run_virtual(main())
    assert "down" in [fields["HARKD_LINK"] for fields in told_by(caplog.records, "link")]
