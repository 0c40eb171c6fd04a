"""What a reader of the realtime guides would write, feature by feature, run as it stands on the simulator.

Every snippet is a program of its own with top-level `await`. `URL` is the simulator's address, `RESULT` what
the snippet found, `expected` what it should have.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import types
from dataclasses import dataclass
from typing import Any

import pytest
from realtime_oracle import client_event_problems

from daemon.simulator import SimulatorServer
from daemon.simulator.script import parse_script

CALL = '[[answer]]\nfunction_call = {name = "%s", arguments = {%s}}\n'
BRIEF = '[[answer]]\npace = 0\nitems = [{text = "Yes, of course.", seconds = 0.2}]\n'
LONG = '[[answer]]\npace = 0\nitems = [{text = "A long story.", seconds = 20}]\n'

SETUP = """
from daemon.realtime import *

async def first(session, kind):
    async for event in session:
        if event.type == kind:
            return event

def connection(**more):
    return {"api_key": "key", "url": URL + "?model=gpt-realtime", **more}
"""


@dataclass(frozen=True)
class Snippet:
    feature: str
    source: str
    expected: Any
    script: str = ""


SNIPPETS = [
    Snippet(
        "an agent, a runner, a session and its events",
        """
runner = RealtimeRunner(RealtimeAgent(name="Host", instructions="Be brief."))
types = []
async with await runner.run(model_config=connection()) as session:
    await session.send_message("Good morning")
    async for event in session:
        types.append(event.type)
        if event.type == "agent_end":
            break
RESULT = {"agent_start", "audio", "audio_end", "history_added", "raw_model_event"} <= set(types)
""",
        True,
        BRIEF,
    ),
    Snippet(
        "settings of the session in every place",
        """
runner = RealtimeRunner(
    RealtimeAgent(name="Host"),
    config={
        "model_settings": {
            "output_modalities": ["audio"],
            "input_audio_noise_reduction": {"type": "far_field"},
            "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe", "language": "de"}}},
            "provider_data": {"truncation": "disabled"},
        },
        "guardrails_settings": {"debounce_text_length": 50},
        "async_tool_calls": True,
        "tool_error_formatter": lambda args: None,
    },
)
initial = {"voice": "cedar", "turn_detection": {"type": "server_vad"}}
async with await runner.run(model_config=connection(initial_model_settings=initial)) as session:
    sent = SERVER.events("session.update")[0]["session"]
RESULT = (
    sent["audio"]["output"]["voice"],
    sent["audio"]["input"]["turn_detection"],
    sent["audio"]["input"]["noise_reduction"],
    sent["audio"]["input"]["transcription"]["language"],
    sent["truncation"],
)
""",
        ("cedar", {"type": "server_vad"}, {"type": "far_field"}, "de", "disabled"),
    ),
    Snippet(
        "function tools",
        '''
@function_tool
def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: where
    """
    return f"rain in {city}"

runner = RealtimeRunner(RealtimeAgent(name="Host", tools=[weather]))
async with await runner.run(model_config=connection()) as session:
    await session.send_message("Do I need an umbrella?")
    start = await first(session, "tool_start")
    end = await first(session, "tool_end")
