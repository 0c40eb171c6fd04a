"""Where log lines go: to systemd's journal with their fields, or to stderr. Shell around both."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from daemon.journal import Field, datagram, fields_of, priority
from daemon.redaction import Redactor

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
BUFFER_BYTES = 1024 * 1024
"""What may wait at the journal's socket; the usual 200 KB are twenty tracebacks."""

_AT_THE_DESK = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_PLAIN = "%(levelname)s %(name)s: %(message)s"
_MESSAGE = "%(message)s"


def start_logging(
    redactor: Redactor,
    *,
    verbose: bool,
    stderr: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
    journal_socket: Path = JOURNAL_SOCKET,
) -> JournalHandler | None:
    """From now on every log line goes where this process was told to write, without secrets.

    `stderr` and `environ` are the process's own if None. Answers the handler if that is the journal.
    """
    stderr = stderr or sys.stderr
    journal: JournalHandler | None = None
    handler: logging.Handler
    if leads_to_the_journal(stderr, os.environ if environ is None else environ):
        handler = journal = JournalHandler(redactor, stderr, journal_socket)
    else:
        handler = logging.StreamHandler(stderr)
        handler.setFormatter(CleanFormatter(_AT_THE_DESK if stderr.isatty() else _PLAIN, redactor))
    root = logging.getLogger()
    for old in [*root.handlers]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.captureWarnings(True)
    logging.getLogger("websockets").setLevel(logging.INFO)  # at DEBUG it prints every frame, speech and all
    return journal


def leads_to_the_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether systemd connected `stream` to its journal, as `$JOURNAL_STREAM` says: device and inode."""
    try:
        about = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


class CleanFormatter(logging.Formatter):
    """Lines, tracebacks and stacks included, without secrets."""

    def __init__(self, form: str, redactor: Redactor) -> None:
        super().__init__(form)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


class JournalHandler(logging.Handler):
    """Speaks the journal's own protocol; without its socket, lines with sd-daemon(3)'s levels on stderr.

    Nothing waits for the journal: while it takes nothing, lines are lost, counted, and that is told with the
    next one. Any thread may log.
    """

    def __init__(self, redactor: Redactor, stderr: TextIO, path: Path = JOURNAL_SOCKET) -> None:
        super().__init__()
        self.setFormatter(CleanFormatter(_MESSAGE, redactor))
        self.revision: Callable[[], str] = str
        """Of the configuration in force, "" for none: it goes along with every line that has an event."""
        self._redactor = redactor
        self._stderr = stderr
        self._path = str(path)
        self._socket: socket.socket | None = None
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = fields_of(record, self.format(record))
            names = [name for name, _ in fields]
            if "HARKD_EVENT" in names and "HARKD_REVISION" not in names and (revision := self.revision()):
                fields.append(("HARKD_REVISION", revision))
            self._write([(name, self._redactor.text(value)) for name, value in fields])
        except Exception:  # noqa: BLE001 - supervision point: a line must not cost what it tells of
            self.handleError(record)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        super().close()

    def _write(self, fields: list[Field]) -> None:
        if self._lost and self._sent([*_LOST, ("MESSAGE", f"{self._lost} lines before this one are lost")]):
            self._lost = 0
        if not self._sent(fields):
            self._lost += 1

    def _sent(self, fields: list[Field]) -> bool:
        """False if the journal takes nothing at the moment."""
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self._socket.sendto(datagram(fields), self._path)
        except BlockingIOError:
            return False
        except (
            OSError
        ):  # no such socket, or not for us: what systemd gave us as stderr ends in the journal, too
            told = dict(fields)
            lines = told["MESSAGE"].splitlines() or [""]
            self._stderr.writelines(f"<{told['PRIORITY']}>{line}\n" for line in lines)
            self._stderr.flush()
        return True


_LOST: list[Field] = [("PRIORITY", str(priority(logging.WARNING))), ("SYSLOG_IDENTIFIER", "harkd")]
