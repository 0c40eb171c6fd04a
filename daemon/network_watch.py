"""Tells when the machine's network has changed. Shell around the kernel's netlink socket."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from daemon.network import NetworkFacts

log = logging.getLogger("harkd")

SETTLE_S = 0.3
"""Carrier, address, route and name servers come one after the other: what comes so close is one change."""

_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE."""

_READ_BYTES = 64 * 1024
_READS_AT_ONCE = 64


class NetworkWatch:
    """`on_change` is called on the loop, at most once per `SETTLE_S`: with True if something came."""

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._facts = NetworkFacts()
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._came = False

    def start(self) -> bool:
        """Begin to listen; False, and a line in the journal, where the kernel does not say."""
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
            self._socket.bind((0, _GROUPS))
        except OSError as error:
            log.info("no word of changes of the network: %s", error.strerror)
            self.stop()
            return False
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return True

    def stop(self) -> None:
        """Harmless when not started."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(_READS_AT_ONCE):
            try:
                change = self._facts.take(self._socket.recv(_READ_BYTES))
            except BlockingIOError:
                return
            except OSError as error:  # more happened than the kernel keeps for us
                log.debug("netlink: %s", error.strerror)
                self._changed(came=True)
                return
            if change.came or change.went:
                self._changed(came=change.came)

    def _changed(self, *, came: bool) -> None:
        self._came = self._came or came
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_S, self._tell)

    def _tell(self) -> None:
        self._timer = None
        came, self._came = self._came, False
        self._on_change(came)
