"""Tries, in the service's sandbox and as its user, what the service must not be able to do.

Writes what came of each attempt: the name of the error, or "done".
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

NEWUSER = 0x10000000  # CLONE_NEWUSER, sched.h


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def listen() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))


attempts: dict[str, Callable[[], object]] = {
    "write /etc": lambda: Path("/etc/harkd/x").write_text(""),
    "write /usr": lambda: Path("/usr/x").write_text(""),
    "write /sys": lambda: Path("/sys/kernel/uevent_helper").write_text(""),
    "write /proc/sys": lambda: Path("/proc/sys/kernel/hostname").write_text("x"),
    "list /home": lambda: os.listdir("/home"),
    "list /root": lambda: os.listdir("/root"),
    "read the key file": lambda: Path("/etc/harkd/openai_api_key").read_bytes(),
    "become root": lambda: os.setuid(0),
    "raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "new namespace": unshare,
    "code that was data": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "real-time priority": lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
    "make a set-user-id file": lambda: os.chmod(sys.argv[1] + ".suid", 0o4755),
    "listen on TCP": listen,
    "write its state": lambda: Path("/var/lib/harkd/probe").write_text(""),
    "read /proc/cpuinfo": lambda: Path("/proc/cpuinfo").read_bytes(),
}

Path(sys.argv[1] + ".suid").write_text("")
came = {name: outcome(attempt) for name, attempt in attempts.items()}
came["sees process 1"] = str(Path("/proc/1").exists())
came["umask"] = oct(os.umask(0))
Path(sys.argv[1]).write_text(json.dumps(came))
