"""What the tests of the package share: the package, built once, and Debians to try it in (tests/machines)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
MACHINES = TREE / "tests" / "machines"


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0 and "CI" not in os.environ:
        pytest.skip("needs root: chroots, mounts, users and a systemd of its own")


def _run(*command: str | Path, timeout_s: float = 300.0, allowed: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode in allowed, f"status {done.returncode} of {command[0]}\n{done.stdout}"
    return done.stdout


def _rootfs(name: str) -> Path:
    return Path(_run(MACHINES / "rootfs", name, timeout_s=900).splitlines()[-1])


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Runs a command and answers what it printed, which fails the test where the status is not 0."""
    return _run


@pytest.fixture(scope="session")
def rootfs() -> Callable[[str], Path]:
    """The root of that name, built now if it is not there: a minute for some."""
    return _rootfs


@pytest.fixture(scope="session")
def package() -> Path:
    return Path(_run(TREE / "debian" / "build").splitlines()[-1])


def _install(suite: str, source: Path) -> str:
    """What `bare-install.sh` says on a bare Debian of that name."""
    script = TREE / "tests" / "packaging" / "bare-install.sh"
    copies = [f"{source}:/root/harkd", f"{script}:/root/script"]
    command = ["--", "bash", "/root/script"]
    return _run(MACHINES / "rootfs-run", _rootfs(f"bare-{suite}"), *copies, *command)


def _running_install(suite: str, source: Path, share: Path) -> str:
    """What `running-install.sh` says on a bare Debian of that name under a systemd of its own."""
    _run("cp", "-a", source, share / "harkd")
    shutil.copy(TREE / "tests" / "packaging" / "running-install.sh", share / "guest.sh")
    shutil.copy("/etc/resolv.conf", share)
    # The way to PyPI may lead through somebody whom this machine trusts and a fresh one does not.
    certificates = Path(os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt"))
    settings = {"index-url": os.environ.get("PIP_INDEX_URL")}
    if certificates.exists():
        shutil.copy(certificates, share / "certificates")
        settings["cert"] = "/hil/certificates"
    lines = [f"{key} = {value}" for key, value in settings.items() if value]
    (share / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    _run("nice", MACHINES / "nspawn", f"--root=bare-{suite}", "--network", share, "240", timeout_s=900)
    return (share / "output").read_text()


def _piuparts(package: Path) -> str:
    _run(TREE / ".ci" / "setup", "packages", "to install and purge the package", "piuparts")
    options = ["--no-eatmydata", "--no-upgrade-test", "--keep-sources-list", "--distribution=trixie"]
    return _run("piuparts", f"--basetgz={_rootfs('piuparts')}", *options, package)


def _arm64(files: Path, *words: str) -> str:
    """What Python of 64-bit ARM says to these words, the package's `files` being where they belong."""
    copies = [f"{files / path}:/{path}" for path in ("usr/bin/harkd", "usr/share/harkd", "etc/harkd")]
    python = ["/usr/bin/qemu-aarch64-static", "/usr/bin/python3"]
    # 1: a demo that was too slow, which here says nothing.
    return _run(MACHINES / "rootfs-run", _rootfs("arm64"), *copies, "--", *python, *words, allowed=(0, 1))


@pytest.fixture(scope="session")
def files(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the package."""
    folder = tmp_path_factory.mktemp("package")
    _run("dpkg-deb", "-x", package, folder)
    return folder


@pytest.fixture(scope="session")
def arm64(files: Path) -> Callable[..., str]:
    return lambda *words: _arm64(files, *words)


@pytest.fixture(scope="session")
def slow(
    request: pytest.FixtureRequest, package: Path, files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """What takes most of the time, beside the other tests: by the test that wants it."""
    source = tmp_path_factory.mktemp("source") / "harkd"
    source.mkdir()
    parts = "Makefile README.md CHANGELOG.md LICENSE pyproject.toml .ci configs daemon debian docs hw systemd"
    for part in parts.split():
        _run("cp", "-a", TREE / part, source)
    wanted = {
        "test_conversation_with_an_interruption": lambda: _arm64(
            files, "/usr/bin/harkd", "demo", "--out=/tmp/demo"
        ),
        **{
            f"test_running_install[{suite}]": lambda suite=suite: _running_install(
                suite, source, tmp_path_factory.mktemp(suite)
            )
            for suite in ("bookworm", "trixie")
        },
        "test_install": lambda: _install("trixie", source),
        "test_piuparts": lambda: _piuparts(package),
    }
    names = {item.name for item in request.session.items}
    with ThreadPoolExecutor(2) as executor:  # the emulated conversation has limits of its own, in real time
        yield {name: executor.submit(job) for name, job in wanted.items() if name in names}
