"""Lays configuration files over each other and says, by file and line, what is wrong with them. Pure."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon.config.schema import Config
from daemon.config.section import Contradiction, allowed_values, is_section, named_section, table_under
from daemon.records import dataclass

KeyPath = tuple[str, ...]

MASKED = "***"

KEY_BELONGS = (
    "an API key does not belong into a configuration file; "
    "put it into /etc/harkd/openai_api_key (mode 0600) or into OPENAI_API_KEY"
)
_KEY_NAME = re.compile(r"(?i)(openai_)?api_?key|authorization|bearer|token|secret|password")
_KEY_VALUE = re.compile(r"\b(sk|ek)[-_][A-Za-z0-9_-]{12,}")


_IN_ADDRESS = re.compile(
    r"(?i)(?<=[?&])([\w.-]*(?:key|token|secret|password|signature|sig|code)[\w.-]*=)[^&#\s]+|(?<=://)[^/@\s]+(?=@)"
)


def names_a_secret(name: str) -> bool:
    """Whether a key or variable of this name holds what nobody else may read."""
    return bool(_KEY_NAME.fullmatch(name))


def masked(text: str) -> str:
    """`text` without API keys, and without what addresses carry of secrets and passwords."""
    return _IN_ADDRESS.sub(lambda found: f"{found[1] or ''}{MASKED}", _KEY_VALUE.sub(MASKED, text))


@dataclass(frozen=True, slots=True)
class Layer:
    """One file, or one variable of the environment: its values, and on which line each key stands.

    A key on line 0 has none, for the whole layer is that key.
    """

    file: str
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: `file:line: key: what; allowed; did you mean X?`, `line` 0 and `key` "" where unknown."""

    file: str
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.what}" if self.key else f"{where}: {self.what}"


def parse_layer(file: str, text: str) -> Layer | Problem:
    """`text` is TOML."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _syntax_problem(file, text, str(error))
    except RecursionError:
        return Problem(file, 0, "", "is nested too deeply")
    return Layer(file, values, locate_keys(text))


def validate(layers: Sequence[Layer]) -> Config | list[Problem]:
    """The configuration of `layers`, later ones winning key by key, or everything that is wrong with it."""
    secrets = [problem for layer in layers for problem in _find_secrets(layer, layer.values, ())]
    try:
        config = Config.model_validate(merge(layer.values for layer in layers))
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return secrets or config
    found = {(p.file, p.line) for p in secrets}
    others = (_describe(detail, layers) for detail in _one_per_key(details))
    return secrets + [problem for problem in others if (problem.file, problem.line) not in found]


def merge(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Later tables win; tables inside are merged, everything else (lists too) is replaced whole."""
    merged: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            below = merged.get(key)
            if isinstance(value, Mapping):
                merged[key] = merge([below, value] if isinstance(below, Mapping) else [value])
            else:
                merged[key] = value
    return merged


# ---- lines -----------------------------------------------------------

_PART = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_PATH = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*({_PATH})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_PATH})[ \t]*=")
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[^"'\#\[\]{}\n]+|.''',
    re.DOTALL,
)


def locate_keys(text: str) -> dict[KeyPath, int]:
    """The line, from 1, on which each table and key of valid TOML first stands.

    Keys inside an inline table are not listed: the key that holds the table is.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    position = 0
    line = 1
    while position < len(text):
        if header := _HEADER.match(text, position):
            table = path = _split(header[1])
        elif key := _KEY.match(text, position):
            path = table + _split(key[1])
            position = key.end()
        else:
            path = ()
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
        end = _end_of_statement(text, position)
        line += text.count("\n", position, end)
        position = end
    return lines


def _end_of_statement(text: str, position: int) -> int:
    """After the line break that ends it: not one inside a string or an array."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth == 0:
            return token.end()
    return len(text)


def _split(path: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))


