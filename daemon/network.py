"""What the kernel tells of links, addresses and routes: has a network come, or gone? Pure.

The messages are those of rtnetlink(7): a header of 16 bytes, a struct by the kind of message, attributes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from daemon.records import dataclass

_HEADER = struct.Struct("=IHHII")  # length, kind, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # family, device type, index, flags, changed
_ADDRESS = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, lengths of both ends, tos, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")  # length, kind

NEW_LINK, GONE_LINK, NEW_ADDRESS, GONE_ADDRESS, NEW_ROUTE, GONE_ROUTE = 16, 17, 20, 21, 24, 25
_LOOPBACK, _RUNNING = 0x8, 0x40
_UNIVERSE = 0  # the scope of an address that reaches further than its link
_UNFIT = 0x08 | 0x40  # an address found to be taken, or still being looked for (IPv6)
_MAIN_TABLE, _UNICAST = 254, 1
_ADDRESS_ITSELF = 1
_ROUTE_PARTS = (4, 5, 6)  # device, gateway, priority

MOST_FACTS = 1024
"""A board knows a handful; one that is told of more forgets all, and takes the next ones for new."""


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """`came`: a carrier, an address or a default route that was not known before. `went`: one less."""

    came: bool = False
    went: bool = False


class NetworkFacts:
    """Begins knowing nothing: what is repeated later counts as new the first time, and costs one attempt."""

    def __init__(self) -> None:
        self._facts: set[tuple[object, ...]] = set()
        self._running: dict[int, bool] = {}

    def take(self, datagram: bytes) -> NetworkChange:
        """One or more messages; what is cut short or not understood counts as nothing."""
        came = went = False
        for kind, body in _messages(datagram):
            change = self._message(kind, body)
            came, went = came or change.came, went or change.went
        return NetworkChange(came, went)

    def _message(self, kind: int, body: bytes) -> NetworkChange:
        try:
            if kind in (NEW_LINK, GONE_LINK):
                return self._link(body, gone=kind == GONE_LINK)
            if kind in (NEW_ADDRESS, GONE_ADDRESS):
                fact = _address(body)
            elif kind in (NEW_ROUTE, GONE_ROUTE):
                fact = _route(body)
            else:
                return NetworkChange()
        except struct.error:
            return NetworkChange()
        if fact is None:
            return NetworkChange()
        if kind in (GONE_ADDRESS, GONE_ROUTE):
            self._facts.discard(fact)
            return NetworkChange(went=True)
        return NetworkChange(came=self._add(fact))

    def _link(self, body: bytes, *, gone: bool) -> NetworkChange:
        _, _, index, flags, _ = _LINK.unpack_from(body)
        if flags & _LOOPBACK:
            return NetworkChange()
        running = bool(flags & _RUNNING) and not gone
        was_running = self._running.get(index)
        if len(self._running) >= MOST_FACTS:
            self._running.clear()
        self._running[index] = running
        if running == was_running:
            return NetworkChange()
        return NetworkChange(came=running, went=not running)

    def _add(self, fact: tuple[object, ...]) -> bool:
        if fact in self._facts:
            return False
        if len(self._facts) >= MOST_FACTS:
            self._facts.clear()
        self._facts.add(fact)
        return True


def _address(body: bytes) -> tuple[object, ...] | None:
    """None for one that leads nowhere."""
    family, _, flags, scope, index = _ADDRESS.unpack_from(body)
    if scope != _UNIVERSE or flags & _UNFIT:
        return None
    return "address", family, index, dict(_attributes(body[_ADDRESS.size :])).get(_ADDRESS_ITSELF)


def _route(body: bytes) -> tuple[object, ...] | None:
    """None for one that is not the way to everywhere."""
    family, length, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(body)
    if length or table != _MAIN_TABLE or kind != _UNICAST:
        return None
    parts = dict(_attributes(body[_ROUTE.size :]))
    return "route", family, *(parts.get(part) for part in _ROUTE_PARTS)


def _messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(datagram):
        length, kind, _, _, _ = _HEADER.unpack_from(datagram, at)
        if not _HEADER.size <= length <= len(datagram) - at:
            return
        yield kind, datagram[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            return
        yield kind, data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