RESULT = (start.tool.name, end.arguments, end.output)
''',
        ("weather", '{"city": "Kiel"}', "rain in Kiel"),
        CALL % ("weather", 'city = "Kiel"'),
    ),
    Snippet(
        "hand-offs",
        """
from pydantic import BaseModel

class Reason(BaseModel):
    why: str

async def note(context, reason):
    context.context.append(reason.why)

billing = RealtimeAgent(name="Billing", instructions="You know bills.")
host = RealtimeAgent(name="Host", handoffs=[realtime_handoff(billing, on_handoff=note, input_type=Reason)])
notes = []
async with await RealtimeRunner(host).run(context=notes, model_config=connection()) as session:
    await session.send_message("My bill is wrong")
    event = await first(session, "handoff")
    await first(session, "audio_end")
    RESULT = (event.from_agent.name, event.to_agent.name, session.current_agent.name, notes)
""",
        ("Host", "Billing", "Billing", ["wrong bill"]),
        CALL % ("transfer_to_billing", 'why = "wrong bill"'),
    ),
    Snippet(
        "output guardrails of agent and run config",
        """
def no_names(context, agent, output):
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="course" in output)

host = RealtimeAgent(name="Host", output_guardrails=[OutputGuardrail(guardrail_function=no_names)])
config = {
    "output_guardrails": [OutputGuardrail(guardrail_function=no_names, name="again")],
    "guardrails_settings": {"debounce_text_length": -1},
}
async with await RealtimeRunner(host, config=config).run(model_config=connection()) as session:
    await session.send_message("May I?")
    event = await first(session, "guardrail_tripped")
RESULT = [result.guardrail.get_name() for result in event.guardrail_results]
""",
        ["no_names", "again"],
        BRIEF,
    ),
    Snippet(
        "audio in, its transcript, and audio out",
        """
config = {"model_settings": {"turn_detection": None}}
async with await RealtimeRunner(RealtimeAgent(name="Host"), config=config).run(
    model_config=connection()
) as session:
    await session.send_audio(bytes(24_000))
    await session.send_audio(bytes(24_000), commit=True)
    await session.model.send_event(RealtimeModelSendRawMessage(message={"type": "response.create"}))
    audio = await first(session, "audio")
    await first(session, "playback_drained")
    said = session.history[0].content[0].transcript
RESULT = (len(audio.audio.data) > 0, said)
""",
        (True, "hello there"),
        'transcripts = ["hello there"]\n' + BRIEF,
    ),
    Snippet(
        "interrupt, and mute",
        """
async with await RealtimeRunner(RealtimeAgent(name="Host")).run(model_config=connection()) as session:
    session.mute()
    await session.send_audio(bytes(4_800))
    await session.send_message("Tell me a story")
    await first(session, "audio_end")
    await session.interrupt()
    event = await first(session, "audio_interrupted")
    RESULT = (session.muted, SERVER.events("input_audio_buffer.append"), event.item_id != "")
""",
        (True, [], True),
        LONG,
    ),
    Snippet(
        "history: read it in a tool, delegate, change it",
        '''
@function_tool
async def supervisor(context: RunContextWrapper, request: str) -> str:
    """Ask somebody who knows."""
    said = [part.text for item in context.history if item.type == "message" for part in item.content]
    return f"{request}: {said[-1]}"

async with await RealtimeRunner(RealtimeAgent(name="Host", tools=[supervisor])).run(
    model_config=connection()
) as session:
    await session.send_message("I want my money back")
    end = await first(session, "tool_end")
    await first(session, "playback_drained")
    await session.update_history(lambda items: [item for item in items if item.type != "message"])
    await first(session, "history_updated")
    while any(item.type == "message" for item in session.history):
        await first(session, "history_updated")
    RESULT = (end.output, [item.type for item in session.history])
''',
        ("refund: I want my money back", ["function_call"]),
        CALL % ("supervisor", 'request = "refund"') + BRIEF,
    ),
    Snippet(
        "approval of tool calls",
        '''
@function_tool(needs_approval=True)
def unlock() -> str:
    """Open the door."""
    return "open"

async with await RealtimeRunner(RealtimeAgent(name="Host", tools=[unlock])).run(
    model_config=connection()
) as session:
    await session.send_message("Open the door")
    asked = await first(session, "tool_approval_required")
    await session.reject_tool_call(asked.call_id, rejection_message="Not at night.")
    refused = (await first(session, "tool_end")).output
    await session.send_message("Please")
    asked = await first(session, "tool_approval_required")
    await session.approve_tool_call(asked.call_id, always=True)
    RESULT = (refused, (await first(session, "tool_end")).output)
''',
        ("Not at night.", "open"),
        CALL % ("unlock", "") + BRIEF + CALL % ("unlock", ""),
    ),
    Snippet(
        "a background result, and a time-out",
        '''
import asyncio

@function_tool
async def start_job() -> object:
    """Begin something long."""
    return background_result("begun")

@function_tool(timeout=0.05)
async def slow() -> str:
    """Take long."""
    await asyncio.sleep(9)
    return "done"

async with await RealtimeRunner(RealtimeAgent(name="Host", tools=[start_job, slow])).run(
    model_config=connection()
) as session:
    await session.send_message("Begin")
    begun = (await first(session, "tool_end")).output
    await asyncio.sleep(0.2)
    asked = len(SERVER.events("response.create"))
    await session.send_message("And now the slow one")
    RESULT = (begun, asked, (await first(session, "tool_end")).output)
