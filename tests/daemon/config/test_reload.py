"""A change on disk comes into force, or its mistakes are told: with real files and time as an argument."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from daemon.config.diff import Change
from daemon.config.files import ConfigError, Place, load
from daemon.config.last_good import LastGood
from daemon.config.layers import Problem
from daemon.config.reload import HELD_S, Reload
from daemon.config.settle import PATIENCE_S, SETTLE_S
from daemon.config.sources import Loaded


class Box:
    """A box whose configuration directory is `etc`: what it was told, and what it would refuse."""

    def __init__(self, etc: Path, last_good: LastGood | None = None) -> None:
        etc.mkdir(exist_ok=True)
        self.file = etc / "harkd.toml"
        self.file.write_text("talk.hold_s = 1")
        self.place = Place((etc,))
        self.hold_s = 1.0
        self.changes: list[str] = []
        self.problems: list[list[str]] = []
        self.in_turn = False
        self.refuses = ""
        self.now = 100.0
        self.applied = asyncio.Event()
        self.reload = Reload(
            self.place, load(self.place), self._apply, lambda: not self.in_turn, self._hear, last_good
        )
        self.wait(1.0)

    def _apply(self, loaded: Loaded, changes: Sequence[Change]) -> None:
        if self.refuses:
            raise ConfigError([Problem("agents/cook.toml", 1, "tools", self.refuses)])
        assert not self.in_turn
        self.hold_s = loaded.config.talk.hold_s
        self.changes += [change.key for change in changes]
        self.applied.set()

    def _hear(self, problems: Sequence[Problem]) -> None:
        self.problems.append([problem.key for problem in problems])

    def wait(self, seconds: float) -> None:
        """Look at the files at each deadline until then."""
        until = self.now + seconds
        while self.now < until:
            deadline = self.reload.step(self.now)
            assert deadline > self.now, "would spin"
            self.now = min(deadline, until)
        self.reload.step(self.now)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "etc")


def test_nothing_changed_is_nothing_applied(box: Box) -> None:
    box.wait(60)
    assert (box.changes, box.problems) == ([], [])


def test_change_is_applied_once_it_has_settled(box: Box) -> None:
    box.file.write_text("talk.hold_s = 2")
    box.reload.step(box.now)
    assert box.changes == []
    box.wait(SETTLE_S + 0.01)
    assert (box.changes, box.hold_s) == (["talk.hold_s"], 2)
    assert box.reload.in_force == load(box.place)


def test_comment_is_another_revision_without_a_change(box: Box) -> None:
    before = box.reload.in_force.sources.revision
    box.file.write_text("talk.hold_s = 1 # second")
    box.wait(10)
    assert box.changes == []
    assert box.reload.in_force.sources.revision != before


def test_nothing_is_applied_in_mid_turn(box: Box) -> None:
    box.in_turn = True
    box.file.write_text("talk.hold_s = 2")
    box.wait(60)
    assert box.changes == []
    box.in_turn = False
    box.wait(HELD_S + 0.01)
    assert box.hold_s == 2


def test_mistake_leaves_what_was_in_force_and_is_told_once(box: Box) -> None:
    box.file.write_text("talk.hold_s = -1")
    box.wait(PATIENCE_S / 2)
    assert box.problems == []
    box.wait(60)
    assert box.problems == [["talk.hold_s"]]
    assert (box.changes, box.reload.in_force.config.talk.hold_s) == ([], 1)


def test_mended_mistake_is_told_even_where_nothing_has_changed(box: Box) -> None:
    box.file.write_text("talk.hold_s = -1")
    box.wait(60)
    box.file.write_text("talk.hold_s = 1")
    box.wait(10)
    assert box.problems == [["talk.hold_s"], []]
    assert box.reload.problems == ()


def test_half_a_file_is_no_mistake(box: Box) -> None:
    box.file.write_text("talk.hold_s = 2\n[vad")
    box.wait(2)
    box.file.write_text("talk.hold_s = 2\n[vad]\naggressiveness = 3")
    box.wait(1)
    assert (box.problems, box.changes) == ([], ["vad.aggressiveness", "talk.hold_s"])


def test_empty_file_on_its_way_to_new_content_does_not_bring_the_defaults(box: Box) -> None:
    box.file.write_text("")
    box.wait(1.5)
    box.file.write_text("talk.hold_s = 2")
    box.wait(1)
    assert (box.hold_s, box.changes) == (2, ["talk.hold_s"])


def test_who_asks_hears_of_mistakes_at_once(box: Box) -> None:
    box.file.write_text("talk.hold_s = -1")
    box.reload.ask()
    box.reload.step(box.now)
    assert box.problems == [["talk.hold_s"]]


def test_what_cannot_be_applied_is_a_mistake(box: Box) -> None:
    box.refuses = "there is no such tool"
    box.file.write_text("talk.hold_s = 2")
    box.wait(10)
    assert (box.problems, box.reload.in_force.config.talk.hold_s) == ([["tools"]], 1)


def test_agent_that_changes_is_a_change(box: Box) -> None:
    (box.file.parent / "agents").mkdir()
    (box.file.parent / "agents/cook.toml").write_text('name = "Cook"')
    box.wait(1)
    assert box.changes == ["agents/cook.toml"]


def test_directory_that_goes_and_comes_back(box: Box) -> None:
    away = box.file.parent.with_name("away")
    os.rename(box.file.parent, away)
    box.wait(20)
    assert box.problems == [[""]]
    (away / "harkd.toml").write_text("talk.hold_s = 2")
    os.rename(away, box.file.parent)
    box.wait(10)
    assert (box.problems, box.hold_s) == ([[""], []], 2)


# ---- the loop that drives it -----------------------------------------


async def changed(box: Box) -> None:
    """Write a change while the loop runs, and wait until it is applied."""
    running = asyncio.create_task(box.reload.run())
    await asyncio.sleep(0)
    box.file.write_text("talk.hold_s = 2")
    await asyncio.wait_for(box.applied.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_change_is_noticed_within_a_second(box: Box) -> None:
    async def scene() -> float:
        started = asyncio.get_running_loop().time()
        await changed(box)
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(scene()) < 1.0


async def changed_until(box: Box, condition: Callable[[], object]) -> None:
    """Write a change while the loop runs, and wait for what comes of it on the disk or in the journal."""
    running = asyncio.create_task(box.reload.run())
    await asyncio.sleep(0)
    box.file.write_text("talk.hold_s = 2")
    for _ in range(100):
        if condition():
            break
        await asyncio.sleep(0.05)
    running.cancel()


def test_what_came_into_force_is_kept_for_the_next_boot(tmp_path: Path) -> None:
    last_good = LastGood(tmp_path / "state")
    box = Box(tmp_path / "etc", last_good)
    asyncio.run(changed_until(box, lambda: len(last_good.kept()) == 2))
    assert [load(kept.place).config.talk.hold_s for kept in last_good.kept()] == [2, 1]


def test_what_was_booted_with_is_kept_unless_it_was_only_the_last_good_one(tmp_path: Path) -> None:
    box = Box(tmp_path / "etc")

    async def scene(state: str, problems: Sequence[Problem]) -> int:
        last_good = LastGood(tmp_path / state)
        told = (box.place, load(box.place), box._apply, lambda: True, box._hear, last_good, problems)
        reload = Reload(*told)
        running = asyncio.create_task(reload.run())
        await reload.reload()
        await asyncio.sleep(0.1)
        running.cancel()
        return len(last_good.kept())

    assert asyncio.run(scene("good", ())) == 1
    assert asyncio.run(scene("bad", [Problem("harkd.toml", 1, "", "is wrong")])) == 0


def test_who_asks_hears_what_is_wrong_with_it(box: Box) -> None:
    async def scene() -> list[list[str]]:
        running = asyncio.create_task(box.reload.run())
        heard = []
        for text in ("talk.hold_s = 2", "talk.hold_s = -2", "talk.hold_s = 3"):
            box.file.write_text(text)
            heard.append([problem.key for problem in await box.reload.reload()])
        running.cancel()
        return heard

    assert asyncio.run(scene()) == [[], ["talk.hold_s"], []]
    assert box.hold_s == 3


def test_who_asks_in_mid_turn_hears_when_it_is_over(box: Box) -> None:
    async def scene() -> bool:
        running = asyncio.create_task(box.reload.run())
        box.in_turn = True
        asked = asyncio.create_task(box.reload.reload())
        await asyncio.sleep(0.1)
        waits = not asked.done()
        box.in_turn = False
        await asked
        running.cancel()
        return waits

    assert asyncio.run(scene())


def test_disk_that_takes_nothing_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").touch()
    box = Box(tmp_path / "etc", LastGood(tmp_path / "state"))
    asyncio.run(changed_until(box, lambda: box.hold_s == 2))
    assert "is not saved: " in caplog.text
    assert box.hold_s == 2


def test_without_inotify_it_is_noticed_nevertheless(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    box = Box(tmp_path / "etc")
    asyncio.run(changed_without_descriptors(box))
    assert box.hold_s == 2
    assert "no inotify (Too many open files)" in caplog.text


async def changed_without_descriptors(box: Box) -> None:
    """None is left while inotify would be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    running = asyncio.create_task(box.reload.run())
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        await asyncio.sleep(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    box.file.write_text("talk.hold_s = 2")
    await asyncio.wait_for(box.applied.wait(), 5)
    running.cancel()