def _origin(layers: Sequence[Layer], path: KeyPath) -> tuple[str, int]:
    """File and line of the layer that had the last word on `path`, or on the table it should stand in."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            if path[:length] in layer.lines:
                return layer.file, layer.lines[path[:length]]
    return (layers[-1].file if layers else "defaults"), 0


def _last_said(layers: Sequence[Layer], paths: Sequence[KeyPath]) -> KeyPath:
    """The one that the last layer with any of them has; defaults contradict nobody."""
    said = (path for layer in reversed(layers) for path in paths if path in layer.lines)
    return next(said, paths[0])


# ---- sentences -------------------------------------------------------


def nearest(wrong: str, allowed: Iterable[str]) -> str | None:
    matches = difflib.get_close_matches(wrong, list(allowed), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _syntax_problem(file: str, text: str, said: str) -> Problem:
    at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if at is None:
        return Problem(file, 0, "", f"not valid TOML: {said}")
    line = int(at[1]) if at[1] else text.count("\n") + 1
    return Problem(file, line, "", f"not valid TOML: {said[: at.start()]}")


def _one_per_key(details: Iterable[ErrorDetails]) -> Iterator[ErrorDetails]:
    """A key that may hold one of two types is told of twice, once for each."""
    seen: set[KeyPath] = set()
    for detail in details:
        path = _known_path(detail)
        if path not in seen:
            seen.add(path)
            yield detail


def _known_path(detail: ErrorDetails) -> KeyPath:
    """The key's path, without what pydantic adds to it for unions."""
    table: Any = Config
    path: list[str] = []
    for part in map(str, detail["loc"]):
        if not (is_section(table) or named_section(table)):
            break
        path.append(part)
        table = table_under(table, part)
    return tuple(path)


def _describe(detail: ErrorDetails, layers: Sequence[Layer]) -> Problem:
    path = _known_path(detail)
    file, line = _origin(layers, path)
    table: Any = Config
    for part in path[:-1]:
        table = table_under(table, part)
    if detail["type"] == "extra_forbidden":
        kind = "section" if len(path) == 1 and isinstance(detail["input"], Mapping) else "key"
        return Problem(file, line, dotted(path), _unknown_key(path, kind, table.model_fields))
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, Contradiction):
        path = _last_said(layers, [(*path[:-1], key) for key in error.keys])
        return Problem(*_origin(layers, path), dotted(path), str(error))
    allowed = allowed_values(table.model_fields[path[-1]]) if is_section(table) else "a table"
    value = detail["input"]
    what = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else f"is {_shown(value)}"
    if detail["type"] == "value_error" and allowed == "a table":
        return Problem(file, line, dotted(path), what)  # it is one; its keys contradict another section
    return Problem(file, line, dotted(path), f"{what}; allowed: {allowed}{_hint(value, allowed)}")


def _hint(value: object, allowed: str) -> str:
    choices = re.findall(r'"([^"]+)"', allowed) if isinstance(value, str) else []
    near = nearest(str(value), choices)
    return f'; did you mean "{near}"?' if near else ""


def _unknown_key(path: KeyPath, kind: str, known: Iterable[str]) -> str:
    what = f"there is no such {kind}"
    if near := nearest(path[-1], known):
        return f"{what}; did you mean {dotted((*path[:-1], near))}?"
    elsewhere = [other for other in _all_paths(Config, ()) if other[-1] == path[-1]]
    if elsewhere:
        return f"{what}; did you mean {' or '.join(map(dotted, elsewhere))}?"
    return f"{what}; allowed: {', '.join(known)}"


def _all_paths(model: type[BaseModel], path: KeyPath) -> Iterator[KeyPath]:
    for name, field in model.model_fields.items():
        yield (*path, name)
        if is_section(field.annotation):
            yield from _all_paths(field.annotation, (*path, name))  # type: ignore[arg-type]
        elif named := named_section(field.annotation):
            yield from _all_paths(named, (*path, name, "NAME"))


def dotted(path: KeyPath) -> str:
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part) for part in path)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    text = masked(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else f"{text[:60]}..."


def _find_secrets(layer: Layer, value: object, path: KeyPath) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _find_secrets(layer, inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _find_secrets(layer, inner, path)
    elif isinstance(value, str) and (_KEY_VALUE.search(value) or (path and _KEY_NAME.fullmatch(path[-1]))):
        file, line = _origin([layer], path)
        yield Problem(file, line, dotted(path), KEY_BELONGS)
