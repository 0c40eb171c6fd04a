"""Function tools: what the model may call, and how; the session runs them. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, get_args, overload

from daemon.realtime.context import RunContextWrapper, ToolContext
from daemon.realtime.docstrings import DocstringStyle
from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.function_schema import FunctionSchema, function_schema, strict_json_schema
from daemon.realtime.hosted_mcp import HostedMCPTool
from daemon.realtime.tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent

Enabled = bool | Callable[[RunContextWrapper[Any], "RealtimeAgent[Any]"], bool | Awaitable[bool]]
"""Asked when the agent's tools are listed and again when the tool is called."""

Approval = bool | Callable[[RunContextWrapper[Any], dict[str, Any], str], bool | Awaitable[bool]]
"""Whether a person has to agree first, also as a function of context, arguments and call id."""

ToolErrorFunction = Callable[[RunContextWrapper[Any], Exception], str | Awaitable[str]]
"""From what went wrong to the text the model gets as the tool's result."""

ToolTimeoutBehavior = Literal["error_as_result", "raise_exception"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def default_tool_error_function(context: RunContextWrapper[Any], error: Exception) -> str:
    return f"The tool failed, try again or go on without it. Error: {error}"


@dataclass(eq=False)
class FunctionTool:
    """A tool that runs here, called with the context and the JSON text of the model's arguments.

    `on_invoke_tool` is awaited on the event loop. `call_blocking`, if given, is the same call for a worker
    thread, and the session uses it instead. `strict_json_schema` makes every parameter of
    `params_json_schema` required. `failure_error_function` writes what the model is told when the tool
    raises; with None it is told nothing, and the session reports an `error` event. `timeout_seconds` (> 0)
    likewise: `error_as_result` tells the model, `raise_exception` only reports. Raises `UserError` for a
    name the API refuses and for impossible options.
    """

    name: str
    description: str
    params_json_schema: dict[str, Any]
    on_invoke_tool: Callable[[ToolContext[Any], str], Awaitable[Any]]
    strict_json_schema: bool = True
    is_enabled: Enabled = True
    tool_input_guardrails: Sequence[ToolInputGuardrail] | None = None
    tool_output_guardrails: Sequence[ToolOutputGuardrail] | None = None
    needs_approval: Approval = False
    timeout_seconds: float | None = None
    timeout_behavior: ToolTimeoutBehavior = "error_as_result"
    timeout_error_function: ToolErrorFunction | None = None
    failure_error_function: ToolErrorFunction | None = default_tool_error_function
    call_blocking: Callable[[ToolContext[Any], str], Any] | None = None

    def __post_init__(self) -> None:
        check_tool_name(self.name)
        if not isinstance(self.description, str):
            raise UserError(f"tool {self.name}: description is {self.description!r}, allowed: text")
        if not callable(self.on_invoke_tool):
            raise UserError(f"tool {self.name}: on_invoke_tool is no function but {self.on_invoke_tool!r}")
        if self.strict_json_schema:
            self.params_json_schema = strict_json_schema(self.params_json_schema)
        _check_timeout(self.name, self.timeout_seconds, self.timeout_behavior)
        _check_guardrails(self.name, self.tool_input_guardrails, ToolInputGuardrail)
        _check_guardrails(self.name, self.tool_output_guardrails, ToolOutputGuardrail)
        check_switch(f"tool {self.name}: is_enabled", self.is_enabled)
        check_switch(f"tool {self.name}: needs_approval", self.needs_approval)

    def to_wire(self) -> dict[str, Any]:
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.params_json_schema,
        }


Tool = FunctionTool | HostedMCPTool


def check_tool_name(name: object) -> None:
    """Raises `UserError` unless it is 1 to 64 letters, digits, `_` and `-`, which is what the API takes."""
    if not isinstance(name, str) or not _NAME.match(name):
        possible = re.sub(r"[^a-zA-Z0-9_-]+", "_", str(name)).strip("_")[:64]
        hint = f", for example {possible!r}" if possible else ""
        raise UserError(f"{name!r} is no name for a tool, allowed: 1 to 64 letters, digits, _ and -{hint}")


def check_switch(what: str, value: object) -> None:
    """Raises `UserError` unless it is a bool or can be asked for one."""
    if not isinstance(value, bool) and not callable(value):
        raise UserError(f"{what} is {value!r}, allowed: True, False or a function")


ToolFunction = Callable[..., Any]


