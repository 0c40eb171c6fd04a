"""The unit and its user, judged by systemd's own tools."""

from __future__ import annotations

import os
import re
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
        missing = f"{name} is not installed (apt package systemd)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return path


def verify(folder: Path, change: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    """The program is replaced by one that exists: verify looks for it, and tests install nothing to /opt."""
    files = [folder / name for name in ("harkd.service", "harkd-key.path", "harkd-key.service")]
    for file in files:
        file.write_text((SYSTEMD / file.name).read_text().replace(PROGRAM, "/bin/true").replace(*change))
    command = [tool("systemd-analyze"), "verify", "--recursive-errors=yes", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def exposure(unit: str, folder: Path) -> float:
    """What systemd makes of its sandbox: 0 is shut off from everything, 10 has none."""
    file = folder / "harkd.service"
    file.write_text(unit)
    command = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert found, done.stderr
    return float(found[1])


def settings(key: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.splitlines() if line.startswith(f"{key}=")]


def test_units_are_accepted(tmp_path: Path) -> None:
    done = verify(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("key", ["ProtectClock=", "PathChanged=", "StartLimitIntervalSec="])
def test_units_with_a_misspelt_key_are_refused(tmp_path: Path, key: str) -> None:
    done = verify(tmp_path, (key, "x" + key))
    assert done.returncode != 0
    assert "x" + key.rstrip("=") in done.stderr


def test_service_is_shut_off_from_what_it_does_not_need(tmp_path: Path) -> None:
    assert exposure(UNIT, tmp_path) <= 1.5


@pytest.mark.parametrize(
    "without", ["SystemCallFilter=", "CapabilityBoundingSet=", "ProtectSystem=", "NoNewPrivileges="]
)
def test_service_with_a_wall_taken_down_is_more_exposed(tmp_path: Path, without: str) -> None:
    open_unit = "".join(line for line in UNIT.splitlines(keepends=True) if not line.startswith(without))
    assert exposure(open_unit, tmp_path) > 1.5


def test_helper_that_reads_the_key_is_shut_off_from_almost_everything(tmp_path: Path) -> None:
    assert exposure((SYSTEMD / "harkd-key.service").read_text(), tmp_path) <= 0.6


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
