"""Output guardrails, and when they are due."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.realtime.guardrails import (
    MAX_RESPONSES,
    GuardrailDebounce,
    GuardrailFunctionOutput,
    OutputGuardrail,
    TextCheck,
    joined_guardrails,
    output_guardrail,
)

AGENT: RealtimeAgent[Any] = RealtimeAgent("A")
RUN = RunContextWrapper(None)


def sensitive_data_check(context: Any, agent: Any, output: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(tripwire_triggered="password" in output, output_info=len(output))


@output_guardrail(name="late")
async def late(context: Any, agent: Any, output: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, True)


def test_guardrail_of_a_plain_function() -> None:
    guardrail = OutputGuardrail(guardrail_function=sensitive_data_check)
    result = asyncio.run(guardrail.run(RUN, AGENT, "my password"))
    assert (result.output.tripwire_triggered, result.output.output_info) == (True, 11)
    assert (result.guardrail, result.agent, result.agent_output) == (guardrail, AGENT, "my password")
    assert guardrail.get_name() == "sensitive_data_check"


def test_guardrail_of_an_async_function() -> None:
    assert asyncio.run(late.run(RUN, AGENT, "")).output.tripwire_triggered
    assert late.get_name() == "late"


def test_guardrail_that_answers_nonsense_is_named() -> None:
    broken: Any = output_guardrail(lambda c, a, o: True)  # type: ignore[arg-type, return-value]
    with pytest.raises(UserError, match="guardrail <lambda> returned bool, expected GuardrailFunctionOutput"):
        asyncio.run(broken.run(RUN, AGENT, ""))


def test_guardrail_of_no_function_is_refused() -> None:
    with pytest.raises(UserError, match="a guardrail is made of a function, not of 'no swearing'"):
        OutputGuardrail("no swearing")  # type: ignore[arg-type]


def test_guardrail_in_two_lists_counts_once() -> None:
    one = OutputGuardrail(sensitive_data_check)
    assert joined_guardrails([one], [late, one]) == [one, late]


def test_text_is_due_at_each_multiple_of_the_length() -> None:
    debounce = GuardrailDebounce(10)
    assert debounce.add("r", "i", "123456789") is None
    assert debounce.add("r", "i", "0") == TextCheck("r", "i", "1234567890", final=False)
    assert debounce.add("r", "i", "123") is None
    assert debounce.add("r", "i", "x" * 30) == TextCheck("r", "i", "1234567890123" + "x" * 30, final=False)
    assert debounce.add("r", "i", "123456") is None
    assert debounce.add("r", "i", "7") is not None


def test_text_that_is_short_is_checked_at_the_end() -> None:
    debounce = GuardrailDebounce()
    debounce.add("r", "i", "short")
    debounce.add("r", "j", "other")
    checks = [TextCheck("r", "i", "short", final=True), TextCheck("r", "j", "other", final=True)]
    assert debounce.finish("r") == checks
    assert debounce.finish("r") == []


def test_text_checked_already_is_not_checked_again_at_the_end() -> None:
    debounce = GuardrailDebounce(5)
    debounce.add("r", "i", "12345")
    assert debounce.finish("r") == []
    debounce.add("r", "i", "6")
    assert [check.text for check in debounce.finish("r")] == ["123456"]


def test_text_with_minus_one_is_checked_at_the_end_only() -> None:
    debounce = GuardrailDebounce(-1)
    assert debounce.add("r", "i", "x" * 1000) is None
    assert [check.final for check in debounce.finish("r")] == [True]


def test_trip_counts_once_per_response_and_ends_its_checks() -> None:
    debounce = GuardrailDebounce(5)
    debounce.add("r", "i", "12345")
    assert (debounce.trip("r"), debounce.trip("r")) == (True, False)
    assert debounce.add("r", "i", "67890") is None
    assert debounce.finish("r") == []
    assert debounce.add("other", "i", "12345") is not None


def test_trip_of_a_response_that_is_over_still_counts() -> None:
    debounce = GuardrailDebounce(5)
    debounce.add("r", "i", "12345")
    debounce.finish("r")
    assert debounce.trip("r")


def test_responses_kept_are_bounded() -> None:
    debounce = GuardrailDebounce()
    for number in range(MAX_RESPONSES + 1):
        debounce.add(f"r{number}", "i", "text")
    assert debounce.finish("r0") == []
    assert len(debounce.finish("r1")) == 1


@pytest.mark.parametrize("length", [0, -2, 1.5, True, None, "100"])
def test_debounce_length_that_is_none_is_refused(length: Any) -> None:
    with pytest.raises(
        UserError, match=r"debounce_text_length is .*, allowed: a number of characters from 1"
    ):
        GuardrailDebounce(length)


@given(st.lists(st.text(max_size=30), max_size=30), st.sampled_from([-1, 1, 7, 100]))
def test_every_text_is_checked_whole_in_the_end(deltas: list[str], length: int) -> None:
    debounce = GuardrailDebounce(length)
    checks = [check for delta in deltas if (check := debounce.add("r", "i", delta))]
    checks += debounce.finish("r")
    text = "".join(deltas)
    assert [check.text for check in checks][-1:] == ([text] if text else [])
    assert len(checks) <= 1 + (len(text) // length if length > 0 else 0)
    assert all(text.startswith(check.text) for check in checks)
