"""Reads settings from environment variables: `HARKD_TALK__HOLD_S=20` is `hold_s = 20` in `[talk]`. Pure.

Two underscores go down one table, because one belongs to many names. The variables are for containers and
`systemctl edit`; they win over all files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

from daemon.config.layers import KEY_BELONGS, KeyPath, Layer, Problem, names_a_secret, nearest
from daemon.config.schema import Config
from daemon.config.section import NAME, keys_of

PREFIX = "HARKD_"


def settings_in(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that begin with `HARKD_`, by name."""
    return {name: environ[name] for name in sorted(environ) if name.startswith(PREFIX)}


def parse_environment(environ: Mapping[str, str]) -> list[Layer | Problem]:
    """One layer for each variable that begins with `HARKD_`; one that sets nothing is a problem.

    What stands in it is written as in TOML, where texts need no quotes.
    """
    return [_layer(name, text) for name, text in settings_in(environ).items()]


def _layer(variable: str, text: str) -> Layer | Problem:
    path = _path_of(variable)
    field = dict(keys_of(Config)).get(_pattern_of(path))
    if field is not None:
        values: Any = _value(text, field)
        for part in reversed(path):
            values = {part: values}
        return Layer(variable, values, {path: 0})
    if names_a_secret(path[-1]):
        return Problem(variable, 0, "", KEY_BELONGS)
    near = nearest(variable, _all_variables(path))
    what = "sets nothing; variables that begin with HARKD_ are settings, as HARKD_TALK__MODE is talk.mode"
    return Problem(variable, 0, "", f"{what}; did you mean {near}?" if near else what)


def _path_of(variable: str) -> KeyPath:
    """Small letters, except that `HARKD_BUTTONS__doorBell__PIN` means `[buttons.doorBell]`."""
    parts = variable.removeprefix(PREFIX).split("__")
    return tuple(part.lower() if number != 1 or part.isupper() else part for number, part in enumerate(parts))


def _pattern_of(path: KeyPath) -> KeyPath:
    return (path[0], NAME, *path[2:]) if path[0] == "buttons" and len(path) > 2 and path[1] else path


def _all_variables(path: KeyPath) -> list[str]:
    own = path[1] if len(path) > 2 else NAME
    return [variable_of(tuple(own if part == NAME else part for part in key)) for key, _ in keys_of(Config)]


def variable_of(path: KeyPath) -> str:
    """`HARKD_TALK__HOLD_S` for `("talk", "hold_s")`."""
    return PREFIX + "__".join(path).upper()


def _value(text: str, field: FieldInfo) -> object:
    if field.annotation is str:
        return text
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text
