"""Schemas from signatures, and calls from JSON."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from daemon.realtime.context import RunContextWrapper, ToolContext
from daemon.realtime.errors import ModelBehaviorError, UserError
from daemon.realtime.function_schema import function_schema, strict_json_schema


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    street: str
    title: str | None = None


@dataclass
class Point:
    x: int
    y: int = 0


def weather(city: str, days: int = 3, unit: Literal["C", "F"] | None = None) -> str:
    """Tell the weather.

    Args:
        city: Where.
        days: How many.
    """
    return f"{city} {days} {unit}"


def test_schema_of_a_function_is_strict_and_has_the_docstrings_texts() -> None:
    schema = function_schema(weather)
    assert (schema.name, schema.description) == ("weather", "Tell the weather.")
    assert schema.params_json_schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "description": "How many.", "default": 3},
            "unit": {"anyOf": [{"enum": ["C", "F"], "type": "string"}, {"type": "null"}]},
        },
        "required": ["city", "days", "unit"],
        "additionalProperties": False,
    }


def test_schema_that_is_not_strict_requires_what_has_no_default() -> None:
    schema = function_schema(weather, strict=False).params_json_schema
    assert schema["required"] == ["city"]
    assert "additionalProperties" not in schema


def test_schema_of_nothing() -> None:
    def stop() -> None: ...

    assert function_schema(stop).params_json_schema == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_schema_takes_name_and_description_from_the_caller() -> None:
    schema = function_schema(weather, name="forecast", description="", use_docstring_info=False)
    assert (schema.name, schema.description) == ("forecast", "")
    assert "description" not in schema.params_json_schema["properties"]["city"]


def nested(address: Address, point: Point, sizes: list[Size]) -> Any:
    return (address, point, sizes)


def test_schema_of_nested_types_is_strict_all_the_way_down() -> None:
    schema = function_schema(nested).params_json_schema
    assert schema["$defs"]["Address"]["required"] == ["street", "title"]
    assert schema["$defs"]["Point"]["additionalProperties"] is False
    assert "title" not in schema["$defs"]["Address"]
    assert "title" in schema["$defs"]["Address"]["properties"]


def test_call_gets_values_of_the_types_it_names() -> None:
    args, _ = function_schema(nested).bind(
        '{"address": {"street": "Elm"}, "point": {"x": 1}, "sizes": ["large"]}'
    )
    assert args == [Address(street="Elm"), Point(1, 0), [Size.LARGE]]


def with_context(ctx: ToolContext[int], city: str) -> str:
    return city


def with_run_context(ctx: RunContextWrapper[Any], city: str) -> str:
    return city


@pytest.mark.parametrize("func", [with_context, with_run_context])
def test_schema_leaves_the_context_out(func: Callable[..., str]) -> None:
    schema = function_schema(func)
    assert schema.takes_context
    assert list(schema.params_json_schema["properties"]) == ["city"]


def context_last(city: str, ctx: RunContextWrapper[Any]) -> str:
    return city


def takes_a_lock(lock: threading.Lock) -> None: ...


def takes_a_callback(callback: Callable[[], int]) -> None: ...


def yields() -> Iterator[int]:
    yield 1


def misspelt(city: "list[") -> None: ...  # type: ignore[syntax]  # noqa: F722


class Kitchen:
    def light(self, on: bool) -> str:
        return f"light {on}"


@pytest.mark.parametrize(
    ("func", "complaint"),
    [
        (context_last, "tool context_last: the context has to be the first parameter, ctx is not"),
        (takes_a_lock, "tool takes_a_lock: "),
        (takes_a_callback, "tool takes_a_callback: "),
        (Kitchen.light, "tool light: self has no value"),
        (yields, "tool yields: a tool returns its result, it does not yield it"),
        (getattr, "tool getattr: Python does not know its parameters"),
        (misspelt, "tool misspelt: its annotations cannot be read"),
        (Kitchen(), "a tool is made of a function or a method, not of <"),
    ],
)
def test_schema_refuses_what_the_model_cannot_fill(func: Callable[..., Any], complaint: str) -> None:
    with pytest.raises(UserError) as refused:
        function_schema(func)
    assert str(refused.value).startswith(complaint)


def test_schema_names_the_type_it_cannot_find() -> None:
    def lost(when: Yesterday) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(UserError, match="tool lost: the type Yesterday cannot be found"):
        function_schema(lost)


def test_schema_of_a_bound_method() -> None:
    assert function_schema(Kitchen().light).bind('{"on": true}') == ([True], {})


def odd(_hidden: int, /, copy: str, *rest: int, model_config: bool = False, **more: str) -> Any:
    return (_hidden, copy, rest, model_config, more)


def test_call_with_every_kind_of_parameter() -> None:
    args, kwargs = function_schema(odd, strict=False).bind(
        '{"_hidden": 1, "copy": "c", "rest": [2, 3], "model_config": true, "more": {"k": "v"}}'
    )
    assert odd(*args, **kwargs) == (1, "c", (2, 3), True, {"k": "v"})


@pytest.mark.parametrize("arguments", ['{"city": "Ulm"}', '{"city": "Ulm", "days": "3"}'])
def test_call_without_defaults_and_with_text_for_numbers(arguments: str) -> None:
    assert function_schema(weather).bind(arguments) == (["Ulm", 3, None], {})


@pytest.mark.parametrize("arguments", ["", "  ", "{}"])
def test_call_without_arguments_in_every_spelling(arguments: str) -> None:
    def stop() -> None: ...

    assert function_schema(stop).bind(arguments) == ([], {})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("{}", "Invalid arguments for weather: city: Field required"),
        ('{"city": "Ulm", "p0": 1}', "Invalid arguments for weather: p0: Extra inputs are not permitted"),
        ('{"city": "Ulm", "days": "many", "unit": "K"}', "Invalid arguments for weather: days: Input should"),
        ('{"city": ', "Invalid arguments for weather: arguments: Invalid JSON"),
        ("[1]", "Invalid arguments for weather: arguments: "),
        ("null", "Invalid arguments for weather: arguments: "),
        ('{"city": "\ud800"}', None),
        ("[" * 100_000, "Invalid arguments for weather: arguments: Invalid JSON"),
    ],
)
def test_call_with_arguments_that_do_not_fit(arguments: str, complaint: str | None) -> None:
    if complaint is None:
        assert function_schema(weather).bind(arguments)[0][0] == "?"
        return
    with pytest.raises(ModelBehaviorError) as refused:
        function_schema(weather).bind(arguments)
    assert str(refused.value).startswith(complaint)


def numbers(values: list[int]) -> int:
    return sum(values)


def test_call_with_many_mistakes_tells_the_first_of_them() -> None:
    with pytest.raises(ModelBehaviorError) as refused:
        function_schema(numbers).bind('{"values": [' + '"x",' * 99 + '"x"]}')
    assert str(refused.value).count("Input should be a valid integer") == 8
    assert str(refused.value).endswith("; and 92 more")


def limited(minutes: Annotated[int, Field(ge=1, le=720, description="1 to 720")]) -> int:
    return minutes


def test_schema_and_call_keep_limits_of_annotations() -> None:
    schema = function_schema(limited)
    assert schema.params_json_schema["properties"]["minutes"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 720,
        "description": "1 to 720",
    }
    with pytest.raises(ModelBehaviorError, match="minutes: Input should be less than or equal to 720"):
        schema.bind('{"minutes": 721}')


def test_strict_schema_leaves_the_given_one_alone() -> None:
    given = {"type": "object", "properties": {"a": {"type": "object"}}}
    assert strict_json_schema(given)["properties"]["a"]["additionalProperties"] is False
    assert given == {"type": "object", "properties": {"a": {"type": "object"}}}


def test_import_of_the_module_does_not_load_pydantic() -> None:
    program = "import sys, daemon.realtime.function_schema; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
