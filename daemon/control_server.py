"""Takes commands over a unix socket: one JSON object per line each way. Shell around the socket."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from daemon.control import ControlError

log = logging.getLogger(__name__)

REQUEST_BOUND_BYTES = 64 * 1024
CLIENTS_MAX = 8
IDLE_S = 300.0
"""Longer than any `--watch` pauses between two requests."""
COMMAND_S = 30.0
"""No command waits for the network; one that hangs must not hold one of the few connections for ever."""

Handle = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


class ControlServer:
    """Answers each line with what `handle` says, in the order they came, several per connection.

    At most `CLIENTS_MAX` connections, further ones are told so and closed. A request is at most
    `REQUEST_BOUND_BYTES` long; a connection silent, or not reading its answer, for `idle_s` is closed.
    A malformed request, an exception of `handle`, or one taking longer than `command_s`, is answered with
    `{"ok": false, "error": "..."}`.
    """

    def __init__(
        self, path: Path, handle: Handle, *, idle_s: float = IDLE_S, command_s: float = COMMAND_S
    ) -> None:
        self._path = path
        self._handle = handle
        self._idle_s = idle_s
        self._command_s = command_s
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._inode: int | None = None

    async def start(self) -> None:
        """Listen; the socket gets mode 0660. Raises `ControlError`: another daemon is there, or no rights."""
        _clear_stale(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # Nobody can connect before `listen`, so the mode is right before the first client comes.
            listener.bind(str(self._path))
            os.chmod(self._path, 0o660)
            self._inode = os.stat(self._path).st_ino
            self._server = await asyncio.start_unix_server(
                self._accept, sock=listener, limit=REQUEST_BOUND_BYTES
            )
        except OSError as error:
            listener.close()
            raise ControlError(f"{self._path}: cannot listen here: {error.strerror or error}") from None

    async def stop(self) -> None:
        """Stop listening, drop the clients, remove the socket if it is still ours.

        Harmless when not started.
        """
        if self._server is None:
            return
        self._server.close()
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)
        await self._server.wait_closed()
        self._server = None
        try:
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except OSError as error:
            log.info("control socket %s was not removed: %s", self._path, error)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer), name="control client")
        self._clients.add(client)

        def gone(task: asyncio.Task[None]) -> None:
            self._clients.discard(task)
            # Not in the task itself: one cancelled before its first step would leave the connection open.
            (writer.transport.abort if task.cancelled() else writer.close)()

        client.add_done_callback(gone)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(self._clients) > CLIENTS_MAX:
                await self._answer(writer, _refused(f"{CLIENTS_MAX} clients are connected already"))
                return
            while await self._serve_one(reader, writer):
                pass
        except ConnectionError:
            pass  # the client went away
        except TimeoutError:
            writer.transport.abort()  # `close` would wait for one who does not read

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """False when the connection is to be closed."""
        try:
            async with asyncio.timeout(self._idle_s):
                line = await reader.readline()
        except ValueError:  # what a stream raises over its limit
            await self._answer(writer, _refused(f"a request is at most {REQUEST_BOUND_BYTES} bytes long"))
            return False
        if not line:
            return False
        if line.strip():
            await self._answer(writer, await self._reply_to(line))
        return True

    async def _reply_to(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return _refused("a request is one JSON object on one line")
        if not isinstance(request.get("command"), str):
            return _refused('a request needs a "command", a text')
        try:
            async with asyncio.timeout(self._command_s):
                return _line(await self._handle(request))
        except Exception as error:  # supervision point: one bad command must not end the daemon
            log.exception("control command %r failed", request["command"])
            return _refused(
                f"{request['command']} failed inside the daemon: {type(error).__name__}; see its log"
            )

    async def _answer(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(answer)
        async with asyncio.timeout(self._idle_s):
            await writer.drain()


def _line(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _refused(sentence: str) -> bytes:
    return _line({"ok": False, "error": sentence})


def _clear_stale(path: Path) -> None:
    """Remove the socket a dead daemon left behind; anything else at `path` is not ours to remove."""
    try:
        kind = os.lstat(path).st_mode
    except OSError:
        return  # nothing there, or `bind` will say why not
    if not stat.S_ISSOCK(kind):
        raise ControlError(f"{path}: exists and is not a socket; remove it or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        failure = probe.connect_ex(str(path))
    if failure not in (0, errno.EAGAIN, errno.ECONNREFUSED):
        raise ControlError(f"{path}: cannot be looked at: {os.strerror(failure)}")
    if failure != errno.ECONNREFUSED:
        raise ControlError(f"{path}: another harkd is running here; stop it or choose another path")
    path.unlink(missing_ok=True)
