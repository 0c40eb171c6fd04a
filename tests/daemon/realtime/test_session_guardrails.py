"""What a session does about an answer that trips a guardrail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from virtual_loop import run_virtual

from daemon.realtime import GuardrailFunctionOutput, RealtimeAgent, output_guardrail
from tests.daemon.realtime.played import Played, played


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        run_virtual(test())

    return run


@output_guardrail
def no_prices(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, "euro" in text)


@output_guardrail
async def slow_no_prices(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
    await asyncio.sleep(5)
    return GuardrailFunctionOutput(None, "euro" in text)


@output_guardrail
def broken(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
    raise ZeroDivisionError("a bug")


def shop(*guardrails: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="Shop", output_guardrails=list(guardrails))


async def says(play: Played, response_id: str, text: str, kind: str = "output_audio_transcript") -> None:
    play.server.say(
        f"response.{kind}.delta", response_id=response_id, item_id="i1", content_index=0, delta=text
    )
    await play.settle()


def feedback(play: Played) -> list[str]:
    items = [event["item"] for event in play.server.of("conversation.item.create")]
    return [item["content"][0]["text"] for item in items]


LONG = "That is nine euro, " + "and so on, " * 12


@virtual
async def test_a_guardrail_that_raises_is_skipped_and_the_others_count() -> None:
    async with played(shop(broken, no_prices)) as play:
        play.server.created("r1")
        await says(play, "r1", LONG)
        [tripped] = play.of("guardrail_tripped")
        assert [result.guardrail for result in tripped.guardrail_results] == [no_prices]


@virtual
async def test_a_written_answer_that_trips_is_cancelled_and_nothing_is_truncated() -> None:
    async with played(shop(no_prices), {"model_settings": {"output_modalities": ["text"]}}) as play:
        play.server.created("r1")
        await says(play, "r1", LONG, "output_text")
        assert len(play.server.of("response.cancel")) == 1
        assert play.server.of("conversation.item.truncate") == play.of("audio_interrupted") == []
        assert feedback(play) == ["guardrail triggered: no_prices"]
        assert play.server.of("response.create") == []  # the cancelled answer has to end first
        play.server.done("r1", "cancelled")
        await play.settle()
        assert len(play.server.of("response.create")) == 1


@virtual
async def test_a_verdict_that_comes_late_leaves_the_next_answer_alone() -> None:
    async with played(shop(slow_no_prices)) as play:
        play.server.created("r1")
        await says(play, "r1", LONG)
        play.server.done("r1")
        play.server.created("r2")
        await asyncio.sleep(6)
        assert len(play.of("guardrail_tripped")) == 1
        assert play.server.of("response.cancel") == []
        assert feedback(play) == []


@virtual
async def test_an_answer_is_judged_by_the_agent_that_began_it() -> None:
    async with played(shop(no_prices)) as play:
        play.server.created("r1")
        await play.settle()
        await play.session.update_agent(RealtimeAgent(name="Anybody"))
        await says(play, "r1", LONG)
        assert [r.agent.name for r in play.of("guardrail_tripped")[0].guardrail_results] == ["Shop"]
