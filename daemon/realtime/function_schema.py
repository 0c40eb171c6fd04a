"""A Python function's signature as JSON Schema, and JSON arguments as a call of it. Pure.

pydantic is loaded when the first function is described, not before.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.docstrings import Docstring, DocstringStyle, parse_docstring
from daemon.realtime.errors import ModelBehaviorError, UserError
from daemon.records import dataclass

if TYPE_CHECKING:
    from pydantic import BaseModel

TValue = TypeVar("TValue")

MAX_TOLD = 8
"""Mistakes the model is told of at once; every one costs tokens."""

NO_PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {},
    "required": [],
    "additionalProperties": False,
}

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class FunctionSchema:
    """How the model may call a function: `params_json_schema` for it, `bind` for us.

    `takes_context`: the first parameter is the run or tool context and not the model's business.
    """

    name: str
    description: str
    params_json_schema: dict[str, Any]
    takes_context: bool
    parameters: tuple[inspect.Parameter, ...]
    model: type[BaseModel]

    def bind(self, arguments_json: str) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments without the context. Raises `ModelBehaviorError`."""
        values = validated(self.name, self.model.model_validate_json, arguments_json)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for index, parameter in enumerate(self.parameters):
            value = getattr(values, _field_name(index))
            if parameter.kind in _POSITIONAL:
                args.append(value)
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                args.extend(value)
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                kwargs.update(value)
            else:
                kwargs[parameter.name] = value
        return args, kwargs


def function_schema(
    func: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    docstring_style: DocstringStyle | None = None,
    use_docstring_info: bool = True,
    strict: bool = True,
) -> FunctionSchema:
    """Describe `func` by its signature and docstring. Raises `UserError` for what JSON cannot express.

    `strict`: every parameter is required and unknown ones are refused. The model then names also those with a
    default; a call without them is accepted all the same.
    """
    if not inspect.isroutine(func):
        raise UserError(f"a tool is made of a function or a method, not of {func!r}")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise UserError(f"tool {name or func.__name__}: a tool returns its result, it does not yield it")
    docstring = parse_docstring(inspect.getdoc(func), docstring_style) if use_docstring_info else Docstring()
    named = name or func.__name__
    hints = _type_hints(named, func)
    parameters = _parameters(named, func)
    takes_context = bool(parameters) and _is_context(hints.get(parameters[0].name))
    parameters = parameters[1:] if takes_context else parameters
    for parameter in parameters:
        if _is_context(hints.get(parameter.name)):
            raise UserError(
                f"tool {named}: the context has to be the first parameter, {parameter.name} is not"
            )
    model = _model(named, parameters, hints, docstring.parameters, strict)
    return FunctionSchema(
        name=named,
        description=docstring.description if description is None else description,
        params_json_schema=_json_schema(named, model, strict),
        takes_context=takes_context,
        parameters=tuple(parameters),
        model=model,
    )


def strict_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every property of every object required, and others refused where nothing is said."""
    return _rewritten(schema, _strictly)


def typed_input(what: str, input_type: type[TValue]) -> tuple[dict[str, Any], Callable[[str], TValue]]:
    """The strict schema of an object type, and the function from the model's JSON to it, without coercion.

    Raises `UserError` for a type that is not an object in JSON; the function raises `ModelBehaviorError`.
    """
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        adapter = TypeAdapter(input_type)
        schema = _rewritten(adapter.json_schema(), _without_title)
    except PydanticUserError as bad:
        raise UserError(f"{what}: {bad.message}") from None
    if schema.get("type") != "object":
        raise UserError(
            f"{what}: {input_type!r} is not an object in JSON; use a model, dataclass or TypedDict"
        )

    def read(text: str) -> TValue:
        return validated(what, lambda raw: adapter.validate_json(raw, strict=True), text)

    return strict_json_schema(schema), read


def validated(what: str, validate: Callable[[bytes], TValue], text: str) -> TValue:
    """What `validate` makes of the model's JSON; no text at all counts as `{}`.

    Raises `ModelBehaviorError` naming the first `MAX_TOLD` fields that do not fit.
    """
    from pydantic import ValidationError

    try:
        return validate((text.strip() or "{}").encode("utf-8", "replace"))
    except ValidationError as bad:
        errors = bad.errors(include_url=False, include_context=False, include_input=False)
        told = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in errors[:MAX_TOLD]]
        more = [f"and {len(errors) - MAX_TOLD} more"] if len(errors) > MAX_TOLD else []
        raise ModelBehaviorError(f"Invalid arguments for {what}: {'; '.join(told + more)}") from None


def _field_name(index: int) -> str:
    """Parameters may begin with an underscore or be called like pydantic's attributes; fields may not."""
    return f"p{index}"


