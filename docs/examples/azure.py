"""Azure OpenAI: its own address, and a header instead of the key. Not run against Azure by us.

Run: AZURE_OPENAI_API_KEY=... python docs/examples/azure.py \
    'wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT' (README.md here: without a key)

With a token instead of a key, the header is {"authorization": "Bearer ..."}. `headers` replace all of ours.
"""

from __future__ import annotations

import asyncio
import os
import sys

from daemon.realtime import RealtimeAgent, RealtimeRunner


async def main(url: str, api_key: str | None = None) -> str:
    key = api_key or os.environ["AZURE_OPENAI_API_KEY"]
    runner = RealtimeRunner(RealtimeAgent(name="Host", instructions="Answer in one sentence."))
    async with await runner.run(model_config={"url": url, "headers": {"api-key": key}}) as session:
        await session.send_message("Good morning.")
        async for event in session:
            if event.type == "playback_drained":
                break
        return str(session.history[-1].content[0].transcript)


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
