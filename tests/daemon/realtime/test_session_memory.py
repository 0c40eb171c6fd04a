"""A session that goes on for days holds no more than one that is an hour old."""

from __future__ import annotations

import gc
import sys

import pytest
from virtual_loop import run_virtual

from tests.daemon.realtime.played import Played, played

FILLED = 1500
"""Rounds after which every store of ids is full: the largest keeps 2,000, and a round brings several."""

ROUNDS = 2100
LARGEST_GROWTH_BLOCKS = 300  # half a block a round: one event, id or task left behind in each is more


async def one_round(play: Played, number: int) -> None:
    """An answer, an answer that is cut off, and nonsense, all with ids of their own."""
    whole, cut = f"whole_{number}", f"cut_{number}"
    play.server.answer(whole, f"item_of_{whole}", bytes(960))
    play.server.created(cut)
    play.server.delta(cut, f"item_of_{cut}", bytes(960))
    await play.settle()
    await play.session.interrupt()
    play.server.done(cut, "cancelled")
    await play.call("unknown", call_id=f"call_{number}", response_id=f"calls_{number}")
    for nonsense in ("{", '{"type": "something.new"}', '{"type": "response.done", "response": 5}'):
        play.server.inbox.put_nowait(nonsense)
    for item_id in [item.item_id for item in play.session.history]:
        play.server.say("conversation.item.deleted", item_id=item_id)
    await play.settle()
    for log in (play.events, play.raw, play.server.events):
        log.clear()  # type: ignore[attr-defined]


def held_blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.long
def test_memory_of_a_long_session_is_flat() -> None:
    async def run() -> None:
        async with played() as play:
            for number in range(FILLED):
                await one_round(play, number)
            before = held_blocks()
            for number in range(FILLED, ROUNDS):
                await one_round(play, number)
            assert play.session.history == []
            assert held_blocks() - before < LARGEST_GROWTH_BLOCKS

    run_virtual(run())
