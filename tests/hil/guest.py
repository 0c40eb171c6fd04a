"""Runs a program of this folder in a guest with the package installed. Shell around `tests/machines/uml`."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
_MAKING_S = 1500  # root and kernel, where there are none yet
_GUEST = """
set -e
# The program starts the service, when the rest of the box is there.
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
dpkg --install /hil/harkd.deb
mkdir /run/tree
mount -t hostfs -o hostfs={tree},ro none /run/tree || busybox mount -t hostfs -o ro,{tree} none /run/tree
cd /
export PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=/usr/share/harkd/python:/run/tree exec python3 -m {program}
"""


@cache
def _package() -> str:
    build = subprocess.run(
        [TREE / "debian/build"], stdout=subprocess.PIPE, text=True, timeout=300, check=False
    )
    assert build.returncode == 0, "the package could not be built"
    return build.stdout.split()[-1]


def run_in_guest(share: Path, program: str, timeout_s: float, *, real_time: bool = False) -> None:
    """`program`: a module and its arguments; `share` is its folder /hil. Its output is in `share`/output.

    Fails the test that asks, with output and journal, if the program does not end with status 0 in time.
    """
    if os.geteuid() != 0:
        pytest.fail("booting a kernel of its own needs root: sudo make hil")
    shutil.copy(_package(), share / "harkd.deb")
    (share / "guest.sh").write_text(_GUEST.format(tree=TREE, program=program))
    time = [] if real_time else ["--virtual-time"]
    command: list[str | Path] = [TREE / "tests/machines/uml", *time, share, str(timeout_s)]
    # What it builds, and that this takes minutes, it says itself on stderr.
    ended = subprocess.run(command, timeout=timeout_s + _MAKING_S, check=False)
    said = [
        path.read_text(errors="replace")[-4000:]
        for name in ("output", "journal")
        if (path := share / name).exists()
    ]
    assert ended.returncode == 0, "\n".join(said)
