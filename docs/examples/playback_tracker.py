"""A loudspeaker that reports what it has played, so that an interruption is cut where it was heard.

`Speaker` only waits as long as playing would take; give `data` to a sound card there.

Run: OPENAI_API_KEY=... python docs/examples/playback_tracker.py (README.md here: without a key)
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any

from daemon.realtime import RealtimeAgent, RealtimePlaybackTracker, RealtimeRunner, RealtimeSession

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
PERIOD_S = 0.02
PERIOD_BYTES = 960  # of 16-bit mono at 24 kHz


class Speaker:
    def __init__(self, tracker: RealtimePlaybackTracker) -> None:
        self.tracker = tracker
        self.waiting: deque[tuple[str, int, bytes]] = deque()
        self.played_ms = 0.0

    def play(self, item_id: str, content_index: int, pcm: bytes) -> None:
        for start in range(0, len(pcm), PERIOD_BYTES):
            self.waiting.append((item_id, content_index, pcm[start : start + PERIOD_BYTES]))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            if self.waiting:
                item_id, content_index, data = self.waiting.popleft()
                self.tracker.on_play_bytes(item_id, content_index, data)
                self.played_ms += len(data) / 48


async def stop_after(seconds: float, session: RealtimeSession[Any]) -> None:
    """Like a button that is pressed."""
    await asyncio.sleep(seconds)
    await session.interrupt()


async def main(url: str = URL, api_key: str | None = None) -> float:
    """Let the answer play for a moment, stop it, and return how many ms were played."""
    tracker = RealtimePlaybackTracker()
    speaker = Speaker(tracker)
    playing = asyncio.create_task(speaker.run())
    runner = RealtimeRunner(RealtimeAgent(name="Host", instructions="Tell a long story."))
    model_config = {"url": url, "api_key": api_key, "playback_tracker": tracker}
    stopping: asyncio.Task[None] | None = None
    async with await runner.run(model_config=model_config) as session:
        await session.send_message("Tell me a story.")
        async for event in session:
            if event.type == "audio":
                speaker.play(event.item_id, event.content_index, event.audio.data)
                stopping = stopping or asyncio.create_task(stop_after(0.5, session))
            elif event.type in ("audio_interrupted", "playback_drained"):
                speaker.waiting.clear()
                break
    playing.cancel()
    return speaker.played_ms


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:2])))
