"""Reads configuration files and the API key. Shell around the file system."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from daemon.config.environment import settings_in
from daemon.config.layers import Layer, Problem
from daemon.config.schema import Config
from daemon.config.signature import MANIFEST, SIGNATURE, SIGNERS_FILE, unsigned
from daemon.config.sources import PRICES, Loaded, SourceFile, Sources, parse_source, resolve
from daemon.records import dataclass

KEY_FILE = Path("/etc/harkd/openai_api_key")
_KEY_BOUND_BYTES = 4096

FILE_BOUND_BYTES = 1024 * 1024
"""What is longer was put there by mistake, and would be kept in memory and in the state directory."""


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are all there are, the message has one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a configuration is: files and directories, later ones winning key by key, and variables.

    A directory stands for its `harkd.toml`, then its `conf.d/*.toml` by name, then `devices/HOSTNAME.toml`;
    hidden files are left out. Without a `hostname` no file of a device counts. With `signers` only what one
    of them has signed does.
    """

    paths: tuple[Path, ...]
    hostname: str = ""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    signers: Path | None = None


def this_box(paths: Sequence[Path]) -> Place:
    """`paths` as this machine reads them: its host name up to the first dot, its environment, its signers."""
    signers = SIGNERS_FILE if os.path.lexists(SIGNERS_FILE) else None
    return Place(tuple(paths), os.uname().nodename.partition(".")[0], os.environ, signers)


def load(place: Place) -> Loaded:
    """Raises `ConfigError` with everything that is wrong with the settings."""
    loaded = resolve(read_sources(place))
    if isinstance(loaded, Loaded):
        return loaded
    raise ConfigError(loaded)


def load_config(paths: Sequence[Path]) -> Config:
    """The configuration of the files alone. Raises `ConfigError`."""
    return load(Place(tuple(paths))).config


def read_sources(place: Place) -> Sources:
    """All that `place` has at this moment, its agents and tools too; never raises `OSError`."""
    found: list[SourceFile | Problem] = []
    for number, path in enumerate(place.paths):
        try:
            files = files_of(path, place.hostname)
        except OSError as error:
            found.append(Problem(error.filename or str(path), 0, "", f"cannot be read: {error.strerror}"))
            continue
        for name, file in files:
            content = read_bounded(file)
            named = (
                SourceFile(f"{number}/{name}", str(file), content) if isinstance(content, bytes) else content
            )
            found.append(named)
    sources = Sources(
        tuple(file for file in found if isinstance(file, SourceFile)),
        settings_in(place.environ),
        tuple(problem for problem in found if isinstance(problem, Problem)),
    )
    if place.signers is None or sources.problems:
        return sources
    return replace(sources, problems=tuple(unsigned(sources, place.paths, place.signers)))


def files_of(path: Path, hostname: str = "") -> list[tuple[str, Path]]:
    """The files `path` stands for, in the order of their layers, each with where it is below `path`.

    A file by itself counts as a directory's `harkd.toml`, which is named here even if it is missing and
    nothing else takes its place. Raises `OSError` for a directory that may not be read.
    """
    if not path.is_dir():
        return [("harkd.toml", path)]
    devices = _names(path / "devices", ".toml") if hostname else []
    layers = [f"conf.d/{name}" for name in _names(path / "conf.d", ".toml")]
    layers += [f"devices/{name}" for name in devices if name[: -len(".toml")].lower() == hostname.lower()]
    if not layers or os.path.lexists(path / "harkd.toml"):
        layers.insert(0, "harkd.toml")
    layers += [f"agents/{name}" for name in _names(path / "agents", ".toml")]
    layers += [f"tools/{name}" for name in _names(path / "tools", ".py")]
    layers += [name for name in (PRICES, MANIFEST, SIGNATURE) if os.path.lexists(path / name)]
    return [(name, path / name) for name in layers]


def _names(directory: Path, ending: str) -> list[str]:
    try:
        names = os.listdir(directory)  # glob would keep silent about a directory it may not read
    except FileNotFoundError:
        if directory.is_symlink():  # to nowhere, which is not the same as nothing
            raise
        return []
    return sorted(name for name in names if name.endswith(ending) and name[0] != ".")


def read_bounded(file: Path) -> bytes | Problem:
    """The content of `file`, which is no larger than `FILE_BOUND_BYTES`. Does not wait for a pipe."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                return Problem(str(file), 0, "", "cannot be read: it is a pipe; write it into a file")
            content = stream.read(FILE_BOUND_BYTES + 1)
    except OSError as error:
        return Problem(str(file), 0, "", f"cannot be read: {error.strerror}")
    if len(content) > FILE_BOUND_BYTES:
        return Problem(
            str(file), 0, "", f"is longer than {FILE_BOUND_BYTES} bytes, which no configuration is"
        )
    return content


def read_layer(file: Path) -> Layer | Problem:
    """One TOML file, or why it cannot be read."""
    content = read_bounded(file)
    return (
        parse_source(SourceFile("0/" + file.name, str(file), content))
        if isinstance(content, bytes)
        else content
    )


# ---- the API key -----------------------------------------------------


def api_key_reader(environ: Mapping[str, str], key_file: Path = KEY_FILE) -> Callable[[], str | None]:
    """What the transport calls at each connect, so that a new key is found without a restart.

    Looked at in this order: what systemd hands over, `key_file`, `$OPENAI_API_KEY`; None if there is none.
    systemd hands over a credential at the start, `$CREDENTIALS_DIRECTORY/openai_api_key`, and a changed key,
    which replaces it, as `$RUNTIME_DIRECTORY/openai_api_key` (systemd/harkd-key.service); either is empty
    where there was no key. The reader raises `PermissionError` for a `key_file` that others may read or we
    may not, `ValueError` for a file without a key in it.
    """

    def read() -> str | None:
        handed = _handed_over(environ)
        if handed:
            return handed
        in_environment = environ.get("OPENAI_API_KEY", "").strip() or None
        try:
            key = _key_in(key_file, private=True)
        except PermissionError as error:
            if not error.errno:  # others may read it
                raise
            if in_environment:  # root's file, and our own key
                return in_environment
            if handed == "":
                raise ValueError(f"{key_file} had no key in it when systemd read it; put it there") from None
            raise
        if key == "":
            raise ValueError(f"{key_file} is empty; put the API key into it")
        return key or in_environment

    return read


def _handed_over(environ: Mapping[str, str]) -> str | None:
    """The newest key systemd has for us; "" if that is none, None if it has no such credential."""
    for variable in ("RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        if directory := environ.get(variable):
            key = _key_in(Path(directory) / KEY_FILE.name, private=False)
            if key is not None:
                return key
    return None


def _key_in(file: Path, *, private: bool) -> str | None:
    """What is in `file`, None if there is no such file. `private`: nobody else may be able to read it."""
    try:
        with file.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            content = stream.read(_KEY_BOUND_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise PermissionError(error.errno, f"the API key in {file} cannot be read by this user") from None
    if private and mode & 0o077:
        raise PermissionError(f"{file} may be read by others (mode {mode:04o}); run: chmod 600 {file}")
    return content.decode("ascii", errors="replace").strip()
