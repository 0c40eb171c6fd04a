"""What goes into a session, and what the server says of the user, with the server played by the test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from virtual_loop import run_virtual

from daemon.realtime import RealtimeAgent
from tests.daemon.realtime.played import played


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        run_virtual(test())

    return run


@virtual
async def test_a_message_may_ask_for_no_answer() -> None:
    async with played() as play:
        await play.session.send_message("for later", trigger_response=False)
        assert len(play.server.of("conversation.item.create")) == 1
        assert play.server.of("response.create") == []


@virtual
async def test_a_commit_ends_the_turn_and_asks_for_no_answer() -> None:
    async with played() as play:
        await play.session.send_audio(bytes(4800), commit=True)
        kinds = [event["type"] for event in play.server.events][1:]
        assert kinds == ["input_audio_buffer.append", "input_audio_buffer.commit"]


@virtual
async def test_an_idle_time_out_and_partial_words_of_the_user_are_events() -> None:
    async with played() as play:
        play.server.say(
            "input_audio_buffer.timeout_triggered", item_id="u", audio_start_ms=0, audio_end_ms=6000
        )
        play.server.say(
            "conversation.item.input_audio_transcription.delta", item_id="u", content_index=0, delta="hel"
        )
        await play.settle()
        assert len(play.of("input_audio_timeout_triggered")) == 1
        assert [event.delta for event in play.of("user_transcript_delta")] == ["hel"]


@virtual
async def test_agent_end_names_the_agent_that_began_the_answer() -> None:
    host, cook = RealtimeAgent(name="Host"), RealtimeAgent(name="Cook")
    host.handoffs.append(cook)
    async with played(host) as play:
        play.server.created("r1")
        play.call_item("transfer_to_cook", "{}", "c1", "r1")
        await play.settle()
        play.server.done("r1")
        await play.settle()
        assert play.session.current_agent is cook
        assert [event.agent.name for event in play.of("agent_end")] == ["Host"]
