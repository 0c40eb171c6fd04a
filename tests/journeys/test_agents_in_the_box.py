"""Agents in the whole box, in virtual time: tools, consent by button, hand-offs, silencing guardrails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest
from box import RATE_HZ, Box
from virtual_loop import run_virtual

from daemon.events import Phase
from daemon.realtime import (
    GuardrailFunctionOutput,
    OutputGuardrail,
    RealtimeAgent,
    RunContextWrapper,
    UserError,
    function_tool,
)
from daemon.realtime.mcp_tools import MCPToolSpec

FADE_FRAMES = 5 * RATE_HZ // 1000
LOUD = b"\x01\x40"


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


@function_tool
async def tide(harbour: str) -> str:
    """When the tide is high.

    Args:
        harbour: Which harbour.
    """
    return f"high at nine in {harbour}"


@function_tool(needs_approval=True)
async def open_door() -> str:
    """Open the front door."""
    return "open"


def call(box: Box, response_id: str, name: str, arguments: str, call_id: str = "c1") -> None:
    """The model calls a tool in a response of its own."""
    box.server.created(response_id)
    item = {
        "id": f"item_{call_id}",
        "type": "function_call",
        "status": "completed",
        "name": name,
        "call_id": call_id,
        "arguments": arguments,
    }
    box.server.say("response.output_item.done", response_id=response_id, output_index=0, item=item)
    box.server.done(response_id)


def outputs(box: Box) -> list[str]:
    items = [event["item"] for event in box.server.of("conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


@virtual
async def test_tool_is_offered_run_and_its_result_is_spoken() -> None:
    async with Box(agent=RealtimeAgent(name="Pilot", tools=[tide])) as box:
        [update] = box.server.of("session.update")
        assert [tool["name"] for tool in update["session"]["tools"]] == ["tide"]
        await box.ask_aloud()
        call(box, "r1", "tide", '{"harbour": "Bremen"}')
        await box.live(5)
        assert outputs(box) == ["high at nine in Bremen"]
        box.server.answer("r2", "i2", LOUD * RATE_HZ)
        await box.live(120)
        assert len(box.speaker.played.strip(b"\0")) == RATE_HZ * 2
        assert box.app.status()["agent"] == "Pilot"


@virtual
async def test_press_gives_consent_to_a_call_that_waits() -> None:
    async with Box(agent=RealtimeAgent(name="Porter", tools=[open_door])) as box:
        await box.ask_aloud()
        call(box, "r1", "open_door", "{}")
        await box.live(5)
        assert box.app.status()["waiting_calls"] == ["open_door"]
        assert outputs(box) == []
        await box.press()
        await box.release()
        await box.live(5)
        assert outputs(box) == ["open"]


@virtual
async def test_call_nobody_agrees_to_is_rejected_in_time() -> None:
    async with Box(agent=RealtimeAgent(name="Porter", tools=[open_door])) as box:
        await box.ask_aloud()
        call(box, "r1", "open_door", "{}")
        await box.live(3100)
        [output] = outputs(box)
        assert output != "open"
        assert box.app.status()["waiting_calls"] == []


@virtual
async def test_hand_off_is_one_session_update_and_the_status_tells() -> None:
    night = RealtimeAgent(name="Night", instructions="Whisper.")
    async with Box(agent=RealtimeAgent(name="Day", handoffs=[night])) as box:
        await box.ask_aloud()
        call(box, "r1", "transfer_to_night", "{}")
        await box.live(5)
        updates = box.server.of("session.update")
        assert [u["session"].get("instructions") for u in updates[1:]] == ["Whisper."]
        assert json.loads(outputs(box)[0]) == {"assistant": "Night"}
        assert box.app.status()["agent"] == "Night"


def no_prices(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="euro" in text)


@virtual
async def test_guardrail_silences_the_loudspeaker_at_what_was_heard() -> None:
    guarded = RealtimeAgent(name="Shop", output_guardrails=[OutputGuardrail(no_prices, name="no prices")])
    async with Box(agent=guarded) as box:
        await box.ask_aloud()
        box.server.created("r1")
        box.server.delta("r1", "i1", LOUD * 5 * RATE_HZ)
        await box.live(50)
        box.server.say(
            "response.output_audio_transcript.delta",
            response_id="r1",
            item_id="i1",
            output_index=0,
            content_index=0,
            delta="That is nine euro, " + "and so on, " * 12,
        )
        await box.settle()
        pulled = box.speaker.pulled_frames
        await box.live(30)
        assert len(box.speaker.played[pulled * 2 :].rstrip(b"\0")) <= FADE_FRAMES * 2
        [truncate] = box.server.of("conversation.item.truncate")
        assert (truncate["item_id"], truncate["audio_end_ms"]) == ("i1", 500)
        assert "guardrail tripped: no prices" in box.app.status()["last_errors"]
        box.server.done("r1", "cancelled")
        await box.settle()
        box.server.answer("r2", "i2", LOUD * RATE_HZ)
        await box.live(120)
        assert box.app.conductor.appliance.phase is Phase.IDLE


@virtual
async def test_tool_that_raises_costs_nothing_but_its_result() -> None:
    @function_tool
    async def broken() -> str:
        """Always fails."""
        raise ZeroDivisionError("a bug")

    async with Box(agent=RealtimeAgent(name="Box", tools=[broken])) as box:
        await box.ask_aloud()
        call(box, "r1", "broken", "{}")
        await box.live(5)
        assert len(outputs(box)) == 1
        box.server.answer("r2", "i2", LOUD * RATE_HZ)
        await box.live(120)
        assert box.app.conductor.appliance.phase is Phase.IDLE
        assert len(box.servers) == 1


class SlowServer:
    """An MCP server that takes longer to start than anybody would wait for a box."""

    name = "slow"

    def __init__(self, tool: str) -> None:
        self._tool = MCPToolSpec(tool, "", {"type": "object", "properties": {}})
        self._started = False

    async def list_tools(self) -> Sequence[MCPToolSpec]:
        await asyncio.sleep(0 if self._started else 18)
        self._started = True
        return [self._tool]

    async def call_tool(self, tool_name: str, arguments: Mapping[str, Any]) -> Any:
        return "fine"


@virtual
async def test_mcp_servers_that_start_slowly_hold_up_nothing_and_are_offered_later() -> None:
    async with Box(agent=RealtimeAgent(name="Box", tools=[tide], mcp_servers=[SlowServer("ping")])) as box:
        assert box.microphone.running  # a box waiting for them would not have come so far
        await box.ask_aloud()
        box.server.answer("r1", "i1", LOUD * RATE_HZ)
        await box.live(1900)
        offered = [update["session"].get("tools") for update in box.server.of("session.update")]
        assert [[tool["name"] for tool in tools] for tools in offered] == [["tide"], ["tide", "ping"]]
        call(box, "r2", "ping", "{}")
        await box.live(5)
        assert outputs(box) == ["fine"]


@virtual
async def test_mcp_tool_with_a_name_that_is_taken_costs_the_servers_only() -> None:
    async with Box(agent=RealtimeAgent(name="Box", tools=[tide], mcp_servers=[SlowServer("tide")])) as box:
        await box.live(1900)
        assert len(box.server.of("session.update")) == 1
        [error] = box.app.status()["last_errors"]
        assert "Box goes on without MCP servers" in error
        assert "tide" in error


@virtual
async def test_agent_that_cannot_lead_ends_the_start_with_nothing_left_behind() -> None:
    def broken(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> str:
        raise ValueError("no words")

    box = Box(agent=RealtimeAgent(name="Box", instructions=broken))
    told = ""
    try:
        await box.app.run(asyncio.Event())
    except UserError as error:
        told = str(error)
    assert told == "agent 'Box' cannot lead: ValueError: no words"
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not box.microphone.running


async def called_and_lost(box: Box, echoed: bool) -> None:
    """A tool has answered; the connection breaks before the model could speak about it."""
    await box.ask_aloud()
    call(box, "r1", "tide", '{"harbour": "Bremen"}')
    item = {"id": "item_c1", "type": "function_call", "status": "completed", "name": "tide"}
    item |= {"call_id": "c1", "arguments": '{"harbour": "Bremen"}'}
    box.server.say("conversation.item.done", previous_item_id=None, item=item)
    await box.live(3)
    if echoed:
        result = {"id": "out", "type": "function_call_output", "call_id": "c1"}
        output = {**result, "output": "high at nine in Bremen"}
        box.server.say("conversation.item.done", previous_item_id="item_c1", item=output)
    await box.live(1)
    box.server.lose()
    await box.live(300)


@pytest.mark.parametrize("echoed", [True, False])
def test_tool_result_outlives_the_connection_and_is_spoken_on_the_next(echoed: bool) -> None:
    async def main() -> None:
        async with Box(agent=RealtimeAgent(name="Pilot", tools=[tide])) as box:
            await called_and_lost(box, echoed)
            assert len(box.servers) == 2
            assert outputs(box) == ["high at nine in Bremen"]
            assert len(box.server.of("response.create")) == 1
            box.server.answer("r2", "i2", LOUD * RATE_HZ)
            await box.live(120)
            assert len(box.speaker.played.strip(b"\0")) == RATE_HZ * 2
            box.server.lose()
            await box.live(300)
            assert box.server.of("response.create") == []

    run_virtual(main())
