"""A tool that a person has to allow. On a device the button decides; here it is a function.

Run: OPENAI_API_KEY=... python docs/examples/approval.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys

from daemon.realtime import RealtimeAgent, RealtimeRunner, function_tool

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


@function_tool(needs_approval=True)
def unlock(door: str) -> str:
    """Unlock a door.

    Args:
        door: Which door, front or garage.
    """
    return f"The {door} door is open."


AGENT = RealtimeAgent(name="Porter", instructions="You mind the doors.", tools=[unlock])


def may(arguments: str) -> bool:
    """Ask a person here."""
    return "garage" in arguments


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    outputs: list[str] = []
    runner = RealtimeRunner(AGENT, config={"approval_timeout_s": 60})  # nobody answers: rejected
    async with await runner.run(model_config={"url": url, "api_key": api_key}) as session:
        await session.send_message("Open the front door and the garage.")
        async for event in session:
            if event.type == "tool_approval_required":
                if may(event.arguments):
                    await session.approve_tool_call(event.call_id)
                else:
                    await session.reject_tool_call(event.call_id, rejection_message="Not at night.")
            elif event.type == "tool_end":
                outputs.append(event.output)
            elif event.type == "playback_drained" and len(outputs) == 2:
                break
    return outputs


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
