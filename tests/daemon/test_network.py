"""Messages of the kernel, as it writes them, and what they mean for a connection."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.network import (
    GONE_ADDRESS,
    GONE_LINK,
    GONE_ROUTE,
    NEW_ADDRESS,
    NEW_LINK,
    NEW_ROUTE,
    NetworkChange,
    NetworkFacts,
)

CAME, WENT, NOTHING = NetworkChange(came=True), NetworkChange(went=True), NetworkChange()
UP, RUNNING, LOOPBACK = 0x1, 0x40, 0x8


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def link(flags: int, kind: int = NEW_LINK, index: int = 3) -> bytes:
    return message(kind, struct.pack("=BxHiII", 0, 1, index, flags, 0) + attribute(3, b"wlan0\0"))


def address(last: int = 5, kind: int = NEW_ADDRESS, scope: int = 0, flags: int = 0) -> bytes:
    body = struct.pack("=BBBBi", socket.AF_INET, 24, flags, scope, 3)
    return message(kind, body + attribute(1, bytes([192, 168, 1, last])) + attribute(6, bytes(16)))


def route(kind: int = NEW_ROUTE, length: int = 0, table: int = 254, gateway: int = 1) -> bytes:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, table, 16, 0, 1, 0)
    return message(kind, body + attribute(5, bytes([192, 168, 1, gateway])) + attribute(4, b"\3\0\0\0"))


@pytest.mark.parametrize(
    ("datagrams", "change"),
    [
        ([link(UP | RUNNING)], CAME),
        ([link(UP | RUNNING), link(UP | RUNNING)], NOTHING),  # the access point's strength, for one
        ([link(UP | RUNNING), link(UP)], WENT),
        ([link(UP | RUNNING), link(0, GONE_LINK)], WENT),
        ([link(UP), link(UP)], NOTHING),
        ([link(UP | RUNNING | LOOPBACK)], NOTHING),
        ([address()], CAME),
        ([address(), address()], NOTHING),  # a lease that was renewed
        ([address(), address(6)], CAME),
        ([address(), address(kind=GONE_ADDRESS)], WENT),
        ([address(), address(kind=GONE_ADDRESS), address()], CAME),
        ([address(scope=253)], NOTHING),  # fe80::, which leads nowhere
        ([address(flags=0x40)], NOTHING),  # still being looked for
        ([address(flags=0x40), address()], CAME),
        ([route()], CAME),
        ([route(), route()], NOTHING),  # a router's advertisement
        ([route(), route(gateway=2)], CAME),
        ([route(), route(GONE_ROUTE)], WENT),
        ([route(length=24)], NOTHING),
        ([route(table=255)], NOTHING),
        ([address() + route()], CAME),
        ([route(GONE_ROUTE) + address(6)], NetworkChange(came=True, went=True)),
        ([message(16, b"short")], NOTHING),
        ([message(99, bytes(64))], NOTHING),
        ([struct.pack("=IHHII", 5, 20, 0, 0, 0)], NOTHING),
        ([b""], NOTHING),
    ],
)
def test_last_datagram_means(datagrams: list[bytes], change: NetworkChange) -> None:
    facts = NetworkFacts()
    for datagram in datagrams[:-1]:
        facts.take(datagram)
    assert facts.take(datagrams[-1]) == change


@given(st.binary(max_size=200), st.sampled_from([NEW_LINK, NEW_ADDRESS, GONE_ROUTE, 99]))
def test_nothing_that_is_received_is_an_error(garbage: bytes, kind: int) -> None:
    facts = NetworkFacts()
    facts.take(garbage)
    facts.take(message(kind, garbage))
    facts.take((address() + route())[: len(garbage)])


def test_memory_is_bounded() -> None:
    facts = NetworkFacts()
    for number in range(5000):
        body = struct.pack("=BBBBi", socket.AF_INET, 24, 0, 0, number)
        facts.take(message(NEW_ADDRESS, body) + link(UP, index=number))
    assert len(facts._facts) <= 1024
    assert len(facts._running) <= 1024
