"""The unit and its user, judged by systemd's own tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parent.parent / "systemd"
UNIT = (SYSTEMD / "harkd.service").read_text()
PROGRAM = "/opt/harkd/.venv/bin/harkd"


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (apt package systemd)")
    return path


def verify(unit: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The program is replaced by one that exists: verify looks for it, and tests install nothing to /opt."""
    file = folder / "harkd.service"
    file.write_text(unit.replace(PROGRAM, "/bin/true"))
    command = [tool("systemd-analyze"), "verify", "--recursive-errors=yes", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def settings(key: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.splitlines() if line.startswith(f"{key}=")]


def test_unit_is_accepted(tmp_path: Path) -> None:
    done = verify(UNIT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_unit_with_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    done = verify(UNIT.replace("ProtectClock=", "ProtectClok="), tmp_path)
    assert done.returncode != 0
    assert "ProtectClok" in done.stderr


def test_unit_starts_the_program_and_does_not_restart_a_wrong_configuration() -> None:
    assert settings("ExecStart") == [f"{PROGRAM} run --config /etc/harkd"]
    assert settings("RestartPreventExitStatus") == ["78"]


def test_sysusers_create_the_user_and_the_groups_of_the_unit(tmp_path: Path) -> None:
    command = [tool("systemd-sysusers"), "--dry-run", f"--root={tmp_path}", str(SYSTEMD / "harkd.sysusers")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"Creating user '{settings('User')[0]}'" in done.stderr
    for group in settings("SupplementaryGroups")[0].split():
        assert f"Creating group '{group}'" in done.stderr
