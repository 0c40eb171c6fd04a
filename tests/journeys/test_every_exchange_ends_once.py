"""Each question is one exchange, whatever comes between it and its answer; in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from box import Box
from virtual_loop import run_virtual

from daemon.notices import Exchange, ExchangeEnded
from daemon.realtime import BackgroundResult, RealtimeAgent, background_result, function_tool
from daemon.talk import BargeIn, TalkMode, TalkSettings

LOUD = b"\x01\x40"


@function_tool
async def ask_oven() -> str:
    """How long the cake still takes."""
    await asyncio.sleep(2)
    return "ten minutes"


@function_tool
async def note_down() -> BackgroundResult:
    """For later."""
    return background_result("noted")


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


def kitchen() -> Box:
    return Box(agent=RealtimeAgent(name="Cook", tools=[ask_oven, note_down]))


def handsfree() -> Box:
    talk = TalkSettings(mode=TalkMode.HANDS_FREE, barge_in=BargeIn.SERVER_VAD)
    return Box(talk, model_settings={"turn_detection": {"type": "server_vad", "interrupt_response": False}})


def ended(box: Box) -> list[Exchange]:
    return [notice.exchange for notice in box.notices if isinstance(notice, ExchangeEnded)]


async def call(box: Box, name: str, response_id: str = "r1") -> None:
    item = {"id": "call", "type": "function_call", "status": "completed", "name": name, "call_id": "c1"}
    box.server.created(response_id)
    done = {"response_id": response_id, "output_index": 0, "item": item | {"arguments": "{}"}}
    box.server.say("response.output_item.done", **done)
    box.server.done(response_id)
    await box.live(20)


async def echo(box: Box) -> None:
    """The server has the tool's result."""
    [item] = [event["item"] for event in box.server.of("conversation.item.create")]
    box.server.say("conversation.item.added", previous_item_id=None, item=item | {"id": "out"})
    await box.live(2)


@virtual
async def test_answer_after_a_tool_belongs_to_the_question() -> None:
    async with kitchen() as box:
        await box.ask_aloud()
        await call(box, "ask_oven")
        assert ended(box) == []
        await box.live(200)
        await echo(box)
        box.server.answer("r2", "i2", LOUD * 4800)
        await box.live(40)
        [exchange] = ended(box)
        assert (exchange.ended, exchange.reason, exchange.response_id) == ("heard", "", "r2")


@virtual
async def test_question_asked_while_a_tool_works_comes_first() -> None:
    async with kitchen() as box:
        await box.ask_aloud()
        await call(box, "ask_oven")
        await box.ask_aloud()
        [exchange] = ended(box)
        assert (exchange.ended, exchange.reason) == ("unanswered", "the next question came first")


@virtual
async def test_stop_ends_the_exchange_that_waits_for_a_tool() -> None:
    async with kitchen() as box:
        await box.ask_aloud()
        await call(box, "ask_oven")
        await box.app.handle_request({"command": "stop"})
        [exchange] = ended(box)
        assert exchange.ended == "interrupted"


@virtual
async def test_result_for_later_leaves_the_exchange_to_the_next_question() -> None:
    async with kitchen() as box:
        await box.ask_aloud()
        await call(box, "note_down")
        await echo(box)
        assert json.dumps(box.app.status())
        await box.ask_aloud()
        [exchange] = ended(box)
        assert exchange.number == 1


@virtual
async def test_voice_over_the_answer_ends_that_answer_and_not_the_new_question() -> None:
    async with handsfree() as box:
        for number in (1, 2):
            box.server.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"u{number}")
            await box.live(10)
            box.server.say("input_audio_buffer.speech_stopped", audio_end_ms=100, item_id=f"u{number}")
            box.server.say("input_audio_buffer.committed", item_id=f"u{number}")
            box.server.answer(f"r{number}", f"i{number}", LOUD * 24_000)
            await box.live(20)
        await box.live(100)
        assert [(exchange.number, exchange.ended) for exchange in ended(box)] == [
            (1, "interrupted"),
            (2, "heard"),
        ]


@virtual
async def test_question_asked_of_a_ringing_box_is_one_exchange_to_its_answer() -> None:
    async with handsfree() as box:
        box.app.alarms.set(0.1, "tea")
        await box.live(100)
        box.server.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
        await box.live(10)
        box.server.say("input_audio_buffer.speech_stopped", audio_end_ms=100, item_id="u1")
        await box.live(2)
        assert ended(box) == []
        box.server.say("input_audio_buffer.committed", item_id="u1")
        box.server.answer("r1", "i1", LOUD * 4800)
        await box.live(60)
        assert [exchange.ended for exchange in ended(box)] == ["heard"]


@virtual
async def test_answer_without_a_loudspeaker_says_why_nobody_heard_it() -> None:
    async with kitchen() as box:
        await box.ask_aloud()
        box.speaker.unplug()
        await box.live(100)
        box.server.answer("r1", "i1", LOUD * 4800)
        await box.live(10)
        [exchange] = ended(box)
        assert (exchange.ended, exchange.reason) == ("unanswered", "no loudspeaker")


@virtual
async def test_question_cut_short_by_muting_says_so() -> None:
    async with handsfree() as box:
        box.server.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u1")
        await box.live(10)
        await box.app.handle_request({"command": "mute", "on": True})
        await box.live(2)
        [exchange] = ended(box)
        assert (exchange.ended, exchange.reason) == ("unanswered", "muted")
