"""An agent that looks up the weather.

Run: OPENAI_API_KEY=... python docs/examples/agent_with_tool.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys

from daemon.realtime import RealtimeAgent, RealtimeRunner, function_tool

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


@function_tool
def weather(city: str) -> str:
    """Tell the weather of today.

    Args:
        city: Name of the city.
    """
    return f"Rain in {city}, 12 degrees."


AGENT = RealtimeAgent(name="Host", instructions="Answer in one sentence.", tools=[weather])


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    told = []
    runner = RealtimeRunner(AGENT)
    async with await runner.run(model_config={"url": url, "api_key": api_key}) as session:
        await session.send_message("Do I need an umbrella in Kiel?")
        async for event in session:
            match event.type:
                case "tool_start":
                    told.append(f"{event.tool.name} {event.arguments}")
                case "tool_end":
                    told.append(event.output)
                case "audio":
                    pass  # event.audio.data: 16-bit mono at 24 kHz, for the loudspeaker
                case "error":
                    told.append(f"error: {event.error}")
                case "playback_drained":
                    told.append(session.history[-1].content[0].transcript)
                    break
    return told


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
