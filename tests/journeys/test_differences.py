"""Where we differ from the SDKs on purpose, one test each, over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from daemon.realtime import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RealtimePlaybackTracker,
    RealtimeRunner,
    ToolGuardrailFunctionOutput,
    function_tool,
    output_guardrail,
    realtime_handoff,
    tool_input_guardrail,
)
from tests.journeys.sessions import Talk, talking

VAD = {"type": "server_vad", "create_response": False}
LONG = '[[answer]]\npace = 0\nitems = [{text = "A long story.", seconds = 20}]\n'
SLOW = '[[answer]]\npace = 1\nlate_deltas = 5\nitems = [{text = "A long story.", seconds = 5}]\n'


def call(name: str, arguments: str = "{}") -> str:
    return f'[[answer]]\nfunction_call = {{name = "{name}", arguments = {arguments}}}\n'


@function_tool
def clock() -> str:
    """What time it is."""
    return "noon"


async def interrupted_while_playing(talk: Talk) -> Any:
    await talk.session.send_message("tell me")
    await talk.until("audio_end")
    await talk.session.interrupt()
    return await talk.until("audio_interrupted")


# ---- barge-in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["off", "button", "local_vad", "wake_word"])
def test_barge_in_is_a_policy_and_others_than_server_vad_do_not_hear_the_server(policy: str) -> None:
    async def run() -> None:
        config = {"barge_in": policy, "model_settings": {"turn_detection": VAD}}
        async with talking(LONG, config=config) as talk:
            await talk.session.send_message("tell me")
            await talk.until("audio_end")
            await talk.speak()
            await talk.until("speech_stopped")
            assert talk.of("audio_interrupted") == []
            assert talk.sent("conversation.item.truncate") == []
            update = talk.sent("session.update")[0]["session"]
            assert update["audio"]["input"]["turn_detection"]["interrupt_response"] is False
            await talk.session.interrupt()
            await talk.until("audio_interrupted")

    asyncio.run(run())


def test_barge_in_by_server_vad_cuts_the_answer() -> None:
    async def run() -> None:
        config = {"barge_in": "server_vad", "model_settings": {"turn_detection": VAD}}
        async with talking(LONG, config=config) as talk:
            await talk.session.send_message("tell me")
            await talk.until("audio_end")
            await talk.speak()
            await talk.until("audio_interrupted")
            assert talk.types.index("speech_started") < talk.types.index("audio_interrupted")

    asyncio.run(run())


# ---- interruption ------------------------------------------------------------------------------------


def test_late_audio_of_an_interrupted_response_is_dropped_by_id() -> None:
    async def run() -> None:
        async with talking(SLOW) as talk:
            await talk.session.send_message("tell me")
            await talk.until("audio", 3)
            await talk.session.interrupt()
            await talk.until("agent_end")
            await asyncio.sleep(0.1)
            deltas = [
                event for _, event in talk.server.sent if event["type"] == "response.output_audio.delta"
            ]
            cut = talk.types.index("audio_interrupted")
            assert "audio" not in talk.types[cut:]
            assert len(deltas) > len(talk.of("audio"))

    asyncio.run(run())


def test_playback_is_tracked_until_it_has_been_heard_not_until_it_was_generated() -> None:
    async def run() -> None:
        async with talking(LONG) as talk:
            await talk.session.send_message("tell me")
            await talk.until("agent_end")
            await asyncio.sleep(0.3)
            await talk.session.interrupt()
            await talk.until("audio_interrupted")
            await talk.until("history_updated", len(talk.of("history_updated")) + 1)
            (cut,) = talk.sent("conversation.item.truncate")
            assert 250 <= cut["audio_end_ms"] <= 1500

    asyncio.run(run())


def test_every_queued_item_is_truncated_at_its_own_heard_position_floored() -> None:
    two = (
        "[[answer]]\npace = 0\n"
        'items = [{text = "One moment.", seconds = 4}, {text = "It is three.", seconds = 4}]\n'
    )

    async def run() -> None:
        tracker = RealtimePlaybackTracker()
        async with talking(two, playback_tracker=tracker) as talk:
            await talk.session.send_message("tell me")
            await talk.until("agent_end")
            first, second = dict.fromkeys(event.item_id for event in talk.of("audio"))
            tracker.on_play_ms(first, 0, 123.9)
            await talk.session.interrupt()
            interrupted = await talk.until("audio_interrupted")
            assert interrupted.item_id == first
            await talk.until_true(lambda: len(talk.sent("conversation.item.truncate")) == 2, "two cuts")
            cuts = [(cut["item_id"], cut["audio_end_ms"]) for cut in talk.sent("conversation.item.truncate")]
            assert cuts == [(first, 123), (second, 0)]

    asyncio.run(run())


def test_an_explicit_stop_always_cancels() -> None:
    async def run() -> None:
        async with talking(SLOW) as talk:  # with the default turn detection, which interrupts by itself
            await talk.session.send_message("tell me")
            await talk.until("audio", 2)
            await talk.session.interrupt()
            await talk.until("agent_end")
            assert len(talk.sent("response.cancel")) == 1

    asyncio.run(run())


def test_audio_interrupted_comes_only_when_something_was_interrupted() -> None:
    async def run() -> None:
        script = '[[answer]]\npace = 0\nitems = [{text = "Yes.", seconds = 0.2}]\n'
        async with talking(script, config={"model_settings": {"turn_detection": VAD}}) as talk:
            await talk.session.interrupt()
            await talk.session.send_message("tell me")
            await talk.until("playback_drained")
            await talk.session.interrupt()
            await talk.speak()
            await talk.until("speech_stopped")
            assert talk.of("audio_interrupted") == []
            assert talk.sent("conversation.item.truncate") == []

    asyncio.run(run())


# ---- responses ---------------------------------------------------------------------------------------


def test_a_create_that_lost_the_race_is_retried_so_that_the_tool_result_is_spoken() -> None:
    async def run() -> None:
        script = f"lost_creates = 1\n{call('clock')}"
        async with talking(script, RealtimeAgent(name="Box", tools=[clock])) as talk:
            await talk.session.send_message("what time is it")
            await talk.until_true(lambda: "The tool said: noon" in str(talk.session.history), "spoken result")
            assert talk.of("error") == []

    asyncio.run(run())


def test_failed_and_incomplete_responses_and_rate_limits_are_events() -> None:
    script = (
        '[[answer]]\nstatus = "failed"\nerror_code = "rate_limit_exceeded"\n'
        '[[answer]]\nstatus = "incomplete"\nerror_code = "max_output_tokens"\nitems = [{text = "I begin"}]\n'
    )

    async def run() -> None:
        async with talking(script) as talk:
            await talk.session.send_message("one")
            first = await talk.until("response_failed")
            await talk.session.send_message("two")
            second = await talk.until("response_failed", 2)
            assert [first.status, second.status] == ["failed", "incomplete"]
            assert "max_output_tokens" in second.detail
            assert {limit["name"] for limit in talk.of("rate_limits")[0].limits} == {"requests", "tokens"}

    asyncio.run(run())


def test_partial_user_transcripts_are_events() -> None:
    async def run() -> None:
        config = {"model_settings": {"turn_detection": VAD}}
        async with talking('transcripts = ["turn on the light"]', config=config) as talk:
            await talk.speak()
            await talk.until("user_transcript_delta")
            await talk.until_true(lambda: "turn on the light" in str(talk.session.history), "transcript")

            def said() -> str:
                return "".join(event.delta for event in talk.of("user_transcript_delta"))

            await talk.until_true(lambda: said() == "turn on the light", "all of its parts")

    asyncio.run(run())


def test_usage_is_summed_per_modality_with_the_cached_share_counted_once() -> None:
    async def run() -> None:
        async with talking() as talk:
            for times in (1, 2, 3):
                await talk.session.send_message("hello again")
                await talk.until("agent_end", times)
            told = [e["response"]["usage"] for _, e in talk.server.sent if e["type"] == "response.done"]
            usage = talk.session.usage
            assert usage.requests == 3
            assert usage.total_tokens == sum(each["total_tokens"] for each in told)
            cached = sum(each["input_token_details"]["cached_tokens"] for each in told)
            assert usage.input_tokens_details.cached_tokens == cached > 0
            assert usage.input_tokens == sum(each["input_tokens"] for each in told)

    asyncio.run(run())


# ---- nothing ends the session ------------------------------------------------------------------------


@function_tool(failure_error_function=None)
def broken() -> str:
    """Fails."""
    raise SystemExit("the tool wants to leave")


@function_tool(timeout=0.05, timeout_behavior="raise_exception")
async def hanging() -> str:
    """Hangs."""
    await asyncio.sleep(60)
    return "never"


@tool_input_guardrail
def never(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.raise_exception("no")


@function_tool(tool_input_guardrails=[never])
def forbidden() -> str:
    """Is never made."""
    return "made"


@pytest.mark.parametrize("tool", [broken, hanging, forbidden], ids=lambda tool: tool.name)
def test_no_tool_guardrail_or_time_out_ends_the_session(tool: Any) -> None:
    async def run() -> None:
        async with talking(call(tool.name), RealtimeAgent(name="Box", tools=[tool])) as talk:
            await talk.session.send_message("do it")
            await talk.until("error")
            await talk.until("audio_end")  # the model is told, and does not wait for ever
            await talk.session.send_message("go on")
            await talk.until("audio_end", 2)

    asyncio.run(run())


def test_no_frame_ends_the_session() -> None:
    frames = '"truncated_json", "array", "null", "binary", "unknown_type", "missing_fields", "huge"'
    script = f'[[fault]]\naction = "garbage"\nafter = "response.created"\nframes = [{frames}]\n'

    async def run() -> None:
        async with talking(script) as talk:
            await talk.session.send_message("hello")
            await talk.until("audio_end")
            assert len(talk.of("error")) >= 5
            assert talk.of("connection")[-1].status == "connected"

    asyncio.run(run())


# ---- guardrails --------------------------------------------------------------------------------------


@output_guardrail
def no_secrets(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput({"seen": text}, "password" in text)


def test_output_guardrails_also_run_on_the_final_text() -> None:
    async def run() -> None:
        script = '[[answer]]\npace = 0\nitems = [{text = "The password is x.", seconds = 9}]\n'
        async with talking(script, RealtimeAgent(name="Box", output_guardrails=[no_secrets])) as talk:
            await talk.session.send_message("tell me")
            tripped = await talk.until("guardrail_tripped")
            await talk.until("audio_interrupted")
            assert tripped.message == "The password is x."  # shorter than the 100 characters between checks
            await talk.until("agent_end", 2)
            said = [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")]
            assert said == ["tell me", "guardrail triggered: no_secrets"]

    asyncio.run(run())


# ---- history -----------------------------------------------------------------------------------------


def test_history_keeps_positions_and_no_audio() -> None:
    async def run() -> None:
        async with talking() as talk:
            for times, text in enumerate(["one", "two"], 1):
                await talk.session.send_message(text)
                await talk.until("playback_drained", times)
            first = talk.session.history[0]
            changed = type(first)(first.item_id, [type(first.content[0])("uno")])
            await talk.session.update_history(lambda items: [changed, *items[1:]])
            await talk.until_true(lambda: "uno" in str(talk.session.history[0]), "the change")
            assert [item.role for item in talk.session.history] == ["user", "assistant"] * 2
            at_the_server = [item.id for item in talk.server.connections[0].session.conversation]
            assert at_the_server == [item.item_id for item in talk.session.history]
            assert all(
                getattr(part, "audio", None) is None for i in talk.session.history for part in i.content
            )

    asyncio.run(run())


def test_a_transcript_that_arrives_before_its_item_is_kept() -> None:
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    transcribed = "conversation.item.input_audio_transcription.completed"

    async def play(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(json.dumps({"type": "session.updated", "session": {"type": "realtime"}}))
        early = {"type": transcribed, "item_id": "u1", "content_index": 0, "transcript": "hello"}
        await connection.send(json.dumps(early))
        await connection.send(json.dumps({"type": "conversation.item.added", "item": item}))
        await connection.wait_closed()

    async def run() -> None:
        async with serve(play, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            runner: RealtimeRunner[Any] = RealtimeRunner(RealtimeAgent(name="Box"))
            async with await runner.run(model_config={"api_key": "key", "url": url}) as session:
                async for event in session:
                    if event.type == "history_added":
                        assert event.item.content[0].transcript == "hello"  # type: ignore[union-attr]
                        return

    asyncio.run(run())


# ---- hand-offs and settings --------------------------------------------------------------------------


def test_run_time_overrides_survive_hand_offs() -> None:
    async def run() -> None:
        cook = RealtimeAgent(name="Cook", instructions="You cook.")
        host = RealtimeAgent(name="Host", instructions="You greet.", handoffs=[realtime_handoff(cook)])
        async with talking(call("transfer_to_cook"), host) as talk:
            await talk.session.update_settings({"turn_detection": None, "speed": 1.2})
            await talk.session.send_message("I am hungry")
            await talk.until("handoff")
            await talk.until("audio_end")
            assert talk.session.current_agent is cook
            config = talk.server.connections[0].session._config
            assert config["instructions"] == "You cook."
            assert config["audio"]["input"]["turn_detection"] is None
            assert config["audio"]["output"]["speed"] == 1.2

    asyncio.run(run())


def test_tools_are_always_sent_also_when_there_are_none() -> None:
    async def run() -> None:
        host = RealtimeAgent(name="Host", tools=[clock])
        async with talking(agent=host) as talk:
            await talk.session.update_agent(RealtimeAgent(name="Bare"))
            await talk.until_true(lambda: len(talk.sent("session.update")) == 2, "the update")
            assert [update["session"]["tools"] for update in talk.sent("session.update")][1] == []

    asyncio.run(run())


# ---- the connection ----------------------------------------------------------------------------------


def test_the_microphone_is_gated_until_the_session_is_configured() -> None:
    async def run() -> None:
        async with talking(wait_until_ready=False) as talk:
            await talk.session.send_audio(bytes(9600))
            await talk.until_true(lambda: bool(talk.sent("session.update")), "connection")
            await talk.until("connection", 2)
            await asyncio.sleep(0.1)
            await talk.session.send_audio(bytes(4800))
            await talk.until_true(lambda: bool(talk.sent("input_audio_buffer.append")), "audio")
            assert len(talk.sent("input_audio_buffer.append")) == 1
            assert talk.session.model.protocol.counters.gated_appends == 1  # type: ignore[attr-defined]

    asyncio.run(run())


def test_permessage_deflate_is_not_offered() -> None:
    async def run() -> None:
        async with talking("deflate = true") as talk:
            assert talk.server.connections[0].extensions == ()
            assert "sec-websocket-extensions" not in talk.server.handshakes[0]

    asyncio.run(run())


def test_a_lost_connection_is_made_anew_with_the_conversation_as_text() -> None:
    async def run() -> None:
        script = '[[fault]]\naction = "reset"\nafter = "response.done:2"\n'
        async with talking(script) as talk:
            await talk.session.send_message("my name is Ada")
            await talk.until("agent_end")
            await talk.session.send_message("remember it")
            await talk.until_true(lambda: len(talk.server.connections) == 2, "second connection")
            before = [item.item_id for item in talk.session.history]
            await talk.until_true(lambda: len(talk.server.connections[1].received) >= 5, "replay")
            replayed = [event["item"] for _, event in talk.server.connections[1].received if "item" in event]
            assert [item["id"] for item in replayed] == before
            assert [part["type"] for item in replayed for part in item["content"]] == [
                "input_text",
                "output_text",
            ] * 2
            await talk.session.send_message("what is my name")
            await talk.until("agent_end", 3)
            assert [item.item_id for item in talk.session.history][:4] == before

    asyncio.run(run())


def test_close_1001_is_a_lost_session_not_a_normal_end() -> None:
    async def run() -> None:
        script = '[[fault]]\naction = "expire"\nafter = "response.done"\n'
        async with talking(script) as talk:
            await talk.session.send_message("hello")
            await talk.until("session_expired")
            await talk.until_true(lambda: len(talk.server.connections) == 2, "second connection")
            await talk.session.send_message("still there?")
            await talk.until("agent_end", 2)

    asyncio.run(run())
