"""A small file that is never found half written. Shell around the file system."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

log = logging.getLogger("harkd")

T = TypeVar("T")


class StateFile:
    """One file of at most `bound_bytes`; `what` names its content in the journal, in the plural.

    `mode`: who may read it.
    """

    def __init__(self, path: Path, what: str, bound_bytes: int, mode: int = 0o640) -> None:
        self._path = path
        self._what = what
        self._bound_bytes = bound_bytes
        self._mode = mode

    def load(self, parse: Callable[[bytes], T], absent: T, unknown: T) -> T:
        """What `parse` makes of the content, `absent` if there is no file, or not for us. Never raises.

        `unknown` if it cannot be read, or if `parse` raises `ValueError`: then the file is set aside as
        `NAME.damaged`. Both are told in the journal.
        """
        try:
            with self._path.open("rb") as stream:
                content = stream.read(self._bound_bytes + 1)
        except FileNotFoundError:
            return absent
        except PermissionError as error:  # started by hand, where the service keeps it to itself
            log.warning("%s: the %s cannot be read: %s", self._path, self._what, error.strerror)
            return absent
        except OSError as error:
            log.warning("%s: the %s cannot be read: %s", self._path, self._what, error.strerror)
            return unknown
        try:
            if len(content) > self._bound_bytes:
                raise ValueError(f"longer than {self._bound_bytes} bytes")
            return parse(content)
        except (ValueError, RecursionError) as error:
            self._set_aside(error)
            return unknown

    def write(self, content: bytes) -> None:
        """Replace the file; after a power cut it is the old one or the new one. Waits for the disk.

        Raises `OSError`, for example on a read-only disk; the old file is still there then.
        """
        beside = self._path.with_name(f".{self._path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, self._mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)  # or the new name may be lost
        finally:
            os.close(directory)

    def _set_aside(self, why: Exception) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            os.replace(self._path, aside)
            outcome = f"set aside as {aside.name}"
        except OSError as error:
            outcome = f"and cannot be set aside: {error.strerror}"
        log.warning("%s: damaged, %s: %s; %s are lost", self._path, outcome, why, self._what)
