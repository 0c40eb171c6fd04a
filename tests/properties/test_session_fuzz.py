"""Whatever a server sends, in whatever order: no exception escapes, no task is left, memory stays bounded."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_loop import run_virtual

from daemon.realtime import GuardrailFunctionOutput, RealtimeAgent, function_tool, output_guardrail
from tests.daemon.realtime.played import Played, played

SEQUENCES = int(os.environ.get("SEQUENCES", "500"))
"""How many; the bar of 10,000 takes a minute or two."""

RESPONSES, ITEMS, CALLS = ["r1", "r2", "r3"], ["i1", "i2", "i3"], ["c1", "c2"]
NAMES = ["fine", "broken", "slow", "asked", "transfer_to_other", "unknown"]


@function_tool
async def fine() -> str:
    """Works."""
    return "fine"


@function_tool(failure_error_function=None)
async def broken() -> str:
    """Fails."""
    raise ValueError("broken")


@function_tool(timeout=1.0)
async def slow() -> str:
    """Takes long."""
    await asyncio.sleep(30)
    return "slow"


@function_tool(needs_approval=True)
async def asked() -> str:
    """Asks first."""
    return "asked"


@output_guardrail
async def no_x(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, "x" in text)


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
response_ids, item_ids, call_ids = st.sampled_from(RESPONSES), st.sampled_from(ITEMS), st.sampled_from(CALLS)


def event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


messages = st.fixed_dictionaries(
    {
        "id": item_ids,
        "type": st.just("message"),
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": st.lists(
            st.fixed_dictionaries({"type": st.just("input_text"), "text": st.text(max_size=9)}), max_size=2
        ),
    }
)
calls = st.fixed_dictionaries(
    {
        "id": item_ids,
        "type": st.just("function_call"),
        "status": st.just("completed"),
        "name": st.sampled_from(NAMES),
        "call_id": call_ids,
        "arguments": st.sampled_from(["{}", "", "[", '{"a": 1}']),
    }
)
mcp_items = st.fixed_dictionaries(
    {
        "id": item_ids,
        "type": st.sampled_from(["mcp_approval_request", "mcp_list_tools", "mcp_call"]),
        "server_label": st.sampled_from(["docs", "?"]),
        "name": st.text(max_size=4),
        "arguments": junk,
        "tools": junk,
    }
)
responses = st.fixed_dictionaries(
    {
        "id": response_ids,
        "status": st.sampled_from(["completed", "failed", "cancelled", "incomplete", "odd"]),
        "usage": junk
        | st.fixed_dictionaries({"input_tokens": st.integers(0, 9), "input_token_details": junk}),
        "status_details": junk,
    }
)
place = {"response_id": response_ids, "item_id": item_ids, "content_index": st.integers(0, 1)}
errors = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["conversation_already_has_active_response", "session_expired", "odd"]),
        "message": st.text(max_size=5),
        "event_id": st.none() | st.sampled_from([f"create_{n}" for n in range(6)]),
    }
)
valid = st.one_of(
    event("response.created", response=st.fixed_dictionaries({"id": response_ids})),
    event("response.done", response=responses),
    event("response.output_audio.delta", **place, delta=st.sampled_from(["AAAA", "AAAAAAAA", "?"])),
    event("response.output_audio.done", **place),
    event("response.output_audio_transcript.delta", **place, delta=st.text("abx", max_size=60)),
    event("response.output_item.done", response_id=response_ids, item=calls | messages),
    event("conversation.item.added", item=messages, previous_item_id=st.none() | item_ids),
    event("conversation.item.done", item=mcp_items | messages | calls),
    event("conversation.item.deleted", item_id=item_ids),
    event("conversation.item.truncated", item_id=item_ids, content_index=st.just(0), audio_end_ms=st.just(5)),
    event("input_audio_buffer.speech_started", item_id=item_ids, audio_start_ms=st.integers(0, 99)),
    event("input_audio_buffer.speech_stopped", item_id=item_ids, audio_end_ms=st.integers(0, 99)),
    event("rate_limits.updated", rate_limits=st.lists(junk, max_size=2)),
    event("error", error=errors),
    event("session.updated", session=junk),
    event("something.new", anything=junk),
)
truncated = st.tuples(valid, st.integers(0, 60)).map(lambda pair: json.dumps(pair[0])[: pair[1]])
mangled = st.tuples(valid, st.sampled_from(["item", "response", "delta", "item_id", "error"]), junk).map(
    lambda parts: json.dumps({**parts[0], parts[1]: parts[2]})
)
frames = st.one_of(
    valid.map(json.dumps), valid.map(json.dumps), mangled, truncated, st.text(max_size=20), junk.map(str)
)
steps = st.one_of(
    frames.map(lambda frame: ("frame", frame)),
    frames.map(lambda frame: ("frame", frame)),
    frames.map(lambda frame: ("frame", frame)),
    st.sampled_from([("wait", 0.2), ("wait", 20.0), ("lose", 1001), ("lose", 1006)]),
    st.sampled_from(
        [("message", "hi"), ("interrupt", ""), ("approve", "c1"), ("reject", "c2"), ("audio", "")]
    ),
)


async def take(play: Played, kind: str, value: Any) -> None:
    session = play.session
    match kind:
        case "frame":
            play.server.inbox.put_nowait(value)
        case "lose":
            play.server.lose(value)
        case "wait":
            await asyncio.sleep(value)
        case "message":
            await session.send_message(value)
        case "interrupt":
            await session.interrupt()
        case "approve":
            await session.approve_tool_call(value)
        case "reject":
            await session.reject_tool_call(value, always=True)
        case "audio":
            await session.send_audio(bytes(960), commit=True)


async def live_through(sequence: list[tuple[str, Any]]) -> None:
    escaped: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: escaped.append(context))
    other = RealtimeAgent(name="Other", output_guardrails=[no_x])
    agent = RealtimeAgent(
        name="Box", tools=[fine, broken, slow, asked], handoffs=[other], output_guardrails=[no_x]
    )
    config = {
        "approval_timeout_s": 5,
        "filler_after_s": 0.5,
        "guardrails_settings": {"debounce_text_length": 20},
    }
    async with played(agent, config) as play:
        for kind, value in sequence:
            await take(play, kind, value)
            await play.settle(6)
        await asyncio.sleep(40)  # what was lost has come back, what ran has ended
        await play.session.send_message("still there?")
        await play.settle()
        assert any("still there?" in json.dumps(event) for event in play.server.events)
        assert play.session._tools.running == 0
    assert escaped == []


@settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=25))
def test_no_sequence_of_server_events_ends_a_session(sequence: list[tuple[str, Any]]) -> None:
    run_virtual(live_through(sequence))
