"""A tool that gives the conversation so far to somebody who thinks longer, and has the answer spoken.

`decide` stands for a text model or a person: replace its body with a call of your own. It may take its
time, it runs beside the audio.

Run: OPENAI_API_KEY=... python docs/examples/delegation.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from daemon.realtime import RealtimeAgent, RealtimeRunner, RunContextWrapper, function_tool

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


async def decide(request: str, conversation: str) -> str:
    return f"{request}: {'granted' if 'broken' in conversation else 'refused'}"


@function_tool(timeout=30)
async def ask_supervisor(context: RunContextWrapper[Any], request: str) -> str:
    """Ask the supervisor about a refund.

    Args:
        request: What the customer wants, in one sentence.
    """
    conversation = json.dumps([item.model_dump() for item in context.history])
    return await decide(request, conversation)


AGENT = RealtimeAgent(
    name="Support", instructions="Ask the supervisor about every refund.", tools=[ask_supervisor]
)


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    told: list[str] = []
    runner = RealtimeRunner(AGENT, config={"filler_after_s": 3})  # a longer wait is bridged by a sentence
    async with await runner.run(model_config={"url": url, "api_key": api_key}) as session:
        await session.send_message("The cup came broken, I want my money back.")
        async for event in session:
            if event.type == "tool_end":
                told.append(event.output)
            elif event.type == "playback_drained" and told:
                told.append(session.history[-1].content[0].transcript)
                break
    return told


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
