"""Makes docs/doctor.md from the checks in `daemon.doctor.registry`: run it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from daemon.doctor.registry import CHECKS

PAGE = Path(__file__).with_name("doctor.md")

INTRO = """\
# Doctor

<!-- Made by docs/doctor.py from the checks in daemon/doctor: change those, and run it. -->

`harkd doctor` looks at the whole box and says what to do: `PASS`, `WARN` (it works, but look at it), `FAIL`
(it will not work, or not safely) or `SKIP` with the reason. Its exit code is 1 if anything failed, else 0.

    sudo harkd doctor                      # as the service is started: /etc/harkd
    harkd doctor --config my.toml          # another configuration
    harkd doctor --json                    # for programs; keys are only ever added
    harkd doctor --lamp                    # lights the lamp for a second, too

It needs no running daemon, and takes some seconds: one of them it listens to the room, and then plays a short
tone to hear itself (28). While harkd runs, the devices are its own: it is asked about them over the control
socket, and what needs them free is skipped. Nothing is sent to the server but one question about the model
(44 to 46), which costs nothing; the API key is in no output. Where the configuration cannot be used, the
defaults are examined instead.

A number keeps its meaning for good. `after`: if that check failed, this one is skipped.

"""


def page() -> str:
    return INTRO + "\n".join(_tables())


def _tables() -> Iterator[str]:
    for group, checks in groupby(CHECKS, key=lambda check: check.group):
        yield f"## {group.value}\n\n| | check | passes if | else | after |\n|---|---|---|---|---|"
        for check in checks:
            needs = ", ".join(map(str, check.needs))
            yield f"| {check.number} | {check.name} | {check.title} | {check.fix} | {needs} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
