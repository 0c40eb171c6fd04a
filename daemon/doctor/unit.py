"""Asks for the service: its unit, its user, its socket, its directory. Shell around systemctl and files."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from daemon.doctor.facts import Directory, Socket, Unit, User
from daemon.doctor.machine import output

UNIT = "harkd.service"
BOOTED = Path("/run/systemd/system")
"""Is there exactly where systemd is the first process: sd_booted(3)."""

_ASKED = "LoadState,UnitFileState,ActiveState,Result,User,SupplementaryGroups"


class ThisService:
    """`run`: what a program says, "" if it cannot."""

    def __init__(
        self,
        socket: Path,
        state_directory: Path,
        *,
        run: Callable[[Sequence[str]], str] = output,
        booted: Path = BOOTED,
    ) -> None:
        self._socket = socket
        self._state_directory = state_directory
        self._run = run
        self._booted = booted

    def unit(self) -> Unit | None:
        said = self._properties
        if not said:
            return None
        state = said.get("UnitFileState", "")
        return Unit(said.get("LoadState", ""), state, said.get("ActiveState", ""), said.get("Result", ""))

    def user(self) -> User:
        """The unit's, where there is one; else whoever asks."""
        loaded = self._properties.get("LoadState") == "loaded"
        name = self._properties.get("User", "") if loaded else ""
        supplementary = self._properties.get("SupplementaryGroups", "").split() if loaded else []
        try:
            entry = pwd.getpwnam(name or "root") if loaded else pwd.getpwuid(os.getuid())
        except KeyError:  # made by sysusers, which did not run yet
            return User(name or str(os.getuid()), False, frozenset(supplementary), _known_groups())
        numbers = os.getgrouplist(entry.pw_name, entry.pw_gid) if loaded else os.getgroups()
        names = {_group_name(number) for number in numbers}
        return User(entry.pw_name, entry.pw_uid == 0, frozenset({*names, *supplementary}), _known_groups())

    def socket(self) -> Socket | None:
        try:
            about = self._socket.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Socket(str(self._socket), stat.S_IMODE(about.st_mode), _group_name(about.st_gid))

    def state_directory(self) -> Directory:
        path = self._state_directory
        standing = next(place for place in (path, *path.parents) if place.exists())
        about = os.statvfs(standing)
        return Directory(
            path=str(path),
            exists=path.is_dir(),
            writable=path.is_dir() and self._may_write(path),
            read_only=bool(about.f_flag & os.ST_RDONLY),
            free_bytes=about.f_bavail * about.f_frsize,
        )

    def _may_write(self, path: Path) -> bool:
        user = self.user()
        if user.is_root:
            return True
        about = path.stat()
        try:
            uid = pwd.getpwnam(user.name).pw_uid
        except KeyError:
            return False
        if about.st_uid == uid:
            return bool(about.st_mode & stat.S_IWUSR)
        if _group_name(about.st_gid) in user.groups:
            return bool(about.st_mode & stat.S_IWGRP)
        return bool(about.st_mode & stat.S_IWOTH)

    @cached_property
    def _properties(self) -> dict[str, str]:
        if not self._booted.exists() or not shutil.which("systemctl"):
            return {}
        lines = self._run(["systemctl", "show", UNIT, "-p", _ASKED]).splitlines()
        return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _known_groups() -> frozenset[str]:
    return frozenset(group.gr_name for group in grp.getgrall())


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
