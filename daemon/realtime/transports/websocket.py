"""Carries frames over a WebSocket. Shell around the `websockets` library.

The key is asked for at each connect and lives only in the request: it is in no message, repr or log line.
There is no switch for TLS verification; an operator's own authority goes into `SSL_CERT_FILE`, which OpenSSL
reads.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from daemon.realtime.transports.framing import TextFramer
from daemon.realtime.transports.keepalive import Keepalive, Pulse
from daemon.realtime.transports.port import (
    OnFrame,
    Refusal,
    TransportClosed,
    TransportRefused,
    UplinkCongested,
)
from daemon.realtime.transports.refusals import refused, shown
from daemon.records import dataclass

_AZURE = ".azure.com"  # takes a key in a header of its own, by its documentation; not tried there
_LOST = 1006  # RFC 6455 section 7.1.5: the connection ended without a close frame


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    """How long to wait and how much to hold.

    - `ping_interval_s` (None: no pings), `ping_timeout_s` (None: wait for ever): half the library's 20 s
      each, so that a link that died silently is noticed within 20 s and not 40; a person is waiting in front
      of the box. `probe_timeout_s`: the same after a change of the network, when a dead link is likely; a
      station that roams to the next access point is back within two or three seconds.
    - `open_timeout_s`: TCP, TLS and the upgrade together; the library's default.
    - `close_timeout_s`: well under the 15 s that systemd grants the whole daemon.
    - `max_message_bytes`: the API allows events of 15 MiB.
    - `send_bound_bytes`: 2 s of 24 kHz 16-bit mono in base64 (64,000 bytes per second).
    - `unsent_bytes`: what the kernel may hold unsent, 0.25 s of the same audio. Without a limit it grows to
      megabytes, and a minute of audio would arrive late instead of the link being noticed as slow.
    """

    ping_interval_s: float | None = 10.0
    ping_timeout_s: float | None = 10.0
    probe_timeout_s: float = 5.0
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    max_message_bytes: int | None = 16 * 1024 * 1024
    send_bound_bytes: int = 128 * 1024
    unsent_bytes: int = 16 * 1024


class WebSocketTransport:
    """One connection to a Realtime server; once closed it stays closed.

    `send` gives a frame to the socket at once, unless something waits before it: then it queues, and a task
    owned by this object empties the queue. The queue is bounded by `send_bound_bytes`,
    what asyncio has not passed on counted in (over TLS it hides up to 64 KiB more from us). Over the bound
    nothing more is sent on this connection, ever: a stream with a hole, or a late one, is worth less than a
    new link. One frame larger than the bound is accepted when nothing else waits.

    Whoever connected must `close`, also after the peer did.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: Callable[[], str | Awaitable[str] | None] | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        limits: WebSocketLimits | None = None,
    ) -> None:
        """`url`: wss://, or ws:// to this very machine; raises `ValueError` otherwise.

        `api_key`, plain or async, is called at each connect; its `OSError` or `ValueError` is reported as a
        refused key. It goes into `Authorization`, at Azure into `api-key`. With None no key is sent
        (`headers` may carry another kind of credential). `proxy`:
        http:// or socks5:// URL; the environment's proxy variables are not looked at.
        """
        self._address = _checked(url)
        self._url = url
        self._api_key = api_key
        self._headers = dict(headers or {})
        self._proxy = proxy
        self._limits = limits or WebSocketLimits()
        self._connection: _Connection | None = None
        self._writer: asyncio.Task[None] | None = None
        self._keepalive: Keepalive | None = None
        self._look: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None
        self._silent = ""  # what the peer is lost for
        self._framer = TextFramer()
        self._queue: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._wakeup = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._started = False
        self._congested = False
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = self._connection.state.name.lower() if self._connection else "not connected"
        return f"<WebSocketTransport {shown(self._address)} {state}>"

    @property
    def queued_bytes(self) -> int:
        """Bytes accepted by `send` and not yet given to the socket."""
        if self._connection is None:
            return 0
        return self._waiting_bytes + self._connection.transport.get_write_buffer_size()

    async def connect(self) -> None:
        """Open the connection. Raises `TransportRefused`; `RuntimeError` when called a second time."""
        if self._started:
            raise RuntimeError("a transport connects once; make a new one")
        self._started = True
        headers = self._headers | await self._authorization()
        # Parses every certificate the system trusts: too long for the loop on a small board.
        tls = await asyncio.to_thread(ssl.create_default_context) if self._address.scheme == "wss" else None
        try:
            connection = await self._dial(headers, tls)
        except _FAILURES as error:
            raise refused(error, self._address, self._limits.open_timeout_s) from None
        if self._closing is not None:
            connection.transport.abort()
            raise TransportRefused(Refusal.NETWORK, "closed while it was being opened")
        _keep_kernel_buffer_short(connection, self._limits.unsent_bytes)
        self._connection = connection
        self._writer = asyncio.create_task(self._write(connection), name="websocket writer")
        now = asyncio.get_running_loop().time()
        self._keepalive = Keepalive(self._limits.ping_interval_s, self._limits.ping_timeout_s, now)
        self._look_for_life()

    def send(self, text: str) -> None:
        """Send one frame, or queue it; never blocks.

        Raises `UplinkCongested` over the bound, `TransportClosed` if not open.
        """
        connection = self._connection
        if connection is None or connection.protocol.state is not State.OPEN or self._closing is not None:
            raise self._closed_now()
        data = text.encode()
        queued = self._waiting_bytes + connection.transport.get_write_buffer_size()
        if not queued and not self._congested:
            connection.transport.write(self._framer.frame(data))
            return
        if self._congested or (queued and queued + len(data) > self._limits.send_bound_bytes):
            self._give_up()
            raise UplinkCongested(
                f"{queued} bytes wait for the uplink, {len(data)} more would pass the bound of "
                f"{self._limits.send_bound_bytes}: it is slower than the speech"
            )
        self._queue.append(data)
        self._waiting_bytes += len(data)
        self._drained.clear()
        self._wakeup.set()

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        """Hands over every frame as it arrives. Raises `TransportClosed`, after the frames that arrived
        before the close, and what `on_frame` raises.
        """
        connection, keepalive = self._connection, self._keepalive
        if connection is None or keepalive is None:
            raise self._closed_now()

        def hand_over(frame: str | bytes) -> None:
            keepalive.heard()
            on_frame(frame)

        try:
            await connection.deliver(hand_over)
        except ConnectionClosed as closed:
            raise TransportClosed(_LOST, self._silent) if self._silent else _closed(closed) from None

    def probe(self) -> None:
        """The network has changed: find out at once, within `probe_timeout_s`, whether the peer answers."""
        if self._keepalive is not None and self._closing is None:
            self._keepalive.probe(self._limits.probe_timeout_s)
            self._look_for_life()

    async def close(self) -> None:
        """Send what is queued if the peer takes it within the close time-out, then close. Idempotent.

        Cancelling does not leave it half closed: the cancellation comes out when all is done.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="websocket close")
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            await asyncio.wait([self._closing])
            raise

    async def _authorization(self) -> dict[str, str]:
        if self._api_key is None:
            return {}
        try:
            answer = self._api_key()
            key = await answer if isinstance(answer, Awaitable) else answer
        except (OSError, ValueError) as error:
            raise TransportRefused(Refusal.KEY, str(error)) from None
        if key is None and not _is_loopback(self._address.hostname):
            raise TransportRefused(Refusal.KEY, "no API key is configured")
        if key is None:
            return {}
        if not re.fullmatch(r"[!-~]+", key):
            raise TransportRefused(Refusal.KEY, "the API key is empty or holds a space or an odd character")
        if (self._address.hostname or "").endswith(_AZURE):
            return {"api-key": key}
        return {"Authorization": f"Bearer {key}"}

    async def _dial(self, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> _Connection:
        # At DEBUG the library logs request headers, the key among them.
        wire_log = logging.getLogger(f"{__name__}.wire")
        wire_log.setLevel(logging.INFO)
        limits = self._limits
        options: dict[str, Any] = {"ssl": tls} if tls else {}
        connection = await _ConnectOnce(
            self._url,
            create_connection=_Connection,
            additional_headers=headers,
            user_agent_header="harkd",  # unless `headers` names another
            proxy=self._proxy,
            # base64 audio hardly shrinks, and deflating costs a small board more than the bytes do
            compression=None,
            open_timeout=limits.open_timeout_s,
            ping_interval=None,  # its time-out drops a good connection when our loop was stuck
            close_timeout=limits.close_timeout_s,
            max_size=limits.max_message_bytes,
            write_limit=0,  # the writer waits until asyncio holds nothing: what waits, waits in our queue
            logger=wire_log,
            **options,
        )
        assert isinstance(connection, _Connection)
        return connection

    async def _write(self, connection: ClientConnection) -> None:
        """Empty the queue, frame by frame, until the connection is gone."""
        try:
            while True:
                while self._queue:
                    data = self._queue.popleft()
                    self._waiting_bytes -= len(data)  # from here on asyncio's buffer counts it
                    await connection.send(data, text=True)
                self._drained.set()
                self._wakeup.clear()
                await self._wakeup.wait()
        except ConnectionClosed:
            self._drop_queue()  # `receive` says why

    def _look_for_life(self) -> None:
        connection, keepalive = self._connection, self._keepalive
        assert connection is not None
        assert keepalive is not None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if connection.state is not State.OPEN or self._closing is not None:
            return
        loop = asyncio.get_running_loop()
        pulse = keepalive.step(loop.time())
        if pulse is Pulse.LOST:
            self._silent = "no sign of life: it answers no ping"
            connection.transport.abort()
            return
        if pulse is Pulse.ASK:
            self._ping = asyncio.create_task(self._ask(connection, keepalive), name="websocket ping")
        if (due := keepalive.next_deadline()) is not None:
            self._look = loop.call_at(due, self._look_for_life)

    async def _ask(self, connection: ClientConnection, keepalive: Keepalive) -> None:
        """One ping and its answer; the one who looks for it loses patience, not we."""
        try:
            await (await connection.ping())
        except ConnectionClosed:
            return  # `receive` says why
        keepalive.answered(asyncio.get_running_loop().time())
        self._look_for_life()

    def _give_up(self) -> None:
        self._congested = True
        if self._writer is not None:
            self._writer.cancel()
        self._drop_queue()

    def _drop_queue(self) -> None:
        self._queue.clear()
        self._waiting_bytes = 0
        self._drained.set()

    async def _close(self) -> None:
        if self._connection is None or self._writer is None:
            return
        try:
            if not self._congested:
                async with asyncio.timeout(self._limits.close_timeout_s):
                    await self._drained.wait()
                    await self._connection.close()
        except TimeoutError:
            pass  # the peer had its time
        finally:
            tasks = [self._writer] if self._ping is None else [self._writer, self._ping]
            for task in tasks:
                task.cancel()
            if self._look is not None:
                self._look.cancel()
            self._connection.transport.abort()
            self._drop_queue()
            await asyncio.wait(tasks)
            await self._connection.wait_closed()

    def _closed_now(self) -> TransportClosed:
        if self._connection is None:
            return TransportClosed(_LOST, "not connected")
        code = self._connection.close_code
        return TransportClosed(code or _LOST, self._connection.close_reason or "")


# ImportError: a SOCKS proxy without python-socks. UnicodeError: a host name no resolver can be asked for.
_FAILURES = (OSError, InvalidHandshake, InvalidProxy, ConnectionClosed, ImportError, UnicodeError)


class _Connection(ClientConnection):
    """Hands messages over where the socket is read: no queue, and no turn of the loop for a task at its end.

    The first message of a read is handed over at once. Others that were read with it follow in the next turn
    of the loop, so that they do not hold up whoever was woken by the first.

    All but whole texts take the library's way, and so does what comes behind them, or before somebody
    takes it: fragments, binary messages, broken UTF-8.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_frame: OnFrame | None = None
        self._queued = 0  # messages that take the library's way
        self._next: deque[str] = deque()  # of one read
        self._first = False
        self._failure: Exception | None = None

    async def deliver(self, on_frame: OnFrame) -> NoReturn:
        """Until the connection is closed. Raises `ConnectionClosed`, and what `on_frame` raises."""
        self._on_frame = on_frame
        try:
            while True:
                frame = await self.recv()
                self._queued -= 1
                on_frame(frame)
        except ConnectionClosed:
            if self._failure is not None:
                raise self._failure from None
            raise
        finally:
            self._on_frame = None

    def data_received(self, data: bytes) -> None:
        self._first = not self._next
        super().data_received(data)

    def process_event(self, event: Event) -> None:
        """Overridden, as the library's own subclasses do."""
        if isinstance(event, Frame) and event.opcode in _BEGIN_MESSAGE:
            text = self._whole_text(event)
            if text is not None:
                self._take(text)
                return
            self._queued += 1
        super().process_event(event)

    def _whole_text(self, frame: Frame) -> str | None:
        if self._on_frame is None or self._queued or not frame.fin or frame.opcode is not Opcode.TEXT:
            return None
        try:
            return str(frame.data, "utf-8")
        except UnicodeDecodeError:
            return None

    def _take(self, text: str) -> None:
        if self._first:
            self._first = False
            self._hand_over(text)
            return
        if not self._next:
            self.loop.call_soon(self._hand_over_next)
        self._next.append(text)

    def _hand_over_next(self) -> None:
        while self._next:
            self._hand_over(self._next.popleft())

    def _hand_over(self, text: str) -> None:
        if self._on_frame is None:
            return
        try:
            self._on_frame(text)
        except Exception as error:  # noqa: BLE001 - `deliver` raises it: here it would only be logged
            self._failure = error
            self._on_frame = None
            self.transport.abort()


