"""On what it was measured. Shell around two interpreters and /proc."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from tests.bench.processes import OURS

_ASK = """
import platform
from importlib.metadata import distributions
print("python", platform.python_version())
for one in sorted(distributions(), key=lambda one: one.name.lower()):
    if one.name in {names}:
        print(one.name, one.version)
"""
OF_OURS = ("websockets", "pydantic", "orjson", "pybase64", "numpy", "webrtcvad-wheels")
OF_PEERS = ("openai", "openai-agents", "websockets", "pydantic")


def versions(python: Path = OURS, names: tuple[str, ...] = OF_OURS) -> dict[str, str]:
    """Of an interpreter and what it imports."""
    asked = [str(python), "-c", _ASK.format(names=names)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, cwd="/").stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def machine() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {"processor": model, "cores": str(os.cpu_count()), "system": system, "kernel": platform.release()}
