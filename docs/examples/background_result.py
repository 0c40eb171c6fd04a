"""A tool that only begins something; what came of it is told when it is there.

Run: OPENAI_API_KEY=... python docs/examples/background_result.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from daemon.realtime import (
    BackgroundResult,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    background_result,
    function_tool,
)

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


class Kitchen:
    """What the tools of one session share."""

    def __init__(self) -> None:
        self.session: RealtimeSession[Kitchen] | None = None
        self.oven: asyncio.Task[None] | None = None

    async def bake(self, what: str) -> None:
        await asyncio.sleep(0.3)
        assert self.session is not None
        await self.session.send_message(f"(From the kitchen: the {what} is ready. Tell the user.)")


@function_tool
async def bake(context: RunContextWrapper[Kitchen], what: str) -> BackgroundResult:
    """Begin to bake something. It takes a while.

    Args:
        what: What to bake.
    """
    kitchen = context.context
    kitchen.oven = asyncio.create_task(kitchen.bake(what))
    return background_result("It is in the oven.")


AGENT = RealtimeAgent(name="Cook", instructions="You bake.", tools=[bake])


async def main(url: str = URL, api_key: str | None = None) -> list[Any]:
    told: list[Any] = []
    kitchen = Kitchen()
    model_config = {"url": url, "api_key": api_key}
    async with await RealtimeRunner(AGENT).run(context=kitchen, model_config=model_config) as session:
        kitchen.session = session
        await session.send_message("A pizza, please.")
        async for event in session:
            if event.type == "tool_end":
                told.append(event.output)
            elif event.type == "playback_drained" and kitchen.oven is not None and kitchen.oven.done():
                told.append(session.history[-1].content[0].transcript)
                break
    return told


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
