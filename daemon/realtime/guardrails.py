"""Output guardrails, and when which part of an answer is due for them. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any, overload

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent

DEFAULT_DEBOUNCE_TEXT_LENGTH = 100

MAX_RESPONSES = 16
"""Responses whose text is kept; more than one is open only while an old one is being cancelled."""


@dataclass(frozen=True, slots=True)
class GuardrailFunctionOutput:
    """A verdict on an answer; `output_info` is passed on in the event."""

    output_info: Any
    tripwire_triggered: bool


Verdict = GuardrailFunctionOutput | Awaitable[GuardrailFunctionOutput]
GuardrailFunction = Callable[[RunContextWrapper[Any], "RealtimeAgent[Any]", str], Verdict]


@dataclass(frozen=True, slots=True)
class OutputGuardrailResult:
    guardrail: OutputGuardrail
    agent_output: str
    agent: RealtimeAgent[Any]
    output: GuardrailFunctionOutput


@dataclass(frozen=True, eq=False)
class OutputGuardrail:
    """A plain or async function of (context, agent, text so far) that may stop the answer."""

    guardrail_function: GuardrailFunction
    name: str | None = None

    def __post_init__(self) -> None:
        if not callable(self.guardrail_function):
            raise UserError(f"a guardrail is made of a function, not of {self.guardrail_function!r}")

    def get_name(self) -> str:
        return self.name or str(getattr(self.guardrail_function, "__name__", "output guardrail"))

    async def run(
        self, context: RunContextWrapper[Any], agent: RealtimeAgent[Any], agent_output: str
    ) -> OutputGuardrailResult:
        """Raises what the function raises, `UserError` if it answers anything but a verdict."""
        answer = self.guardrail_function(context, agent, agent_output)
        verdict = await answer if inspect.isawaitable(answer) else answer
        if not isinstance(verdict, GuardrailFunctionOutput):
            got = type(verdict).__name__
            raise UserError(f"guardrail {self.get_name()} returned {got}, expected GuardrailFunctionOutput")
        return OutputGuardrailResult(self, agent_output, agent, verdict)


@overload
def output_guardrail(func: GuardrailFunction) -> OutputGuardrail: ...
@overload
def output_guardrail(*, name: str | None = None) -> Callable[[GuardrailFunction], OutputGuardrail]: ...
def output_guardrail(
    func: GuardrailFunction | None = None, *, name: str | None = None
) -> OutputGuardrail | Callable[[GuardrailFunction], OutputGuardrail]:
    """Decorator: a function as a guardrail."""
    if func is not None:
        return OutputGuardrail(func, name)
    return lambda func: OutputGuardrail(func, name)


def joined_guardrails(*lists: list[OutputGuardrail]) -> list[OutputGuardrail]:
    """All guardrails of all lists in order; one that is in several lists counts once."""
    return list(dict.fromkeys(guardrail for guardrails in lists for guardrail in guardrails))


@dataclass(frozen=True, slots=True)
class TextCheck:
    """`text` of this item, from its beginning, is due for the guardrails."""

    response_id: str
    item_id: str
    text: str
    final: bool


@dataclass(slots=True)
class _Item:
    text: str = ""
    checked: str | None = None
    passed: int = 0  # multiples of the debounce length already checked


@dataclass(slots=True)
class _Response:
    items: dict[str, _Item] = field(default_factory=dict)
    tripped: bool = False


class GuardrailDebounce:
    """Cuts answers into checks: at 1, 2, 3... times the debounce length per item, and always at the end.

    With -1 only the end is checked. After a trip nothing of the same response is checked any more. Keeps at
    most `MAX_RESPONSES` responses: the oldest is forgotten, unchecked text of it included.
    """

    def __init__(self, debounce_text_length: int = DEFAULT_DEBOUNCE_TEXT_LENGTH) -> None:
        valid = isinstance(debounce_text_length, int) and not isinstance(debounce_text_length, bool)
        if not valid or (debounce_text_length < 1 and debounce_text_length != -1):
            allowed = "a number of characters from 1, or -1 for the end only"
            raise UserError(f"debounce_text_length is {debounce_text_length!r}, allowed: {allowed}")
        self._length = debounce_text_length
        self._responses: dict[str, _Response] = {}

    def add(self, response_id: str, item_id: str, delta: str) -> TextCheck | None:
        """More words of an item; the check they make due, with all of its text so far."""
        response = self._response(response_id)
        item = response.items.setdefault(item_id, _Item())
        item.text += delta
        if response.tripped or self._length == -1 or len(item.text) // self._length <= item.passed:
            return None
        item.passed = len(item.text) // self._length
        item.checked = item.text
        return TextCheck(response_id, item_id, item.text, final=False)

    def finish(self, response_id: str) -> list[TextCheck]:
        """The response is over: a last check of every item whose whole text has not been checked yet."""
        response = self._responses.get(response_id)
        if response is None or response.tripped:
            return []
        due = []
        for item_id, item in response.items.items():
            if item.text not in ("", item.checked):
                item.checked = item.text
                due.append(TextCheck(response_id, item_id, item.text, final=True))
        return due

    def trip(self, response_id: str) -> bool:
        """A guardrail has tripped on the response. True for the first time, the one to act on."""
        response = self._response(response_id)
        first, response.tripped = not response.tripped, True
        return first

    def _response(self, response_id: str) -> _Response:
        response = self._responses.setdefault(response_id, _Response())
        if len(self._responses) > MAX_RESPONSES:
            del self._responses[next(iter(self._responses))]
        return response
