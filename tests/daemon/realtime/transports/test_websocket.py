from __future__ import annotations

import asyncio
import http
import logging
import os
import queue
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from daemon.realtime.transports.port import Refusal, TransportClosed, TransportRefused, UplinkCongested
from daemon.realtime.transports.websocket import WebSocketLimits, WebSocketTransport

KEY = "sk-test-0123456789abcdef"


@asynccontextmanager
async def server(
    handler: Callable[[ServerConnection], Awaitable[None]], **options: Any
) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **options) as running:
        port = running.sockets[0].getsockname()[1]
        yield f"ws{'s' if 'ssl' in options else ''}://127.0.0.1:{port}/v1/realtime?model=m"


async def stay(connection: ServerConnection) -> None:
    await connection.wait_closed()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_closed_by_the_other_end(end: socket.socket) -> bool:
    try:
        while end.recv(4096):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


async def refusal_of(url: str, **options: Any) -> TransportRefused:
    transport = WebSocketTransport(url, **options)
    with pytest.raises(TransportRefused) as caught:
        await transport.connect()
    await transport.close()
    return caught.value


async def refusal_by_status(status: int, body: str = "") -> TransportRefused:
    def refuse(connection: ServerConnection, request: Any) -> Any:
        response = connection.respond(http.HTTPStatus(status), body)
        response.headers["Location"] = "/elsewhere"
        return response

    async with server(stay, process_request=refuse) as url:
        return await refusal_of(url, api_key=lambda: KEY)


# ---- what is sent at the upgrade -------------------------------------


@pytest.mark.parametrize("key", [KEY, None])
def test_key_and_headers_are_sent_and_compression_is_not_offered(key: str | None) -> None:
    async def run() -> Any:
        async with server(stay) as url:
            transport = WebSocketTransport(url, api_key=lambda: key, headers={"X-Safety": "box-7"})
            await transport.connect()
            assert transport._connection is not None
            await transport.close()
            request = transport._connection.request
            assert request is not None
            return request.headers

    headers = asyncio.run(run())
    assert headers.get("Authorization") == (f"Bearer {KEY}" if key else None)
    assert headers["X-Safety"] == "box-7"
    assert "Sec-WebSocket-Extensions" not in headers


def test_proxy_variables_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")

    async def run() -> None:
        async with server(stay) as url:
            transport = WebSocketTransport(url)
            await transport.connect()
            await transport.close()

    asyncio.run(run())


def test_configured_proxy_that_is_down_is_network_trouble() -> None:
    refused = asyncio.run(refusal_of("wss://example.invalid/", proxy=f"http://127.0.0.1:{unused_port()}"))
    assert refused.refusal is Refusal.NETWORK


# ---- refusals --------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (200, Refusal.NETWORK),
        (301, Refusal.MODEL),
        (302, Refusal.NETWORK),
        (400, Refusal.MODEL),
        (401, Refusal.KEY),
        (402, Refusal.QUOTA),
        (403, Refusal.FORBIDDEN),
        (404, Refusal.MODEL),
        (429, Refusal.QUOTA),
        (500, Refusal.SERVER),
        (503, Refusal.SERVER),
        (511, Refusal.NETWORK),
    ],
)
def test_status_of_the_upgrade_decides_the_refusal(status: int, refusal: Refusal) -> None:
    refused = asyncio.run(refusal_by_status(status))
    assert (refused.refusal, refused.status) == (refusal, status)
    assert f"HTTP {status}" in str(refused)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"error":{"code":"insufficient_quota","message":"no"}}', "(HTTP 429, insufficient_quota)"),
        ('{"error":{"code":"Sk-Odd Value"}}', "(HTTP 429)"),
        ('{"error":"text"}', "(HTTP 429)"),
        ("[" * 100_000, "(HTTP 429)"),
        ("no JSON", "(HTTP 429)"),
    ],
)
def test_only_the_code_of_an_error_body_is_passed_on(body: str, sentence: str) -> None:
    assert str(asyncio.run(refusal_by_status(429, body))).endswith(sentence)


