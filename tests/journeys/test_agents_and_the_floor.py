"""Who speaks when agents work while the user does: in virtual time, over the whole box."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from box import PERIOD_FRAMES, RATE_HZ, Box, voice
from virtual_loop import run_virtual

from daemon.realtime import (
    FunctionTool,
    GuardrailFunctionOutput,
    OutputGuardrail,
    RealtimeAgent,
    RunContextWrapper,
    function_tool,
)

LOUD = b"\x01\x40"
RENEW_AFTER_S = 55 * 60


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


def tool_taking(seconds: float) -> FunctionTool:
    @function_tool
    async def look_up() -> str:
        """Look something up."""
        await asyncio.sleep(seconds)
        return "found"

    return look_up


def box_with(seconds: float) -> Box:
    return Box(agent=RealtimeAgent(name="Clerk", tools=[tool_taking(seconds)]))


async def ask_for_the_tool(box: Box) -> None:
    await box.ask_aloud()
    box.server.created("r1")
    call = {"id": "f1", "type": "function_call", "name": "look_up", "call_id": "c1", "arguments": "{}"}
    box.server.say("response.output_item.done", response_id="r1", output_index=0, item=call)
    box.server.done("r1")
    await box.live(5)


def outputs(box: Box) -> list[str]:
    items = [event["item"] for event in box.server.of("conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


def requests(box: Box) -> int:
    return len(box.server.of("response.create"))


def silent(box: Box) -> bool:
    return not box.speaker.played.strip(b"\0")


@virtual
async def test_result_that_comes_while_the_user_speaks_is_answered_with_the_turn() -> None:
    async with box_with(1) as box:
        await ask_for_the_tool(box)
        before = requests(box)
        await box.press()
        await box.live(150, voice(150 * PERIOD_FRAMES))
        assert (outputs(box), requests(box)) == (["found"], before)
        await box.release()
        await box.live(3)
        assert requests(box) == before + 1
        assert box.server.types()[-2:] == ["commit", "response.create"]


@virtual
async def test_result_that_came_during_a_turn_thrown_away_is_spoken_after_all() -> None:
    async with box_with(0.2) as box:
        await ask_for_the_tool(box)
        before = requests(box)
        await box.live(10)
        await box.press()
        await box.live(9)
        assert (outputs(box), requests(box)) == (["found"], before)
        await box.release()  # shorter than a turn has to be
        await box.live(3)
        assert requests(box) == before + 1


@virtual
async def test_press_takes_back_the_request_for_an_answer_not_begun() -> None:
    async with box_with(0) as box:
        await ask_for_the_tool(box)
        await box.press()
        await box.live(2)
        box.server.answer("r2", "i2", LOUD * RATE_HZ)
        await box.live(30)
        assert silent(box)
        await box.release()


@virtual
async def test_stop_takes_back_the_request_for_an_answer_not_begun() -> None:
    async with box_with(0) as box:
        await ask_for_the_tool(box)
        assert box.app.stop_speaking() is None
        box.server.answer("r2", "i2", LOUD * RATE_HZ)
        await box.live(30)
        assert silent(box)


@virtual
async def test_slow_tool_says_nothing_while_the_user_speaks() -> None:
    async with box_with(9) as box:
        await ask_for_the_tool(box)
        before = requests(box)
        await box.live(350)
        await box.press()
        await box.live(150)
        assert requests(box) == before
        await box.release()


async def trips_late(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str
) -> GuardrailFunctionOutput:
    await asyncio.sleep(1)
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)


@virtual
async def test_guardrail_that_trips_while_the_user_speaks_leaves_them_the_floor() -> None:
    guarded = RealtimeAgent(name="Shop", output_guardrails=[OutputGuardrail(trips_late, name="late")])
    async with Box(agent=guarded) as box:
        await box.ask_aloud()
        box.server.created("r1")
        words = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
        box.server.say("response.output_audio_transcript.delta", **words, delta="word " * 40)
        await box.live(10)
        before = requests(box)
        await box.press()
        box.server.done("r1", "cancelled")
        await box.live(150)
        assert "guardrail tripped: late" in box.app.status()["last_errors"]
        assert requests(box) == before
        await box.release()


@virtual
async def test_question_lost_before_its_answer_is_asked_once_only() -> None:
    async with Box() as box:
        await box.ask_aloud()
        box.server.say("input_audio_buffer.committed", item_id="u1", previous_item_id=None)
        part = {"type": "input_audio", "transcript": None}
        item = {"id": "u1", "type": "message", "role": "user", "status": "completed", "content": [part]}
        box.server.say("conversation.item.added", previous_item_id=None, item=item)
        box.server.say(
            "conversation.item.input_audio_transcription.completed",
            item_id="u1",
            content_index=0,
            transcript="What time is it?",
        )
        await box.live(2)
        box.server.lose()
        await box.live(300)
        assert box.server.types() == ["session.update", "append", "commit", "response.create"]


@virtual
async def test_session_is_not_renewed_while_the_user_speaks() -> None:
    async with Box() as box:
        await asyncio.sleep(RENEW_AFTER_S - 1)
        await box.press()
        await box.live(300, voice(300 * PERIOD_FRAMES))
        assert len(box.servers) == 1
        await box.release()
        await box.live(3)
        box.server.created("r1")
        box.server.done("r1")
        await box.live(800)
        assert len(box.servers) == 2


@virtual
async def test_session_is_not_renewed_while_the_loudspeaker_still_plays() -> None:
    async with Box() as box:
        await box.ask_aloud()
        await asyncio.sleep(RENEW_AFTER_S - 2)  # the loudspeaker takes nothing meanwhile
        box.server.answer("r1", "i1", LOUD * RATE_HZ)
        await box.settle()
        await asyncio.sleep(8)
        assert len(box.servers) == 1
        await box.live(800)
        assert len(box.servers) == 2


@virtual
async def test_stop_refuses_a_call_that_waits_without_a_word() -> None:
    @function_tool(needs_approval=True)
    async def look_up() -> str:
        """Look something up."""
        return "found"

    async with Box(agent=RealtimeAgent(name="Clerk", tools=[look_up])) as box:
        await ask_for_the_tool(box)
        before = requests(box)
        assert box.app.stop_speaking() is None
        await box.live(5)
        assert (outputs(box), requests(box)) == (["The call was cancelled."], before)
        assert box.app.status()["waiting_calls"] == []


@virtual
async def test_guardrail_that_trips_late_silences_what_the_loudspeaker_has_left() -> None:
    guarded = RealtimeAgent(name="Shop", output_guardrails=[OutputGuardrail(trips_late, name="late")])
    async with Box(agent=guarded) as box:
        await box.ask_aloud()
        box.server.created("r1")
        words = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
        box.server.say("response.output_audio_transcript.delta", **words, delta="word " * 40)
        box.server.delta("r1", "i1", LOUD * (RATE_HZ // 2))
        box.server.audio_done("r1", "i1")
        box.server.done("r1")
        await asyncio.sleep(0.8)  # by the clock it has been heard, but the loudspeaker came to nothing
        await box.live(60)
        [truncate] = box.server.of("conversation.item.truncate")
        assert truncate["audio_end_ms"] < 300
        assert len(box.speaker.played.strip(b"\0")) < RATE_HZ * 2 * 0.3
