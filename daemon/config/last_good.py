"""Keeps configurations that worked, for a boot with a broken one and for the way back. Shell around files.

Each is a directory of its own in the state directory, named after its revision, with the files as they were:
`9f3c1a2b4d5e/0/harkd.toml`, `0/agents/cook.toml` and so on by the number of the path they came from, and a
`kept.json`. A copy counts only if its revision is still what its name says.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from daemon.config.files import ConfigError, Place, load, read_sources
from daemon.config.layers import Problem
from daemon.config.sources import Loaded, SourceFile, Sources
from daemon.records import dataclass

log = logging.getLogger("harkd")

T = TypeVar("T")

KEPT_MAX = 5
"""The one in force and four ways back; of a usual configuration 20 kB each."""

_ABOUT = "kept.json"
_NEW = ".new"
_OLD = ".old"


@dataclass(frozen=True, slots=True)
class Kept:
    """`number` grows with each time one is kept. `modes` are the permissions the files had, by their names.

    `single` are the numbers of the paths that were no directories but a file.
    """

    revision: str
    number: int
    place: Place
    sources: Sources
    modes: dict[str, int]
    single: tuple[int, ...]


class LastGood:
    """The last `KEPT_MAX` configurations that worked, in `directory`, which nobody else can look into."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, sources: Sources, place: Place) -> None:
        """Keep these files, as the newest; after a power cut all of them or none. Waits for the disk.

        Raises `OSError`, for example on a full disk; what was kept before is still there then.
        """
        kept = self.kept()
        if kept and kept[0].revision == sources.revision:
            return
        number = kept[0].number + 1 if kept else 1
        new = self._directory / _NEW
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        about = {
            "number": number,
            "single": [number for number, path in enumerate(place.paths) if not path.is_dir()],
            "hostname": place.hostname,
            "environment": dict(sources.environment),
            "modes": {file.name: _mode(Path(file.file)) for file in sources.files},
        }
        for name, content in [(f.name, f.content) for f in sources.files] + [(_ABOUT, _encoded(about))]:
            (new / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(new / name, content, 0o600)
        for folder in [new, *(path for path in new.rglob("*") if path.is_dir())]:
            _sync(folder)  # or the names of its files may be lost
        final = self._directory / sources.revision
        self._drop(final)
        os.rename(new, final)
        _sync(self._directory)
        others = [one.revision for one in kept if one.revision != sources.revision]
        self._drop_all_but([sources.revision, *others[: KEPT_MAX - 1]])

    def kept(self) -> list[Kept]:
        """The whole ones, the newest first; damaged ones are left out with a WARNING.

        Raises `OSError` where we may not look.
        """
        try:
            names = [name for name in os.listdir(self._directory) if name[0] != "."]
        except FileNotFoundError:
            return []
        found = [kept for name in names if (kept := self._read(name))]
        return sorted(found, key=lambda kept: kept.number, reverse=True)

    def _drop_all_but(self, revisions: Sequence[str]) -> None:
        for name in os.listdir(self._directory):
            if name not in revisions:
                self._drop(self._directory / name)

    def _drop(self, kept: Path) -> None:
        """At once, as far as anybody can see: half of one would be taken for a damaged one."""
        old = self._directory / _OLD
        shutil.rmtree(old, ignore_errors=True)
        if kept != old and kept.is_dir():
            os.rename(kept, old)
            shutil.rmtree(old, ignore_errors=True)

    def _read(self, revision: str) -> Kept | None:
        directory = self._directory / revision
        try:
            about = json.loads((directory / _ABOUT).read_bytes())
            place = Place(_parts_of(directory), about["hostname"], about["environment"])
            sources = read_sources(place)
            if sources.problems or sources.revision != revision:
                raise ValueError("its files have changed")
            return Kept(
                revision, int(about["number"]), place, sources, dict(about["modes"]), tuple(about["single"])
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("%s: damaged, not used: %s", directory, error)
            return None


def _parts_of(directory: Path) -> tuple[Path, ...]:
    """One for each path of the original: `0`, `1` and so on."""
    numbers = sorted(int(name) for name in os.listdir(directory) if name.isdecimal())
    return tuple(directory / str(number) for number in numbers)


# ---- boot ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booted(Generic[T]):
    """What to begin with. `problems` of the configuration that was meant, if an older one had to do."""

    loaded: Loaded
    result: T
    problems: tuple[Problem, ...] = ()


def load_or_last_good(place: Place, last_good: LastGood, build: Callable[[Loaded, Place], T]) -> Booted[T]:
    """Load the configuration and `build` from it; if either raises `ConfigError`, the newest kept that does.

    `build` gets the place that agents and tools are to be read from. Without any that works, the mistakes of
    `place` itself are raised.
    """
    try:
        loaded = load(place)
        return Booted(loaded, build(loaded, place))
    except ConfigError as error:
        for kept in _kept_if_readable(last_good):
            try:
                loaded = load(kept.place)
                booted = Booted(loaded, build(loaded, kept.place), error.problems)
            except ConfigError as older:
                log.warning("config: revision %s does not work either: %s", kept.revision, older)
                continue
            log.warning("config: revision %s is in force instead, because of: %s", kept.revision, error)
            return booted
        raise


def _kept_if_readable(last_good: LastGood) -> list[Kept]:
    try:
        return last_good.kept()
    except OSError as error:
        log.warning("config: the last good configuration cannot be read: %s", error)
        return []


# ---- the way back ----------------------------------------------------


class RollbackError(Exception):
    """There is no way back, or it is barred; the message says why."""


ASIDE = ".rolled-back"


def roll_back(place: Place, last_good: LastGood, revision: str = "") -> tuple[str, list[Path]]:
    """Put the files of a kept configuration back to where they came from; answers revision and changes.

    The one of `revision`, or the newest whose files are not those that are there. Files that differ are kept
    beside the new ones, those that were not there then are moved aside, as `NAME.rolled-back`. Variables of
    the environment are not touched. Raises `RollbackError`, and `OSError` for what may not be written.
    """
    now = {file.name: file for file in read_sources(place).files}
    kept = _target(last_good.kept(), now, revision)
    then = {file.name: file for file in kept.sources.files}
    if max(int(name.partition("/")[0]) for name in then) >= len(place.paths):
        raise RollbackError(f"revision {kept.revision} is of several --config paths; name all of them")
    changed = []
    for name in [*then, *(name for name in now if name not in then)]:
        there, back = now.get(name), then.get(name)
        if there and back and there.content == back.content:
            continue
        number, _, below = name.partition("/")
        path = place.paths[int(number)]
        file = path if int(number) in kept.single and not path.is_dir() else path / below
        if back is None:
            os.replace(file, _aside(file))
        else:
            _put_back(file, back, there, kept.modes.get(name, 0o640))
        changed.append(file)
    return kept.revision, changed


def _target(kept: Sequence[Kept], now: dict[str, SourceFile], revision: str) -> Kept:
    if not kept:
        raise RollbackError("no configuration has been kept yet")
    if revision:
        for one in kept:
            if one.revision == revision:
                return one
        raise RollbackError(
            f"there is no revision {revision}; there are {', '.join(k.revision for k in kept)}"
        )
    contents = {name: file.content for name, file in now.items()}
    for one in kept:
        if {file.name: file.content for file in one.sources.files} != contents:
            return one
    raise RollbackError("the only configuration that was kept is the one that is there")


def _put_back(file: Path, back: SourceFile, there: SourceFile | None, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    owner = file.parent.stat()
    if there:
        owner = file.stat()
        _write(_aside(file), there.content, stat.S_IMODE(owner.st_mode))
        os.chown(_aside(file), owner.st_uid, owner.st_gid)
    new = file.with_name(f".{file.name}.new")
    _write(new, back.content, mode)
    os.chown(new, owner.st_uid, owner.st_gid)
    os.replace(new, file)
    _sync(file.parent)


def _aside(file: Path) -> Path:
    return file.with_name(file.name + ASIDE)


# ---- files -----------------------------------------------------------


def _encoded(about: dict[str, Any]) -> bytes:
    return json.dumps(about, indent=2).encode() + b"\n"


def _mode(file: Path) -> int:
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except OSError:  # gone since it was read
        return 0o640


def _write(file: Path, content: bytes, mode: int) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
