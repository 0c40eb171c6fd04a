"""Other people's clients hold whole conversations with the simulator: it is not only our idea of a server."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from realtime_oracle import client_event_problems, server_event_problems

from daemon.simulator import Answer, FunctionCall, Saying, Script, SimulatorServer

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-peers" / "bin" / "python"
LONG = Answer(items=(Saying("This goes on and on.", seconds=20.0),))
PREAMBLE_AND_CALL = Answer(
    items=(Saying("One moment."),), function_call=FunctionCall("get_time", '{"zone": "UTC"}')
)

pytestmark = pytest.mark.peers


def converse(peer: str, scenario: str, *answers: Answer) -> tuple[Any, SimulatorServer]:
    """Run one scenario against a fresh simulator; every event both ways must be as the types declare."""
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run `make test`")

    async def run() -> tuple[bytes, bytes, SimulatorServer]:
        async with SimulatorServer(script=Script(answers=answers)) as server:
            process = await asyncio.create_subprocess_exec(
                str(PYTHON),
                str(HERE / peer),
                server.url,
                scenario,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"PATH": os.environ["PATH"], "OPENAI_AGENTS_DISABLE_TRACING": "1"},
            )
            try:
                output, errors = await asyncio.wait_for(process.communicate(), 60)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            assert process.returncode == 0, errors.decode()[-3000:]
            return output, errors, server

    output, _, server = asyncio.run(run())
    assert [problem for _, event in server.received for problem in client_event_problems(event)] == []
    assert [problem for _, event in server.sent for problem in server_event_problems(event)] == []
    return json.loads(output), server


def errors_sent(server: SimulatorServer) -> list[str]:
    return [event["error"]["code"] for _, event in server.sent if event["type"] == "error"]


def transcripts(report: dict[str, Any], role: str) -> list[str]:
    items = [item for item in report["history"] if item.get("role") == role]
    return [part.get("transcript") or part.get("text") for item in items for part in item["content"]]


def test_agents_sdk_text_turn() -> None:
    report, server = converse("agents_sdk.py", "text")
    assert transcripts(report, "assistant") == ['You said: "good morning"']
    assert report["types"]["agent_start"] == report["types"]["agent_end"] == report["types"]["audio_end"] == 1
    assert (report["requests"], report["types"].get("error")) == (1, None)
    assert report["total_tokens"] > 0
    assert errors_sent(server) == []


def test_agents_sdk_audio_turn() -> None:
    report, server = converse("agents_sdk.py", "audio")
    heard = server.connections[0].committed_audio()[0]
    assert transcripts(report, "user") == [f"[{len(heard) / 48000:.1f} s of speech]", "and once more"]
    assert report["audio_bytes"] > len(heard)
    assert (report["types"].get("error"), errors_sent(server)) == (None, [])


def test_agents_sdk_tool_turn() -> None:
    report, server = converse("agents_sdk.py", "tool", PREAMBLE_AND_CALL)
    assert report["details"] == [["get_time", "noon in UTC"]]
    assert transcripts(report, "assistant") == ["One moment.", "The tool said: noon in UTC"]
    assert errors_sent(server) == []


def test_agents_sdk_interruption() -> None:
    report, server = converse("agents_sdk.py", "interruption", LONG)
    truncate = server.events("conversation.item.truncate")[0]
    assert truncate["audio_end_ms"] >= 300
    sent = Counter(event["type"] for _, event in server.sent)
    assert sent["conversation.item.truncated"] == 1
    assert report["types"]["audio_interrupted"] >= 1
    assert (report["types"].get("error"), errors_sent(server)) == (None, [])


def seen_classes(events: list[dict[str, Any]]) -> set[str]:
    return {event["class"] for event in events}


def test_openai_sdk_text_turn() -> None:
    events, server = converse("openai_sdk.py", "text")
    texts = [event["text"] for event in events if event["type"] == "response.output_text.done"]
    assert texts == ['You said: "good morning"']
    assert {"ResponseTextDeltaEvent", "RateLimitsUpdatedEvent", "ConversationItemDone"} <= seen_classes(
        events
    )
    assert errors_sent(server) == []


def test_openai_sdk_audio_turn() -> None:
    events, server = converse("openai_sdk.py", "audio")
    (item,) = [event["item"] for event in events if event["type"] == "conversation.item.retrieved"]
    assert len(item["content"][0]["audio"]) * 3 // 4 > len(server.connections[0].committed_audio()[0])
    assert "ConversationItemInputAudioTranscriptionCompletedEvent" in seen_classes(events)
    assert errors_sent(server) == []


def test_openai_sdk_tool_turn() -> None:
    events, server = converse("openai_sdk.py", "tool", PREAMBLE_AND_CALL)
    spoken = [event["transcript"] for event in events if event["type"].endswith("audio_transcript.done")]
    assert spoken == ["One moment.", "The tool said: noon"]
    assert errors_sent(server) == []


def test_openai_sdk_interruption() -> None:
    events, server = converse("openai_sdk.py", "interruption", LONG)
    first, second = [event["response"] for event in events if event["type"] == "response.done"]
    assert first["status_details"]["reason"] == "turn_detected"
    assert second["status"] == "completed"
    assert errors_sent(server) == ["response_cancel_not_active"]
