"""What the demo prints, and how its story waits."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon import notices
from daemon.audio.playback import AudioTag, HeardPart
from daemon.demo.stage import DemoError, Stage
from daemon.events import Phase

RATE_HZ = 24_000


def on_stage(act: Callable[[Stage], Coroutine[Any, Any, None]], colour: bool = False) -> str:
    out = io.StringIO()

    async def main() -> None:
        await act(Stage(out, colour, RATE_HZ))

    run_virtual(main())
    return out.getvalue()


def test_lines_carry_time_sign_and_words() -> None:
    async def act(stage: Stage) -> None:
        await asyncio.sleep(1.5)
        stage.on_notice(notices.PhaseChanged(Phase.LISTENING))
        stage.on_notice(notices.UserSaid("front center"))

    assert on_stage(act) == "  1.50  < listening\n  1.50    you said   front center\n"


def test_answer_is_shown_a_sentence_a_line_whatever_happens_in_between() -> None:
    async def act(stage: Stage) -> None:
        stage.on_notice(notices.AnswerText("r1", "Front "))
        stage.on_notice(notices.PhaseChanged(Phase.SPEAKING))
        stage.on_notice(notices.AnswerText("r1", "left."))
        stage.on_notice(notices.AnswerText("r1", " Rear"))
        stage.on_notice(notices.Interrupted(0.0, 0, (HeardPart(AudioTag("r1", "i1", 0), 36_000, 90_000),)))

    assert [line[10:] for line in on_stage(act).splitlines()] == [
        "speaking",
        "answer     Front left.",
        "answer     Rear",
        "cut        after 1.50 s of the answer were heard",
    ]


def test_point_in_a_number_ends_no_sentence() -> None:
    async def act(stage: Stage) -> None:
        for word in ("It took 1.", "5 s."):
            stage.on_notice(notices.AnswerText("r1", word))

    assert on_stage(act) == "  0.00    answer     It took 1.5 s.\n"


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
        stage.on_notice(notices.LinkChanged("disconnected", "no route"))
        with pytest.raises(DemoError, match="still offline after 20 s, not idle: no route"):
            await stage.until(Phase.IDLE)

    on_stage(act)