''',
        ("begun", 1, "Tool 'slow' timed out after 0.05 seconds."),
        CALL % ("start_job", "") + CALL % ("slow", ""),
    ),
    Snippet(
        "listeners and raw events",
        """
class Log(RealtimeModelListener):
    def __init__(self):
        self.types = []
    async def on_event(self, event):
        self.types.append(event.type)

log, raw = Log(), []
async with await RealtimeRunner(RealtimeAgent(name="Host")).run(model_config=connection()) as session:
    session.model.add_listener(log)
    session.model.add_listener(lambda e: raw.append(e.data["type"]) if e.type == "raw_server_event" else None)
    body = {"response": {"instructions": "Greet the user.", "output_modalities": ["text"]}}
    message = {"type": "response.create", "other_data": body}
    await session.model.send_event(RealtimeModelSendRawMessage(message=message))
    await first(session, "agent_end")
    session.model.remove_listener(log)
RESULT = ("turn_started" in log.types, "response.output_text.delta" in raw)
""",
        (True, True),
    ),
    Snippet(
        "the model alone, without a session",
        """
model, heard = OpenAIRealtimeWebSocketModel(), []
model.add_listener(lambda e: heard.append(e.type))
settings = {"instructions": "Speak like a pirate", "audio": {"output": {"voice": "ash"}}}
await model.connect(connection(initial_model_settings=settings))
await model.send_event(RealtimeModelSendUserInput(user_input="Ahoy"))
import asyncio
while "audio_done" not in heard:
    await asyncio.sleep(0.01)
await model.close()
RESULT = SERVER.events("session.update")[0]["session"]["instructions"]
""",
        "Speak like a pirate",
        BRIEF,
    ),
    Snippet(
        "a key that is fetched, headers instead of a key, images",
        """
async def fetch():
    return "fetched"

host = RealtimeAgent(name="Host")
image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
content = [{"type": "input_text", "text": "What is it?"}, image]
message = {"type": "message", "role": "user", "content": content}
async with await RealtimeRunner(host).run(model_config=connection(api_key=fetch)) as session:
    await session.send_message(message)
    await first(session, "agent_end")
azure = {"url": URL + "?model=deployment", "headers": {"api-key": "azure"}}
async with await RealtimeRunner(host).run(model_config=azure) as session:
    pass
one, two = SERVER.handshakes
RESULT = (one["authorization"], two.get("authorization"), two["api-key"])
""",
        ("Bearer fetched", None, "azure"),
        BRIEF,
    ),
    Snippet(
        "a phone call: accept it, attach to it, until the caller hangs up",
        """
host = RealtimeAgent(name="Host", instructions="You are on the phone.")
settings = {"turn_detection": {"type": "semantic_vad", "interrupt_response": True}}
accept = await OpenAIRealtimeSIPModel.build_initial_session_payload(host, overrides=settings)
runner = RealtimeRunner(host, model=OpenAIRealtimeSIPModel())
call = {"call_id": "rtc_1", "api_key": "key", "url": URL + "?call_id=rtc_1"}
async with await runner.run(model_config={**call, "initial_model_settings": settings}) as session:
    async for event in session:
        pass
update = SERVER.events("session.update")[0]["session"]
RESULT = (accept["model"], "model" in update, sorted(update["audio"]["input"]))
""",
        ("gpt-realtime-2.1", False, ["transcription", "turn_detection"]),
        '[[fault]]\naction = "close"\nat_s = 0.3\n',
    ),
    Snippet(
        "hosted MCP tools",
        """
docs = hosted_mcp_tool("docs", server_url="https://example.com/mcp", allowed_tools=["search"])
async with await RealtimeRunner(RealtimeAgent(name="Host", tools=[docs])).run(
    model_config=connection()
) as session:
    RESULT = (SERVER.events("session.update")[0]["session"]["tools"], session.available_mcp_tools)
""",
        (
            [
                {
                    "type": "mcp",
                    "server_label": "docs",
                    "server_url": "https://example.com/mcp",
                    "allowed_tools": ["search"],
                }
            ],
            [],
        ),
    ),
    Snippet(
        "a conversation saved and loaded again",
        """
host = RealtimeAgent(name="Host")
async with await RealtimeRunner(host).run(model_config=connection()) as session:
    await session.send_message("My name is Ada")
    await first(session, "playback_drained")
    saved = [item.model_dump() for item in session.history]
async with await RealtimeRunner(host).run(model_config=connection()) as session:
    await session.update_history([item_from_dict(item) for item in saved])
    await first(session, "history_added")
    while len(session.history) < 2:
        await first(session, "history_added")
    RESULT = [item.role for item in session.history]
""",
        ["user", "assistant"],
        BRIEF,
    ),
]


async def run(snippet: Snippet) -> Any:
    script = parse_script(snippet.script, "script", lambda name: b"")
    async with SimulatorServer(script=script) as server:
        names: dict[str, Any] = {"URL": server.url, "SERVER": server}
        code = compile(SETUP + snippet.source, snippet.feature, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = types.FunctionType(code, names)()
        if inspect.iscoroutine(running):
            await asyncio.wait_for(running, 20)
        assert [line for _, event in server.received for line in client_event_problems(event)] == []
        return names["RESULT"]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.feature)
def test_guide(snippet: Snippet) -> None:
    assert asyncio.run(run(snippet)) == snippet.expected
