"""Imports lgpio where its pipe can be made. Shell around lgpio and the working directory."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType


def import_lgpio() -> ModuleType:
    """Raises `ImportError` or `OSError`.

    It makes a pipe in the working directory while it is imported, leaves it there, and fails with a message
    about a file "-3" where it cannot write. Both ends stay open, so the pipe needs its name no more after.
    """
    if (imported := sys.modules.get("lgpio")) is not None:
        return imported
    with tempfile.TemporaryDirectory() as scratch, _within(scratch):
        return import_module("lgpio")


@contextlib.contextmanager
def _within(directory: str) -> Iterator[None]:
    """With `directory` as the working directory of the process, for all of its threads."""
    here = os.open(".", os.O_PATH)  # whatever it is called by now, and whether it can be read or not
    try:
        os.chdir(directory)
        yield
    finally:
        os.fchdir(here)
        os.close(here)
