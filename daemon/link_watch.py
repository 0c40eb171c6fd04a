"""Ends the link's wait when what it waits for may have come: a network, a key, the time.

Shell around the kernel's word, a few files and the clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from daemon.network_watch import NetworkWatch
from daemon.realtime.link import RealtimeLink

log = logging.getLogger("harkd")

LOOK_S = 2.0
"""How often name servers, clock and, while it is refused, the key are looked at."""

CLOCK_SET_S = 30.0
"""The clock was set, not corrected: a board without one of its own starts in the past, and no certificate is
valid there."""

NAME_SERVERS = Path("/etc/resolv.conf")


class NotedKey:
    """Reads the key, and remembers which one it was: not the key itself, but what cannot be turned back."""

    def __init__(self, read: Callable[[], str | None]) -> None:
        self._read = read
        self._note = b""

    def __call__(self) -> str | None:
        """As `read`, whose errors are noted and raised. For whoever uses the key."""
        self._note, found = self._look()
        if isinstance(found, Exception):
            raise found
        return found

    def changed(self) -> bool:
        """There is another key, or another reason for none, than when it was last used."""
        return self._look()[0] != self._note

    def _look(self) -> tuple[bytes, str | OSError | ValueError | None]:
        found: str | OSError | ValueError | None
        try:
            found = self._read()
        except (OSError, ValueError) as error:
            found = error
        kind = "" if found is None else type(found).__name__
        return hashlib.blake2b(f"{kind} {found}".encode(errors="replace")).digest(), found


class LinkWatch:
    """`link` answers the box's link; `key` is what its connections use, None where they need none."""

    def __init__(
        self,
        link: Callable[[], RealtimeLink],
        key: NotedKey | None,
        *,
        name_servers: Path = NAME_SERVERS,
        wall_clock: Callable[[], float] = time.time,
        look_s: float = LOOK_S,
    ) -> None:
        self._link = link
        self._key = key
        self._name_servers = name_servers
        self._wall_clock = wall_clock
        self._look_s = look_s
        self._network = NetworkWatch(self._network_changed)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._network.start()
        try:
            servers, clock = self._stamp(), self._clock_offset()
            while True:
                await asyncio.sleep(self._look_s)
                found, offset = self._stamp(), self._clock_offset()
                if found != servers:
                    self._network_changed(True)
                if abs(offset - clock) > CLOCK_SET_S and not self._link().connected:
                    log.info("the clock was set: connecting again")
                    self._link().connect_now()
                servers, clock = found, offset
                await self._look_for_a_key()
        finally:
            self._network.stop()

    def _network_changed(self, came: bool) -> None:
        self._link().network_changed(came=came)

    async def _look_for_a_key(self) -> None:
        if self._key is None or not self._link().blocked:
            return
        if await asyncio.to_thread(self._key.changed) and self._link().blocked:
            log.info("there is another API key: trying it")
            self._link().connect_now()

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one state of the file from another; None if it is not there."""
        try:
            found = self._name_servers.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _clock_offset(self) -> float:
        return self._wall_clock() - asyncio.get_running_loop().time()
