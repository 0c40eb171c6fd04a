"""A tool that blocks and another that raises do not make the answer stutter."""

from __future__ import annotations

import asyncio
import gc
import time
from itertools import pairwise

import pytest

from daemon.realtime import RealtimeAgent, function_tool
from tests.journeys.sessions import talking

LARGEST_GAP_S = 0.05

SCRIPT = """
[[answer]]
function_call = {name = "nap"}
[[answer]]
function_call = {name = "broken"}
[[answer]]
pace = 1
delta_ms = 20
items = [{text = "A long story.", seconds = 6}]
"""


@function_tool
def nap() -> str:
    """Takes five seconds."""
    time.sleep(5)
    return "rested"


@function_tool
def broken() -> str:
    """Fails."""
    raise RuntimeError("broken")


@pytest.mark.alone
def test_audio_goes_on_while_one_tool_blocks_and_another_raises() -> None:
    async def run() -> None:
        async with talking(SCRIPT, RealtimeAgent(name="Box", tools=[nap, broken])) as talk:
            await talk.session.send_message("sleep")
            await talk.until("tool_start")
            await talk.session.send_message("and do that")
            await talk.until("audio_end")
            times = [at for at, e in zip(talk.times, talk.events, strict=True) if e.type == "audio"]
            assert times[-1] - times[0] > 5
            assert talk.of("tool_end")[0].tool.name == "broken"
            gap = max(after - before for before, after in pairwise(times))
            print(f"largest gap between audio events: {gap * 1000:.1f} ms")
            assert gap < LARGEST_GAP_S
            await talk.until("tool_end", 2)

    gc.collect()
    gc.freeze()  # a full collection of all that pytest holds takes 80 ms
    try:
        asyncio.run(run())
    finally:
        gc.unfreeze()
