"""Mute and volume on their way to the disk, and back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon.box_state import FILE_BOUND_BYTES, GATHER_S, RETRY_S, BoxStateFile, SetByHand, StateKeeper

DISK_S = 0.5


class Disk:
    """Slow, and full when told so."""

    def __init__(self) -> None:
        self.full = False
        self.attempts = 0
        self.written: list[tuple[float, bool, int | None]] = []
        self.state = StateKeeper(SetByHand(), self.save)

    async def save(self, state: SetByHand) -> None:
        self.attempts += 1
        await asyncio.sleep(DISK_S)
        if self.full:
            raise OSError(28, "No space left on device")
        now_s = round(asyncio.get_running_loop().time() - 1000 - DISK_S, 3)
        self.written.append((now_s, state.muted, state.volume_percent))


def virtual(test: Callable[[Disk], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        disk = Disk()
        await test(disk)
        await disk.state.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def run() -> None:
        run_virtual(main())

    run.__name__ = test.__name__
    return run


@virtual
async def test_mute_is_written_at_once(disk: Disk) -> None:
    disk.state.keep_muted(True)
    assert disk.state.state == SetByHand(muted=True)
    await asyncio.sleep(60)
    assert disk.written == [(0, True, None)]


@virtual
async def test_many_volumes_are_one_write(disk: Disk) -> None:
    for percent in range(40, 60, 2):
        disk.state.keep_volume(percent)
        await asyncio.sleep(0.4)
    await asyncio.sleep(60)
    assert disk.written == [(GATHER_S, False, 58)]


@virtual
async def test_volume_turned_for_long_is_written_every_few_seconds(disk: Disk) -> None:
    for i in range(100):
        disk.state.keep_volume(i)
        await asyncio.sleep(0.2)
    await asyncio.sleep(60)
    times = [at for at, _, _ in disk.written]
    assert len(times) == 4
    assert all(b - a >= GATHER_S for a, b in pairwise(times))
    assert disk.written[-1][2] == 99


@virtual
async def test_waiting_volume_goes_along_with_a_mute(disk: Disk) -> None:
    disk.state.keep_volume(30)
    await asyncio.sleep(1)
    disk.state.keep_muted(True)
    await asyncio.sleep(60)
    assert disk.written == [(1, True, 30)]


@virtual
async def test_volume_after_a_mute_waits_its_own_time(disk: Disk) -> None:
    disk.state.keep_volume(30)
    disk.state.keep_muted(True)
    await asyncio.sleep(4)
    disk.state.keep_volume(40)
    await asyncio.sleep(60)
    assert disk.written == [(0, True, 30), (4 + GATHER_S, True, 40)]


@virtual
async def test_mute_during_a_write_is_written_right_after_it(disk: Disk) -> None:
    disk.state.keep_muted(True)
    await asyncio.sleep(0.1)
    disk.state.keep_muted(False)
    await asyncio.sleep(60)
    assert disk.written == [(0, True, None), (DISK_S, False, None)]


@virtual
async def test_volume_during_a_write_still_waits(disk: Disk) -> None:
    disk.state.keep_muted(True)
    await asyncio.sleep(0.1)
    disk.state.keep_volume(20)
    await asyncio.sleep(60)
    assert disk.written == [(0, True, None), (0.1 + GATHER_S, True, 20)]


@virtual
async def test_stop_writes_what_waits(disk: Disk) -> None:
    disk.state.keep_volume(20)
    await disk.state.stop()
    assert disk.written == [(0, False, 20)]


@virtual
async def test_what_is_set_again_is_not_written_again(disk: Disk) -> None:
    disk.state.keep_muted(False)
    disk.state.keep_volume(20)
    await asyncio.sleep(10)
    disk.state.keep_volume(20)
    await asyncio.sleep(10)
    assert disk.attempts == 1


def test_full_disk_is_told_once_and_tried_again_with_the_next_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @virtual
    async def run(disk: Disk) -> None:
        disk.full = True
        disk.state.keep_muted(True)
        await asyncio.sleep(60)
        disk.state.keep_muted(False)  # what the disk holds, as far as anybody knows
        await asyncio.sleep(60)
        assert disk.attempts == 2
        assert disk.state.failing
        disk.full = False
        disk.state.keep_muted(True)
        await asyncio.sleep(60)
        assert disk.written == [(120, True, None)]
        assert not disk.state.failing

    run()
    [record] = caplog.records
    assert "No space left on device" in record.getMessage()


@virtual
async def test_stop_tries_once_more_what_a_full_disk_refused(disk: Disk) -> None:
    disk.full = True
    disk.state.keep_muted(True)
    await asyncio.sleep(60)
    disk.full = False
    await disk.state.stop()
    assert disk.written == [(60, True, None)]


@virtual
async def test_full_disk_is_tried_again_without_anybody_changing_anything(disk: Disk) -> None:
    disk.full = True
    disk.state.keep_muted(True)
    await asyncio.sleep(10)
    disk.full = False
    await asyncio.sleep(RETRY_S)
    assert disk.written == [(RETRY_S + DISK_S, True, None)]
    await asyncio.sleep(1000)
    assert disk.attempts == 2


# ---- the file --------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "box.json"


def test_file_looks_like_this(path: Path) -> None:
    BoxStateFile(path).save(SetByHand(True, 40))
    assert path.read_text() == '{"muted": true, "volume_percent": 40}\n'


@pytest.mark.parametrize("state", [SetByHand(), SetByHand(True), SetByHand(False, 0), SetByHand(True, 100)])
def test_saved_state_is_loaded_again(path: Path, state: SetByHand) -> None:
    BoxStateFile(path).save(state)
    assert BoxStateFile(path).load() == state
    assert [file.name for file in path.parent.iterdir()] == ["box.json"]


def test_first_start_knows_nothing_and_warns_of_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert BoxStateFile(path).load() == SetByHand(muted=False, volume_percent=None)
    assert caplog.records == []


DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    '{"muted": true}',
    '{"muted": 1, "volume_percent": 40}',
    '{"muted": true, "volume_percent": true}',
    '{"muted": true, "volume_percent": 101}',
    '{"muted": true, "volume_percent": 40.5}',
    "[" * 4000,
    '{"muted": false, "volume_percent": 40}' + " " * FILE_BOUND_BYTES,
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_file_is_set_aside_and_the_box_muted(
    path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(text)
    assert BoxStateFile(path).load() == SetByHand(muted=True)
    assert path.with_name("box.json.damaged").read_text() == text
    assert not path.exists()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert str(path) in record.getMessage()


def test_box_whose_file_cannot_be_read_is_muted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir()
    assert BoxStateFile(path).load().muted
    assert "cannot be read" in caplog.text


def test_failed_save_keeps_the_old_file(path: Path) -> None:
    BoxStateFile(path).save(SetByHand(True, 40))
    path.with_name(".box.json.new").mkdir()
    with pytest.raises(OSError, match="box"):
        BoxStateFile(path).save(SetByHand())
    assert BoxStateFile(path).load() == SetByHand(True, 40)
