"""Reads configuration files and the API key. Shell around the file system."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from daemon.config.layers import Layer, Problem, parse_layer, validate
from daemon.config.schema import Config

KEY_FILE = Path("/etc/harkd/openai_api_key")
_KEY_BOUND_BYTES = 4096


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are all there are, the message has one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def load_config(paths: Sequence[Path]) -> Config:
    """Lay the files over the defaults, later ones winning key by key. Raises `ConfigError`.

    A directory stands for its `harkd.toml` and then its `conf.d/*.toml` by name; hidden files are left out.
    """
    parsed = [result for path in paths for result in _read_all(path)]
    problems = [result for result in parsed if isinstance(result, Problem)]
    if problems:
        raise ConfigError(problems)
    config = validate([result for result in parsed if isinstance(result, Layer)])
    if isinstance(config, Config):
        return config
    raise ConfigError(config)


def _read_all(path: Path) -> Iterable[Layer | Problem]:
    try:
        files = _files_of(path)
    except OSError as error:
        return [Problem(error.filename or str(path), 0, "", f"cannot be read: {error.strerror}")]
    return [read_layer(file) for file in files]


def _files_of(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    main = path / "harkd.toml"
    try:
        names = os.listdir(path / "conf.d")  # glob would keep silent about a directory it may not read
    except FileNotFoundError:
        names = []
    drop_ins = [path / "conf.d" / name for name in sorted(names) if name.endswith(".toml") and name[0] != "."]
    if drop_ins and not main.exists():
        return drop_ins
    return [main, *drop_ins]


def read_layer(file: Path) -> Layer | Problem:
    """One TOML file, or why it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # Windows editors write a byte order mark
    except OSError as error:
        return Problem(str(file), 0, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Problem(str(file), line, "", "is not UTF-8 text")
    return parse_layer(str(file), text)


# ---- the API key -----------------------------------------------------


def api_key_reader(environ: Mapping[str, str], key_file: Path = KEY_FILE) -> Callable[[], str | None]:
    """What the transport calls at each connect, so that a new key is found without a restart.

    Looked at in this order: `$CREDENTIALS_DIRECTORY/openai_api_key` (systemd's `LoadCredential=`),
    `key_file`, `$OPENAI_API_KEY`; None if there is none. The reader raises `PermissionError` for a `key_file`
    that others may read or we may not, `ValueError` for a file without a key in it.
    """

    def read() -> str | None:
        directory = environ.get("CREDENTIALS_DIRECTORY")
        in_environment = environ.get("OPENAI_API_KEY", "").strip() or None
        if directory and (key := _key_in(Path(directory) / "openai_api_key", private=False)):
            return key
        try:
            return _key_in(key_file, private=True) or in_environment
        except PermissionError as error:
            if error.errno and in_environment:  # root's file, and our own key
                return in_environment
            raise

    return read


def _key_in(file: Path, *, private: bool) -> str | None:
    """The key in `file`, None if there is no such file. `private`: nobody else may be able to read it."""
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
    key = content.decode("ascii", errors="replace").strip()
    if not key:
        raise ValueError(f"{file} is empty; put the API key into it")
    return key
