"""The box in its guest: lines to press, a card to speak into, a link to spoil. Shell around a kernel.

For what runs as root in the Debian of `tests/machines/rootfs`, on the Linux of `tests/machines/kernel`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import queue
import random
import shutil
import subprocess
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemon.control import ControlError, request
from daemon.simulator import Script, SimulatorServer
from tests.hil.plain_room import write_whole
from tests.system.running_box import VOICE_HZ
from tests.system.virtual_card import Recording

SERVICE = "harkd.service"
CONTROL_SOCKET = Path("/run/harkd/control.sock")
MORE_CONFIG = Path("/etc/harkd/conf.d/more.toml")
SOON_S = 15.0
TALK_LINE, LAMP_LINE, MUTE_LINE = 17, 22, 27
HEADER_LINES, HEADER_LABEL = 28, "pinctrl-bcm2835"
PERIOD_MS = 20
CARD, CARD_DRIVER = "snd_aloop.0", Path("/sys/bus/platform/drivers/snd_aloop")
CAPTURE_STATUS, PLAYBACK_STATUS = (Path(f"/proc/asound/card0/pcm1{way}/sub0/status") for way in "cp")
SERVER_HOST, SERVER_PORT = "10.99.0.2", 8765

# What is played at the card's device 1 is captured at its device 0, and the other way round: the box has the
# one, whoever stands before it the other. The card's clock ticks every 10 ms: no shorter period works.
_CONFIG = f"""
[audio.capture]
device = "hw:CARD=Loopback,DEV=1"
rate_hz = {VOICE_HZ}
channels = 1
period_ms = {PERIOD_MS}
[audio.playback]
device = "hw:CARD=Loopback,DEV=1"
rate_hz = {VOICE_HZ}
channels = 1
period_ms = {PERIOD_MS}
[buttons.talk]
pin = {TALK_LINE}
hold = "talk"
[buttons.mute]
kind = "mute_switch"
pin = {MUTE_LINE}
[light]
driver = "gpio_led"
pin = {LAMP_LINE}
[session]
url = "ws://localhost:{SERVER_PORT}/v1/realtime"
"""
_OTHER_END = ("-D", "hw:Loopback,0,0", "-f", "S16_LE", "-c1", f"-r{VOICE_HZ}")


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def until(happened: Callable[[], Any], what: str, limit_s: float = SOON_S, look_s: float = 0.005) -> float:
    """Seconds until it did."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < limit_s, f"not {what} after {limit_s} s"
        time.sleep(look_s)
    return time.monotonic() - began


class SimulatedChip:
    """A GPIO chip of the kernel's own: what pulls its inputs, and what its outputs drive."""

    def __init__(self, name: str, label: str) -> None:
        self._config = Path("/sys/kernel/config/gpio-sim") / name
        (self._config / "bank0").mkdir(parents=True)
        (self._config / "bank0/num_lines").write_text(str(HEADER_LINES))
        (self._config / "bank0/label").write_text(label)
        (self._config / "live").write_text("1")
        chip = (self._config / "bank0/chip_name").read_text().strip()
        self._lines = Path("/sys/devices/platform") / (self._config / "dev_name").read_text().strip() / chip
        self.chip = f"/dev/{chip}"

    def pull(self, line: int, *, high: bool) -> None:
        (self._lines / f"sim_gpio{line}/pull").write_text("pull-up" if high else "pull-down")

    def is_driven_high(self, line: int) -> bool:
        return (self._lines / f"sim_gpio{line}/value").read_text().strip() == "1"

    def unplug(self) -> None:
        """Harmless when it has gone."""
        if not self._config.exists():
            return
        (self._config / "live").write_text("0")
        (self._config / "bank0").rmdir()
        self._config.rmdir()


