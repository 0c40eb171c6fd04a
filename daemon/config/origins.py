"""Tells where each value of a configuration comes from. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import groupby
from typing import Any

from daemon.config.layers import KeyPath, Layer, dotted, masked
from daemon.config.section import Section, is_section, named_section
from daemon.config.sources import Loaded
from daemon.records import dataclass

_COMMENT_COLUMN = 40
"""Where origins begin, unless a value reaches further."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file and the line in it, or a variable or profile and line 0."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Setting:
    """`origins` has the layer that won first, and then those below it; it is empty for a default."""

    path: KeyPath
    value: object
    default: object
    origins: tuple[Origin, ...] = field(default=())


def settings_of(loaded: Loaded) -> list[Setting]:
    """Every key in the order of the schema; texts are masked."""
    return list(_settings(loaded.config, (), loaded.layers))


def _settings(section: Section, path: KeyPath, layers: Sequence[Layer]) -> Iterator[Setting]:
    for key, spec in type(section).model_fields.items():
        value = getattr(section, key)
        inner = (*path, key)
        if is_section(spec.annotation):
            yield from _settings(value, inner, layers)
        elif named_section(spec.annotation):
            for name, table in value.items():
                yield from _settings(table, (*inner, name), layers)
        else:
            shown = masked(value) if isinstance(value, str) else value
            yield Setting(inner, shown, spec.default, tuple(_origins(layers, inner)))


def _origins(layers: Sequence[Layer], path: KeyPath) -> Iterator[Origin]:
    for layer in reversed(layers):
        if _holds(layer.values, path):
            known = (path[:length] for length in range(len(path), 0, -1) if path[:length] in layer.lines)
            yield Origin(layer.file, layer.lines.get(next(known, path), 0))


def _holds(values: object, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def render_settings(loaded: Loaded, hostname: str, *, defaults_too: bool) -> str:
    """The configuration as TOML, with the origin of each value as its comment.

    Only what some file or variable sets, unless `defaults_too`.
    """
    shown = [setting for setting in settings_of(loaded) if setting.origins or defaults_too]
    lines = [f"# revision {loaded.sources.revision}{f' on {hostname}' if hostname else ''}"]
    lines += [f"#   {name}" for name in source_names(loaded)]
    if not shown:
        lines += ["", "# Every key has its default; `harkd config show --all` lists them."]
    for table, settings in groupby(shown, key=lambda setting: setting.path[:-1]):
        lines += ["", *([f"[{dotted(table)}]"] if table else []), *_commented(settings)]
    return "\n".join(lines) + "\n"


def _commented(settings: Iterable[Setting]) -> Iterator[str]:
    for setting in settings:
        value = f"{dotted(setting.path[-1:])} = {json.dumps(setting.value, ensure_ascii=False)}"
        yield f"{value:<{_COMMENT_COLUMN - 2}}  # {', over '.join(map(str, setting.origins)) or 'default'}"


def source_names(loaded: Loaded) -> list[str]:
    """The files and variables there are, in the order of their layers, agents and tools last."""
    files = loaded.sources.files
    return [
        *(file.file for file in files if file.is_settings),
        *loaded.sources.environment,
        *(file.file for file in files if not file.is_settings),
    ]


def settings_as_json(loaded: Loaded, hostname: str, *, defaults_too: bool) -> dict[str, Any]:
    """`{"revision": ..., "hostname": ..., "sources": [...], "settings": {KEY: ...}}`, with no secrets in it.

    Of each key `{"value": ..., "default": ..., "origins": [{"file": ..., "line": ...}]}`: the one that won
    first, line 0 for a variable.
    """
    return {
        "revision": loaded.sources.revision,
        "hostname": hostname,
        "sources": source_names(loaded),
        "settings": {
            dotted(setting.path): {
                "value": setting.value,
                "default": setting.default,
                "origins": [{"file": origin.file, "line": origin.line} for origin in setting.origins],
            }
            for setting in settings_of(loaded)
            if setting.origins or defaults_too
        },
    }
