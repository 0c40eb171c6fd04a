"""A small language for the shape of JSON values, and how the service refuses what does not fit. Pure.

Error codes and sentences follow the ones the service is known to send (`unknown_parameter`,
`missing_required_parameter`, `invalid_type`, `invalid_value`, `integer_above_max_value` ...), so that a
client can be tested against their wording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client event is refused. `param` is the path of the offending field, None for the whole event."""

    code: str
    message: str
    param: str | None = None


class Shape(Protocol):
    def check(self, value: Any, path: str) -> Refusal | None: ...


def type_name(value: Any) -> str:
    """The service's word for the type of a JSON value, with its article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string"}
    return names.get(type(value), "an array" if isinstance(value, list) else "an object")


def _wrong_type(path: str, wanted: str, value: Any) -> Refusal:
    message = f"Invalid type for '{path}': expected {wanted}, but got {type_name(value)} instead."
    return Refusal("invalid_type", message, path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@dataclass(frozen=True, slots=True)
class Text:
    max_length: int | None = None

    def check(self, value: Any, path: str) -> Refusal | None:
        if not isinstance(value, str):
            return _wrong_type(path, "a string", value)
        if self.max_length is not None and len(value) > self.max_length:
            wanted = f"a string with maximum length {self.max_length}"
            message = (
                f"Invalid '{path}': string too long. Expected {wanted}, but got one with length {len(value)}."
            )
            return Refusal("string_above_max_length", message, path)
        return None


@dataclass(frozen=True, slots=True)
class Flag:
    def check(self, value: Any, path: str) -> Refusal | None:
        return None if isinstance(value, bool) else _wrong_type(path, "a boolean", value)


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, or with `whole=False` any finite number, within [low, high]."""

    low: float | None = None
    high: float | None = None
    whole: bool = False

    def check(self, value: Any, path: str) -> Refusal | None:
        kind = "integer" if self.whole else "decimal"
        accepted = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, accepted):
            return _wrong_type(path, f"{'an' if self.whole else 'a'} {kind}", value)
        if self.low is not None and not value >= self.low:
            message = f"{kind} below minimum value. Expected a value >= {self.low}, but got {value} instead."
            return Refusal(f"{kind}_below_min_value", f"Invalid '{path}': {message}", path)
        if self.high is not None and not value <= self.high:
            message = f"{kind} above maximum value. Expected a value <= {self.high}, but got {value} instead."
            return Refusal(f"{kind}_above_max_value", f"Invalid '{path}': {message}", path)
        return None


@dataclass(frozen=True, slots=True)
class OneOf:
    values: tuple[str | int, ...]

    def check(self, value: Any, path: str) -> Refusal | None:
        if any(type(value) is type(allowed) and value == allowed for allowed in self.values):
            return None
        if type(value) not in {type(allowed) for allowed in self.values}:
            return _wrong_type(path, f"one of {self._listed()}", value)
        shown = value if isinstance(value, int) else f"'{value[:80]}'"
        return Refusal(
            "invalid_value", f"Invalid value: {shown}. Supported values are: {self._listed()}.", path
        )

    def _listed(self) -> str:
        return ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in self.values)


@dataclass(frozen=True, slots=True)
class Anything:
    def check(self, value: Any, path: str) -> Refusal | None:
        return None


@dataclass(frozen=True, slots=True)
class Nullable:
    shape: Shape

    def check(self, value: Any, path: str) -> Refusal | None:
        return None if value is None else self.shape.check(value, path)


@dataclass(frozen=True, slots=True)
class ListOf:
    shape: Shape
    min_length: int = 0
    max_length: int | None = None

    def check(self, value: Any, path: str) -> Refusal | None:
        if not isinstance(value, list):
            return _wrong_type(path, "an array", value)
        if len(value) < self.min_length:
            message = (
                f"Invalid '{path}': array too short. Expected an array with minimum length {self.min_length}."
            )
            return Refusal("array_below_min_length", message, path)
        if self.max_length is not None and len(value) > self.max_length:
            message = (
                f"Invalid '{path}': array too long. Expected an array with maximum length {self.max_length}."
            )
            return Refusal("array_above_max_length", message, path)
        return first_refusal((self.shape, entry, f"{path}[{index}]") for index, entry in enumerate(value))


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object with free keys of at most `max_key` characters."""

    shape: Shape
    max_entries: int | None = None
    max_key: int | None = None

    def check(self, value: Any, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return _wrong_type(path, "an object", value)
        if self.max_entries is not None and len(value) > self.max_entries:
            message = f"Invalid '{path}': too many properties. Expected at most {self.max_entries}."
            return Refusal("object_above_max_properties", message, path)
        for key in value:
            if self.max_key is not None and len(key) > self.max_key:
                message = f"Invalid '{path}': key '{key[:80]}' is longer than {self.max_key} characters."
                return Refusal("string_above_max_length", message, path)
        return first_refusal((self.shape, entry, _join(path, key)) for key, entry in value.items())


@dataclass(frozen=True, slots=True)
class Record:
    """An object with exactly these fields; any other is an `unknown_parameter`."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: Any, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return _wrong_type(path, "an object", value)
        for name in value:
            if name not in self.required and name not in self.optional:
                where = _join(path, str(name))
                return Refusal("unknown_parameter", f"Unknown parameter: '{where}'.", where)
        for name in self.required:
            if name not in value:
                where = _join(path, name)
                return Refusal("missing_required_parameter", f"Missing required parameter: '{where}'.", where)
        fields = {**self.required, **self.optional}
        return first_refusal((fields[name], entry, _join(path, name)) for name, entry in value.items())


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose shape depends on the string in one of its fields."""

    tag: str
    shapes: Mapping[str, Shape]

    def check(self, value: Any, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return _wrong_type(path, "an object", value)
        where = _join(path, self.tag)
        if self.tag not in value:
            return Refusal("missing_required_parameter", f"Missing required parameter: '{where}'.", where)
        refusal = OneOf(tuple(self.shapes)).check(value[self.tag], where)
        return refusal or self.shapes[value[self.tag]].check(value, path)


@dataclass(frozen=True, slots=True)
class Either:
    """Several JSON types in one field: the first shape whose JSON type fits decides."""

    by_type: Sequence[tuple[type, Shape]]

    def check(self, value: Any, path: str) -> Refusal | None:
        for json_type, shape in self.by_type:
            if type(value) is json_type:
                return shape.check(value, path)
        wanted = " or ".join(type_name(json_type()) for json_type, _ in self.by_type)
        return _wrong_type(path, wanted, value)


def first_refusal(checks: Any) -> Refusal | None:
    """The first refusal among (shape, value, path) triples, None if every value fits."""
    for shape, value, path in checks:
        refusal: Refusal | None = shape.check(value, path)
        if refusal is not None:
            return refusal
    return None
