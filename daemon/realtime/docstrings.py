"""A function's docstring as description and parameter texts: Google, NumPy and Sphinx style. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from inspect import cleandoc
from typing import Literal

from daemon.records import dataclass

DocstringStyle = Literal["google", "numpy", "sphinx"]


@dataclass(frozen=True, slots=True)
class Docstring:
    """`description` is what stands outside the sections; `parameters` maps names to one line each."""

    description: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


_PARAMETER_SECTIONS = ("args", "arguments", "parameters", "params")
_OTHER_SECTIONS = ("returns", "return", "raises", "yields")
_GOOGLE_HEADER = re.compile(r"(\w+):\s*$")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:\s*(.*)$")
_NUMPY_RULE = re.compile(r"-{3,}\s*$")
_NUMPY_ENTRY = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_SPHINX_FIELD = re.compile(r":(\w+)([^:]*):\s*(.*)$")


def parse_docstring(text: str | None, style: DocstringStyle | None = None) -> Docstring:
    """Take a docstring apart; the style is recognised if it is not given."""
    if not text:
        return Docstring()
    lines = cleandoc(text).splitlines()
    return _PARSERS[style or _recognise(lines)](lines)


def _recognise(lines: list[str]) -> DocstringStyle:
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(":param"):
            return "sphinx"
        if _NUMPY_RULE.match(following) and _is_section(line):
            return "numpy"
    return "google"


def _is_section(title: str) -> bool:
    return title.strip().lower() in (*_PARAMETER_SECTIONS, *_OTHER_SECTIONS)


def _google(lines: list[str]) -> Docstring:
    description: list[str] = []
    body: list[str] = []
    section = ""
    for line in lines:
        header = _GOOGLE_HEADER.match(line)
        if header and _is_section(header[1]):
            section = header[1].lower()
        elif line[:1].strip():
            section = ""
        if not section:
            description.append(line)
        elif section in _PARAMETER_SECTIONS and not header:
            body.append(line)
    return Docstring(_joined(description), dict(_entries(body, _GOOGLE_ENTRY)))


def _numpy(lines: list[str]) -> Docstring:
    description: list[str] = []
    body: list[str] = []
    section = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if _NUMPY_RULE.match(following):
            section = line.strip().lower() if _is_section(line) else ""
        if not section:
            description.append(line)
        elif section in _PARAMETER_SECTIONS and not _is_section(line) and not _NUMPY_RULE.match(line):
            body.append(line)
    return Docstring(_joined(description), dict(_entries(body, _NUMPY_ENTRY)))


def _sphinx(lines: list[str]) -> Docstring:
    description: list[str] = []
    parameters: dict[str, str] = {}
    name: str | None = None
    in_fields = False
    for line in lines:
        found = _SPHINX_FIELD.match(line)
        if found:
            in_fields = True
            words = found[2].split()
            name = words[-1].lstrip("*") if found[1].startswith("param") and words else None
            if name:
                parameters[name] = found[3].strip()
        elif in_fields and name and line.strip():
            parameters[name] = f"{parameters[name]} {line.strip()}".strip()
        elif not in_fields:
            description.append(line)
    return Docstring(_joined(description), parameters)


_PARSERS = {"google": _google, "numpy": _numpy, "sphinx": _sphinx}


def _entries(body: list[str], pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Entries start at the smallest indentation; deeper lines continue them."""
    margin = min((_indent(line) for line in body if line.strip()), default=0)
    names: list[str] = []
    words: list[str] = []
    for line in body:
        entry = pattern.match(line.strip()) if line.strip() and _indent(line) == margin else None
        if entry:
            yield from ((name, " ".join(words)) for name in names)
            names = [name.strip().lstrip("*") for name in entry[1].split(",")]
            words = [entry[2]] if entry.lastindex and entry.lastindex > 1 and entry[2] else []
        elif line.strip():
            words.append(line.strip())
    yield from ((name, " ".join(words)) for name in names)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
