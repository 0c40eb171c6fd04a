"""Shell around the session machine: WebSocket connections, pacing, and the faults of the script.

One reader and one writer per connection, both owned by its handler. The reader feeds the session at once; the
writer sends what the session has to say when it is due, and is the only one that waits for the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from daemon.simulator.answers import AnswerBook
from daemon.simulator.faults import FaultPlan, garbage_frames, refusal_status
from daemon.simulator.script import Fault, Script, ScriptError, parse_script
from daemon.simulator.session import MAX_SESSION_S, Session

PATHS = ("/v1/realtime", "/openai/v1/realtime")  # the second is Azure's
MAX_FRAME_BYTES = 32 * 1024 * 1024
MAX_UNSENT_EVENTS = 20_000
MAX_KEPT_EVENTS = 20_000
MAX_KEPT_CONNECTIONS = 1_000
_SECRET_HEADERS = ("authorization", "api-key", "sec-websocket-protocol")
_ERROR_CODES = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    403: "unsupported_country_region_territory",
    404: "model_not_found",
    429: "insufficient_quota",
    500: "server_error",
    503: "server_overloaded",
}

Seen = tuple[float, dict[str, Any]]


class SeenHeaders(dict[str, str]):
    """The headers of an upgrade request, names in lower case; secrets are masked when it is printed."""

    def __repr__(self) -> str:
        return repr({name: "***" if name in _SECRET_HEADERS else value for name, value in self.items()})

    __str__ = __repr__


class Connection:
    """What one connection saw, the newest 20,000 events; times are seconds on the event loop's clock."""

    def __init__(self, number: int, headers: SeenHeaders, query: dict[str, str], session: Session) -> None:
        self.number = number
        self.headers = headers
        self.query = query
        self.session = session
        self.received: deque[Seen] = deque(maxlen=MAX_KEPT_EVENTS)
        self.sent: deque[Seen] = deque(maxlen=MAX_KEPT_EVENTS)
        self.extensions: tuple[str, ...] = ()
        self.open = True

    def committed_audio(self) -> list[bytes]:
        """The audio of each user turn, in order, exactly as it was committed."""
        return [audio for _, audio in self.session.committed]


