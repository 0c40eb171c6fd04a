"""Counts the instructions of a 64-bit ARM processor, without one. Shell around qemu-user and wheels.

The interpreter is Debian 13's, the libraries are the published wheels, the processor a Cortex-A53.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.processes import HERE, ROOT, Counter

PYTHON = "3.13"
WHEELS = ("websockets", "pydantic", "orjson", "numpy", "pybase64", "webrtcvad-wheels", "gpiozero")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


def counter() -> Counter:
    """Installs and builds what is missing."""
    subprocess.run([ROOT / ".ci" / "setup", "packages", "emulates ARM", "qemu-user", "gcc"], check=True)
    rootfs = ROOT / "tests" / "machines" / "rootfs"
    done = subprocess.run([rootfs, "arm64"], check=True, stdout=subprocess.PIPE, text=True)
    root = Path(done.stdout.strip())
    kept = _cache()
    plugin = f"file={_plugin(kept)},out={{counts}}"
    qemu = ("qemu-aarch64", "-cpu", "cortex-a53", "-L", str(root), "-plugin", plugin)
    return Counter(qemu, root / "usr" / "bin" / f"python{PYTHON}", _wheels(kept))


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    kept = Path(os.environ.get("TESTS_CACHE", f"{base}/harkd")) / "bench"
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def _plugin(kept: Path) -> Path:
    source = HERE / "count.c"
    built = kept / f"count-{_key(source.read_bytes())}.so"
    if not built.exists():
        command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(built), str(source)]
        subprocess.run(command, check=True)
    return built


def _wheels(kept: Path) -> Path:
    target = kept / f"wheels-{_key(repr((PYTHON, WHEELS, PLATFORMS)).encode())}"
    if not target.exists():
        half = target.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        where = [f"--platform={platform}" for platform in (*PLATFORMS, "any")]
        what = ["--only-binary=:all:", f"--python-version={PYTHON}", "--target", str(half)]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *what, *where, *WHEELS], check=True)
        half.rename(target)
    return target


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
