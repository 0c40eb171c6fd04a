"""Prints harkd(1), made from the command line's own help: `python3 manpage.py VERSION`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from daemon.cli import build_parser

FILES = {
    "/etc/harkd/harkd.toml": "settings; conf.d/*.toml and devices/HOSTNAME.toml beside it are laid over it",
    "/etc/harkd/agents/, /etc/harkd/tools/": "who answers, and tools in Python",
    "/etc/harkd/openai_api_key": "the API key and nothing else, mode 0600",
    "/usr/share/harkd/": "every key with its default, boards and whole devices to copy",
    "/var/lib/harkd/": "timers, volume, what was spent, the last configurations that worked",
    "/run/harkd/control.sock": "where the commands reach the daemon; for root and the group harkd",
}
EXIT = {
    "0": "ok",
    "1": "checked, and failed",
    "2": "wrong usage",
    "78": "wrong configuration; systemd does not try again",
}


def roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "'")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def terms(title: str, entries: dict[str, str]) -> Iterator[str]:
    yield f".SH {title}"
    for term, text in entries.items():
        yield from (".TP", f".B {roff(term)}", roff(text))


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        default = {"default": action.default}
        names = ", ".join(action.option_strings)
        value = "" if action.nargs == 0 else str(action.metavar or "|".join(action.choices or [action.dest]))
        yield from (".TP", f".B {roff(f'{names} {value}'.strip())}")
        yield roff((action.help or "") % default)


def commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """Each command with its options, those of commands in commands too."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        texts = {choice.dest: choice.help for choice in action._choices_actions}
        for word, command in action.choices.items():
            text = texts.get(word) or ""
            yield from (f".SS {name} {word}", roff(f"{text[:1].upper()}{text[1:]}."))
            yield from options(command)
            yield from commands(command, f"{name} {word}")


def page(version: str) -> str:
    parser = build_parser()
    lines = [
        f'.TH HARKD 1 "" "harkd {version}" "User Commands"',
        ".SH NAME",
        "harkd \\- voice appliance daemon for the OpenAI Realtime API",
        ".SH SYNOPSIS",
        ".B harkd",
        ".I COMMAND",
        "[options]",
        ".SH DESCRIPTION",
        "A small board with a microphone, a loudspeaker and a button: hold the button, talk, let go, listen;",
        "press again to cut the answer off. The service",
        ".B harkd run",
        "does it; the other commands look at it, reach into it, and try it.",
        ".SH COMMANDS",
        *commands(parser, "harkd"),
        *terms("EXIT STATUS", EXIT),
        *terms("FILES", FILES),
        ".SH ENVIRONMENT",
        roff("OPENAI_API_KEY, instead of the file; HARKD_TALK__MODE=toggle and the like, over all files."),
        ".SH SEE ALSO",
        roff("/usr/share/doc/harkd/README.md, /usr/share/doc/harkd/README.Debian"),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(sys.argv[1]), end="")
