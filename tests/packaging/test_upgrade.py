"""An upgrade of the package under a systemd of its own, on Debian 13 with Python 3.13."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.machines

TREE = Path(__file__).resolve().parents[2]
PACKAGED = "# harkd: "


def older(package: Path, folder: Path, run: Callable[..., str]) -> None:
    """The same package as old.deb, with a lower version and another harkd.toml."""
    old = folder / "old"
    run("dpkg-deb", "-R", package, old)
    for file, was, becomes in (
        (old / "DEBIAN/control", "Version: ", "Version: 0.0.1~"),
        (old / "etc/harkd/harkd.toml", PACKAGED, "# harkd, an old one: "),
    ):
        assert was in file.read_text()
        file.write_text(file.read_text().replace(was, becomes, 1))
    run("dpkg-deb", "--root-owner-group", "-b", old, folder / "old.deb")
    shutil.rmtree(old)


@pytest.fixture(scope="module")
def said(package: Path, tmp_path_factory: pytest.TempPathFactory, run: Callable[..., str]) -> dict[str, str]:
    share = tmp_path_factory.mktemp("share")
    older(package, share, run)
    shutil.copy(package, share / "new.deb")
    shutil.copy(TREE / "tests/packaging/upgrade.sh", share / "guest.sh")
    run(TREE / "tests/machines/nspawn", share, "180", timeout_s=900)
    lines = (share / "output").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def test_upgrade_starts_the_new_one(said: dict[str, str], package: Path) -> None:
    version = package.name.split("_")[1]
    assert said["installed"] == f"0.0.1~{version}, active"
    assert said["upgraded"] == f"{version}, active"
    assert said["process"] == "another"
    assert "Python 3.13" in said["python"]


def test_upgrade_keeps_edited_settings_beside_the_new_ones(said: dict[str, str]) -> None:
    assert said["kept"] == "grumpy voice"
    assert said["offered"].startswith(PACKAGED)


def test_removal_stops_it_and_keeps_settings(said: dict[str, str]) -> None:
    assert said["removed"] == "inactive inactive"
    assert {"harkd.toml", "mine.txt"} <= set(said["settings"].split())
    assert said["again"] == "active, grumpy voice"


def test_purge_after_all_that_leaves_nothing(said: dict[str, str]) -> None:
    assert said["purged"] == ""
