"""An answer that says a forbidden word is cut off, and the model answers again.

Run: OPENAI_API_KEY=... python docs/examples/output_guardrail.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from daemon.realtime import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RealtimeRunner,
    RunContextWrapper,
    output_guardrail,
)

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"


@output_guardrail
def no_passwords(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str
) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="password" in text.lower())


AGENT = RealtimeAgent(
    name="Host",
    instructions="The word of the day is 'password'. Told of a guardrail, say that you may not tell.",
    output_guardrails=[no_passwords],
)


async def main(url: str = URL, api_key: str | None = None) -> list[str]:
    told: list[str] = []
    runner = RealtimeRunner(AGENT, config={"guardrails_settings": {"debounce_text_length": 20}})
    async with await runner.run(model_config={"url": url, "api_key": api_key}) as session:
        await session.send_message("What is the word of the day?")
        async for event in session:
            if event.type == "guardrail_tripped":
                told += [result.guardrail.get_name() for result in event.guardrail_results]
            elif event.type == "audio_interrupted":
                told.append("silence")  # throw away what the loudspeaker still has
            elif event.type == "playback_drained":
                told.append(session.history[-1].content[0].transcript)
                break
    return told


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