class SimulatorServer:
    """`async with SimulatorServer() as server: connect to server.url`.

    `received` and `sent` hold (time, event) over all connections, the newest 20,000; `connections` every one
    that was accepted, `refused` the status of each one that was not, `handshakes` the headers of all (the
    newest 1,000 of each), `attempts` how many tried.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, script: Script | None = None) -> None:
        self.host = host
        self.port = port
        self.attempts = 0
        self.refused: deque[int] = deque(maxlen=MAX_KEPT_CONNECTIONS)
        self.handshakes: deque[SeenHeaders] = deque(maxlen=MAX_KEPT_CONNECTIONS)
        self.connections: deque[Connection] = deque(maxlen=MAX_KEPT_CONNECTIONS)
        self.received: deque[Seen] = deque(maxlen=MAX_KEPT_EVENTS)
        self.sent: deque[Seen] = deque(maxlen=MAX_KEPT_EVENTS)
        self._script = script if script is not None else Script()
        self._book = AnswerBook(self._script)
        self._server: Server | None = None
        self._numbers: WeakKeyDictionary[ServerConnection, int] = WeakKeyDictionary()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}/v1/realtime"

    async def __aenter__(self) -> SimulatorServer:
        self._server = await serve(
            self._handle,
            self.host,
            self.port,
            process_request=self._check_upgrade,
            subprotocols=[Subprotocol("realtime")],
            select_subprotocol=_select_subprotocol,
            compression="deflate" if self._script.deflate else None,
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,
            close_timeout=2,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """The client events of this type, in order."""
        return [event for _, event in self.received if event.get("type") == event_type]

    def _check_upgrade(self, websocket: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        self._numbers[websocket] = self.attempts
        headers = SeenHeaders((name.lower(), value) for name, value in request.headers.raw_items())
        self.handshakes.append(headers)
        status, message = self._refusal(urlsplit(request.path).path, _query(request), headers)
        if status is None:
            return None
        self.refused.append(status)
        return _refusal_response(status, message)

    def _refusal(self, path: str, query: dict[str, str], headers: SeenHeaders) -> tuple[int | None, str]:
        status = refusal_status(self._script.faults, self.attempts)
        if status is not None:
            return status, "Refused by the simulator's script."
        if path not in PATHS:
            return 404, f"Invalid URL: {path}"
        if not _has_key(headers):
            return 401, "Missing bearer or basic authentication in header"
        if "model" not in query and "call_id" not in query:
            return 400, "Missing query parameter: model or call_id"
        if "model" in query and "call_id" in query:
            return 400, "Give either model or call_id"
        return None, ""

    async def _handle(self, websocket: ServerConnection) -> None:
        loop = asyncio.get_running_loop()
        assert websocket.request is not None
        number = self._numbers[websocket]
        query = _query(websocket.request)
        headers = SeenHeaders((name.lower(), value) for name, value in websocket.request.headers.raw_items())
        session = Session(
            self._book,
            connection=number,
            model=query.get("model"),
            expires_at=int(time.time() + MAX_SESSION_S),
            now=loop.time(),
        )
        connection = Connection(number, headers, query, session)
        connection.extensions = tuple(extension.name for extension in websocket.protocol.extensions)
        self.connections.append(connection)
        try:
            await _Pump(websocket, connection, self, self._script).run()
        finally:
            connection.open = False


class _Pump:
    """One connection's reader and writer. Over 20,000 unsent events the connection is closed (1008)."""

    def __init__(
        self, websocket: ServerConnection, connection: Connection, server: SimulatorServer, script: Script
    ) -> None:
        self._websocket = websocket
        self._connection = connection
        self._session = connection.session
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.time()
        self._plan = FaultPlan(script.faults, connection.number)
        self._unsent: deque[dict[str, Any]] = deque()
        self._held: list[dict[str, Any]] | None = None  # kept back for a reorder
        self._pending: list[Fault] = []  # struck, for the writer to carry out
        self._drip_until = 0.0
        self._drip_bytes_per_s = 1
        self._wake = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def run(self) -> None:
        reader = asyncio.create_task(self._read(), name="simulator reader")
        try:
            with contextlib.suppress(ConnectionClosed):
                await self._write(reader)
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await reader

    async def _read(self) -> None:
        async for frame in self._websocket:
            await self._flowing.wait()
            now = self._loop.time()
            event = self._session.receive(frame, now)
            if event is not None:
                self._connection.received.append((now, event))
                self._server.received.append((now, event))
                self._pending += self._plan.after_event(str(event.get("type")))
            self._wake.set()

    async def _write(self, reader: asyncio.Task[None]) -> None:
        while not reader.done():
            self._wake.clear()
            now = self._loop.time()
            if not self._unsent:
                self._session.tick(now)
            self._unsent.extend(self._session.take())
            self._pending += self._plan.due(now - self._opened)
            if len(self._unsent) > MAX_UNSENT_EVENTS:
                await self._websocket.close(1008, "the client does not read")
                return
            if self._pending:
                if await self._strike(self._pending.pop(0)):
                    return
            elif self._unsent:
                await self._send(self._unsent.popleft())
            elif self._session.closing is not None:
                await self._websocket.close(*self._session.closing)
                return
            else:
                await self._sleep(reader)

    async def _sleep(self, reader: asyncio.Task[None]) -> None:
        ages = self._plan.next_age_s()
        times = [self._session.next_deadline(), self._opened + ages if ages is not None else None]
        due = min((moment for moment in times if moment is not None), default=None)
        wake = asyncio.create_task(self._wake.wait(), name="simulator wake")
        timeout = None if due is None else max(0.0, due - self._loop.time())
        await asyncio.wait({reader, wake}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        wake.cancel()

    async def _send(self, event: dict[str, Any]) -> None:
        if self._held is None:
            await self._transmit(event)
        elif not self._held:
            self._held = [event]
        else:
            (first,), self._held = self._held, None
            await self._transmit(event)
            await self._transmit(first)

    async def _transmit(self, event: dict[str, Any]) -> None:
        text = json.dumps(event)
        await self._websocket.send(text)
        now = self._loop.time()
        self._connection.sent.append((now, event))
        self._server.sent.append((now, event))
        self._pending += self._plan.after_event(event["type"])
        if now < self._drip_until:
            await self._pause(len(text) / self._drip_bytes_per_s)

    async def _strike(self, fault: Fault) -> bool:
        """Carry out one fault; True if the connection is over."""
        match fault.action:
            case "close":
                await self._websocket.close(fault.code, fault.reason)
                return True
            case "reset":
                self._reset()
                return True
            case "stall":
                await self._stall(fault.seconds)
            case "garbage":
                for frame in garbage_frames(fault.frames):
                    await self._websocket.send(frame)
            case "drip":
                self._drip_until = self._loop.time() + fault.seconds
                self._drip_bytes_per_s = fault.bytes_per_s
            case "reorder":
                self._held = []
            case "expire":
                self._session.expire()
        return False

    def _reset(self) -> None:
        # SO_LINGER with a zero time turns the close into a RST, as when a NAT box forgot the connection.
        tcp: socket.socket = self._websocket.transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._websocket.transport.abort()

    async def _stall(self, seconds: float) -> None:
        # Not read either, so that pings stay unanswered and the client's uplink fills up.
        self._flowing.clear()
        self._websocket.transport.pause_reading()
        await self._pause(seconds)
        self._flowing.set()
        self._websocket.transport.resume_reading()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not longer than the connection lives: the server must be able to stop."""
        closed = asyncio.create_task(self._websocket.wait_closed(), name="simulator pause")
        await asyncio.wait({closed}, timeout=seconds)
        closed.cancel()


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}


def _has_key(headers: SeenHeaders) -> bool:
    bearer = headers.get("authorization", "")
    browser = headers.get("sec-websocket-protocol", "")  # browsers cannot set headers
    return bearer.startswith("Bearer ") or "api-key" in headers or "openai-insecure-api-key." in browser


def _select_subprotocol(_websocket: ServerConnection, offered: Any) -> Subprotocol | None:
    return Subprotocol("realtime") if "realtime" in offered else None


def _refusal_response(status: int, message: str) -> Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": None, "code": _ERROR_CODES[status]}
    body = json.dumps({"error": error}).encode()
    headers = Headers(
        {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    )
    return Response(status, HTTPStatus(status).phrase, headers, body)


def load_script(path: str | Path) -> Script:
    """The script in this file; the WAVs it names are looked for in its folder.

    Raises `ScriptError` with file, key and what was allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read: {error}") from error
    return parse_script(text, str(path), lambda name: (path.parent / name).read_bytes())


def _say(line: str) -> None:
    print(line, flush=True)  # whoever started this, and reads it through a pipe, waits for it


async def simulate(
    host: str, port: int, script: str | Path | None = None, announce: Callable[[str], None] = _say
) -> None:
    """`harkd simulate`: serve until cancelled; `announce` gets the one line with the address, at once.

    `script` is a file. Raises `ScriptError`, or `OSError` if the address cannot be listened on.
    """
    loaded = None if script is None else load_script(script)
    async with SimulatorServer(host, port, loaded) as server:
        announce(f"listening {server.url}")
        await asyncio.get_running_loop().create_future()
