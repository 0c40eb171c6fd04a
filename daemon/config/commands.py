"""What `harkd config ...` answers. Shell around the configuration's files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from daemon.config.defaults import render_defaults
from daemon.config.files import Place, load, this_box
from daemon.config.last_good import ASIDE, LastGood, RollbackError, roll_back
from daemon.config.origins import render_settings, settings_as_json
from daemon.config.reference import render_schema

DEFAULT_CONFIG = Path("/etc/harkd")


def answer(arguments: argparse.Namespace) -> str:
    """The text to print.

    Raises `ConfigError` for a configuration with mistakes, `RollbackError` where there is no way back.
    """
    return _ANSWERS[arguments.config_command](arguments)


def _check(arguments: argparse.Namespace) -> str:
    from daemon.run import check  # which knows all that a box is made of

    check(_place(arguments))
    return "ok\n"


def _show(arguments: argparse.Namespace) -> str:
    place = _place(arguments)
    loaded = load(place)
    if arguments.json:
        found = settings_as_json(loaded, place.hostname, defaults_too=arguments.all)
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    return render_settings(loaded, place.hostname, defaults_too=arguments.all)


def _rollback(arguments: argparse.Namespace) -> str:
    last_good = LastGood(arguments.state / "config")
    try:
        revision, changed = roll_back(_place(arguments), last_good, arguments.revision or "")
    except OSError as error:
        raise RollbackError(f"{error.filename}: {error.strerror}") from None
    files = "".join(f"  {file}\n" for file in changed)
    return f"revision {revision} is back; what was there is beside it as NAME{ASIDE}:\n{files}"


def _place(arguments: argparse.Namespace) -> Place:
    here = this_box(arguments.config or [DEFAULT_CONFIG])
    return replace(here, hostname=arguments.hostname) if arguments.hostname else here


_ANSWERS: Mapping[str, Callable[[argparse.Namespace], str]] = {
    "check": _check,
    "show": _show,
    "rollback": _rollback,
    "defaults": lambda arguments: render_defaults(),
    "schema": lambda arguments: render_schema(),
}