def _type_hints(name: str, func: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(func, include_extras=True)
    except NameError as unknown:
        where = "it must be defined in its module at run time, not under TYPE_CHECKING or in a function"
        raise UserError(f"tool {name}: the type {unknown.name} cannot be found; {where}") from None
    except (SyntaxError, TypeError) as bad:
        raise UserError(f"tool {name}: its annotations cannot be read: {bad}") from None


def _parameters(name: str, func: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(func).parameters.values())
    except ValueError:
        raise UserError(f"tool {name}: Python does not know its parameters; wrap it in a function") from None


def _is_context(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, RunContextWrapper)


def _model(
    name: str,
    parameters: Sequence[inspect.Parameter],
    hints: Mapping[str, Any],
    texts: Mapping[str, str],
    strict: bool,
) -> type[BaseModel]:
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticUserError

    fields: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        if parameter.name == "self":
            raise UserError(f"tool {name}: self has no value; make a tool of the bound method instead")
        annotation = hints.get(parameter.name, Any)
        default: Any = ... if parameter.default is parameter.empty else parameter.default
        if parameter.kind is parameter.VAR_POSITIONAL:
            annotation, default = GenericAlias(list, (annotation,)), []
        elif parameter.kind is parameter.VAR_KEYWORD:
            annotation, default = GenericAlias(dict, (str, annotation)), {}
        info: dict[str, Any] = {"alias": parameter.name}
        if texts.get(parameter.name):
            info["description"] = texts[parameter.name]
        fields[_field_name(index)] = (annotation, Field(default, **info))
    config = ConfigDict(extra="forbid" if strict else "ignore")
    try:
        return create_model(f"{name}_arguments", __config__=config, **fields)
    except PydanticUserError as bad:
        raise UserError(f"tool {name}: {bad.message}") from None


def _json_schema(name: str, model: type[BaseModel], strict: bool) -> dict[str, Any]:
    from pydantic.errors import PydanticUserError

    try:
        schema = model.model_json_schema(by_alias=True)
    except PydanticUserError as bad:
        raise UserError(f"tool {name}: {bad.message}") from None
    schema = _rewritten(schema, _without_title)
    return strict_json_schema(schema) if strict else schema


def _without_title(part: dict[str, Any]) -> dict[str, Any]:
    """Titles repeat the names; every token of a schema is paid for with each response."""
    return {key: value for key, value in part.items() if key != "title"}


def _strictly(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") == "object":
        part = {"properties": {}, **part}
        part["required"] = list(part["properties"])
        part.setdefault("additionalProperties", False)
    if "default" in part and part["default"] is None:
        del part["default"]
    return part


def _rewritten(
    schema: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Every schema within the schema, and then itself, replaced by `change` of it."""
    part = dict(schema)
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions", "patternProperties") and isinstance(value, Mapping):
            part[key] = {name: _rewritten(inner, change) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            part[key] = _rewritten(value, change)
        elif key in ("anyOf", "allOf", "oneOf", "prefixItems") and isinstance(value, list):
            part[key] = [_rewritten(inner, change) for inner in value]
    return change(part)
