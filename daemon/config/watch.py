"""Sees that the files of a configuration change. Shell around inotify and stat.

inotify only says that it is time to look; what has changed, stat says. So a lost event, a file system without
events (NFS tells nothing of what others write) and a directory that comes back all cost seconds, not changes.
The three calls are made through ctypes: there is no dependency that would be smaller than this file.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from daemon.config.files import Place, files_of
from daemon.config.settle import Fingerprint, Stamp

log = logging.getLogger("harkd")

# linux/inotify.h
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLY_DIRECTORIES = 0x0100_0000
_MASK = (
    _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
)
_EVENT = struct.Struct("iIII")
_READ_BYTES = 64 * 1024
_OURS = (b".toml", b".py")

_LINKS_MAX = 40
"""As many as the kernel follows before it calls them a loop."""

_FOLDERS = ("conf.d", "devices", "agents", "tools")


def fingerprint(place: Place) -> Fingerprint:
    """The stamps of all files of `place`; never raises `OSError`, an error is a stamp of its own."""
    stamps: dict[str, Stamp] = {}
    for path in place.paths:
        try:
            files = [file for _, file in files_of(path, place.hostname)]
        except OSError as error:
            stamps[str(path)] = _failed(error)
            continue
        stamps |= {str(file): _stamp(file) for file in files}
        if os.path.isdir(tools := path / "tools"):
            stamps[str(tools)] = _stamp(tools)  # who may write there decides whether tools are loaded
    return stamps


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError as error:
        return _failed(error)
    if stat.S_ISDIR(found.st_mode):
        return found.st_ino, 1, found.st_mode, found.st_uid
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _failed(error: OSError) -> Stamp:
    return -1, 0, error.errno or 0, 0


def directories_of(place: Place) -> set[Path]:
    """Where something has to happen for the configuration to change; all of them exist.

    They are the directories of its files, those of every link on the way there, and of what is missing the
    nearest one above.
    """
    ways: list[Path] = []
    for path in place.paths:
        ways += [path, *(path / folder for folder in _FOLDERS)]
        try:
            ways += [file for _, file in files_of(path, place.hostname) if os.path.islink(file)]
        except OSError:
            continue
    return {directory for way in ways for directory in _along(way.absolute())}


def _along(way: Path) -> Iterator[Path]:
    """The directories whose entries decide where `way` leads."""
    here, rest = Path("/"), list(way.parts[1:])
    links = 0
    while rest:
        step = here / rest.pop(0)
        try:
            target = os.readlink(step)
        except OSError:  # no link, or nothing at all
            if not os.path.exists(step):
                yield here
                return
            here = step
            continue
        yield here
        links += 1
        if links > _LINKS_MAX:
            return
        rest = [*Path(target).parts, *rest]
        if os.path.isabs(target):
            here, rest = Path("/"), rest[1:]
    yield here if os.path.isdir(here) else here.parent


class Watch:
    """One inotify instance; `directory` is watched after `look_after`, and gone ones are forgotten.

    Without inotify (the limit of instances or of watches is reached) `works` is false, with one WARNING.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watches: set[int] = set()
        self._open_files: set[tuple[int, bytes]] = set()
        self.works = True
        self.descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            self._give_up()

    @property
    def being_written(self) -> bool:
        """Whether a file has been written into and not been closed since."""
        return bool(self._open_files)

    def look_after(self, directories: Iterable[Path]) -> None:
        """Watch these directories and no others; one that is gone meanwhile is left out."""
        if self.descriptor < 0:
            return
        watches = set()
        for directory in directories:
            watch = self._libc.inotify_add_watch(
                self.descriptor, os.fsencode(directory), _MASK | _ONLY_DIRECTORIES
            )
            if watch >= 0:
                watches.add(watch)
            elif ctypes.get_errno() == errno.ENOSPC and self.works:
                self._give_up()
        for watch in self._watches - watches:
            self._libc.inotify_rm_watch(self.descriptor, watch)
        self._watches = watches

    def drain(self) -> bool:
        """Take in all events there are; whether it is time to look at the files. Does not block.

        It is not while something else is being written beside them, as a recording may be all day long.
        """
        look = False
        while True:
            try:
                content = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                return look
            position = 0
            while position < len(content):
                watch, mask, _, length = _EVENT.unpack_from(content, position)
                position += _EVENT.size + length
                name = content[position - length : position].rstrip(b"\0")
                look |= mask != _MODIFY or name.endswith(_OURS)
                self._take(watch, mask, name)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _take(self, watch: int, mask: int, name: bytes) -> None:
        if mask & _OVERFLOW:
            self._open_files.clear()
        elif mask & _IGNORED:
            self._open_files = {entry for entry in self._open_files if entry[0] != watch}
        elif mask & _MODIFY and name.endswith(_OURS) and not name.startswith(b"."):
            self._open_files.add((watch, name))
        elif mask & (_CLOSE_WRITE | _MOVED_FROM | _DELETE):
            self._open_files.discard((watch, name))

    def _give_up(self) -> None:
        self.works = False
        why = os.strerror(ctypes.get_errno())
        log.warning("config: no inotify (%s): files are looked at every second instead", why)