class Header(SimulatedChip):
    """The pins of a Raspberry Pi, without one."""

    def __init__(self) -> None:
        super().__init__("box", HEADER_LABEL)
        shutil.chown(self.chip, group="gpio")  # as Raspberry Pi OS does
        os.chmod(self.chip, 0o660)
        for line in (TALK_LINE, MUTE_LINE):
            self.release(line)

    def press(self, line: int) -> None:
        self.pull(line, high=False)

    def release(self, line: int) -> None:
        self.pull(line, high=True)

    def is_lit(self) -> bool:
        return self.is_driven_high(LAMP_LINE)

    def lamp_runs(self, seconds: float) -> list[tuple[bool, float]]:
        """Lit or dark, and for how many seconds, one after the other."""
        runs: list[tuple[bool, float]] = []
        end, last = time.monotonic() + seconds, time.monotonic()
        while last < end:
            lit = self.is_lit()
            time.sleep(0.005)
            now = time.monotonic()
            if runs and runs[-1][0] == lit:
                runs[-1] = (lit, runs[-1][1] + now - last)
            else:
                runs.append((lit, now - last))
            last = now
        return runs


class Room:
    """What is around the box: never quite silent, people speak in it, and hear what the box plays.

    A thread feeds a player, which takes a piece whenever it has played one: what is said is in the microphone
    some 100 ms later. Harmless while the card is away; `plugged_in` when it is back.
    """

    PIECE_BYTES = VOICE_HZ // 50 * 2
    LATENCY_S = 0.15

    def __init__(self, directory: Path) -> None:
        self._heard = directory / "heard.raw"
        quiet = array("h", random.Random(3).choices(range(-8, 9), k=VOICE_HZ)).tobytes()
        self._pieces = itertools.cycle(
            quiet[at : at + self.PIECE_BYTES] for at in range(0, len(quiet), self.PIECE_BYTES)
        )
        self._words: queue.Queue[bytes] = queue.Queue()
        self._card_is_there = threading.Event()
        self._player: subprocess.Popen[bytes] | None = None
        threading.Thread(target=self._sound, daemon=True).start()

    def say(self, pcm: bytes) -> None:
        """Mono at 48 kHz; returns when the microphone has heard it."""
        for at in range(0, len(pcm), self.PIECE_BYTES):
            self._words.put(pcm[at : at + self.PIECE_BYTES])
        spoken_s = len(pcm) / 2 / VOICE_HZ
        until(lambda: not self._words.unfinished_tasks, "said", spoken_s + SOON_S, 0.02)
        time.sleep(self.LATENCY_S)

    def plugged_in(self) -> None:
        command = ["aplay", "-q", "-t", "raw", *_OTHER_END, "--period-time=20000", "--buffer-time=40000"]
        self._player = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
        assert self._player.stdin is not None
        fcntl.fcntl(self._player.stdin, fcntl.F_SETPIPE_SZ, 4096)  # 43 ms; there is none smaller
        self._card_is_there.set()

    @contextmanager
    def listening(self) -> Iterator[Recording]:
        self._heard.write_bytes(b"")
        command = [
            "arecord",
            "-q",
            "-t",
            "raw",
            *_OTHER_END,
            "--period-time=10000",
            "--buffer-time=200000",
            str(self._heard),
        ]
        with subprocess.Popen(command) as recorder:
            try:
                yield Recording(self._heard, VOICE_HZ)
            finally:
                recorder.terminate()

    def _sound(self) -> None:
        while self._card_is_there.wait():
            try:
                piece = self._words.get_nowait()
            except queue.Empty:
                self._play(next(self._pieces))
            else:
                self._play(piece)
                self._words.task_done()

    def _play(self, piece: bytes) -> None:
        assert self._player is not None
        assert self._player.stdin is not None
        try:
            write_whole(self._player.stdin, piece)
        except BrokenPipeError:  # unplugged
            self._card_is_there.clear()
            self._player.wait()


def unplug_the_card() -> None:
    """Returns when it is gone, for which the kernel waits until all have closed it."""
    (CARD_DRIVER / "unbind").write_text(CARD)


def plug_the_card_in() -> None:
    (CARD_DRIVER / "bind").write_text(CARD)


