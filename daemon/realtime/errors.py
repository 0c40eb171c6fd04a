"""What can be wrong with agents, tools and settings, and how to say it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class UserError(Exception):
    """The program or its configuration asks for something that cannot be; the message says what and where."""


class ModelBehaviorError(Exception):
    """The model sent something unusable, such as arguments that do not fit; the message may be sent back."""


class ToolTimeoutError(Exception):
    """A tool took longer than its `timeout_seconds`."""

    def __init__(self, tool_name: str, timeout_seconds: float) -> None:
        self.tool_name = tool_name
        self.timeout_seconds = timeout_seconds
        super().__init__(f"Tool '{tool_name}' timed out after {timeout_seconds:g} seconds.")


class ToolInputGuardrailTripwireTriggered(Exception):
    """A guardrail refused a tool's arguments by `raise_exception`; the model learns only that it failed."""

    def __init__(self, guardrail_name: str, output_info: Any = None) -> None:
        self.guardrail_name = guardrail_name
        self.output_info = output_info
        super().__init__(f"Tool input guardrail {guardrail_name} refused the call")


class ToolOutputGuardrailTripwireTriggered(Exception):
    """A guardrail refused a tool's result by `raise_exception`; the model learns only that it failed."""

    def __init__(self, guardrail_name: str, output_info: Any = None) -> None:
        self.guardrail_name = guardrail_name
        self.output_info = output_info
        super().__init__(f"Tool output guardrail {guardrail_name} refused the result")


def did_you_mean(wrong: object, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest allowed word, "" if none is near."""
    near = get_close_matches(str(wrong), list(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
