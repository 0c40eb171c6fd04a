from __future__ import annotations

import asyncio
import stat
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from daemon.metrics import MetricsSettings
from daemon.metrics_file import MetricsFile, write


def run_for(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        task = asyncio.create_task(work)
        await asyncio.wait({task}, timeout=seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_without_a_file_nothing_runs() -> None:
    asyncio.run(MetricsFile(MetricsSettings(), lambda: pytest.fail("asked")).run())


def test_file_is_replaced_as_a_whole_and_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "harkd.prom"
    write(file, "a 1\n")
    first = file.stat()
    write(file, "a 2\n")
    assert file.read_text() == "a 2\n"
    assert file.stat().st_ino != first.st_ino
    assert stat.S_IMODE(first.st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["harkd.prom"]


def test_file_is_kept_up_to_date_and_goes_at_the_end(tmp_path: Path) -> None:
    file, seen = tmp_path / "harkd.prom", list[str]()

    def figures() -> str:
        seen.append(file.read_text() if file.exists() else "")
        return f"a {len(seen)}\n"

    run_for(0.2, MetricsFile(MetricsSettings(file, 0.02), figures).run())
    assert seen[:3] == ["", "a 1\n", "a 2\n"]
    assert list(tmp_path.iterdir()) == []


def test_missing_directory_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "none" / "harkd.prom"
    run_for(0.15, MetricsFile(MetricsSettings(file, 0.01), lambda: "a 1\n").run())
    assert [record.getMessage() for record in caplog.records] == [
        f"metrics: {file} cannot be written: No such file or directory"
    ]


def test_directory_that_comes_back_is_written_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "harkd")
    directory = tmp_path / "later"
    count = 0

    def figures() -> str:
        nonlocal count
        count += 1
        if count == 3:
            directory.mkdir()
        return "a 1\n"

    run_for(0.2, MetricsFile(MetricsSettings(directory / "harkd.prom", 0.01), figures).run())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_figures_that_cannot_be_had_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def figures() -> str:
        raise KeyError("phase")

    asyncio.run(MetricsFile(MetricsSettings(tmp_path / "harkd.prom"), figures).run())
    assert "is not written any more" in caplog.text
    assert "KeyError: 'phase'" in caplog.text


def test_link_somebody_put_there_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".harkd.prom.new").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "harkd.prom", "a 1\n")
    assert not (tmp_path / "victim").exists()