def test_nobody_listening_is_network_trouble() -> None:
    refused = asyncio.run(refusal_of(f"ws://127.0.0.1:{unused_port()}"))
    assert refused.refusal is Refusal.NETWORK
    assert "cannot be reached: Connection refused" in str(refused)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "two..dots"])
def test_unknown_name_is_network_trouble(host: str) -> None:
    refused = asyncio.run(refusal_of(f"wss://{host}/v1"))
    assert refused.refusal is Refusal.NETWORK
    assert "cannot be resolved" in str(refused)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_something_else_listening_is_network_trouble(answer: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def run() -> TransportRefused:
        async with await asyncio.start_server(other, "127.0.0.1", 0) as running:
            return await refusal_of(f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}")

    assert asyncio.run(run()).refusal is Refusal.NETWORK


def test_no_answer_is_network_trouble_after_the_time_out() -> None:
    async def run() -> TransportRefused:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
            return await refusal_of(url, limits=WebSocketLimits(open_timeout_s=0.05))

    refused = asyncio.run(run())
    assert refused.refusal is Refusal.NETWORK
    assert str(refused).endswith("within 0.05 s")


def test_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x"
    subprocess.run(
        [*make.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def run() -> TransportRefused:
        async with server(stay, ssl=context) as url:
            return await refusal_of(url)

    refused = asyncio.run(run())
    assert refused.refusal is Refusal.NETWORK
    assert "certificate of 127.0.0.1" in str(refused)


SIGNS_ANYTHING = """
[ca]
default_ca = us
[us]
database = {0}/index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
"""


def certificate_valid_from(start: str, end: str, directory: Path) -> ssl.SSLContext:
    """Of localhost, signed by itself; times as YYYYMMDD. In `directory`/cert.pem, for whoever trusts it."""
    (directory / "index").touch()
    (directory / "ca.conf").write_text(SIGNS_ANYTHING.format(directory))
    key, request, certificate = (str(directory / name) for name in ("key.pem", "request.pem", "cert.pem"))
    make = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
    subprocess.run([*make.split(), "-keyout", key, "-out", request], check=True, capture_output=True)
    times = f"-startdate {start}000000Z -enddate {end}000000Z"
    sign = f"openssl ca -batch -selfsign -notext -config {directory}/ca.conf {times} -keyfile {key}"
    subprocess.run([*sign.split(), "-in", request, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize(
    ("start", "end", "refusal", "sentence"),
    [
        ("20600101", "20610101", Refusal.CLOCK, "the clock of this machine is wrong, it says 2"),
        ("20200101", "20210101", Refusal.NETWORK, "is the clock right?"),
    ],
)
def test_certificate_of_another_time_is_a_question_of_the_clock(
    start: str,
    end: str,
    refusal: Refusal,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = certificate_valid_from(start, end, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    async def run() -> TransportRefused:
        async with server(stay, ssl=context) as url:
            return await refusal_of(url.replace("127.0.0.1", "localhost"), api_key=lambda: KEY)

    refused = asyncio.run(run())
    assert refused.refusal is refusal, str(refused)
    assert sentence in str(refused)


def test_limit_of_requests_that_passes_is_no_bill_to_be_paid() -> None:
    refused = asyncio.run(refusal_by_status(429, '{"error":{"code":"rate_limit_exceeded"}}'))
    assert (refused.refusal, str(refused)) == (
        Refusal.SERVER,
        "too many requests just now (HTTP 429, rate_limit_exceeded)",
    )


def test_proxy_that_wants_a_password_says_so() -> None:
    async def run() -> TransportRefused:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            return await refusal_of("wss://example.invalid/", proxy=f"http://127.0.0.1:{port}")

    refused = asyncio.run(run())
    assert refused.refusal is Refusal.NETWORK
    assert "wants a password" in str(refused)


@pytest.mark.parametrize(
    "url",
    [
        "ws://api.openai.com/v1/realtime",
        "ws://127.0.0.1.example.com/",
        "ws://10.0.0.1/",
        "http://127.0.0.1/",
        "wss:///v1",
        "wss://host/#part",
        "wss://host/a b",
        "wss://host:99999/",
        "wss://user:hunter2@host/",
        "wss://[::1",
        "",
    ],
)
def test_unusable_address_is_a_value_error_without_its_secrets(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the texts differ
        WebSocketTransport(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["ws://localhost:1/", "ws://127.9.9.9/", "ws://[::1]:1/", "wss://host/x?y=z"])
def test_usable_address_is_accepted(url: str) -> None:
    assert "not connected" in repr(WebSocketTransport(url))


# ---- the key ---------------------------------------------------------


def unreadable() -> str:
    raise PermissionError("/etc/harkd/openai_api_key is readable by others")


@pytest.mark.parametrize(
    ("api_key", "sentence"),
    [
        (lambda: None, "no API key is configured"),
        (lambda: "", "empty"),
        (lambda: "sk-a\r\nX-Evil: 1", "odd character"),
        (unreadable, "readable by others"),
    ],
)
def test_unusable_key_is_refused_before_the_network_is_touched(
    api_key: Callable[[], str | None], sentence: str
) -> None:
    refused = asyncio.run(refusal_of("wss://no-such-host.invalid/", api_key=api_key))
    assert (refused.refusal, refused.status) == (Refusal.KEY, None)
    assert sentence in str(refused)


def test_a_key_may_be_fetched_by_an_async_function() -> None:
    async def fetch() -> str:
        return "sk-a b"

    refused = asyncio.run(refusal_of("wss://no-such-host.invalid/", api_key=fetch))
    assert (refused.refusal, "odd character" in str(refused)) == (Refusal.KEY, True)


def test_key_is_in_no_message_repr_or_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = f'{{"error":{{"code":"invalid_api_key","message":"Incorrect API key provided: {KEY}"}}}}'
    refused = asyncio.run(refusal_by_status(401, body))

    async def run() -> str:
        async with server(stay, logger=logging.getLogger("server at ERROR")) as url:
            transport = WebSocketTransport(url, api_key=lambda: KEY)
            await transport.connect()
            transport.send("{}")
            shown = repr(transport)
            await transport.close()
            return shown

    logging.getLogger("server at ERROR").setLevel(logging.ERROR)
    shown = asyncio.run(run())
    ours = [record.getMessage() for record in caplog.records if "server" not in record.name]
    assert KEY not in "".join([str(refused), repr(refused), shown, *ours])
    assert shown.startswith("<WebSocketTransport ws://127.0.0.1:")
    assert shown.endswith("/v1/realtime open>")


# ---- an open connection ----------------------------------------------


async def lost(
    handler: Callable[[ServerConnection], Awaitable[None]], limits: WebSocketLimits | None = None
) -> TransportClosed:
    """How a connection to such a server ends."""
    async with server(handler, close_timeout=0.05) as url:
        transport = WebSocketTransport(url, limits=limits)
        await transport.connect()
        with pytest.raises(TransportClosed) as caught:
            await transport.receive_into(print)
        await transport.close()
        return caught.value


def test_peer_that_vanishes_is_a_close_1006() -> None:
    async def vanish(connection: ServerConnection) -> None:
        connection.transport.abort()

    assert asyncio.run(lost(vanish)).code == 1006


def test_peer_that_answers_no_ping_is_lost() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    limits = WebSocketLimits(ping_interval_s=0.02, ping_timeout_s=0.02, close_timeout_s=0.05)
    closed = asyncio.run(lost(deaf, limits))
    assert (closed.code, closed.reason) == (1006, "no sign of life: it answers no ping")


def test_fragments_and_what_is_not_text_keep_their_place() -> None:
    frames: list[str | bytes | list[str]] = ["1", ["2 ", "in ", "three"], "3", b"4", "5", ["6", ""], "7"]

    async def send(connection: ServerConnection) -> None:
        for frame in frames * 20:
            await connection.send(frame)
        await connection.close(1000, "all said")

    async def run() -> list[str | bytes]:
        heard: list[str | bytes] = []
        async with server(send) as url:
            transport = WebSocketTransport(url)
            await transport.connect()
            with pytest.raises(TransportClosed, match="all said"):
                await transport.receive_into(heard.append)
            await transport.close()
        return heard

    assert asyncio.run(run()) == ["1", "2 in three", "3", b"4", "5", "6", "7"] * 20


def test_text_that_is_no_utf_8_ends_the_connection() -> None:
    async def send(connection: ServerConnection) -> None:
        await connection.send(b"\xff", text=True)
        await connection.wait_closed()

    assert "invalid start byte" in asyncio.run(lost(send)).reason


class ServerThread:
    """A server that goes on answering while the loop of the test is stuck."""

    def __enter__(self) -> str:
        self._loop = asyncio.new_event_loop()
        self._urls: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        return self._urls.get(timeout=10)

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with server(stay, ping_interval=None) as url:
            self._urls.put(url)
            await self._stop.wait()


@pytest.mark.long
def test_loop_that_is_stuck_for_longer_than_both_limits_keeps_its_connection() -> None:
    async def run(url: str) -> None:
        limits = WebSocketLimits(ping_interval_s=0.1, ping_timeout_s=0.1)
        transport = WebSocketTransport(url, limits=limits)
        await transport.connect()
        frame = asyncio.create_task(transport.receive_into(print))
        for turns in range(6):  # of the loop, from waking up, when a ping is due, to being stuck again
            for _ in range(turns):
                await asyncio.sleep(0)
            time.sleep(0.25)  # noqa: ASYNC251  that is what is tested
        await asyncio.sleep(0.3)
        assert not frame.done(), frame.exception()
        frame.cancel()
        await transport.close()

    with ServerThread() as url:
        asyncio.run(run(url))


@pytest.mark.parametrize(("deaf", "alive"), [(True, False), (False, True)])
def test_probe_finds_a_dead_peer_long_before_the_next_ping_and_keeps_a_living_one(
    deaf: bool, alive: bool
) -> None:
    async def handler(connection: ServerConnection) -> None:
        if deaf:
            connection.transport.pause_reading()
        await connection.wait_closed()

    async def run() -> None:
        limits = WebSocketLimits(ping_interval_s=60, ping_timeout_s=60, probe_timeout_s=0.1)
        async with server(handler, close_timeout=0.05) as url:
            transport = WebSocketTransport(url, limits=limits)
            await transport.connect()
            frame = asyncio.create_task(transport.receive_into(print))
            transport.probe()
            transport.probe()
            await asyncio.wait([frame], timeout=0.5)
            assert frame.done() != alive
            frame.cancel()
            await asyncio.gather(frame, return_exceptions=True)
            await transport.close()
            transport.probe()  # harmless
            assert [t for t in asyncio.all_tasks() if t.get_name().startswith("websocket")] == []

    asyncio.run(run())


def test_congestion_is_final_and_drops_what_waits() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def run() -> None:
        async with server(deaf, close_timeout=0.05) as url:
            transport = WebSocketTransport(url, limits=WebSocketLimits(send_bound_bytes=10_000_000))
            await transport.connect()
            transport.send("x" * 8_000_000)  # more than the kernel takes
            transport.send("x" * (10_000_000 - transport.queued_bytes))
            assert transport.queued_bytes == 10_000_000
            for _ in range(2):
                with pytest.raises(UplinkCongested, match="bound of 10000000"):
                    transport.send("x")
            await transport.close()
            assert transport.queued_bytes == 0

    asyncio.run(run())


@pytest.mark.parametrize("at_once", [True, False])
def test_frames_of_every_length_arrive_in_order_whether_they_waited_or_not(at_once: bool) -> None:
    lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 3_000_000, 0, 200, 1_300]
    sent = [f"{number}é{'x' * length}"[:length] for number, length in enumerate(lengths)]

    async def run() -> list[Any]:
        received: asyncio.Queue[Any] = asyncio.Queue()

        async def listen(connection: ServerConnection) -> None:
            async for message in connection:
                await received.put(message)

        async with server(listen, max_size=None) as url:
            transport = WebSocketTransport(url, limits=WebSocketLimits(send_bound_bytes=10_000_000))
            await transport.connect()
            for text in sent:
                transport.send(text)
                if at_once:
                    await asyncio.sleep(0)
            got = [await received.get() for _ in sent]
            await transport.close()
            return got

    assert asyncio.run(run()) == sent


def test_one_frame_above_the_bound_is_sent_when_nothing_waits() -> None:
    async def run() -> Any:
        received: asyncio.Queue[Any] = asyncio.Queue()

        async def listen(connection: ServerConnection) -> None:
            await received.put(await connection.recv())

        async with server(listen) as url:
            transport = WebSocketTransport(url, limits=WebSocketLimits(send_bound_bytes=10))
            await transport.connect()
            transport.send("grüße " * 100)
            frame = await received.get()
            await transport.close()
            return frame

    assert asyncio.run(run()) == "grüße " * 100


def test_stalled_uplink_is_noticed_before_the_kernel_has_swallowed_ten_seconds_of_audio() -> None:
    """Without TCP_NOTSENT_LOWAT the send buffer grows to megabytes, most of a minute of speech."""

    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def run() -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with serve(deaf, sock=listener, close_timeout=0.05):
            transport = WebSocketTransport(f"ws://127.0.0.1:{listener.getsockname()[1]}")
            await transport.connect()
            taken = 0
            with suppress(UplinkCongested):
                while taken < 64_000_000:
                    transport.send("x" * 2560)
                    taken += 2560
                    await asyncio.sleep(0)
            await transport.close()
            return taken

    assert asyncio.run(run()) < 640_000


def test_close_of_a_peer_that_does_not_answer_takes_the_close_time_out() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def run() -> float:
        async with server(deaf, close_timeout=0.05) as url:
            transport = WebSocketTransport(url, limits=WebSocketLimits(close_timeout_s=0.1))
            await transport.connect()
            transport.send("x" * 8_000_000)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await asyncio.gather(transport.close(), transport.close())
            return loop.time() - began

    assert 0.09 < asyncio.run(run()) < 1.0


def test_cancelled_connect_leaves_nothing_open() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            transport = WebSocketTransport(f"ws://127.0.0.1:{silent.getsockname()[1]}")
            connecting = asyncio.create_task(transport.connect())
            peer, _ = await asyncio.get_running_loop().run_in_executor(None, silent.accept)
            connecting.cancel()
            await asyncio.wait([connecting])
            with peer:
                peer.settimeout(1)
                assert await asyncio.to_thread(is_closed_by_the_other_end, peer)
            await transport.close()

    asyncio.run(run())


def test_close_that_is_cancelled_leaves_nothing_behind() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def run() -> set[str]:
        async with server(deaf, close_timeout=0.05) as url:
            transport = WebSocketTransport(url, limits=WebSocketLimits(close_timeout_s=0.1))
            await transport.connect()
            closing = asyncio.create_task(transport.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait([closing])
            assert closing.cancelled()
            return {task.get_name() for task in asyncio.all_tasks()}

    assert not {"websocket writer", "websocket close"} & asyncio.run(run())


def test_close_while_connecting_ends_the_attempt() -> None:
    async def run() -> TransportRefused:
        async with server(stay) as url:
            transport = WebSocketTransport(url)
            connecting = asyncio.create_task(transport.connect())
            await asyncio.sleep(0)
            await transport.close()
            with pytest.raises(TransportRefused) as caught:
                await connecting
            return caught.value

    assert "closed while" in str(asyncio.run(run()))


def test_hundred_connections_leave_no_task_and_no_descriptor() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def run() -> tuple[int, int]:
        async with server(stay) as url:
            counts = []
            for _ in range(100):
                transport = WebSocketTransport(url)
                await transport.connect()
                transport.send("{}")
                await transport.close()
                counts.append(descriptors())
                assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint(
                    {"websocket writer", "websocket close"}
                )
            return counts[0], counts[-1]

    first, last = asyncio.run(run())
    assert last <= first + 2  # the server end of the last connection may still be closing


def test_azure_is_given_the_key_in_its_own_header() -> None:
    transport = WebSocketTransport("wss://box.openai.azure.com/openai/v1/realtime", api_key=lambda: KEY)
    assert asyncio.run(transport._authorization()) == {"api-key": KEY}
