"""Whoever pushes a configuration: all the ways in which files come, go, and are half there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path


class Operator:
    """Somebody who does things to `etc`, one way or another, and half of them at times."""

    def __init__(self, etc: Path) -> None:
        self.etc = etc
        self.numbers = count()

    def write(self, name: str, text: str) -> None:
        self._make_way(name)
        self.file(name).write_text(text, encoding="latin-1")

    def tear(self, name: str, text: str) -> None:
        self.write(name, text[: len(text) // 2])

    def empty(self, name: str, text: str) -> None:
        self.write(name, "")

    def rename(self, name: str, text: str) -> None:
        """As rsync does."""
        self._make_way(name)
        beside = self.file(name).with_name(f".{Path(name).name}.{next(self.numbers)}")
        beside.write_text(text, encoding="latin-1")
        os.replace(beside, self.file(name))

    def link(self, name: str, text: str) -> None:
        """As a release directory with a link to the current one does."""
        self._make_way(name)
        target = self.etc.parent / f"release-{next(self.numbers)}.toml"
        target.write_text(text, encoding="latin-1")
        beside = self.file(name).with_name(f".link-{next(self.numbers)}")
        beside.symlink_to(target)
        os.replace(beside, self.file(name))

    def link_to_nothing(self, name: str, text: str) -> None:
        self.delete(name, text)
        self._make_way(name)
        self.file(name).symlink_to("nothing")

    def swap_directory(self, name: str, text: str) -> None:
        """The whole directory is another one at once, as `git worktree` and Kubernetes do."""
        new = self.etc.with_name(f"new-{next(self.numbers)}")
        if self.etc.is_dir():
            shutil.copytree(self.etc, new, symlinks=True)
        new.mkdir(exist_ok=True)
        old = self.etc.with_name(f"old-{next(self.numbers)}")
        if os.path.lexists(self.etc):
            os.rename(self.etc, old)
        os.rename(new, self.etc)
        self.write(name, text)

    def delete(self, name: str, text: str) -> None:
        if self.file(name).is_dir():
            shutil.rmtree(self.file(name))
        elif os.path.lexists(self.file(name)):
            self.file(name).unlink()

    def delete_all(self, name: str, text: str) -> None:
        shutil.rmtree(self.etc, ignore_errors=True)

    def make_directory(self, name: str, text: str) -> None:
        self.delete(name, text)
        self.file(name).mkdir(parents=True)

    def forbid(self, name: str, text: str) -> None:
        if self.file(name).exists():
            self.file(name).chmod(0)

    def file(self, name: str) -> Path:
        return self.etc / name

    def _make_way(self, name: str) -> None:
        """A writer that finds a directory, or a link to nothing, where its file belongs."""
        self.file(name).parent.mkdir(parents=True, exist_ok=True)
        if self.file(name).is_dir() or self.file(name).is_symlink():
            self.delete(name, "")


DEEDS: list[Callable[[Operator, str, str], None]] = [
    Operator.write,
    Operator.tear,
    Operator.empty,
    Operator.rename,
    Operator.link,
    Operator.link_to_nothing,
    Operator.swap_directory,
    Operator.delete,
    Operator.delete_all,
    Operator.make_directory,
    Operator.forbid,
]
DEEDS_THAT_WRITE = [Operator.write, Operator.rename, Operator.link, Operator.swap_directory]
