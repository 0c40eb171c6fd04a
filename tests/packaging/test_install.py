"""`make install` on bare Debians without a compiler, and whether a 64-bit ARM board could do the same."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

pytestmark = pytest.mark.machines


def said_in(printed: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in printed.splitlines() if ": " in line)


SYSTEMD = {"bookworm": "252", "trixie": "257"}


@pytest.mark.parametrize("suite", SYSTEMD)
def test_running_install(suite: str, slow: dict[str, Future[str]]) -> None:
    """The README's two commands on a bare Debian make a service that runs; `make uninstall` undoes them."""
    printed = slow[f"test_running_install[{suite}]"].result()
    said = said_in(printed)
    assert said["version"].startswith(f"systemd {SYSTEMD[suite]} ")
    assert (said["active"], said["enabled"], said["restarts"]) == ("active", "enabled", "0"), printed
    assert "link         ready" in said["status"]
    assert (said["failed"], said["verified"]) == ("", "")
    assert float(re.findall(r"\d+\.\d", said["exposure"])[0]) <= 2.5
    assert said["stopped"].split() == ["inactive,", "not-found", "not-found"]
    assert said["running"] == ""
    assert said["kept"].split() == ["/etc/harkd", "/etc/harkd/harkd.toml"]
    assert (said["left"], said["gone"]) == ("", ""), "by PURGE=1, but for Debian's packages"
    assert [line.split(":")[0] for line in said["accounts"].split()] == ["gpio", "spi"]


def test_install(slow: dict[str, Future[str]]) -> None:
    """In a chroot, as images are made: nothing is started. Twice, which keeps what was set."""
    said = said_in(slow["test_install"].result())
    assert said["settings"] == "# mine", "the second time, settings stay"
    assert said["sources"] == "1", "of the same version, and changed all the same"
    assert said["key"] == "600 root", "what was written for everybody to read"
    assert said["version"].startswith("harkd ")
    assert said["check"] == "ok"
    assert said["modules"] == "ok"
    assert said["enabled"] == "enabled"
    assert set(said["user"].split()) == {"harkd", "audio", "gpio", "spi"}
    assert said["left"].split() == ["/etc/harkd", "/etc/harkd/harkd.toml"]
    assert said["account"].strip() == ""
    assert said["purged"].strip() == ""


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_arm64_needs_no_compiler(python: str, tmp_path: Path, run: Callable[..., str]) -> None:
    """PyPI has wheels of all that `make install` takes from there; lgpio has none for 3.13."""
    packages = ["websockets>=15", "pydantic>=2.10", "gpiozero>=2", "webrtcvad-wheels", "pywebrtc-audio"]
    packages += ["pybase64>=1.4"]
    packages += ["lgpio>=0.2.2"] if python == "3.11" else []
    tags = ("manylinux2014", "manylinux_2_28", "manylinux_2_34")  # Debian 12 has glibc 2.36
    platforms = [f"--platform={tag}_aarch64" for tag in tags]
    where = ["--only-binary=:all:", "--target", tmp_path, "--python-version", python, *platforms]
    printed = run(sys.executable, "-m", "pip", "install", "--dry-run", *where, *packages)
    assert "Would install" in printed