class Link:
    """The way to the server's network namespace, which can be made a bad one."""

    ENDS = (("box0",), ("box1", "-n", "server"))

    def __init__(self) -> None:
        run("ip", "netns", "add", "server")
        run(*["ip", "link", "add", "box0", "type", "veth", "peer", "name", "box1", "netns", "server"])
        for address, (end, *where) in zip(("10.99.0.1/24", f"{SERVER_HOST}/24"), self.ENDS, strict=True):
            run("ip", *where, "address", "add", address, "dev", end)
            run("ip", *where, "link", "set", end, "up")
        # harkd speaks ws:// to localhost only.
        Path("/etc/hosts").write_text(f"{SERVER_HOST} localhost\n")

    def be(self, how: str) -> None:
        """As netem says it, such as "loss 100%", in both directions; "" is good."""
        for end, *where in self.ENDS:
            if how:
                run("tc", *where, "qdisc", "replace", "dev", end, "root", "netem", *how.split())
            else:
                subprocess.run(["tc", *where, "qdisc", "del", "dev", end, "root"], capture_output=True)

    def cut(self) -> None:
        """No way there, which the kernel says at once."""
        run("ip", "route", "add", "unreachable", SERVER_HOST)

    def mend(self) -> None:
        run("ip", "route", "del", "unreachable", SERVER_HOST)


@contextmanager
def simulator_behind_the_link(script: Script) -> Iterator[SimulatorServer]:
    """On a thread of its own, which is the only one of this process in the server's namespace."""
    server = SimulatorServer(SERVER_HOST, SERVER_PORT, script)
    loop = asyncio.new_event_loop()

    def serve() -> None:
        with open("/run/netns/server") as namespace:
            os.setns(namespace.fileno(), os.CLONE_NEWNET)  # type: ignore[attr-defined]  # Python 3.12
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


class Service:
    """harkd under systemd."""

    def __init__(self, more: str = "") -> None:
        """Started, and ready for a turn. `more` configuration is in conf.d/ and wins."""
        etc = Path("/etc/harkd")
        MORE_CONFIG.parent.mkdir(parents=True, exist_ok=True)
        (etc / "harkd.toml").write_text(_CONFIG)
        MORE_CONFIG.write_text(more)
        key = etc / "openai_api_key"
        key.touch(mode=0o600)
        key.write_text("any\n")
        # gpiozero reads there which pins this Raspberry Pi has.
        Path("/run/cpuinfo").write_text("Revision\t: c03114\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n")
        drop_in = Path(f"/etc/systemd/system/{SERVICE}.d/pi.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text("[Service]\nBindReadOnlyPaths=/run/cpuinfo:/proc/cpuinfo\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", SERVICE)
        self.await_phase("idle")

    def use(self, more: str) -> None:
        """From now on, without a restart, `more` is the configuration that wins."""
        MORE_CONFIG.write_text(more)
        run("harkd", "reload")
        self.await_phase("idle")

    def wake_ups(self) -> dict[str, int]:
        """How often each thread of the daemon has waited, by name and number, since it began."""
        name = "voluntary_ctxt_switches"
        counted = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            fields = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            counted[f"{fields['Name'].strip()} {task.name}"] = int(fields[name])
        return counted

    def unit_property(self, name: str) -> str:
        return run("systemctl", "show", "--value", "-p", name, SERVICE).strip()

    @property
    def pid(self) -> int:
        return int(self.unit_property("MainPID"))

    @property
    def cgroup(self) -> Path:
        return Path(f"/sys/fs/cgroup{self.unit_property('ControlGroup')}")

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        answer = request(CONTROL_SOCKET, {"command": command, **fields}, 5.0)
        assert answer["ok"], answer
        return answer

    def status(self) -> dict[str, Any]:
        """Empty while it starts."""
        with contextlib.suppress(ControlError):
            return request(CONTROL_SOCKET, {"command": "status"}, 5.0).get("status") or {}
        return {}

    def await_status(
        self, happened: Callable[[dict[str, Any]], bool], what: str, limit_s: float = SOON_S
    ) -> float:
        seen: dict[str, Any] = {}

        def has_happened() -> bool:
            seen.clear()
            seen.update(self.status())
            return bool(seen) and happened(seen)

        try:
            return until(has_happened, what, limit_s, 0.05)
        except AssertionError as error:
            shown = {
                key: seen.get(key)
                for key in ("phase", "link", "microphone", "speaker", "light", "last_errors")
            }
            raise AssertionError(f"{error}, but {shown}") from None

    def await_phase(self, phase: str, limit_s: float = SOON_S) -> float:
        return self.await_status(lambda status: status["phase"] == phase, phase, limit_s)

    def await_sound(self, state: str, limit_s: float = SOON_S) -> float:
        """Seconds until microphone and loudspeaker are in this state."""
        both = ("microphone", "speaker")
        return self.await_status(lambda s: all(s[port]["state"] == state for port in both), state, limit_s)
