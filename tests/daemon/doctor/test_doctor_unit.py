"""What the doctor learns of the service: from systemctl's words, and from files of the test's own."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.doctor import unit
from daemon.doctor.facts import Unit
from daemon.doctor.unit import ThisService

LOADED = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nResult=success\n"
MISSING = "LoadState=not-found\nUnitFileState=\nActiveState=inactive\nResult=success\nUser=\n"


@pytest.fixture
def with_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.touch(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


def box(root: Path, said: str = "", *, booted: bool = True) -> ThisService:
    def run(command: Sequence[str]) -> str:
        assert command[:3] == ["systemctl", "show", "harkd.service"]
        return said

    return ThisService(root / "sock", root / "state", run=run, booted=root if booted else root / "none")


@pytest.mark.usefixtures("with_systemctl")
def test_unit_is_what_systemctl_says(tmp_path: Path) -> None:
    assert box(tmp_path, LOADED).unit() == Unit("loaded", "enabled", "active", "success")
    assert box(tmp_path, MISSING).unit() == Unit("not-found", "", "inactive", "success")


@pytest.mark.usefixtures("with_systemctl")
@pytest.mark.parametrize(("said", "booted"), [(LOADED, False), ("", True)])
def test_without_systemd_there_is_no_unit(tmp_path: Path, said: str, booted: bool) -> None:
    assert box(tmp_path, said, booted=booted).unit() is None


@pytest.mark.usefixtures("with_systemctl")
def test_user_is_the_units_with_the_groups_that_it_is_lent(tmp_path: Path) -> None:
    user = box(tmp_path, LOADED + "User=nobody\nSupplementaryGroups=audio gpio\n").user()
    assert (user.name, user.is_root) == ("nobody", False)
    assert user.groups >= {"audio", "gpio", "nogroup"}
    assert "audio" in user.known_groups


@pytest.mark.usefixtures("with_systemctl")
def test_unit_without_a_user_is_roots(tmp_path: Path) -> None:
    assert box(tmp_path, LOADED + "User=\n").user().is_root


@pytest.mark.usefixtures("with_systemctl")
def test_user_who_was_not_made_yet_has_only_lent_groups(tmp_path: Path) -> None:
    user = box(tmp_path, LOADED + "User=no-such-user\nSupplementaryGroups=audio\n").user()
    assert (user.name, user.groups) == ("no-such-user", {"audio"})


def test_without_a_unit_the_user_is_whoever_asks(tmp_path: Path) -> None:
    assert box(tmp_path, booted=False).user().name == getpass.getuser()


def test_socket_is_told_with_its_mode_and_group(tmp_path: Path) -> None:
    assert box(tmp_path).socket() is None
    (tmp_path / "sock").touch()
    (tmp_path / "sock").chmod(0o660)
    found = box(tmp_path).socket()
    assert found is not None
    assert (found.mode, found.group) == (0o660, unit._group_name(os.getgid()))


def test_directory_that_is_not_there_has_the_disk_it_would_have(tmp_path: Path) -> None:
    found = box(tmp_path).state_directory()
    assert (found.exists, found.writable, found.read_only) == (False, False, False)
    assert found.free_bytes > 0


@pytest.mark.usefixtures("with_systemctl")
@pytest.mark.parametrize(("mode", "writable"), [(0o700, False), (0o777, True)])
def test_directory_is_judged_for_the_user_of_the_unit(tmp_path: Path, mode: int, writable: bool) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    found = box(tmp_path, LOADED + "User=nobody\n").state_directory()
    assert (found.exists, found.writable) == (True, writable)
