"""A session in virtual time, with the server played by the test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest
from box import Server
from virtual_loop import run_virtual

from daemon.realtime import (
    ModelBehaviorError,
    RealtimeAgent,
    RealtimeAgentHooks,
    RealtimeModel,
    RealtimeRunHooks,
    RealtimeRunner,
    RunContextWrapper,
    ToolGuardrailFunctionOutput,
    UserError,
    function_tool,
    hosted_mcp_tool,
    realtime_handoff,
    tool_input_guardrail,
    tool_output_guardrail,
)
from daemon.realtime.blocking import BlockingCalls
from daemon.realtime.model_events import RealtimeModelToolCallEvent
from daemon.realtime.protocol import HeardPosition
from daemon.realtime.renewal import RENEW_AFTER_S
from daemon.realtime.transports.port import Refusal, TransportRefused
from tests.daemon.realtime.played import Played, played


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        run_virtual(test())

    return run


@function_tool
async def clock() -> str:
    """What time it is."""
    return "noon"


@function_tool
async def slow() -> str:
    """Takes a minute."""
    await asyncio.sleep(60)
    return "done"


@function_tool(needs_approval=True)
async def unlock() -> str:
    """Open the door."""
    return "open"


BOX = RealtimeAgent(name="Box", tools=[clock, slow, unlock])


# ---- tools -------------------------------------------------------------------------------------------


@virtual
async def test_a_call_is_made_answered_and_spoken_about() -> None:
    async with played(BOX) as play:
        await play.call("clock")
        assert play.outputs() == [("c1", "noon")]
        assert len(play.server.of("response.create")) == 1
        order = [
            kind for kind in play.types if kind in ("agent_start", "tool_start", "tool_end", "agent_end")
        ]
        assert order == ["agent_start", "agent_end", "tool_start", "tool_end"]


@virtual
async def test_the_same_call_is_made_once_and_a_changed_one_is_an_error() -> None:
    async with played(BOX) as play:
        for arguments in ("{}", "{}", '{"a": 1}'):
            call = RealtimeModelToolCallEvent("clock", "c1", arguments, "i1", "r1")
            play.session._tools.start(call, play.session.leading.tools)
            await play.settle()
        assert play.outputs() == [("c1", "noon")]
        assert [type(event.error) for event in play.of("error")] == [ModelBehaviorError]


@virtual
async def test_an_unknown_tool_is_answered_with_the_nearest_name() -> None:
    async with played(BOX) as play:
        await play.call("clok")
        assert play.outputs() == [("c1", "Tool clok not found; did you mean 'clock'?")]
        assert len(play.of("error")) == 1


@virtual
async def test_a_tool_that_was_switched_off_meanwhile_is_not_made() -> None:
    on = [True]

    @function_tool(is_enabled=lambda context, agent: on[0])
    async def switch() -> str:
        """Is on or off."""
        return "never"

    async with played(RealtimeAgent(name="Box", tools=[switch])) as play:
        on.clear()
        on.append(False)
        await play.call("switch")
        assert play.outputs()[0][1].startswith("Tool switch not found")


@virtual
async def test_a_call_goes_to_the_tools_in_force_when_its_response_began() -> None:
    async with played(BOX) as play:
        play.server.created("r1")
        await play.settle()
        await play.session.update_agent(RealtimeAgent(name="Bare"))
        play.call_item("clock", "{}", "c1", "r1")
        await play.settle()
        assert play.outputs() == [("c1", "noon")]
        assert play.of("tool_end")[0].agent is BOX


@virtual
async def test_slow_tools_run_side_by_side_or_one_after_the_other() -> None:
    for at_once, after_a_minute in ((True, 2), (False, 1)):
        async with played(BOX, {"async_tool_calls": at_once}) as play:
            await play.call("slow", call_id="c1", response_id="r1")
            await play.call("slow", call_id="c2", response_id="r2")
            await asyncio.sleep(61)
            assert len(play.outputs()) == after_a_minute


@virtual
async def test_a_running_call_can_be_cancelled() -> None:
    async with played(BOX) as play:
        await play.call("slow")
        assert await play.session.cancel_tool_call("c1")
        assert play.outputs() == [("c1", "The call was cancelled.")]
        assert not await play.session.cancel_tool_call("c1")


@virtual
async def test_a_tool_that_ignores_being_cancelled_holds_up_nobody() -> None:
    @function_tool(timeout=1.0)
    async def stubborn() -> str:
        """Will not stop."""
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1.5)
        return "late"

    async with played(RealtimeAgent(name="Box", tools=[stubborn])) as play:
        await play.call("stubborn")
        await asyncio.sleep(1.1)
        assert play.outputs() == [("c1", "Tool 'stubborn' timed out after 1 seconds.")]
        await asyncio.sleep(10)


@virtual
async def test_a_tool_that_cancels_itself_is_a_tool_that_failed() -> None:
    @function_tool
    async def odd() -> str:
        """Cancels itself."""
        raise asyncio.CancelledError

    async with played(RealtimeAgent(name="Box", tools=[odd])) as play:
        await play.call("odd")
        assert "cancelled itself" in play.outputs()[0][1]


@virtual
async def test_a_slow_tool_is_bridged_by_a_sentence_if_nobody_speaks() -> None:
    async with played(BOX, {"filler_after_s": 2, "filler_instructions": "Hum."}) as play:
        await play.call("slow")
        await asyncio.sleep(3)
        (create,) = play.server.of("response.create")
        assert create["response"] == {"instructions": "Hum.", "tool_choice": "none"}


@virtual
async def test_a_slow_tool_is_not_bridged_while_somebody_speaks_or_when_it_is_fast() -> None:
    async with played(BOX, {"filler_after_s": 2}) as play:
        await play.call("clock", call_id="c0", response_id="r0")
        play.server.created("r1")
        play.call_item("slow", "{}", "c1", "r1")
        await asyncio.sleep(3)
        assert [create.get("response") for create in play.server.of("response.create")] == [None]


@virtual
async def test_a_result_that_is_no_text_and_history_for_the_tool() -> None:
    @function_tool
    async def remember(context: RunContextWrapper[Any]) -> dict[str, Any]:
        """Looks back."""
        return {"items": len(context.history), "mine": context.context}

    async with played(RealtimeAgent(name="Box", tools=[remember])) as play:
        play.session.context.context = "mine"
        await play.call("remember")
        assert play.outputs() == [("c1", '{"items": 1, "mine": "mine"}')]
        assert play.of("tool_end")[0].output == {"items": 1, "mine": "mine"}


@pytest.mark.parametrize("side", ["input", "output"])
def test_tool_guardrails_replace_the_result(side: str) -> None:
    def refuse(data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.reject_content("not this")

    made: list[str] = []
    guards: Any = {
        f"tool_{side}_guardrails": [
            {"input": tool_input_guardrail, "output": tool_output_guardrail}[side](refuse)
        ]
    }

    @function_tool(**guards)
    async def guarded() -> str:
        """Guarded."""
        made.append("made")
        return "secret"

    async def run() -> None:
        async with played(RealtimeAgent(name="Box", tools=[guarded])) as play:
            await play.call("guarded")
            assert play.outputs() == [("c1", "not this")]
            assert made == (["made"] if side == "output" else [])

    run_virtual(run())


# ---- approvals ---------------------------------------------------------------------------------------


@virtual
async def test_a_call_waits_for_a_person_and_the_conversation_does_not() -> None:
    async with played(BOX) as play:
        await play.call("unlock")
        assert [event.call_id for event in play.of("tool_approval_required")] == ["c1"]
        await play.call("clock", call_id="c2", response_id="r2")
        assert play.outputs() == [("c2", "noon")]
        await play.session.approve_tool_call("c1")
        await play.settle()
        assert play.outputs()[1] == ("c1", "open")


@virtual
async def test_nobody_deciding_is_a_rejection_in_the_end() -> None:
    async with played(BOX, {"approval_timeout_s": 30}) as play:
        await play.call("unlock")
        await asyncio.sleep(31)
        assert play.outputs() == [("c1", "Nobody approved the call in time, so it was not made.")]
        assert "tool_start" not in play.types


@virtual
async def test_a_decision_for_good_holds_for_later_calls() -> None:
    async with played(BOX) as play:
        await play.call("unlock")
        await play.session.reject_tool_call("c1", always=True, rejection_message="No.")
        await play.settle()
        await play.call("unlock", call_id="c2", response_id="r2")
        assert play.outputs() == [("c1", "No."), ("c2", "No.")]
        await play.session.approve_tool_call("nobody")


@pytest.mark.parametrize(
    ("formatter", "text"),
    [
        (lambda args: f"{args.tool_name}: no", "unlock: no"),
        (lambda args: None, "Tool execution was not approved."),
        (lambda args: 1 / 0, "Tool execution was not approved."),
    ],
)
def test_the_text_of_a_rejection_can_be_written(formatter: Any, text: str) -> None:
    async def run() -> None:
        async with played(BOX, {"tool_error_formatter": formatter}) as play:
            await play.call("unlock")
            await play.session.reject_tool_call("c1")
            await play.settle()
            assert play.outputs() == [("c1", text)]

    run_virtual(run())


# ---- hand-offs ---------------------------------------------------------------------------------------


def failing(context: Any) -> None:
    raise RuntimeError("no")


@virtual
async def test_a_handoff_is_one_update_and_its_answer() -> None:
    cook = RealtimeAgent(name="Cook", instructions="You cook.")
    async with played(RealtimeAgent(name="Host", handoffs=[cook])) as play:
        await play.call("transfer_to_cook")
        kinds = [event["type"] for event in play.server.events][1:]
        assert kinds == ["session.update", "conversation.item.create", "response.create"]
        assert play.outputs() == [("c1", '{"assistant": "Cook"}')]
        update = play.server.of("session.update")[1]["session"]
        assert update == {"type": "realtime", "instructions": "You cook.", "tools": []}


@virtual
async def test_a_handoff_that_fails_keeps_the_agent() -> None:
    host = RealtimeAgent(name="Host", handoffs=[realtime_handoff(BOX, on_handoff=failing)])
    async with played(host) as play:
        await play.call("transfer_to_box")
        assert play.session.current_agent is host
        assert len(play.server.of("session.update")) == 1
        assert play.outputs() == [("c1", "The hand-off failed, Host goes on.")]
        assert isinstance(play.of("error")[0].error, RuntimeError)


@virtual
async def test_an_update_the_server_refuses_brings_the_agent_back() -> None:
    async with played(RealtimeAgent(name="Host", handoffs=[BOX])) as play:
        play.server.configure = False
        await play.call("transfer_to_box")
        assert play.session.current_agent is BOX
        update = play.server.of("session.update")[1]
        play.server.say("error", error={"code": "bad", "message": "no", "event_id": update["event_id"]})
        await play.settle()
        assert play.session.current_agent.name == "Host"


@virtual
async def test_of_two_handoffs_in_one_response_the_first_counts() -> None:
    one, two = RealtimeAgent(name="One"), RealtimeAgent(name="Two")
    async with played(RealtimeAgent(name="Host", handoffs=[one, two])) as play:
        play.server.created("r1")
        play.call_item("transfer_to_one", "{}", "c1", "r1")
        play.call_item("transfer_to_two", "{}", "c2", "r1")
        await play.settle()
        assert play.session.current_agent is one
        assert play.outputs()[1] == ("c2", "The conversation is with One already.")


@virtual
async def test_the_voice_stays_once_it_was_heard() -> None:
    async with played(RealtimeAgent(name="Host", voice="ash")) as play:
        play.server.answer("r1", "i1", bytes(960))
        await play.settle()
        await play.session.update_agent(RealtimeAgent(name="Other", voice="sage"))
        assert "audio" not in play.server.of("session.update")[1]["session"]


@virtual
async def test_an_agent_whose_instructions_fail_does_not_take_over() -> None:
    async with played(BOX) as play:
        with pytest.raises(ZeroDivisionError):
            await play.session.update_agent(RealtimeAgent(name="Bad", instructions=lambda c, a: 1 / 0))  # type: ignore[arg-type,return-value]
        assert play.session.current_agent is BOX


# ---- events ------------------------------------------------------------------------------------------


class Notes(RealtimeRunHooks[Any], RealtimeAgentHooks[Any]):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_agent_start(self, context: Any, agent: Any) -> None:
        self.seen.append(f"start {agent.name}")

    async def on_agent_end(self, context: Any, agent: Any, output: str) -> None:
        self.seen.append(f"end {agent.name}: {output}")

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        self.seen.append(f"tool {tool.name}")
        raise RuntimeError("a hook may fail")

    async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
        self.seen.append(f"result {result}")


@virtual
async def test_hooks_are_called_in_order_and_may_fail() -> None:
    notes = Notes()
    async with played(BOX, {"hooks": notes}) as play:
        await play.call("clock")
        assert notes.seen == ["start Box", "end Box: ", "tool clock", "result noon"]
        assert [str(event.error) for event in play.of("error")] == ["a hook may fail"]


@virtual
async def test_a_failed_transcription_and_a_refused_frame_are_events() -> None:
    async with played(BOX) as play:
        failed = "conversation.item.input_audio_transcription.failed"
        play.server.say(failed, item_id="u", content_index=0, error={"message": "too quiet"})
        play.server.inbox.put_nowait("{")
        await play.settle()
        assert play.of("user_transcript_failed")[0].message == "too quiet"
        assert len(play.of("error")) == 1


@virtual
async def test_playback_is_drained_when_the_last_of_an_answer_was_heard() -> None:
    async with played(BOX) as play:
        play.server.answer("r1", "i1", bytes(48_000 * 2))
        await play.settle()
        assert "agent_end" in play.types
        await asyncio.sleep(1.9)
        assert "playback_drained" not in play.types
        await asyncio.sleep(0.2)
        assert play.types[-1] == "playback_drained"


@virtual
async def test_hosted_mcp_calls_ask_and_are_answered() -> None:
    docs = hosted_mcp_tool("docs", server_url="https://x/")
    approving = hosted_mcp_tool("files", server_url="https://y/", on_approval=lambda context, request: True)
    async with played(RealtimeAgent(name="Box", tools=[docs, approving])) as play:
        for number, label in enumerate(("docs", "files", "unknown")):
            item = {"id": f"m{number}", "type": "mcp_approval_request", "server_label": label, "name": "x"}
            play.server.say("conversation.item.done", item={**item, "arguments": "{}"})
        await play.settle()
        assert [event.call_id for event in play.of("tool_approval_required")] == ["m0"]
        await play.session.reject_tool_call("m0", rejection_message="no")
        answers = {
            e["item"]["approval_request_id"]: e["item"] for e in play.server.of("conversation.item.create")
        }
        assert {key: item["approve"] for key, item in answers.items()} == {
            "m0": False,
            "m1": True,
            "m2": False,
        }
        assert answers["m0"]["reason"] == "no"


@pytest.mark.parametrize("respond", [True, False])
def test_a_hosted_call_is_told_and_spoken_about_if_wanted(respond: bool) -> None:
    async def run() -> None:
        config = {"automatically_trigger_response_for_mcp_tool_calls": respond}
        async with played(BOX, config) as play:
            item = {"id": "m", "type": "mcp_call", "server_label": "d", "name": "x", "arguments": "{}"}
            play.server.say("conversation.item.done", item={**item, "output": "found"})
            await play.settle()
            assert play.of("mcp_tool_call_completed")[0].call.output == "found"
            assert len(play.server.of("response.create")) == int(respond)

    run_virtual(run())


@virtual
async def test_the_users_audio_is_kept_if_wanted() -> None:
    async with played(BOX, {"history_store_audio": True}) as play:
        user: dict[str, Any] = {"id": "u", "type": "message", "role": "user"}
        play.server.say("input_audio_buffer.committed", item_id="u")
        play.server.say("conversation.item.added", item={**user, "content": [{"type": "input_audio"}]})
        await play.settle()
        assert play.server.of("conversation.item.retrieve")[0]["item_id"] == "u"
        with_audio = {**user, "content": [{"type": "input_audio", "audio": "AAAA"}]}
        play.server.say("conversation.item.retrieved", item=with_audio)
        await play.settle()
        assert play.session.history[0].content[0].audio == "AAAA"  # type: ignore[union-attr]


# ---- the connection ----------------------------------------------------------------------------------


@virtual
async def test_an_old_session_is_renewed_in_silence_and_goes_on() -> None:
    async with played(BOX) as play:
        await play.session.send_message("remember me")
        item = play.server.of("conversation.item.create")[0]["item"]
        play.server.say("conversation.item.added", item=item)
        play.server.answer("r1", "i1", bytes(960))
        await asyncio.sleep(RENEW_AFTER_S + 1)
        assert len(play.servers) == 2
        assert play.server.of("conversation.item.create")[0]["item"] == item
        assert play.server.of("session.update")[0]["session"]["tools"] != []


@virtual
async def test_an_old_session_is_not_renewed_while_it_answers() -> None:
    async with played(BOX) as play:
        for _ in range(int(RENEW_AFTER_S // 20) + 3):
            play.server.created("r1")
            play.server.delta("r1", "i1", bytes(960))
            await asyncio.sleep(20)
        assert len(play.servers) == 1
        play.server.done("r1")
        await asyncio.sleep(10)
        assert len(play.servers) == 2


@virtual
async def test_the_connection_may_be_shared_with_an_owner_of_the_loudspeaker() -> None:
    async with played(BOX) as play:
        play.server.answer("r1", "i1", bytes(48_000))
        await play.settle()
        heard = [HeardPosition("i1", 0, 321)]
        play.model.protocol.interrupt(heard, asyncio.get_running_loop().time())
        play.model.link.flush()
        await play.settle()
        assert play.of("audio_interrupted")[0].item_id == "i1"
        await play.session.interrupt()
        await asyncio.sleep(5)
        assert [cut["audio_end_ms"] for cut in play.server.of("conversation.item.truncate")] == [321]
        assert "playback_drained" not in play.types


@virtual
async def test_a_tool_may_answer_on_the_next_connection() -> None:
    async with played(BOX) as play:
        await play.call("slow")
        play.server.lose()
        await asyncio.sleep(61)
        replayed, answer = (event["item"] for event in play.server.of("conversation.item.create"))
        assert (replayed["type"], replayed["call_id"]) == ("function_call", "c1")
        assert answer == {"type": "function_call_output", "call_id": "c1", "output": "done"}


@pytest.mark.parametrize("error_first", [True, False])
def test_a_session_that_expired_is_told_once_with_or_without_an_error(error_first: bool) -> None:
    async def run() -> None:
        async with played(BOX) as play:
            if error_first:
                play.server.say("error", error={"code": "session_expired", "message": "60 minutes"})
            play.server.lose(1001, "going away")
            await asyncio.sleep(1)
            assert len(play.of("session_expired")) == 1
            assert len(play.servers) == 2

    run_virtual(run())


@virtual
async def test_an_agent_that_hangs_does_not_take_over() -> None:
    async def hang(context: Any, agent: Any) -> str:
        await asyncio.sleep(3600)
        return ""

    async with played(BOX) as play:
        with pytest.raises(UserError, match="was not ready in 15 s"):
            await play.session.update_agent(RealtimeAgent(name="Stuck", instructions=hang))
        assert play.session.current_agent is BOX


@virtual
async def test_a_phone_call_that_is_over_ends_the_session_and_other_losses_do_not() -> None:
    async with played(BOX, call_id="rtc_1") as play:
        play.server.lose(1006)
        await asyncio.sleep(1)
        assert len(play.servers) == 2
        play.server.lose(1000, "hung up")
        await play.settle()
        _ = [event async for event in play.session]  # comes to an end


class Refusing(Server):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal

    async def connect(self) -> None:
        raise TransportRefused(self.refusal, "the API key was refused (HTTP 401)", 401)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(Refusal.KEY, UserError), (Refusal.MODEL, UserError), (Refusal.NETWORK, TransportRefused)],
)
def test_a_refused_connection_is_a_clear_error_and_leaves_nothing(refusal: Refusal, error: type) -> None:
    async def run() -> None:
        play = Played()
        play.next_server = [Refusing(refusal)]
        session = await RealtimeRunner(BOX, model=play.model).run(model_config={"api_key": "key"})
        with pytest.raises(error, match="the API key was refused"):
            await session.enter()
        await play.settle()
        assert len(asyncio.all_tasks()) == 1

    run_virtual(run())


@virtual
async def test_settings_the_server_refuses_are_a_clear_error() -> None:
    play = Played()
    play.next_server = [Server()]
    play.next_server[0].configure = False
    refused = {"code": "invalid_value", "message": "no such voice", "event_id": "session_1"}
    play.next_server[0].say("error", error=refused)
    session = await RealtimeRunner(BOX, model=play.model).run(model_config={"api_key": "key"})
    with pytest.raises(UserError, match="no such voice"):
        await session.enter()


@virtual
async def test_without_waiting_a_session_goes_on_trying() -> None:
    play = Played()
    play.next_server = [Refusing(Refusal.NETWORK)]
    session: Any = await RealtimeRunner(BOX, model=play.model).run(
        model_config={"api_key": "key", "wait_until_ready": False}
    )
    async with session:
        await session.send_message("hello")
        await asyncio.sleep(5)
        assert play.server.of("conversation.item.create")[0]["item"]["content"][0]["text"] == "hello"


@virtual
async def test_a_model_can_connect_again_after_it_was_closed() -> None:
    async with played(BOX) as play:
        pass
    session: Any = await RealtimeRunner(BOX, model=play.model).run(model_config={"api_key": "key"})
    async with session:
        assert session.history == []
        with pytest.raises(UserError, match="connected already"):
            await play.model.connect({"api_key": "key"})
    with pytest.raises(UserError, match="entered before"):
        await session.enter()


@virtual
async def test_a_listener_that_raises_costs_nothing_and_the_others_are_called_in_order() -> None:
    seen: list[str] = []

    def bad(event: Any) -> None:
        raise RuntimeError("listener")

    async def late(event: Any) -> None:
        await asyncio.sleep(1)
        seen.append(f"late {event.type}")

    async with played(BOX) as play:
        for listener in (bad, lambda event: seen.append(event.type), late):
            play.model.add_listener(listener)
        play.server.say("rate_limits.updated", rate_limits=[])
        await asyncio.sleep(5)
        assert seen == ["raw_server_event", "rate_limits", "late raw_server_event", "late rate_limits"]
        play.model.remove_listener(late)
        assert len(play.of("rate_limits")) == 1


@virtual
async def test_closing_ends_tools_and_iterators_and_may_come_twice() -> None:
    async with played(BOX) as play:
        await play.call("slow")
        await asyncio.gather(play.session.close(), play.session.close())
        await play.session.close()
    with pytest.raises(StopAsyncIteration):
        await anext(play.session)


@virtual
async def test_a_tool_may_close_its_own_session() -> None:
    sessions: list[Any] = []

    @function_tool
    async def bye() -> str:
        """Hang up."""
        await sessions[0].close()
        return "bye"

    async with played(RealtimeAgent(name="Box", tools=[bye])) as play:
        sessions.append(play.session)
        await play.call("bye")
        await asyncio.sleep(5)
        assert play.session._over


def test_nothing_can_be_asked_before_the_session_is_entered() -> None:
    async def run() -> None:
        session = await RealtimeRunner(BOX).run(model_config={"api_key": "key"})
        assert session.history == []
        with pytest.raises(UserError, match="not connected"):
            await session.send_message("hello")

    asyncio.run(run())


def test_a_missing_key_is_told_before_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def run() -> None:
        with pytest.raises(UserError, match="no API key"):
            await (await RealtimeRunner(BOX).run()).enter()

    asyncio.run(run())


def test_bad_configs_are_told_before_anything_else() -> None:
    async def run() -> None:
        with pytest.raises(UserError, match="voice is 'nova'"):
            await RealtimeRunner(BOX, config={"model_settings": {"voice": "nova"}}).run()
        with pytest.raises(UserError, match="call_id"):
            await RealtimeRunner(BOX).run(
                model_config={"call_id": "c", "initial_model_settings": {"model_name": "gpt-realtime"}}
            )

    asyncio.run(run())


# ---- a model of one's own ----------------------------------------------------------------------------


class Silent(RealtimeModel):
    """The least a model must do."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.listeners: list[Any] = []

    async def connect(self, options: Any) -> None:
        self.options = options

    def add_listener(self, listener: Any) -> None:
        self.listeners.append(listener)

    def remove_listener(self, listener: Any) -> None:
        self.listeners.remove(listener)

    async def send_event(self, event: Any) -> None:
        self.sent.append(event)

    async def close(self) -> None:
        pass