class ToolOptions(TypedDict, total=False):
    """Options of `function_tool`, by default those of `FunctionTool`.

    `blocking`: run in a worker thread; by default every function that is not async does, so that it cannot
    hold up the conversation. False is for functions that only compute for a few milliseconds.
    """

    name_override: str | None
    description_override: str | None
    docstring_style: DocstringStyle | None
    use_docstring_info: bool
    failure_error_function: ToolErrorFunction | None
    strict_mode: bool
    is_enabled: Enabled
    needs_approval: Approval
    tool_input_guardrails: Sequence[ToolInputGuardrail] | None
    tool_output_guardrails: Sequence[ToolOutputGuardrail] | None
    timeout: float | None
    timeout_behavior: ToolTimeoutBehavior
    timeout_error_function: ToolErrorFunction | None
    blocking: bool | None


@overload
def function_tool(func: ToolFunction, /, **options: Unpack[ToolOptions]) -> FunctionTool: ...
@overload
def function_tool(**options: Unpack[ToolOptions]) -> Callable[[ToolFunction], FunctionTool]: ...
def function_tool(
    func: ToolFunction | None = None, /, **options: Unpack[ToolOptions]
) -> FunctionTool | Callable[[ToolFunction], FunctionTool]:
    """Decorator, with or without options: a function or bound method as a tool.

    Name, description and parameters come from its signature and docstring. A first parameter annotated as
    `RunContextWrapper` or `ToolContext` gets the context. Raises `UserError` at once for what the model
    could not call.
    """
    for option in options:
        if option not in ToolOptions.__annotations__:
            near = did_you_mean(option, ToolOptions.__annotations__)
            raise UserError(f"function_tool has no option {option!r}{near}")
    if func is not None:
        return _tool_of(func, options)
    return lambda func: _tool_of(func, options)


def _tool_of(func: ToolFunction, options: ToolOptions) -> FunctionTool:
    strict = options.get("strict_mode", True)
    schema = function_schema(
        func,
        name=options.get("name_override"),
        description=options.get("description_override"),
        docstring_style=options.get("docstring_style"),
        use_docstring_info=options.get("use_docstring_info", True),
        strict=strict,
    )
    is_async = inspect.iscoroutinefunction(func)
    blocking = options.get("blocking")
    if is_async and blocking:
        raise UserError(f"tool {schema.name}: blocking is for plain functions, this one is async")
    call = _call_of(func, schema)
    return FunctionTool(
        name=schema.name,
        description=schema.description,
        params_json_schema=schema.params_json_schema,
        on_invoke_tool=_awaitable(call),
        strict_json_schema=strict,
        is_enabled=options.get("is_enabled", True),
        tool_input_guardrails=options.get("tool_input_guardrails"),
        tool_output_guardrails=options.get("tool_output_guardrails"),
        needs_approval=options.get("needs_approval", False),
        timeout_seconds=options.get("timeout"),
        timeout_behavior=options.get("timeout_behavior", "error_as_result"),
        timeout_error_function=options.get("timeout_error_function"),
        failure_error_function=options.get("failure_error_function", default_tool_error_function),
        call_blocking=None if is_async or blocking is False else call,
    )


def _call_of(func: ToolFunction, schema: FunctionSchema) -> Callable[[ToolContext[Any], str], Any]:
    def call(context: ToolContext[Any], arguments_json: str) -> Any:
        args, kwargs = schema.bind(arguments_json)
        return func(context, *args, **kwargs) if schema.takes_context else func(*args, **kwargs)

    return call


def _awaitable(
    call: Callable[[ToolContext[Any], str], Any],
) -> Callable[[ToolContext[Any], str], Awaitable[Any]]:
    async def on_invoke_tool(context: ToolContext[Any], arguments_json: str) -> Any:
        result = call(context, arguments_json)
        return await result if inspect.isawaitable(result) else result

    return on_invoke_tool


def _check_timeout(tool: str, seconds: float | None, behavior: object) -> None:
    if seconds is not None and not (type(seconds) in (int, float) and isfinite(seconds) and seconds > 0):
        raise UserError(f"tool {tool}: the time-out is {seconds!r}, allowed: seconds above 0, or None")
    allowed = get_args(ToolTimeoutBehavior)
    if behavior not in allowed:
        near = did_you_mean(behavior, allowed)
        raise UserError(f"tool {tool}: timeout_behavior is {behavior!r}, allowed: {', '.join(allowed)}{near}")


def _check_guardrails(tool: str, guardrails: Sequence[object] | None, kind: type) -> None:
    for guardrail in guardrails or ():
        if not isinstance(guardrail, kind):
            raise UserError(f"tool {tool}: {guardrail!r} is not a {kind.__name__}")
