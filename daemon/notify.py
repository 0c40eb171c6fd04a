"""Tells systemd how the daemon is doing. Shell around systemd's notify socket."""

from __future__ import annotations

import logging
import os
import select
import socket
import time

log = logging.getLogger(__name__)


class Notifier:
    """Speaks the protocol of sd_notify(3); without `NOTIFY_SOCKET` (started by hand) every call does nothing.

    Never raises, and but for `ready` never waits: a daemon that plays and listens must not fall over or stand
    still because nobody takes its notes. What a full socket does not take is dropped: there will be others.
    """

    def ready(self) -> None:
        """Started: what `Type=notify` waits for."""
        self._send("READY=1", wait=True)

    @property
    def watchdog_s(self) -> float | None:
        """How long systemd waits for the next `alive` before it restarts the daemon; None: it does not."""
        own = os.environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
        text = os.environ.get("WATCHDOG_USEC", "")
        return int(text) / 1e6 if own and text.isdigit() and int(text) > 0 else None

    def alive(self) -> None:
        """The daemon does its work: it hears, it speaks, its loop runs."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Reads its configuration anew; `ready` ends it, and until then `systemctl reload` may wait.

        The time, CLOCK_MONOTONIC in microseconds, is for systemd 253 and later with `Type=notify-reload`.
        """
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Shutting down on purpose; systemd starts its stop time-out."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`. Line breaks become spaces: every line is its own assignment."""
        self._send("STATUS=" + " ".join(text.splitlines()))

    def _send(self, assignment: str, *, wait: bool = False) -> None:
        address = os.environ.get("NOTIFY_SOCKET")
        if not address or not (wait or _takes(address)):
            return
        try:
            from systemd.daemon import notify
        except ImportError:
            log.warning(
                "systemd was not told %s: systemd-python is missing; install harkd[systemd]", assignment
            )
            return
        try:
            notify(assignment)
        except (OSError, ValueError) as error:  # ValueError: text that no C string can hold
            log.warning("systemd was not told %s: %s", assignment, error)


def _takes(address: str) -> bool:
    """There is room for a message, or something else is wrong; systemd's library would wait for room."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect("\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return True  # the library says what is wrong
        return bool(select.select([], [probe], [], 0)[1])
