"""The order in which a session tells what happened, with a real answer."""

from __future__ import annotations

import asyncio

from tests.journeys.sessions import talking

MADE_OF = {
    "agent_start": "turn_started",
    "audio": "audio",
    "audio_end": "audio_done",
    "usage": "turn_ended",
    "agent_end": "turn_ended",
    "rate_limits": "rate_limits",
    "playback_drained": "playback_drained",
}


def test_every_event_comes_behind_the_raw_one_it_is_made_of() -> None:
    async def run() -> None:
        async with talking() as talk:
            await talk.session.send_message("hello")
            await talk.until("playback_drained")
            raw, seen = "", set()
            for event in talk.events:
                if event.type == "raw_model_event":
                    raw = event.data.type
                elif event.type in MADE_OF:
                    seen.add(event.type)
                    assert raw == MADE_OF[event.type]
            assert seen == set(MADE_OF)
            assert talk.types.index("usage") < talk.types.index("agent_end")

    asyncio.run(run())
