"""A conversation held by `openai-agents`: `agents_sdk.py URL SCENARIO` prints what it saw as a JSON object.

Runs with the interpreter of .venv-peers, never in the project's own.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
import sys
from collections import Counter
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner

SPEECH = b"".join(struct.pack("<h", int(9000 * math.sin(n / 12))) for n in range(24000 * 7 // 10))
PAUSE = bytes(24000 * 2 * 3)


@function_tool
def get_time(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


class Seen:
    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.audio_bytes = 0
        self.details: list[Any] = []

    def note(self, event: Any) -> None:
        self.types[event.type] += 1
        if event.type == "audio":
            self.audio_bytes += len(event.audio.data)
        elif event.type == "tool_end":
            self.details.append([event.tool.name, event.output])
        elif event.type == "error":
            self.details.append(str(event.error))

    def report(self, session: Any) -> dict[str, Any]:
        history = [item.model_dump() for item in session._history]
        usage = session._context_wrapper.usage
        return {
            "types": dict(self.types),
            "audio_bytes": self.audio_bytes,
            "details": self.details,
            "history": [{**item, "content": strip(item.get("content", []))} for item in history],
            "requests": usage.requests,
            "total_tokens": usage.total_tokens,
        }


def strip(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**part, "audio": len(part.get("audio") or "")} for part in content]


async def until(session: Any, seen: Seen, event_type: str, count: int = 1) -> None:
    target = seen.types[event_type] + count
    async for event in session:
        seen.note(event)
        if seen.types[event_type] >= target:
            return
    raise RuntimeError(f"the session ended before {event_type}: {seen.types} {seen.details}")


async def text(session: Any, seen: Seen) -> None:
    await session.send_message("good morning")
    await until(session, seen, "agent_end")


async def audio(session: Any, seen: Seen) -> None:
    for start in range(0, len(SPEECH + PAUSE), 4800):
        await session.send_audio((SPEECH + PAUSE)[start : start + 4800])
    await until(session, seen, "agent_end")
    await session.send_message("and once more")
    await until(session, seen, "agent_end")


async def tool(session: Any, seen: Seen) -> None:
    await session.send_message("what time is it?")
    await until(session, seen, "agent_end", 2)


async def interruption(session: Any, seen: Seen) -> None:
    await session.send_message("tell me everything")
    await until(session, seen, "audio", 5)
    await asyncio.sleep(0.3)
    for start in range(0, len(SPEECH), 4800):
        await session.send_audio(SPEECH[start : start + 4800])
    await until(session, seen, "audio_interrupted")
    await until(session, seen, "agent_end")
    for start in range(0, len(PAUSE), 4800):
        await session.send_audio(PAUSE[start : start + 4800])
    await until(session, seen, "agent_end")


async def main(url: str, scenario: str) -> None:
    agent = RealtimeAgent(name="peer", instructions="Be brief.", tools=[get_time])
    runner = RealtimeRunner(agent, config={"tracing_disabled": False})
    seen = Seen()
    options = {"api_key": "sk-peer", "url": f"{url}?model=gpt-realtime-2.1"}
    async with asyncio.timeout(30), await runner.run(model_config=options) as session:
        await SCENARIOS[scenario](session, seen)
        print(json.dumps(seen.report(session)))


SCENARIOS = {"text": text, "audio": audio, "tool": tool, "interruption": interruption}

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
