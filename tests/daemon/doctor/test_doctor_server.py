"""What the doctor finds out about a server: names, TLS with certificates of its own, proxies, the key."""

from __future__ import annotations

import queue
import shlex
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import pytest

from daemon.config.schema import Config, Link, Session
from daemon.doctor.needs import model_path
from daemon.doctor.server import ThisServer
from hw.errors import DeviceError

KEY = "planted-key-123456"
Serve = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, signed by itself, with its key in the same file; good for a day."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    make += f" -addext subjectAltName=DNS:localhost -keyout {file} -out {file}.crt"
    subprocess.run(shlex.split(make), check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """A server of loopback's, one client after another; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.settimeout(5)
                    serve(client)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def over_tls(certificate: Path, answer: bytes = b"", seen: list[bytes] | None = None) -> Serve:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(client: socket.socket) -> None:
        try:
            with context.wrap_socket(client, server_side=True) as secured:
                request = secured.recv(4096)
                if seen is not None and request:
                    seen.append(request)
                secured.sendall(answer)
        except OSError:  # a client that does not trust us, or only looks
            pass

    return serve


def tunnel(seen: list[bytes], status: bytes = b"200 Connection established") -> Serve:
    """An HTTP proxy that knows CONNECT."""

    def serve(client: socket.socket) -> None:
        request = client.recv(4096)
        seen.append(request)
        client.sendall(b"HTTP/1.1 " + status + b"\r\nVia: test\r\n\r\n")
        if status.startswith(b"200"):
            port = int(request.split()[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port)) as server:
                back = threading.Thread(target=copy, args=(server, client), daemon=True)
                back.start()
                copy(client, server)
                back.join(5)

    return serve


def copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(4096):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def server(url: str, authorities: Path | None = None, *, proxy: str = "", key: str = KEY) -> ThisServer:
    config = Config(session=Session(url=url), link=Link(proxy=proxy))
    return ThisServer(config, lambda: key, str(authorities) if authorities else None)


def response(status: str, **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Length: 2",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n{}").encode()


# ---- the name -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("ws://localhost:1/x", ""),
        ("wss://127.0.0.1/x", ""),
        ("wss://no-such-host.invalid/x", "http://127.0.0.1:3128"),
    ],
)
def test_name_of_server_or_proxy_is_resolved(url: str, proxy: str) -> None:
    assert set(server(url, proxy=proxy).resolve()) <= {"127.0.0.1", "::1"}


def test_name_that_nobody_has_is_a_sentence() -> None:
    with pytest.raises(DeviceError, match=r"^no-such-host.invalid: no address: "):
        server("wss://no-such-host.invalid/v1/realtime").resolve()


# ---- the connection -------------------------------------------------------------------


def test_server_on_this_machine_needs_no_tls() -> None:
    with listening(lambda client: None) as port:
        secured = server(f"ws://127.0.0.1:{port}/v1/realtime").connect()
    assert (secured.peer, secured.version) == (f"127.0.0.1:{port}", "")


def test_trusted_certificate_is_told_with_the_days_it_has_left(certificate: Path) -> None:
    with listening(over_tls(certificate)) as port:
        secured = server(f"wss://localhost:{port}/v1/realtime", certificate).connect()
    assert (secured.version, secured.days_left) == ("TLSv1.3", 0)


def test_certificate_signed_by_itself_is_a_sentence(certificate: Path) -> None:
    with listening(over_tls(certificate)) as port, pytest.raises(DeviceError) as raised:
        server(f"wss://localhost:{port}/v1/realtime").connect()
    assert str(raised.value) == "localhost: its certificate cannot be trusted: self-signed certificate"


def test_certificate_of_another_host_is_a_sentence(certificate: Path) -> None:
    mismatch = pytest.raises(DeviceError, match="cannot be trusted: IP address mismatch")
    with listening(over_tls(certificate)) as port, mismatch:
        server(f"wss://127.0.0.1:{port}/v1/realtime", certificate).connect()


def test_nobody_there_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match=f"^127.0.0.1:{port}: Connection refused. Start the server"):
        server(f"wss://127.0.0.1:{port}/v1/realtime").connect()


def test_what_speaks_no_tls_is_a_sentence() -> None:
    strange = pytest.raises(DeviceError, match=r"no TLS: wrong version number$")
    with listening(lambda client: client.sendall(b"SSH-2.0-x\r\n")) as port, strange:
        server(f"wss://localhost:{port}/v1/realtime").connect()


def test_http_proxy_is_gone_through(certificate: Path) -> None:
    seen: list[bytes] = []
    with listening(over_tls(certificate)) as port, listening(tunnel(seen)) as proxy_port:
        url, proxy = f"wss://localhost:{port}/v1/realtime", f"http://127.0.0.1:{proxy_port}"
        secured = server(url, certificate, proxy=proxy).connect()
    assert secured.version == "TLSv1.3"
    assert seen[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP 403"), (b"SSH-2.0\r\n\r\n", "nothing"), (b"", "nothing")],
)
def test_http_proxy_that_refuses_is_a_sentence(answer: bytes, said: str) -> None:
    def refuse(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(answer)

    refused = pytest.raises(DeviceError, match=f"the proxy: it does not connect to .*{said}")
    with listening(refuse) as port, refused:
        server("wss://api.openai.com/v1/realtime", proxy=f"http://127.0.0.1:{port}").connect()


def test_of_another_proxy_only_the_proxy_itself_is_checked() -> None:
    with listening(lambda client: None) as port:
        secured = server("wss://api.openai.com/v1/realtime", proxy=f"socks5://127.0.0.1:{port}").connect()
    assert (secured.peer, secured.unchecked) == (f"127.0.0.1:{port}", "a socks5 proxy")


# ---- the model ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 401, 404, 503])
def test_model_is_asked_for_once_with_the_key(certificate: Path, status: int) -> None:
    seen: list[bytes] = []
    with listening(over_tls(certificate, response(f"{status} x"), seen)) as port:
        asked = server(f"wss://localhost:{port}/v1/realtime", certificate)
        assert [asked.ask_model().status, asked.ask_model().status] == [status, status]
    assert len(seen) == 1
    assert f"Authorization: Bearer {KEY}\r\n".encode() in seen[0]


def test_answer_that_is_no_http_is_a_sentence(certificate: Path) -> None:
    strange = pytest.raises(DeviceError, match=r"localhost: it does not answer as HTTP \(BadStatusLine\)")
    with listening(over_tls(certificate, b"SSH-2.0\r\n\r\n")) as port, strange:
        server(f"wss://localhost:{port}/v1/realtime", certificate).ask_model()


def test_clock_is_compared_with_the_servers(certificate: Path) -> None:
    answer = response("200 OK", Date=formatdate(0, usegmt=True))
    with listening(over_tls(certificate, answer)) as port:
        ahead_s = server(f"wss://localhost:{port}/v1/realtime", certificate).ask_model().ahead_s
    assert ahead_s is not None
    assert ahead_s > 1_600_000_000


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_server_that_does_not_tell_its_time_is_not_compared(
    certificate: Path, headers: dict[str, str]
) -> None:
    with listening(over_tls(certificate, response("200 OK", **headers))) as port:
        assert server(f"wss://localhost:{port}/v1/realtime", certificate).ask_model().ahead_s is None


@pytest.mark.parametrize("proxy", ["", "socks5://127.0.0.1:{port}"])
def test_key_is_never_sent_without_tls(proxy: str) -> None:
    received: queue.Queue[bytes] = queue.Queue()
    with listening(lambda client: received.put(client.recv(4096))) as port:
        url = "wss://api.openai.com/v1/realtime" if proxy else f"ws://127.0.0.1:{port}/v1/realtime"
        with pytest.raises(DeviceError, match="over TLS only"):
            server(url, proxy=proxy.format(port=port)).ask_model()
        assert received.get(timeout=5) == b""


def test_key_with_a_line_break_is_not_sent_and_not_told() -> None:
    with pytest.raises(DeviceError) as raised:
        server("wss://localhost:1/v1/realtime", key="planted\r\nkey").ask_model()
    assert "planted" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("wss://api.openai.com/v1/realtime", "/v1/models/gpt-realtime"),
        ("wss://eu.api.openai.com/v1/realtime?model=a%2Fb", "/v1/models/a%2Fb"),
        ("wss://api.openai.com.example.org/v1/realtime", None),
        ("wss://box.openai.azure.com/openai/v1/realtime", None),
        ("ws://127.0.0.1:8080/v1/realtime", None),
    ],
)
def test_only_openais_own_servers_have_a_place_to_ask(url: str, path: str | None) -> None:
    assert model_path(Session(url=url)) == path
