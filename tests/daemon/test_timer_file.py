"""Timers on disk: whole, damaged, unreadable."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from daemon.timer_file import FILE_BOUND_BYTES, TimerFile
from daemon.timers import MAX_LABEL_CHARS, MAX_TIMERS, Timer

TEA = Timer(3, "Tee für Émile", 1_700_000_000.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "timers.json"


def test_saved_timers_are_loaded_again(path: Path) -> None:
    TimerFile(path).save([TEA, Timer(4, "", 5.0)])
    assert TimerFile(path).load() == [TEA, Timer(4, "", 5.0)]
    assert [file.name for file in path.parent.iterdir()] == ["timers.json"]


def test_file_looks_like_this(path: Path) -> None:
    TimerFile(path).save([Timer(3, "tea", 17.5)])
    assert path.read_text() == '{"timers": [{"id": 3, "label": "tea", "due_unix": 17.5}]}\n'


def test_full_book_fits_the_bound(path: Path) -> None:
    timers = [Timer(10**9 + i, "\U0001f9c0" * MAX_LABEL_CHARS, 1e9 + 0.123456 + i) for i in range(MAX_TIMERS)]
    TimerFile(path).save(timers)
    assert path.stat().st_size < FILE_BOUND_BYTES
    assert TimerFile(path).load() == timers


def test_no_file_is_no_timers_and_no_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert TimerFile(path).load() == []
    assert caplog.records == []


DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    '{"timers": 1}',
    '{"timers": [1]}',
    '{"timers": [{"id": "1", "label": "", "due_unix": 1}]}',
    '{"timers": [{"id": true, "label": "", "due_unix": 1}]}',
    '{"timers": [{"id": 0, "label": "", "due_unix": 1}]}',
    '{"timers": [{"id": 1, "label": "", "due_unix": NaN}]}',
    '{"timers": [{"id": 1, "label": "", "due_unix": 1}, {"id": 1, "label": "", "due_unix": 2}]}',
    "[" * 20_000,
    " " * (FILE_BOUND_BYTES + 1),
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_file_is_set_aside_with_a_warning(
    path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(text)
    assert TimerFile(path).load() == []
    assert path.with_name("timers.json.damaged").read_text() == text
    assert not path.exists()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert str(path) in record.getMessage()


def test_file_that_is_no_utf_8_is_set_aside(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    assert TimerFile(path).load() == []
    assert path.with_name("timers.json.damaged").exists()


def test_directory_in_its_place_is_told_and_not_fatal(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir()
    assert TimerFile(path).load() == []
    assert "cannot be read" in caplog.text
    with pytest.raises(OSError, match="timers"):
        TimerFile(path).save([TEA])


def test_failed_save_keeps_the_old_file(path: Path) -> None:
    TimerFile(path).save([TEA])
    path.with_name(".timers.json.new").mkdir()
    with pytest.raises(OSError, match="timers"):
        TimerFile(path).save([])
    assert json.loads(path.read_text())["timers"][0]["id"] == 3


def test_save_follows_no_link_laid_in_its_way(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.with_name(".timers.json.new").symlink_to(victim)
    with pytest.raises(OSError, match="timers"):
        TimerFile(path).save([TEA])
    assert victim.read_text() == "precious"
