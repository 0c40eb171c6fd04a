"""Keeps a file of metrics up to date for the node exporter. Shell around the disk and the loop's timers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from daemon.metrics import MetricsSettings

log = logging.getLogger("harkd")

MODE = 0o644
"""The node exporter is another user; there are no secrets and no words in it."""


class MetricsFile:
    """`figures` gives the file's content, on the loop's thread; it is written in another.

    A disk that is full, or a directory that is not there, is told once until it works again.
    """

    def __init__(self, settings: MetricsSettings, figures: Callable[[], str]) -> None:
        self._settings = settings
        self._figures = figures
        self._failing = False

    async def run(self) -> None:
        """Write every `every_s` until cancelled; then the file goes: old figures are worse than none.

        Without a file it returns at once.
        """
        file = self._settings.file
        if file is None:
            return
        try:
            while True:
                await self._write(file)
                await asyncio.sleep(self._settings.every_s)
        except Exception:  # supervision point: figures cost nobody the box
            log.exception("metrics: %s is not written any more", file)
        finally:
            with contextlib.suppress(OSError):
                file.unlink()

    async def _write(self, file: Path) -> None:
        job = asyncio.ensure_future(asyncio.to_thread(write, file, self._figures()))
        try:
            await asyncio.wait({job})
        except asyncio.CancelledError:
            # A disk cannot be told to stop, and the file is to go after it; a failure now is nobody's news.
            await asyncio.gather(job, return_exceptions=True)
            raise
        try:
            job.result()
        except OSError as error:
            if not self._failing:
                log.warning("metrics: %s cannot be written: %s", file, error.strerror or error)
            self._failing = True
        else:
            if self._failing:
                log.info("metrics: %s is written again", file)
            self._failing = False


def write(file: Path, text: str) -> None:
    """Replace `file` as a whole. Raises `OSError`.

    The collector takes every `*.prom` of its directory: the file beside is called otherwise.
    """
    beside = file.with_name(f".{file.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(beside, flags, MODE), "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), MODE)
            stream.write(text)
        os.replace(beside, file)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
