"""The seam between protocol and network: whole text frames, in order, one connection per object. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NoReturn, Protocol, runtime_checkable


class Refusal(Enum):
    """Why a connection could not be opened; decides how soon it is worth another try."""

    KEY = "key refused"
    FORBIDDEN = "not allowed"
    MODEL = "model or address unknown"
    QUOTA = "rate limit or quota"
    SERVER = "server trouble"
    NETWORK = "network"
    CLOCK = "clock of this machine"


class TransportRefused(Exception):
    """The connection was never opened. `status`: HTTP status of the upgrade, None if there was no answer."""

    def __init__(self, refusal: Refusal, detail: str, status: int | None = None) -> None:
        self.refusal = refusal
        self.status = status
        super().__init__(detail)


class TransportClosed(Exception):
    """The connection is gone. `code` is the WebSocket close code, 1006 if the peer vanished without one."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"connection closed ({code}{': ' + reason if reason else ''})")


class UplinkCongested(Exception):
    """More than the bound waits to be sent: the uplink is slower than real time, the link counts as lost."""


OnFrame = Callable[[str | bytes], object]
"""Is called with each whole frame, on the loop; must not block."""


class Transport(Protocol):
    async def connect(self) -> None:
        """Open the connection. Raises `TransportRefused`."""

    def send(self, text: str) -> None:
        """Queue one frame; never blocks.

        Raises `UplinkCongested` over the bound, `TransportClosed` if not open.
        """

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        """Hands over every frame as it arrives, beginning with those that have since `connect`.

        Raises `TransportClosed`, after the frames that arrived before the close, and what `on_frame` raises.
        """

    async def close(self) -> None:
        """Send what is queued if the peer takes it within the close time-out, then close. Idempotent."""

    @property
    def queued_bytes(self) -> int:
        """Bytes accepted by `send` and not yet given to the socket."""


@runtime_checkable
class ProbedTransport(Transport, Protocol):
    """One that can find out by itself whether its peer is still there."""

    def probe(self) -> None:
        """The network has changed: find out at once, and end `receive_into` if the peer has gone."""
