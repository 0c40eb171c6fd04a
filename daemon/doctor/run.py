"""`harkd doctor`: from the command line to a report. Shell around the examination."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from daemon.config.files import ConfigError, load, this_box
from daemon.config.schema import Config
from daemon.control import ControlError, request
from daemon.doctor.devices import ThesePins, TheseSoundDevices
from daemon.doctor.examination import Examination
from daemon.doctor.facts import Subject
from daemon.doctor.machine import ThisMachine, read
from daemon.doctor.registry import CHECKS
from daemon.doctor.report import Report, as_json, as_text, exit_code, without_secrets
from daemon.doctor.server import ThisServer
from daemon.doctor.unit import ThisService
from daemon.run import STATE_DIRECTORY

DAEMON_S = 2.0
MODEL_FILE = Path("/proc/device-tree/model")


def doctor(paths: Sequence[Path], *, for_programs: bool, wants_lamp: bool) -> int:
    """Examine, print, and answer the exit code: 1 if anything failed."""
    logging.getLogger("harkd").setLevel(logging.CRITICAL)  # the findings tell
    logging.getLogger("hw").setLevel(logging.CRITICAL)
    began = time.monotonic()
    if sys.stderr.isatty() and not for_programs:
        print("This takes some seconds; please be quiet. You may hear a short tone.\n", file=sys.stderr)
    # While the pins' library is imported, the working directory is another one.
    paths = [path.absolute() for path in paths]
    machine = ThisMachine(paths, os.environ)
    config, is_usable = _configuration(paths)
    subject = _subject(config, machine, wants_lamp)
    examination = Examination(CHECKS)
    findings = without_secrets(examination.run(subject), [machine.secret()])
    report = Report(
        version("harkd"),
        _heading(paths, is_usable, subject),
        subject.daemon is not None,
        findings,
        time.monotonic() - began,
    )
    shown = json.dumps(as_json(report), indent=2) if for_programs else _text(report)
    print(shown, flush=True)
    if examination.hung:  # the interpreter would wait for drivers that do not answer
        sys.stderr.flush()
        os._exit(exit_code(report))
    return exit_code(report)


def _configuration(paths: Sequence[Path]) -> tuple[Config, bool]:
    """The defaults where it cannot be used: much of the box can be examined even so."""
    try:
        return load(this_box(paths)).config, True
    except ConfigError:
        return Config(), False


def _subject(config: Config, machine: ThisMachine, wants_lamp: bool) -> Subject:
    socket = Path(config.control.socket)
    daemon, daemon_error = _daemon(socket)
    return Subject(
        config,
        daemon,
        daemon_error,
        wants_lamp,
        machine,
        TheseSoundDevices(config),
        ThesePins(config),
        ThisServer(config, machine.secret),
        ThisService(socket, Path(os.environ.get("STATE_DIRECTORY", STATE_DIRECTORY))),
    )


def _daemon(socket: Path) -> tuple[dict[str, Any] | None, str]:
    """What a running daemon says of itself, or why it does not."""
    try:
        answer = request(socket, {"command": "status"}, DAEMON_S)
    except ControlError as error:
        return None, str(error)
    status = answer.get("status")
    return (status, "") if isinstance(status, dict) else (None, str(answer.get("error")))


def _heading(paths: Sequence[Path], is_usable: bool, subject: Subject) -> list[str]:
    board = (read(MODEL_FILE) or "").rstrip("\0")
    user = subject.service.user().name
    lines = [f"harkd {version('harkd')}{f' on {board}' if board else ''}, run by {user}"]
    written = ", ".join(map(str, paths))
    lines.append(
        f"configuration: {written}"
        if is_usable
        else f"configuration: {written} cannot be used; the defaults are examined instead"
    )
    if subject.daemon is not None:
        lines.append("harkd is running: it is asked about the devices that it has open")
    return lines


def _text(report: Report) -> str:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return as_text(report, width=min(120, shutil.get_terminal_size().columns), colour=colour)
