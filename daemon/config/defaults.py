"""Writes the defaults down as a TOML file with a comment for every key. Pure."""

from __future__ import annotations

import json

from daemon.config.schema import Config
from daemon.config.section import Section, allowed_values, is_section, named_section

_HEAD = """\
# Every key of harkd with its default. A configuration needs only the keys that differ.
#
# Read are /etc/harkd/harkd.toml, then /etc/harkd/conf.d/*.toml by name, then devices/HOSTNAME.toml there, and
# at last the environment, as HARKD_TALK__MODE=toggle; what comes later wins, key by key.
# The API key does not belong here: it goes into /etc/harkd/openai_api_key, mode 0600.
"""


def render_defaults() -> str:
    """The text of `configs/default.toml`."""
    return _HEAD + "".join(_tables(Config, ""))


def _tables(section: type[Section], name: str) -> list[str]:
    keys: list[str] = []
    inner: list[str] = []
    for key, field in section.model_fields.items():
        if is_section(field.annotation):
            path = f"{name}.{key}" if name else key
            inner += _tables(field.annotation, path)  # type: ignore[arg-type]
        elif named := named_section(field.annotation):
            inner += _sample(named, f"{name}.{key}" if name else key)
        else:
            value = json.dumps(field.default, ensure_ascii=False)  # as TOML writes it, for all types we have
            keys.append(f"# {field.description} Allowed: {allowed_values(field)}.\n{key} = {value}\n")
    head = f"\n[{name}]\n" if name else "\n"
    return [head, *keys, *inner] if keys else inner


def _sample(section: type[Section], name: str) -> list[str]:
    """There is none of these unless the operator names one."""
    lines = "".join(_tables(section, f"{name}.NAME")).strip().splitlines()
    text = "\n".join(line if line.startswith("#") else f"#{line}" for line in lines)
    return [f"\n# Any number of these, each with a name of its own; none is there by itself.\n{text}\n"]
