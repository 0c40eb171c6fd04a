"""The schema for programs and the key reference for people, from the one in Python. Pure."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from daemon.config.diff import scope_of
from daemon.config.environment import variable_of
from daemon.config.schema import Config
from daemon.config.section import NAME, allowed_values, keys_of

_PAGE_HEAD = """\
# Every key

What it means, its default, what is allowed, and how far a change of it reaches while the box runs. How files
are laid over each other is in [configs/README.md](../configs/README.md); the same as TOML is in
[configs/default.toml](../configs/default.toml), and as a JSON Schema for editors in
[configs/schema.json](../configs/schema.json).

Every key can also be set by a variable of the environment: `HARKD_`, the tables and the key in capitals with
two underscores between them, as in `{variable}=20`. Texts need no quotes there.

A changed file is taken over while the box runs, by itself: when nothing was written for a moment, and never
in mid-turn. `harkd reload` (or `systemctl reload harkd`) does it at once, and says what is wrong. With any
mistake in any file nothing changes: light, journal and `harkd status` tell, and what was in force goes on,
also after a restart. How far a key reaches, and what is in `agents/` and `tools/` like `session: agent`:

| reach | what it takes |
|---|---|
| live | a value is replaced |
| session: update | the server is told; the conversation goes on |
| session: agent | whoever is speaking with you gets the new instructions and tools |
| session: connection | a new connection takes the conversation on |
| hardware: PART | this part of the box is opened anew, nothing else |
| restart | another process, which the box starts by itself between two turns |

This page is written by `docs/configuration.py`.
"""


class _Untitled(GenerateJsonSchema):
    """Titles would only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def render_schema() -> str:
    """The text of `configs/schema.json`; `allowed` says in words what a type alone does not."""
    schema = Config.model_json_schema(schema_generator=_Untitled)
    for definition in [schema, *schema["$defs"].values()]:
        definition.pop("title", None)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "harkd.toml"}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def render_page() -> str:
    """The text of `docs/configuration.md`."""
    text = _PAGE_HEAD.format(variable=variable_of(("talk", "hold_s")))
    for table, keys in groupby(keys_of(Config), key=lambda found: found[0][:-1]):
        text += f"\n## {_heading(table)}\n\n"
        if NAME in table:
            text += "Any number of these, each with a name of its own; none is there by itself.\n\n"
        text += "| key | default | allowed | reach | |\n|---|---|---|---|---|\n"
        text += "".join(_row(path, field) for path, field in keys)
    return text


def _heading(table: tuple[str, ...]) -> str:
    return f"[{'.'.join(table)}]" if table else "Above all tables"


def _row(path: tuple[str, ...], field: FieldInfo) -> str:
    default = json.dumps(field.default, ensure_ascii=False)
    cells = [
        f"`{path[-1]}`",
        f"`{default}`",
        allowed_values(field),
        str(scope_of(path)),
        field.description or "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
