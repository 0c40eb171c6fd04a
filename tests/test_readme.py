"""Every command the README shows exists: Make words, files, and the subcommands and options of `harkd`."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(ROOT / page for page in ("README.md", "systemd/README.md", "configs/README.md", "hw/README.md"))


def commands_in(text: str) -> list[list[str]]:
    """The command lines of the ```sh blocks, split into words, comments dropped."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in lines if words]


COMMANDS = [command for page in PAGES for command in commands_in(page.read_text("utf-8"))]
MAKE_WORDS = sorted({word for name, *words in COMMANDS if name == "make" for word in words})
HARKD_LINES = [words for name, *words in COMMANDS if Path(name).name == "harkd"]
SYSTEM = ("sudo", "echo", "rm", "sha256sum")  # what every machine has
OTHERS = [name for name, *_ in COMMANDS if name not in ("make", *SYSTEM) and Path(name).name != "harkd"]


def make_knows(word: str) -> bool:
    done = subprocess.run(["make", "--dry-run", word], cwd=ROOT, capture_output=True, timeout=30)
    return done.returncode == 0


@pytest.mark.parametrize("word", MAKE_WORDS)
def test_make_word_exists(word: str) -> None:
    assert make_knows(word)


def test_make_word_that_does_not_exist_is_noticed() -> None:
    assert not make_knows("sandwich")


@pytest.mark.parametrize("words", HARKD_LINES, ids=" ".join)
def test_harkd_command_parses(words: list[str]) -> None:
    from daemon.cli import build_parser

    build_parser().parse_args(words)


def test_harkd_option_that_does_not_exist_is_noticed() -> None:
    from daemon.cli import build_parser

    with pytest.raises(SystemExit):
        build_parser().parse_args([*HARKD_LINES[0], "--sandwich"])


@pytest.mark.parametrize("name", OTHERS)
def test_other_command_is_a_program_of_the_repository(name: str) -> None:
    assert (ROOT / name).stat().st_mode & 0o111


def test_the_first_screen_shows_the_two_commands() -> None:
    assert COMMANDS[:2] == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
