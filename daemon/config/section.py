"""What every section of the configuration has in common, and what is allowed in it, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """Unknown keys are mistakes; TOML has types, so a text is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class Contradiction(ValueError):
    """Keys of one section that contradict each other, and each of which could be right."""

    def __init__(self, keys: tuple[str, ...], what: str) -> None:
        super().__init__(what)
        self.keys = keys


def allowing(allowed: str) -> dict[str, Any]:
    """For `Field(json_schema_extra=...)`, where the type alone does not say what is allowed."""
    return {"allowed": allowed}


def is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def named_section(annotation: Any) -> type[Section] | None:
    """What each table of `[buttons.NAME]` is, for a field that holds any number of them; else None."""
    inner = get_args(annotation)[1:] if get_origin(annotation) is dict else ()
    return inner[0] if inner and is_section(inner[0]) else None


def table_under(annotation: Any, key: str) -> Any:
    """The annotation of `key` in a section, or in a table of named sections; None if there is none."""
    if is_section(annotation):
        field = annotation.model_fields.get(key)
        return field.annotation if field else None
    return named_section(annotation)


NAME = "NAME"
"""Stands for the operator's own name of a table in the path of a key."""


def keys_of(
    section: type[Section], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every key below `section` that holds a value, in the schema's order: `("buttons", NAME, "pin")`."""
    for key, field in section.model_fields.items():
        if is_section(field.annotation):
            yield from keys_of(field.annotation, (*path, key))  # type: ignore[arg-type]
        elif named := named_section(field.annotation):
            yield from keys_of(named, (*path, key, NAME))
        else:
            yield (*path, key), field


def allowed_values(field: FieldInfo) -> str:
    """What a key may hold, in words: `a whole number from 5 to 100`."""
    extra = field.json_schema_extra
    if isinstance(extra, dict):
        return str(extra["allowed"])
    if get_origin(field.annotation) is Literal:
        return ", ".join(f'"{choice}"' for choice in get_args(field.annotation))
    if is_section(field.annotation) or named_section(field.annotation):
        return "a table"
    if field.annotation is bool:
        return "true or false"
    if field.annotation is str:
        return "a text that is not empty" if field.metadata else "a text"
    low, high = _bounds(field)
    return f"a {'whole ' if field.annotation is int else ''}number from {low:g} to {high:g}"


def _bounds(field: FieldInfo) -> tuple[float, float]:
    low = next(limit.ge for limit in field.metadata if hasattr(limit, "ge"))
    high = next(limit.le for limit in field.metadata if hasattr(limit, "le"))
    return low, high