_BEGIN_MESSAGE = (Opcode.TEXT, Opcode.BINARY)


class _ConnectOnce(connect):
    """Follows no redirect: it would carry our credentials to an address nobody configured."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


def _checked(url: str) -> SplitResult:
    address = urlsplit(url)
    well_formed = re.fullmatch(r"[!-~]+", url) and address.hostname and not address.fragment
    if address.scheme not in ("ws", "wss") or not well_formed or address.port == 0:
        raise ValueError(f"{shown(address)}: not a WebSocket address; expected wss://HOST/PATH")
    if "@" in address.netloc:
        raise ValueError(f"{shown(address)}: a user or password in the address is not supported")
    if address.scheme == "ws" and not _is_loopback(address.hostname):
        raise ValueError(
            f"{shown(address)}: ws:// would send the key and the voice unencrypted; use wss:// "
            "(ws:// is allowed only to localhost, 127.0.0.0/8 and ::1)"
        )
    return address


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _keep_kernel_buffer_short(connection: ClientConnection, unsent_bytes: int) -> None:
    raw = connection.transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, unsent_bytes)


def _closed(closed: ConnectionClosed) -> TransportClosed:
    if closed.rcvd is not None:
        return TransportClosed(closed.rcvd.code, closed.rcvd.reason)
    if closed.sent is not None and closed.sent.reason:
        return TransportClosed(_LOST, closed.sent.reason)  # e.g. "keepalive ping timeout"
    return TransportClosed(_LOST, str(closed.__cause__ or ""))
