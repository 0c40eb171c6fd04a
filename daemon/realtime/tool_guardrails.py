"""Checks around a single tool: of its arguments before it runs, of its result afterwards. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

from daemon.realtime.errors import UserError
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent
    from daemon.realtime.context import ToolContext


class AllowBehavior(TypedDict):
    type: Literal["allow"]


class RejectContentBehavior(TypedDict):
    type: Literal["reject_content"]
    message: str


class RaiseExceptionBehavior(TypedDict):
    type: Literal["raise_exception"]


def _allowed() -> AllowBehavior:
    return {"type": "allow"}


@dataclass(frozen=True, slots=True)
class ToolGuardrailFunctionOutput:
    """A verdict on one call; `output_info` is for logs and events, the model never sees it."""

    output_info: Any = None
    behavior: AllowBehavior | RejectContentBehavior | RaiseExceptionBehavior = field(default_factory=_allowed)

    @classmethod
    def allow(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        return cls(output_info)

    @classmethod
    def reject_content(cls, message: str, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """The model gets `message` in place of the result; a tool that has not run yet does not run."""
        return cls(output_info, {"type": "reject_content", "message": message})

    @classmethod
    def raise_exception(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """The call ends as an `error` event; the model gets no result."""
        return cls(output_info, {"type": "raise_exception"})


@dataclass(frozen=True, slots=True)
class ToolInputGuardrailData:
    context: ToolContext[Any]
    agent: RealtimeAgent[Any]


@dataclass(frozen=True, slots=True)
class ToolOutputGuardrailData:
    """`output` is what the tool returned, before it becomes text."""

    context: ToolContext[Any]
    agent: RealtimeAgent[Any]
    output: Any


Verdict = ToolGuardrailFunctionOutput | Awaitable[ToolGuardrailFunctionOutput]
InputCheck = Callable[[ToolInputGuardrailData], Verdict]
OutputCheck = Callable[[ToolOutputGuardrailData], Verdict]


@dataclass(frozen=True, slots=True)
class ToolInputGuardrail:
    """Runs before the tool, with its arguments in `data.context.tool_arguments`."""

    guardrail_function: InputCheck
    name: str | None = None

    def __post_init__(self) -> None:
        _check_callable(self.guardrail_function)

    def get_name(self) -> str:
        return self.name or str(getattr(self.guardrail_function, "__name__", "tool input guardrail"))

    async def run(self, data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        """Raises what the function raises, `UserError` if it answers anything but a verdict."""
        return await _verdict(self.get_name(), self.guardrail_function(data))


@dataclass(frozen=True, slots=True)
class ToolOutputGuardrail:
    """Runs after the tool, before the model gets the result."""

    guardrail_function: OutputCheck
    name: str | None = None

    def __post_init__(self) -> None:
        _check_callable(self.guardrail_function)

    def get_name(self) -> str:
        return self.name or str(getattr(self.guardrail_function, "__name__", "tool output guardrail"))

    async def run(self, data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        """Raises what the function raises, `UserError` if it answers anything but a verdict."""
        return await _verdict(self.get_name(), self.guardrail_function(data))


def _check_callable(function: object) -> None:
    if not callable(function):
        raise UserError(f"a tool guardrail is made of a function, not of {function!r}")


async def _verdict(name: str, answer: Verdict) -> ToolGuardrailFunctionOutput:
    verdict = await answer if inspect.isawaitable(answer) else answer
    if not isinstance(verdict, ToolGuardrailFunctionOutput):
        wanted = "allow(), reject_content() or raise_exception() of ToolGuardrailFunctionOutput"
        raise UserError(f"tool guardrail {name} returned {type(verdict).__name__}, expected {wanted}")
    return verdict


@overload
def tool_input_guardrail(func: InputCheck) -> ToolInputGuardrail: ...
@overload
def tool_input_guardrail(*, name: str | None = None) -> Callable[[InputCheck], ToolInputGuardrail]: ...
def tool_input_guardrail(
    func: InputCheck | None = None, *, name: str | None = None
) -> ToolInputGuardrail | Callable[[InputCheck], ToolInputGuardrail]:
    """Decorator: a plain or async function of `ToolInputGuardrailData` as a guardrail."""
    if func is not None:
        return ToolInputGuardrail(func, name)
    return lambda func: ToolInputGuardrail(func, name)


@overload
def tool_output_guardrail(func: OutputCheck) -> ToolOutputGuardrail: ...
@overload
def tool_output_guardrail(*, name: str | None = None) -> Callable[[OutputCheck], ToolOutputGuardrail]: ...
def tool_output_guardrail(
    func: OutputCheck | None = None, *, name: str | None = None
) -> ToolOutputGuardrail | Callable[[OutputCheck], ToolOutputGuardrail]:
    """Decorator: a plain or async function of `ToolOutputGuardrailData` as a guardrail."""
    if func is not None:
        return ToolOutputGuardrail(func, name)
    return lambda func: ToolOutputGuardrail(func, name)
