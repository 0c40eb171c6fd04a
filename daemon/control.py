"""Asks the running daemon over its unix socket: one JSON object per line each way. Shell around the socket.

For the command line: imports nothing that a small board would take long to load.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HUNG_UP = "the daemon hung up without an answer; see its log: journalctl -u harkd"


class ControlError(Exception):
    """The control socket cannot be used; the message is a sentence for the owner."""


def request(path: Path, command: Mapping[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Send one request to a running daemon, e.g. `{"command": "status"}`, and answer its reply.

    `timeout_s` bounds each wait for the daemon. Raises `ControlError`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(command).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
        except OSError as error:
            raise ControlError(_unreachable(path, error, timeout_s)) from None
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ControlError(f"{path}: {_HUNG_UP}")
    return answer


def _unreachable(path: Path, error: OSError, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"{path}: no answer within {timeout_s:g} s; see the daemon's log: journalctl -u harkd"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return f"{path}: nobody listens; is harkd running? Start it with: systemctl start harkd"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return f"{path}: {_HUNG_UP}"
    if isinstance(error, PermissionError):
        return f"{path}: permission denied; join the group: usermod -aG harkd $USER, then log in again"
    return f"{path}: {error.strerror or error}"
