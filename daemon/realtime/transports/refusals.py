"""Why a connection was not opened, in words for the owner. Shell around the clock."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import time
from urllib.parse import SplitResult

from websockets.exceptions import InvalidProxy, InvalidProxyStatus, InvalidStatus, ProxyError

from daemon.realtime.transports.port import Refusal, TransportRefused


def shown(address: SplitResult) -> str:
    """Without user, password and query, which may hold secrets."""
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


def refused(error: Exception, address: SplitResult, open_timeout_s: float) -> TransportRefused:
    """The library's exception as a sentence for the owner; theirs are not quoted, they may hold a header."""
    if isinstance(error, InvalidStatus):
        return _refused_by_status(error, address)
    where = address.netloc
    if isinstance(error, TimeoutError):
        detail = f"no answer from {where} within {open_timeout_s:g} s"
    elif isinstance(error, ssl.SSLCertVerificationError):
        return _refused_by_certificate(error, where)
    elif isinstance(error, ssl.SSLError):
        detail = f"no secure connection to {where}: {error.reason or 'TLS failed'}"
    elif isinstance(error, (socket.gaierror, UnicodeError)):
        detail = f"the name {address.hostname} cannot be resolved; is there a network?"
    elif isinstance(error, InvalidProxyStatus) and error.response.status_code == 407:
        detail = f"the proxy in front of {where} wants a password, which it cannot be given"
    elif isinstance(error, (ProxyError, InvalidProxy, ImportError)):
        detail = f"the proxy in front of {where} cannot be used: {type(error).__name__}"
    elif isinstance(error, OSError):
        detail = f"{where} cannot be reached: {os.strerror(error.errno) if error.errno else error}"
    else:
        detail = f"{where} did not answer like a WebSocket server"
    return TransportRefused(Refusal.NETWORK, detail)


_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_... of OpenSSL


def _refused_by_certificate(error: ssl.SSLCertVerificationError, where: str) -> TransportRefused:
    if error.verify_code == _NOT_YET_VALID:
        today = time.strftime("%Y-%m-%d", time.gmtime())
        return TransportRefused(
            Refusal.CLOCK, f"the clock of this machine is wrong, it says {today}: waiting for the right time"
        )
    guess = (
        "is the clock right?" if error.verify_code == _EXPIRED else "is there a login page of the network?"
    )
    detail = f"the certificate of {where} was not accepted: {error.verify_message}; {guess}"
    return TransportRefused(Refusal.NETWORK, detail)


_WEB_PAGE = (Refusal.NETWORK, "a web page came instead of the server: does the network want a login?")

_BY_STATUS = {
    200: _WEB_PAGE,
    302: _WEB_PAGE,
    303: _WEB_PAGE,
    307: _WEB_PAGE,
    401: (Refusal.KEY, "the API key was refused"),
    402: (Refusal.QUOTA, "the account has no credit"),
    403: (Refusal.FORBIDDEN, "the key is not allowed to use this model or address"),
    429: (Refusal.QUOTA, "rate limit or quota reached"),
    511: _WEB_PAGE,  # by its name: network authentication required
}

_PASSING = frozenset({"rate_limit_exceeded", "slow_down", "server_overloaded"})
"""Codes of a 429 that waiting mends: nobody has to pay a bill."""


def _refused_by_status(error: InvalidStatus, address: SplitResult) -> TransportRefused:
    status = error.response.status_code
    code = _error_code(error.response.body)
    if code in _PASSING:
        refusal, sentence = Refusal.SERVER, "too many requests just now"
    elif status in _BY_STATUS:
        refusal, sentence = _BY_STATUS[status]
    elif status >= 500:
        refusal, sentence = Refusal.SERVER, "the server has trouble"
    else:
        refusal, sentence = Refusal.MODEL, f"{shown(address)} does not know this model or address"
    said = f"HTTP {status}, {code}" if code else f"HTTP {status}"
    return TransportRefused(refusal, f"{sentence} ({said})", status)


def _error_code(body: bytes | bytearray | None) -> str | None:
    """`error.code` of an API error; its message is not passed on because it quotes parts of the key."""
    try:
        code = json.loads(body or b"")["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) and re.fullmatch(r"[a-z0-9_]{1,64}", code) else None