@virtual
async def test_a_model_of_ones_own_serves_a_session() -> None:
    model = Silent()
    session: Any = await RealtimeRunner(BOX, model=model).run()
    async with session:
        await session.send_message("hello")
        assert [type(event).__name__ for event in model.sent] == ["RealtimeModelSendUserInput"]
        tools = model.options["initial_model_settings"]["tools"]
        assert [tool["name"] for tool in tools] == ["clock", "slow", "unlock"]
        assert not await model.send_event_if(model.sent[0], lambda: True)
    assert model.listeners == []


def test_blocking_tools_run_in_threads_of_their_own_and_bounded() -> None:
    async def run() -> list[Any]:
        calls, gate, names = BlockingCalls(limit=2), threading.Event(), []
        begun = threading.Semaphore(0)

        def work() -> str:
            names.append(threading.current_thread().name)
            begun.release()
            gate.wait(5)
            return json.dumps(len(names))

        waiting = [asyncio.create_task(calls.run("x", work)) for _ in range(3)]
        await asyncio.to_thread(lambda: [begun.acquire(timeout=5) for _ in range(2)])
        await asyncio.sleep(0.05)
        assert names == ["tool x", "tool x"]
        gate.set()
        with pytest.raises(RuntimeError, match="StopIteration"):
            await calls.run("y", next, iter(()))
        return await asyncio.gather(*waiting)

    assert len(asyncio.run(run())) == 3
