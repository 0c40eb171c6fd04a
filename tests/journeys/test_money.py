"""A box with a limit: what an answer costs, and what the limit means to who stands before it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from box import Box, voice
from virtual_loop import run_virtual

from daemon.money.accounts import AccountSettings
from daemon.money.budget import Limits, nano
from daemon.money.prices import price_table
from daemon.talk import TalkMode, TalkSettings

PRICES = price_table(
    'currency = "USD"\nmodels.gpt-realtime = { text_output = 1_000, seen = "2026-11-21", source = "a test" }'
)
LIMITED = AccountSettings(PRICES, Limits(hard_day_nano=nano(2)))
USAGE = {"output_tokens": 1500, "output_token_details": {"text_tokens": 1500}}
HANDS_FREE = TalkSettings(mode=TalkMode.HANDS_FREE)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


def give_answer(box: Box, name: str) -> None:
    box.server.created(name)
    box.server.delta(name, f"item_{name}", voice(2400))
    box.server.audio_done(name, f"item_{name}")
    box.server.done(name, usage=USAGE)


@virtual
async def test_answer_at_the_limit_is_heard_and_the_next_press_is_refused() -> None:
    async with Box(accounts=LIMITED) as box:
        for name in ("r1", "r2"):
            await box.ask_aloud()
            give_answer(box, name)
            await box.settle()
        assert box.app.conductor.appliance.spending_capped
        heard = len(box.speaker.played)
        await box.live(20)
        assert len(box.speaker.played) > heard
        commits = len(box.server.of("input_audio_buffer.commit"))
        await box.ask_aloud()
        assert len(box.server.of("input_audio_buffer.commit")) == commits
        refused = await box.app.handle_request({"command": "press"})
        assert "3.00 USD today, the limit is 2.00 USD" in refused["error"]
        assert box.app.status()["money"]["today_nano"] == nano(3)


@virtual
async def test_limit_ends_while_the_box_runs() -> None:
    async with Box(accounts=LIMITED) as box:
        give_answer(box, "r1")
        give_answer(box, "r2")
        await box.live(20)
        box.app.books.use(AccountSettings(PRICES))
        await box.ask_aloud()
        assert len(box.server.of("input_audio_buffer.commit")) == 1


@virtual
async def test_hands_free_stops_listening_at_the_limit() -> None:
    async with Box(HANDS_FREE, accounts=LIMITED, model_settings={}) as box:
        give_answer(box, "r1")
        give_answer(box, "r2")
        await box.settle()
        sent = len(box.server.of("input_audio_buffer.append"))
        await box.live(50, voice(50 * 240))
        assert len(box.server.of("input_audio_buffer.append")) == sent
