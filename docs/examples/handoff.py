"""Two agents; the first passes the conversation on and says why.

Run: OPENAI_API_KEY=... python docs/examples/handoff.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys

from pydantic import BaseModel

from daemon.realtime import RealtimeAgent, RealtimeRunner, RunContextWrapper, realtime_handoff

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


class Reason(BaseModel):
    why: str


async def note(context: RunContextWrapper[list[str]], reason: Reason) -> None:
    context.context.append(f"because of a {reason.why}")


BILLING = RealtimeAgent(name="Billing", instructions="You know about bills. Answer in one sentence.")
HOST = RealtimeAgent(
    name="Host",
    instructions="Greet people, and pass them on to who can help.",
    handoffs=[realtime_handoff(BILLING, on_handoff=note, input_type=Reason)],
)


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    notes: list[str] = []
    model_config = {"url": url, "api_key": api_key}
    async with await RealtimeRunner(HOST).run(context=notes, model_config=model_config) as session:
        await session.send_message("There is a mistake in my bill.")
        async for event in session:
            if event.type == "handoff":
                notes.append(f"{event.from_agent.name} -> {event.to_agent.name}")
            elif event.type == "playback_drained" and session.current_agent is BILLING:
                notes.append(session.history[-1].content[0].transcript)
                break
    return notes


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
