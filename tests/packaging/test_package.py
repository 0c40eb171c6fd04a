"""The Debian package as a file: what is in it, and what Debian's own tools think of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from daemon.cli import build_parser
from daemon.config.files import load_config

pytestmark = pytest.mark.machines

TREE = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]


def test_lintian(package: Path, run: Callable[..., str], rootfs: Callable[[str], Path]) -> None:
    judge = "lintian --allow-root -iI --pedantic --fail-on error,warning,info,pedantic /dist/*.changes"
    version = package.stem.rpartition("_")[0]
    copies = [f"{file}:/dist/{file.name}" for file in package.parent.glob(f"{version}_*")]
    run(TREE / "tests/machines/rootfs-run", rootfs("lint"), *copies, "--", "sh", "-c", judge)


def test_piuparts(slow: dict[str, Future[str]]) -> None:
    """Installed, removed and purged in a Debian 13: not a file is left, and none but its own was touched."""
    assert "PASS: All tests" in slow["test_piuparts"].result()


def test_package_is_for_every_processor(package: Path, run: Callable[..., str]) -> None:
    assert run("dpkg-deb", "-f", package, "Architecture").strip() == "all"
    listed = run("dpkg-deb", "-c", package)
    assert not re.search(r"\.(so|pyc)$|__pycache__|/tests?/|\.venv|/opt/", listed, re.M)


@pytest.mark.parametrize(
    "path",
    [
        "usr/bin/harkd",
        "usr/share/harkd/python/daemon/sounds/en/bad-key.wav",
        "usr/share/harkd/python/hw/load.py",
        "usr/share/harkd/boards/laptop.toml",
        "usr/share/harkd/examples/push-button-speaker.toml",
        "usr/share/harkd/default.toml",
        "usr/share/harkd/schema.json",
        "usr/share/harkd/prices.toml",
        "usr/share/man/man1/harkd.1.gz",
        "usr/lib/systemd/system/harkd.service",
        "usr/lib/systemd/system/harkd-key.path",
        "usr/lib/sysusers.d/harkd.conf",
        "usr/lib/tmpfiles.d/harkd.conf",
        "usr/share/doc/harkd/README.Debian",
        "usr/share/doc/harkd/docs/configuration.md",
        "etc/harkd/harkd.toml",
    ],
)
def test_package_holds(path: str, package: Path, run: Callable[..., str]) -> None:
    assert re.search(rf"^-.* \./{re.escape(path)}$", run("dpkg-deb", "-c", package), re.M)


def test_version_and_dependencies_are_those_of_the_project() -> None:
    assert (TREE / "debian/changelog").read_text().startswith(f"harkd ({PROJECT['version']}) ")
    control = (TREE / "debian/control").read_text()
    for requirement in PROJECT["dependencies"]:
        name, _, version = requirement.partition(">=")
        assert f"python3-{name} (>= {version})" in control


def test_manual_page_has_every_command(files: Path, run: Callable[..., str]) -> None:
    page = run("zcat", files / "usr/share/man/man1/harkd.1.gz")
    commands = next(action.choices for action in build_parser()._actions if action.dest == "command")
    assert commands
    assert [name for name in commands if f".SS harkd {name}\n" not in page] == []


def test_first_configuration_is_one_button_and_the_defaults() -> None:
    config = load_config([TREE / "debian/harkd.toml"])
    assert [(name, button.pin) for name, button in config.buttons.items()] == [("talk", 17)]
    assert config.audio.capture.device == config.audio.playback.device == "default"
