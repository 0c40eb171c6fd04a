"""A conversation saved as JSON, loaded into a new session, and changed there.

Run: OPENAI_API_KEY=... python docs/examples/history.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from daemon.realtime import RealtimeAgent, RealtimeItem, RealtimeRunner, RealtimeSession, item_from_dict

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
AGENT = RealtimeAgent(name="Host", instructions="Answer in one sentence.")


def without_answers(items: list[RealtimeItem]) -> list[RealtimeItem]:
    return [item for item in items if item.type != "message" or item.role != "assistant"]


async def until_there_are(count: int, session: RealtimeSession[Any]) -> list[str]:
    """The roles, once the server has confirmed that there are so many messages."""
    async for event in session:
        if event.type in ("history_added", "history_updated") and len(session.history) == count:
            break
    return [item.role for item in session.history]


async def main(url: str = URL, api_key: str | None = None) -> list[Any]:
    runner = RealtimeRunner(AGENT)
    model_config = {"url": url, "api_key": api_key}
    async with await runner.run(model_config=model_config) as session:
        await session.send_message("My name is Ada.")
        async for event in session:
            if event.type == "playback_drained":
                break
        saved = json.dumps([item.model_dump() for item in session.history])

    async with await runner.run(model_config=model_config) as session:
        items = [item_from_dict(item) for item in json.loads(saved)]
        await session.update_history(items)
        loaded = await until_there_are(len(items), session)
        await session.update_history(without_answers)
        return [loaded, await until_there_are(len(without_answers(items)), session)]


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
