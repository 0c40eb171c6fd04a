"""What C code prints is thrown away, what Python prints is not."""

from __future__ import annotations

import subprocess
import sys

PRINTS = """
import ctypes, sys
from hw.audio.hush import hushed
c = ctypes.CDLL(None)
def say(word):
    c.fprintf(ctypes.c_void_p.in_dll(c, "stderr"), word)
    c.fflush(None)
say(b"before ")
with hushed():
    say(b"hushed ")
    print("python", end=" ", file=sys.stderr, flush=True)
say(b"after")
"""


def test_only_what_c_prints_meanwhile_is_lost() -> None:
    ran = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, check=True, timeout=60)
    assert ran.stderr == b"before python after"
