"""What the demo prints, and how its story waits."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon import notices
from daemon.demo.stage import DemoError, Stage
from daemon.events import Phase


def on_stage(act: Callable[[Stage], Coroutine[Any, Any, None]], colour: bool = False) -> str:
    out = io.StringIO()

    async def main() -> None:
        await act(Stage(out, colour))

    run_virtual(main())
    return out.getvalue()


def test_lines_carry_time_sign_and_words() -> None:
    async def act(stage: Stage) -> None:
        await asyncio.sleep(1.5)
        stage.on_notice(notices.PhaseChanged(Phase.LISTENING))
        stage.on_notice(notices.UserSaid("front center"))

    assert on_stage(act) == "  1.50  < listening  \n  1.50    you said   front center\n"


def test_answer_grows_on_one_line_until_something_else_happens() -> None:
    async def act(stage: Stage) -> None:
        stage.on_notice(notices.AnswerText("r1", "Front "))
        stage.on_notice(notices.AnswerText("r1", "left."))
        stage.on_notice(notices.PhaseChanged(Phase.IDLE))

    assert on_stage(act) == "  0.00    answer     Front left.\n  0.00  - idle       \n"


def test_colours_only_where_wanted() -> None:
    async def act(stage: Stage) -> None:
        stage.on_notice(notices.PhaseChanged(Phase.SPEAKING))

    assert "\x1b[32m" in on_stage(act, colour=True)
    assert "\x1b" not in on_stage(act)


def test_until_waits_for_the_phase() -> None:
    async def act(stage: Stage) -> None:
        waiting = asyncio.create_task(stage.until(Phase.SPEAKING))
        await asyncio.sleep(1)
        assert not waiting.done()
        stage.on_notice(notices.PhaseChanged(Phase.SPEAKING))
        await waiting

    on_stage(act)


def test_until_gives_up_with_a_sentence() -> None:
    async def act(stage: Stage) -> None:
        with pytest.raises(DemoError, match="still offline after 20 s, not idle"):
            await stage.until(Phase.IDLE)

    on_stage(act)
