"""What the journal is told, line by line: fields that programs can search for. Pure.

`docs/journal.md` is made of the table below. A `MESSAGE_ID` never changes its meaning.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from daemon.notices import Exchange
from daemon.records import dataclass

IDENTIFIER = "harkd"
EXTRA = "journal"
"""Under this name a log record carries its fields."""

MESSAGE_BOUND = 32_768
"""Characters; a longer line is cut. Nothing we say is, but for an error that repeats what it was given."""

Field = tuple[str, str]

_SHARED: Mapping[str, str] = {
    "turn": "number of the question since the start",
    "ended": "`heard`, `interrupted`, `cleared` or `unanswered`",
    "reason": "why, in words",
    "response_id": "the answer's id at the server",
    "first_frame_ms": "press to first audio on the wire",
    "commit_ms": "release, or the last word, to the end of the question on the wire",
    "answer_ms": "release, or the last word, to the first sample handed to the loudspeaker",
    "press_to_answer_ms": "press to the first sample handed to the loudspeaker",
    "turn_ms": "press to the end of the answer",
    "link": "`ready` or `down`",
    "retry_ms": "how long until the next attempt",
    "device": "`microphone` or `speaker`",
    "state": "as in `harkd status`",
    "revision": "of the configuration in force",
    "version": "of harkd",
    "path": "of a file",
    "until": "when it ends",
    "error": "class of the exception",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A line that operators want to catch: `log.info(..., extra=TURN(turn=3))`."""

    name: str
    message_id: str
    when: str
    fields: tuple[str, ...]

    def __call__(self, **values: Any) -> dict[str, Any]:
        """For `extra`; values that are None are left out. Raises `KeyError` for an undeclared field."""
        fields: list[Field] = [("HARKD_EVENT", self.name), ("MESSAGE_ID", self.message_id)]
        for name, value in values.items():
            if name not in self.fields:
                raise KeyError(name)
            if value is not None:
                fields.append((f"HARKD_{name.upper()}", str(value)))
        return {EXTRA: fields}


READY = Kind("ready", "7610ee97e8814a678491f16efe0b634f", "The daemon has started.", ("version",))
STOPPING = Kind("stopping", "3dfc3a86a192405c909d52833e8ef5f8", "It was told to stop.", ())
TURN = Kind(
    "turn",
    "9d97d73511a54ab19bd4dd36792fedad",
    "A question and its answer are over.",
    (
        "turn",
        "ended",
        "reason",
        "response_id",
        "first_frame_ms",
        "commit_ms",
        "answer_ms",
        "press_to_answer_ms",
        "turn_ms",
    ),
)
LINK = Kind(
    "link",
    "06a8e828826447a1913f28c5fff4e7f7",
    "The session with the server is ready, or lost. The same loss again is told at DEBUG.",
    ("link", "reason", "retry_ms"),
)
DEVICE = Kind(
    "device",
    "a63acd9ad5f64f71a05ab3b553a40fed",
    "A sound device is lost or silent, or works again.",
    ("device", "state", "reason"),
)
CONFIG = Kind(
    "config", "d95882dc3e6c415cac6cf1ddb2297ab1", "Another configuration is in force.", ("revision",)
)
CONFIG_REFUSED = Kind(
    "config-refused",
    "6460ac96c91f48c69b337e820fb07468",
    "The files have mistakes: the configuration that was in force stays.",
    ("revision",),
)
SPENDING = Kind(
    "spending",
    "f8178b8526534d8ab833a050ed288442",
    "A warning about money, a limit that holds from now on, or its end.",
    ("state", "until"),
)
PROBLEM = Kind(
    "problem", "3c5794ed5aa74444a35dd5f3d1bb7df3", "Something went wrong that `harkd status` shows, too.", ()
)
BUG = Kind(
    "bug",
    "d862fa1a93404fdaabdb84fccf944c2f",
    "An error of ours; it cost one event, or the daemon. The message has the traceback.",
    ("error",),
)
FLIGHT = Kind("flight", "75a93700340f4e08ba7ba969e411c051", "A flight recording was written.", ("path",))
UNSAVED = Kind(
    "unsaved", "70682e1f4fa94b70b50dca56d1684e34", "The disk does not take what must survive a restart.", ()
)

KINDS: tuple[Kind, ...] = (
    READY,
    STOPPING,
    TURN,
    LINK,
    DEVICE,
    CONFIG,
    CONFIG_REFUSED,
    SPENDING,
    PROBLEM,
    BUG,
    FLIGHT,
    UNSAVED,
)


def turn(exchange: Exchange) -> dict[str, Any]:
    """For the line about a question that is over."""
    return TURN(
        turn=exchange.number,
        ended=exchange.ended,
        reason=exchange.reason or None,
        response_id=exchange.response_id or None,
        **exchange.figures(),
    )


def problem(what: str) -> dict[str, Any]:
    """For a line about something that went wrong; what begins with the name of a part is about that."""
    part = what.partition(":")[0]
    if part == "link":
        return LINK(link="down")
    if part == "config":
        return CONFIG_REFUSED()
    return PROBLEM()


def fields_of(record: logging.LogRecord, message: str) -> list[Field]:
    """Everything the journal is told of a record; `message` is its text as it may be shown."""
    fields: list[Field] = [
        ("MESSAGE", message if len(message) <= MESSAGE_BOUND else message[:MESSAGE_BOUND] + " [cut]"),
        ("PRIORITY", str(priority(record.levelno))),
        ("SYSLOG_IDENTIFIER", IDENTIFIER),
        ("LOGGER", record.name),
        ("THREAD_NAME", str(record.threadName)),
        ("CODE_FILE", record.pathname),
        ("CODE_LINE", str(record.lineno)),
        ("CODE_FUNC", record.funcName or ""),
    ]
    told: list[Field] = getattr(record, EXTRA, [])
    failed = record.levelno >= logging.ERROR and record.exc_info and record.exc_info[0]
    if not told and failed:
        told = BUG(error=failed.__name__)[EXTRA]
    return [*fields, *told]


def priority(level: int) -> int:
    """As syslog(3) counts."""
    for least, number in ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)):
        if level >= least:
            return number
    return 7


def datagram(fields: Iterable[Field]) -> bytes:
    """As systemd's journal takes them on its socket: https://systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    pieces = []
    for name, value in fields:
        data = value.encode("utf-8", errors="replace")
        if b"\n" in data:
            pieces.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            pieces.append(name.encode() + b"=" + data + b"\n")
    return b"".join(pieces)


def table() -> str:
    """The kinds of lines, for the documentation."""
    rows = ["| `HARKD_EVENT` | when | further fields | `MESSAGE_ID` |", "|---|---|---|---|"]
    for kind in KINDS:
        fields = ", ".join(f"`HARKD_{name.upper()}`" for name in kind.fields)
        rows.append(f"| `{kind.name}` | {kind.when} | {fields} | `{kind.message_id}` |")
    rows += ["", "| field | what |", "|---|---|"]
    rows += [f"| `HARKD_{name.upper()}` | {what} |" for name, what in _SHARED.items()]
    return "\n".join(rows) + "\n"
