"""The key reference and the JSON Schema are what the schema in Python says."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from daemon.config.reference import render_page, render_schema
from daemon.config.schema import Config
from daemon.config.section import keys_of

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = ROOT / "configs"
AGAIN = "run docs/configuration.py"


@cache
def page() -> str:
    return render_page()


@cache
def schema() -> dict[str, Any]:
    return dict(json.loads(render_schema()))


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs/configuration.md").read_text("utf-8") == page(), AGAIN


def test_the_schema_is_up_to_date() -> None:
    assert (ROOT / "configs/schema.json").read_text("utf-8") == render_schema(), AGAIN


@pytest.mark.parametrize("path", [path for path, _ in keys_of(Config)], ids=".".join)
def test_key_has_a_line_on_the_page(path: tuple[str, ...]) -> None:
    heading = f"[{'.'.join(path[:-1])}]" if path[:-1] else "Above all tables"
    _, _, table = page().partition(f"\n## {heading}\n")
    assert f"\n| `{path[-1]}` |" in table.partition("\n## ")[0]


@pytest.mark.parametrize("path", [path for path, _ in keys_of(Config)], ids=".".join)
def test_key_is_in_the_schema_with_its_meaning_and_what_is_allowed(path: tuple[str, ...]) -> None:
    found: Any = schema()
    for part in path:
        found = found["additionalProperties"] if part == "NAME" else found["properties"][part]
        found = {**found, **schema()["$defs"][found["$ref"].rpartition("/")[2]]} if "$ref" in found else found
    assert found["description"].endswith(".")
    assert {"allowed", "enum", "minimum", "pattern", "type"} & found.keys()


@cache
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")  # comes with the mcp package
    kind = jsonschema.validators.validator_for(schema())
    kind.check_schema(schema())
    return kind(schema())


@pytest.mark.parametrize(
    "file", [*CONFIGS.glob("boards/*.toml"), *CONFIGS.glob("examples/*.toml"), CONFIGS / "default.toml"]
)
def test_file_that_comes_with_harkd_is_what_the_schema_says(file: Path) -> None:
    validator().validate(tomllib.loads(file.read_text("utf-8")))


def test_schema_forbids_keys_it_does_not_know() -> None:
    tables = [schema(), *schema()["$defs"].values()]
    assert all(table["additionalProperties"] is False for table in tables)
