"""All files and variables of a configuration at one moment, and what they make together. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field

from daemon.config.environment import parse_environment
from daemon.config.layers import Layer, Problem, parse_layer, validate
from daemon.config.profiles import with_profile
from daemon.config.schema import Config
from daemon.records import dataclass

PRICES = "prices.toml"
"""The operator's own prices, beside `harkd.toml`."""

REVISION_CHARS = 12
"""48 bits: enough to tell the configurations of one box apart, and short enough to read out."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`name` is the number of the path it was found by, from 0, and where below: `0/conf.d/10-lab.toml`."""

    name: str
    file: str
    content: bytes = field(repr=False)

    @property
    def is_settings(self) -> bool:
        """Rather than an agent, a tool, prices or a signature."""
        return self.name.split("/")[1] in ("harkd.toml", "conf.d", "devices")

    @property
    def is_agents(self) -> bool:
        """An agent or a tool."""
        return self.name.split("/")[1] in ("agents", "tools")

    @property
    def is_prices(self) -> bool:
        return self.name.split("/")[1] == PRICES


@dataclass(frozen=True, slots=True)
class Sources:
    """`files` in the order of their layers, `environment` the variables that begin with `HARKD_`.

    `problems`: what could not be read.
    """

    files: tuple[SourceFile, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()

    @property
    def revision(self) -> str:
        """The same for the same files and variables, wherever the directory is."""
        digest = hashlib.sha256()
        parts = [(file.name, file.content) for file in self.files]
        parts += [(name, text.encode(errors="surrogateescape")) for name, text in self.environment.items()]
        for name, content in parts:
            digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape") + content)
        return digest.hexdigest()[:REVISION_CHARS]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration without a mistake in its settings; agents and tools have not been looked into.

    The lowest of `layers` is what `profile` sets.
    """

    config: Config
    layers: tuple[Layer, ...]
    sources: Sources


def resolve(sources: Sources) -> Loaded | list[Problem]:
    """Lay the files over the defaults and the environment over the files, or tell all that is wrong."""
    parsed = [parse_source(file) for file in sources.files if file.is_settings]
    broken = [*sources.problems, *(result for result in parsed if isinstance(result, Problem))]
    variables = parse_environment(sources.environment)
    unknown = [result for result in variables if isinstance(result, Problem)]
    if broken:
        return broken + unknown
    layers = with_profile([result for result in [*parsed, *variables] if isinstance(result, Layer)])
    config = validate(layers)
    if isinstance(config, Config) and not unknown:
        return Loaded(config, layers, sources)
    return unknown if isinstance(config, Config) else config + unknown


def parse_source(source: SourceFile) -> Layer | Problem:
    try:
        text = source.content.decode("utf-8-sig")  # Windows editors write a byte order mark
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Problem(source.file, line, "", "is not UTF-8 text")
    return parse_layer(source.file, text)
