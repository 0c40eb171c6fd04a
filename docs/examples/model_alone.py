"""The connection alone, without agents, tools and guardrails: it still reconnects and interrupts.

Run: OPENAI_API_KEY=... python docs/examples/model_alone.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys

from daemon.realtime import OpenAIRealtimeWebSocketModel, RealtimeModelEvent, RealtimeModelSendUserInput

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
SETTINGS = {"instructions": "Speak like a pirate.", "audio": {"output": {"voice": "ash"}}}


async def main(url: str = URL, api_key: str | None = None) -> str:
    model = OpenAIRealtimeWebSocketModel()
    words: list[str] = []
    over = asyncio.Event()

    def listen(event: RealtimeModelEvent) -> None:
        if event.type == "transcript_delta":
            words.append(event.delta)
        elif event.type == "turn_ended":
            over.set()

    model.add_listener(listen)
    await model.connect({"url": url, "api_key": api_key, "initial_model_settings": SETTINGS})
    await model.send_event(RealtimeModelSendUserInput(user_input="Good morning."))
    await over.wait()
    await model.close()
    return "".join(words)


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
