"""Strict check of Realtime events against the annotations of the `openai` package. Pure; test-only.

pydantic, as that package uses it, lets unknown fields pass and coerces wrong types, so a misspelt field looks
right. This walks the declared fields itself and reports everything that is not exactly as declared: unknown
fields, missing required ones, wrong types, wrong literals, event types nobody declared.

Three things are not as in the types, each by name: `session.created` and `session.updated` carry `id`,
`object` and `expires_at` (the types name the create request there); `response.create` may refer to items by
`item_reference` (only the parameter types say so); a null `event_id` from a client is refused by the service.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator
from typing import Any

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel

_SESSION_EXTRAS: dict[str, Any] = {"id": str, "object": typing.Literal["realtime.session"], "expires_at": int}


def server_event_problems(event: Any) -> list[str]:
    """Everything in a server event that the `openai` package does not declare. Empty: all is well."""
    return _event_problems(event, _by_type(RealtimeServerEvent))


def client_event_problems(event: Any) -> list[str]:
    """Everything in a client event that the `openai` package does not declare. Empty: all is well."""
    problems = _event_problems(event, _by_type(RealtimeClientEvent))
    if isinstance(event, dict) and "event_id" in event and event["event_id"] is None:
        problems.append("event_id: null is refused; leave it out")
    return problems


def _by_type(union: Any) -> dict[str, type[BaseModel]]:
    models = [model for model in _alternatives(union) if _is_model(model)]
    return {_literals(model.model_fields["type"].annotation)[0]: model for model in models}


def _event_problems(event: Any, models: dict[str, type[BaseModel]]) -> list[str]:
    if not isinstance(event, dict):
        return [f"not an object: {event!r:.60}"]
    name = event.get("type")
    if name not in models:
        return [f"type: {name!r} is not declared{_nearest(name, models)}"]
    return [f"{name}: {problem}" for problem in _model_problems(event, models[name], "")]


def _model_problems(value: dict[str, Any], model: type[BaseModel], path: str) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    extras = _SESSION_EXTRAS if _is_session(model, path) else {}
    for name, entry in value.items():
        where = f"{path}.{name}" if path else name
        if name in fields:
            yield from _value_problems(entry, fields[name].annotation, where)
        elif name in extras:
            yield from _value_problems(entry, extras[name], where)
        else:
            yield f"{where}: unknown field{_nearest(name, fields)}"
    for name, field in fields.items():
        if field.is_required() and name not in value:
            yield f"{path}.{name}: missing" if path else f"{name}: missing"


def _is_session(model: type[BaseModel], path: str) -> bool:
    return path == "session" and model.__name__ == "RealtimeSessionCreateRequest"


def _value_problems(value: Any, annotation: Any, path: str) -> Iterator[str]:
    if annotation is Any or annotation is object:
        return
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _value_problems(value, typing.get_args(annotation)[0], path)
    elif origin in (typing.Union, types.UnionType):
        yield from _union_problems(value, annotation, path)
    elif origin is typing.Literal:
        if not any(
            type(value) is type(allowed) and value == allowed for allowed in typing.get_args(annotation)
        ):
            yield f"{path}: {value!r:.60} is not one of {typing.get_args(annotation)}"
    elif origin is list:
        yield from _list_problems(value, annotation, path)
    elif origin is dict:
        yield from _dict_problems(value, annotation, path)
    elif _is_model(annotation):
        if isinstance(value, dict):
            yield from _model_problems(value, annotation, path)
        else:
            yield f"{path}: expected an object, got {value!r:.60}"
    else:
        yield from _scalar_problems(value, annotation, path)


def _scalar_problems(value: Any, annotation: Any, path: str) -> Iterator[str]:
    if annotation is float and type(value) in (int, float):
        return
    if annotation not in (str, int, float, bool, type(None)):
        raise TypeError(f"{path}: the oracle does not know how to check {annotation!r}")
    if type(value) is not annotation:
        yield f"{path}: expected {annotation.__name__}, got {value!r:.60}"


def _list_problems(value: Any, annotation: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected a list, got {value!r:.60}"
        return
    for index, entry in enumerate(value):
        where = f"{path}[{index}]"
        if (
            where.startswith("response.input[")
            and isinstance(entry, dict)
            and entry.get("type") == "item_reference"
        ):
            yield from _reference_problems(entry, where)
        else:
            yield from _value_problems(entry, typing.get_args(annotation)[0], where)


def _reference_problems(entry: dict[str, Any], path: str) -> Iterator[str]:
    if set(entry) != {"type", "id"} or not isinstance(entry["id"], str):
        yield f"{path}: an item_reference has exactly type and id"


def _dict_problems(value: Any, annotation: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected an object, got {value!r:.60}"
        return
    for name, entry in value.items():
        yield from _value_problems(entry, typing.get_args(annotation)[1], f"{path}.{name}")


def _union_problems(value: Any, annotation: Any, path: str) -> Iterator[str]:
    """The problems of the alternative meant: by its literals, else the one with the fewest."""
    alternatives = _alternatives(annotation)
    if isinstance(value, dict):
        alternatives = _meant(value, alternatives)
    results = [list(_value_problems(value, alternative, path)) for alternative in alternatives]
    yield from min(results, key=len)


def _meant(value: dict[str, Any], alternatives: list[Any]) -> list[Any]:
    """The models whose `type` and `role` are the value's own: a near miss elsewhere must not hide them."""
    matching = [
        model
        for model in alternatives
        if _is_model(model)
        and all(
            not _literals(model.model_fields[tag].annotation)
            or value.get(tag) in _literals(model.model_fields[tag].annotation)
            for tag in ("type", "role")
            if tag in model.model_fields
        )
    ]
    return matching or alternatives


def _alternatives(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [leaf for arg in typing.get_args(annotation) for leaf in _alternatives(arg)]
    return [annotation]


def _literals(annotation: Any) -> list[Any]:
    leaves = _alternatives(annotation)
    return [
        value
        for leaf in leaves
        if typing.get_origin(leaf) is typing.Literal
        for value in typing.get_args(leaf)
    ]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _nearest(name: Any, names: typing.Iterable[str]) -> str:
    found = difflib.get_close_matches(str(name), list(names), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
