"""What ends the link's wait: a network in a namespace of its own, files, the clock."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.link_watch import LinkWatch, NotedKey


class Link:
    """Remembers what it was told."""

    def __init__(self, *, blocked: bool = False, connected: bool = False) -> None:
        self.blocked = blocked
        self.connected = connected
        self.told: list[str] = []

    def connect_now(self) -> None:
        self._note("connect")

    def network_changed(self, *, came: bool) -> None:
        self._note("came" if came else "went")

    def _note(self, what: str) -> None:
        self.told.append(what)


def watched(
    link_of: Callable[[], Link],
    change: Callable[[], object],
    key: NotedKey | None,
    *,
    wall_clock: Callable[[], float] = time.time,
    **options,
) -> Link:
    """A link that was looked after several times since `change`, or was told something."""
    looks = asyncio.Queue[None]()

    def look() -> float:
        looks.put_nowait(None)
        return wall_clock()

    async def main() -> Link:
        link = link_of()
        watch = LinkWatch(lambda: link, key, look_s=0.002, wall_clock=look, **options)
        task = asyncio.create_task(watch.run())
        for _ in range(3):
            await looks.get()
        link.told.clear()
        change()
        for _ in range(7):
            if not link.told:
                await looks.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return link

    return asyncio.run(main())


# ---- the key -------------------------------------------------------------------------


class KeyFile:
    def __init__(self, content: str | Exception | None) -> None:
        self.content = content

    def __call__(self) -> str | None:
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("sk-old", "sk-new", True),
        ("sk-old", "sk-old", False),
        (None, "sk-new", True),
        (None, None, False),
        (PermissionError("may be read by others"), "sk-new", True),
        (PermissionError("may be read by others"), PermissionError("may be read by others"), False),
        (ValueError("is empty"), PermissionError("cannot be read"), True),
        ("sk-old", None, True),
    ],
)
def test_key_has_changed_since_it_was_used(
    before: str | Exception | None, after: str | Exception | None, changed: bool
) -> None:
    file = KeyFile(before)
    key = NotedKey(file)
    if isinstance(before, Exception):
        with pytest.raises(type(before)):
            key()
    else:
        assert key() == before
    file.content = after
    assert key.changed() == changed
    assert "sk-" not in repr(vars(key)["_note"])


@pytest.mark.parametrize(("blocked", "told"), [(True, ["connect"]), (False, [])])
def test_new_key_is_tried_at_once_by_a_link_that_is_refused_and_left_to_the_next_connection_by_others(
    blocked: bool, told: list[str]
) -> None:
    file = KeyFile("sk-old")
    key = NotedKey(file)
    key()

    def change() -> None:
        file.content = "sk-new"

    assert watched(lambda: Link(blocked=blocked), change, key).told[:1] == told


def test_refused_link_with_the_same_key_goes_on_waiting() -> None:
    key = NotedKey(KeyFile("sk-old"))
    key()
    assert watched(lambda: Link(blocked=True), lambda: None, key).told == []


# ---- name servers and the clock ------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_other_name_servers_are_another_network(tmp_path: Path, there: bool) -> None:
    file = tmp_path / "resolv.conf"
    if there:
        file.write_text("nameserver 10.0.0.1\n")
    link = watched(Link, lambda: file.write_text("nameserver 192.168.1.1\n"), None, name_servers=file)
    assert link.told[:1] == ["came"]


@pytest.mark.parametrize(
    ("step_s", "connected", "told"), [(3e8, False, ["connect"]), (3e8, True, []), (1.0, False, [])]
)
def test_clock_that_is_set_ends_the_wait(step_s: float, connected: bool, told: list[str]) -> None:
    now = [0.0]

    def wall_clock() -> float:
        return now[0] + asyncio.get_running_loop().time()

    def change() -> None:
        now[0] += step_s

    assert watched(lambda: Link(connected=connected), change, None, wall_clock=wall_clock).told == told


# ---- the network ---------------------------------------------------------------------

NAMESPACE = f"harkd-watch-{os.getpid()}"


def ip(*words: str) -> None:
    subprocess.run(["ip", "netns", "exec", NAMESPACE, "ip", *words], check=True, capture_output=True)


def what_is_missing() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root may make a network namespace"
    try:
        subprocess.run(["ip", "netns", "add", NAMESPACE], check=True, capture_output=True)
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespaces here: {error}"
    return ""


IN_THE_NAMESPACE = """
import asyncio, sys, time
from daemon.network_watch import NetworkWatch

async def main():
    watch = NetworkWatch(lambda came: print("came" if came else "went", flush=True))
    assert watch.start()
    print("listening", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    watch.stop()
    watch.stop()

asyncio.run(main())
"""


@pytest.fixture
def listening():
    """A program that listens inside a network namespace with a pair of virtual cards."""
    missing = what_is_missing()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        ip("link", "set", "lo", "up")
        ip("link", "add", "card0", "type", "veth", "peer", "name", "far0")
        ip("link", "set", "card0", "up")
        inside = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-c", IN_THE_NAMESPACE]
        program = subprocess.Popen(
            inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        try:
            assert program.stdout.readline() == "listening\n"
            yield program
        finally:
            program.stdin.close()
            assert program.wait(10) == 0
            program.stdout.close()
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@pytest.mark.long
def test_real_network_that_comes_and_goes_is_told_of(listening: subprocess.Popen[str]) -> None:
    def told_after(*commands: str) -> str:
        for command in commands:
            ip(*command.split())
        return listening.stdout.readline().strip()

    assert told_after("link set far0 up") == "came"
    assert told_after("addr add 192.0.2.2/24 dev card0", "route add default via 192.0.2.1") == "came"
    assert told_after("route del default") == "went"
    assert told_after("route add default via 192.0.2.1") == "came"
    assert told_after("addr del 192.0.2.2/24 dev card0") == "went"
    assert told_after("link set far0 down") == "went"
