"""The machine that other tests boot: what its guest says comes out, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.machines

NSPAWN = Path(__file__).resolve().parent / "nspawn"
GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/systemd"))


def started(share: Path, guest: str, timeout_s: int) -> subprocess.Popen[str]:
    (share / "guest.sh").write_text(guest)
    return subprocess.Popen(
        [NSPAWN, share, str(timeout_s)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def left_of(machine: subprocess.Popen[str], share: Path) -> list[str]:
    groups = [str(place) for root in GROUPS if (place := root / f"harkd-nspawn.{machine.pid}").exists()]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(share) in line]
    processes = [
        line
        for line in subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True).stdout.splitlines()
        if f"--bind={share}:/hil" in line
    ]
    return groups + mounts + processes


def test_status_and_output_of_the_guest_come_out(tmp_path: Path) -> None:
    machine = started(tmp_path, "systemctl is-system-running --wait; exit 3", 60)
    machine.communicate(timeout=900)  # the first time it makes the root
    assert machine.returncode == 3
    assert (tmp_path / "output").read_text() == "running\n"
    assert left_of(machine, tmp_path) == []


def test_guest_without_an_end_is_ended(tmp_path: Path) -> None:
    machine = started(tmp_path, "sleep 600", 3)
    machine.communicate(timeout=60)
    assert machine.returncode == 124
    assert left_of(machine, tmp_path) == []


def test_nothing_is_left_after_a_kill(tmp_path: Path) -> None:
    machine = started(tmp_path, "touch /hil/running; sleep 600", 60)
    deadline = time.monotonic() + 30
    while not (tmp_path / "running").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_of(machine, tmp_path), "nothing was running that could be left"
    os.kill(machine.pid, signal.SIGKILL)
    machine.communicate(timeout=30)
    while left_of(machine, tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_of(machine, tmp_path) == []
