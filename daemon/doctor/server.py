"""Asks the network for the session's server. Shell around sockets and TLS.

The key is only in the header of one request over TLS, and in no message.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from daemon.config.schema import Config
from daemon.doctor.facts import ModelAnswer, Secured
from daemon.doctor.needs import host_and_port, model_path, server
from hw.errors import DeviceError, Fault

TIMEOUT_S = 5.0
_DAY_S = 86_400
_ANSWER_BOUND_BYTES = 4096
_ODD = re.compile(r"[^!-~]")


class ThisServer:
    """`secret` answers the key, "" for none. `authorities`: a file of those trusted besides, for tests."""

    def __init__(self, config: Config, secret: Callable[[], str], authorities: str | None = None) -> None:
        self._config = config
        self._secret = secret
        self._authorities = authorities
        self._answer: ModelAnswer | None = None

    def resolve(self) -> Sequence[str]:
        proxy = self._config.link.proxy
        host, port = host_and_port(proxy) if proxy else server(self._config.session)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise DeviceError(Fault.NOT_FOUND, host, f"no address: {error.strerror}") from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def connect(self) -> Secured:
        with self._connected() as connection:
            return self._secured(connection)

    def ask_model(self) -> ModelAnswer:
        """The first time; then what it was."""
        if self._answer is None:
            self._answer = self._ask(model_path(self._config.session) or "/")
        return self._answer

    def _ask(self, path: str) -> ModelAnswer:
        host, port = server(self._config.session)
        key = self._secret()
        if _ODD.search(key):
            raise DeviceError(Fault.UNSUPPORTED, "the API key", "it holds a space or an odd character")
        with self._connected() as secured:
            if not isinstance(secured, ssl.SSLSocket):
                raise DeviceError(Fault.UNSUPPORTED, host, "the key is sent over TLS only")
            connection = http.client.HTTPConnection(host, port)  # the other one would make a TLS of its own
            connection.sock = secured
            headers = {"Host": host, "Authorization": f"Bearer {key}", "User-Agent": "harkd"}
            connection.request("GET", path, headers=headers)
            try:
                response = connection.getresponse()
                response.read(_ANSWER_BOUND_BYTES)
            except http.client.HTTPException as error:
                said = f"it does not answer as HTTP ({type(error).__name__})"
                raise DeviceError(Fault.LOST, host, said) from None
        return ModelAnswer(response.status, _ahead_s(response.getheader("Date")))

    def _secured(self, connection: socket.socket) -> Secured:
        host, port = server(self._config.session)
        proxy = urlsplit(self._config.link.proxy)
        if proxy.scheme not in ("", "http"):
            name, proxy_port = host_and_port(self._config.link.proxy)
            return Secured(f"{name}:{proxy_port}", unchecked=f"a {proxy.scheme} proxy")
        if not isinstance(connection, ssl.SSLSocket):
            return Secured(f"{host}:{port}")
        certificate = connection.getpeercert() or {}
        ends = certificate.get("notAfter")
        days = int((ssl.cert_time_to_seconds(str(ends)) - time.time()) // _DAY_S) if ends else None
        return Secured(f"{host}:{port}", connection.version() or "TLS", days)

    def _connected(self) -> socket.socket:
        """To the server, through an http proxy, over TLS where the address says so; of others, the proxy."""
        host, port = server(self._config.session)
        proxy = self._config.link.proxy
        plain = _dial(*(host_and_port(proxy) if proxy else (host, port)))
        try:
            if urlsplit(proxy).scheme not in ("", "http"):
                return plain
            if proxy:
                _through(plain, host, port)
            if urlsplit(self._config.session.url).scheme != "wss":
                return plain
            trusted = ssl.create_default_context(cafile=self._authorities)
            return trusted.wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            raise _untrusted(host, error) from None
        except ssl.SSLError as error:
            plain.close()
            said = (error.reason or "it does not speak it").lower().replace("_", " ")
            raise DeviceError(Fault.UNSUPPORTED, f"{host}:{port}", f"no TLS: {said}") from None
        except BaseException:
            plain.close()
            raise


def _dial(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), TIMEOUT_S)
    except TimeoutError:
        raise DeviceError(Fault.LOST, f"{host}:{port}", f"no answer within {TIMEOUT_S:g} s") from None
    except OSError as error:
        here = host in ("localhost", "::1") or host.startswith("127.")
        remedy = "Start the server on this machine, or correct session.url." if here else ""
        raise DeviceError(Fault.LOST, f"{host}:{port}", error.strerror or str(error), remedy) from None


def _through(connection: socket.socket, host: str, port: int) -> None:
    name = f"[{host}]" if ":" in host else host
    connection.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _ANSWER_BOUND_BYTES:
        piece = connection.recv(1)  # what follows belongs to TLS
        if not piece:
            break
        answer += piece
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    if status is None or status[1][:1] != b"2":
        said = f"HTTP {status[1].decode()}" if status else "nothing that is HTTP"
        raise DeviceError(Fault.LOST, "the proxy", f"it does not connect to {name}:{port}: it says {said}")


def _untrusted(host: str, error: ssl.SSLCertVerificationError) -> DeviceError:
    said = error.verify_message or "not trusted"
    in_time = "expired" not in said and "not yet valid" not in said
    remedy = "" if in_time else "Set the clock (check 41)."
    return DeviceError(Fault.UNSUPPORTED, host, f"its certificate cannot be trusted: {said}", remedy)


def _ahead_s(date: str | None) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
