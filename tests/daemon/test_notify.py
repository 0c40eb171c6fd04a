from __future__ import annotations

import contextlib
import logging
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.notify import Notifier

pytest.importorskip("systemd.daemon", reason="systemd-python is not installed")


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield receiver


def test_ready_reaches_the_socket(systemd: socket.socket) -> None:
    Notifier().ready()
    assert systemd.recv(100) == b"READY=1"


def test_stopping_reaches_the_socket(systemd: socket.socket) -> None:
    Notifier().stopping()
    assert systemd.recv(100) == b"STOPPING=1"


def test_status_reaches_the_socket(systemd: socket.socket) -> None:
    Notifier().status("listening, 3 turns - grüß Gott")
    assert systemd.recv(100).decode() == "STATUS=listening, 3 turns - grüß Gott"


def test_status_cannot_smuggle_another_assignment(systemd: socket.socket) -> None:
    Notifier().status("agent said:\nREADY=1")
    assert systemd.recv(100) == b"STATUS=agent said: READY=1"


def test_nobody_who_reads_holds_nobody_up(systemd: socket.socket) -> None:
    notifier = Notifier()
    for number in range(2000):  # more than any system's net.unix.max_dgram_qlen
        notifier.status(str(number))
    assert systemd.recv(100) == b"STATUS=0"
    notifier.alive()
    with contextlib.suppress(BlockingIOError):
        while True:
            last = systemd.recv(100)
    assert last == b"WATCHDOG=1"


def test_nothing_happens_when_systemd_is_not_there(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET")
    Notifier().ready()
    with pytest.raises(BlockingIOError):
        systemd.recv(100)


def test_a_vanished_socket_is_logged_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with caplog.at_level(logging.WARNING):
        Notifier().ready()
    assert "systemd was not told READY=1" in caplog.text


def test_a_missing_library_is_logged_with_its_remedy(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "systemd.daemon", None)
    Notifier().ready()
    assert "install harkd[systemd]" in caplog.text


def test_text_no_c_string_can_hold_is_logged_not_raised(
    systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier().status("half \0 word")
    assert "systemd was not told" in caplog.text


def test_alive_reaches_the_socket(systemd: socket.socket) -> None:
    Notifier().alive()
    assert systemd.recv(100) == b"WATCHDOG=1"


def test_reloading_reaches_the_socket_with_the_time_systemd_asks_for(systemd: socket.socket) -> None:
    before_us = time.monotonic_ns() // 1000
    Notifier().reloading()
    word, _, stamp = systemd.recv(100).decode().partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1"
    assert before_us <= int(stamp) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize(
    ("usec", "pid", "limit_s"),
    [
        ("30000000", None, 30.0),
        ("", None, None),
        ("0", None, None),
        ("soon", None, None),
        ("1000", "1", None),
    ],
)
def test_watchdog_is_fed_only_where_systemd_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, limit_s: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert Notifier().watchdog_s == limit_s
