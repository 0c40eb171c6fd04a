"""The whole daemon as `harkd run`, with WAV files for a sound card and pins that are not there. Shell.

A card of 48 kHz, as nearly all are, so that both directions are resampled; webrtcvad listens; a button and a
lamp on gpiozero's mock pins; a control socket, a state directory, and a socket where systemd would listen.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import wave
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.control import request
from tests.bench.processes import (
    OURS,
    PATIENCE_S,
    BenchError,
    Counter,
    Run,
    instructions_in,
    launch,
    scripted_server,
)
from tests.bench.server import Plan

VOICE = Path("/usr/share/sounds/alsa/Front_Center.wav")  # 48 kHz, of Debian's alsa-utils
ROOM_LEVEL = 60  # -55 dBFS: a quiet room, but not digital silence, which costs a detector nothing
RATE_HZ = 48_000
SOCKET = "control.sock"
CONNECTED = "the session is ready"  # a line of the journal
SETTLE_S = 2.0

TALKING = """
[talk]
mode = "hands_free"
barge_in = "server_vad"
[audio.playback]
keep_open = "while_used"
"""

MICROPHONE_CLOSED = """
[talk]
mode = "hold"
capture = "on_demand"
[audio.playback]
keep_open = "while_used"
"""

LISTENING = """
[talk]
mode = "hands_free"
barge_in = "server_vad"
[vad]
gate_upload = true
[audio.playback]
keep_open = "while_used"
"""
"""Only the voice detector works: the microphone is open, a quiet room is not sent."""

COMMON = """
audio.capture.driver = "wavfile"
audio.capture.file = "{folder}/sound/microphone.wav"
audio.playback.driver = "wavfile"
audio.playback.file = "{folder}/sound/heard.wav"
control.socket = "{folder}/{socket}"
session.url = "{url}"
light.driver = "gpio_led"
buttons.talk.driver = "gpio"
"""


@dataclass(slots=True)
class Box:
    """A daemon that is READY. `ready_s`: how long that took."""

    pid: int
    ready_s: float
    folder: Path

    def wait_connected(self) -> None:
        """Until the session is ready, and a little more; `BenchError` if that never comes."""
        give_up_at = time.monotonic() + PATIENCE_S
        while CONNECTED not in _journal(self.folder):
            if time.monotonic() > give_up_at:
                raise BenchError(f"the daemon never connected:\n{_journal(self.folder)}")
            time.sleep(0.1)
        time.sleep(SETTLE_S)

    def unmute(self) -> None:
        """Open the microphone."""
        answer = request(self.folder / SOCKET, {"command": "mute", "on": False}, timeout_s=PATIENCE_S)
        if not answer.get("ok"):
            raise BenchError(f"the daemon did not take its mute off: {answer}")

    def memory_kb(self, name: str) -> int:
        """`VmHWM`, the most there was, or `VmRSS`, what is there now."""
        return _status_field(Path(f"/proc/{self.pid}/status"), name)

    def wake_ups(self) -> int:
        """Of all threads, since they began."""
        name = "voluntary_ctxt_switches"
        return sum(_status_field(task / "status", name) for task in Path(f"/proc/{self.pid}/task").iterdir())


def _status_field(file: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", file.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise BenchError(f"{file} has no {name}")
    return int(found[1])


@contextlib.contextmanager
def running_box(
    settings: str, url: str, folder: Path, run: Run, counter: Counter | None = None
) -> Iterator[Box]:
    """A daemon until the end of the block, muted at first; then it is stopped, and `run.instructions` set.

    Muted, because the microphone goes by the clock: how much it captured while the rest was still starting
    under valgrind would depend on what else the machine does.
    """
    (folder / "state").mkdir()
    (folder / "state" / "box.json").write_text('{"muted": true, "volume_percent": null}', encoding="utf-8")
    (folder / "sound").mkdir()  # not where the configuration is: the daemon looks who writes there
    _write_microphone(folder / "sound" / "microphone.wav", quiet=settings is LISTENING)
    (folder / "harkd.toml").write_text(_merged(settings, url, folder), encoding="utf-8")
    arguments = ["-m", "daemon", "run", "--config", str(folder / "harkd.toml")]
    command, env = launch(OURS, arguments, folder, counter)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        (folder / "journal").open("w") as journal,
    ):
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(PATIENCE_S)
        run.spawned_at = time.monotonic()
        with subprocess.Popen(
            command, cwd=folder, env=env | _surroundings(folder), stdout=journal, stderr=journal
        ) as process:
            try:
                _wait_ready(systemd, process, folder)
                ready_s = time.monotonic() - run.spawned_at
                with _read(systemd):
                    yield Box(process.pid, ready_s, folder)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)
    if process.returncode:
        raise BenchError(f"the daemon ended with {process.returncode}:\n{_journal(folder)}")
    if counter is not None:
        run.instructions = instructions_in(folder)


def _surroundings(folder: Path) -> dict[str, str]:
    return {
        "NOTIFY_SOCKET": str(folder / "notify"),
        "STATE_DIRECTORY": str(folder / "state"),
        "GPIOZERO_PIN_FACTORY": "mock",
        "OPENBLAS_NUM_THREADS": "1",  # as in systemd/harkd.service
        "OPENAI_API_KEY": "sk-bench",
    }


def _wait_ready(systemd: socket.socket, process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    systemd.settimeout(0.2)
    while time.monotonic() < give_up_at and process.poll() is None:
        with contextlib.suppress(TimeoutError):
            if b"READY=1" in systemd.recv(4096):
                return
    raise BenchError(f"the daemon was never READY:\n{_journal(folder)}")


@contextlib.contextmanager
def _read(systemd: socket.socket) -> Iterator[None]:
    """What the daemon tells of itself must be read by somebody: it waits for that when the socket is full."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                systemd.recv(4096)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()


def _journal(folder: Path) -> str:
    return (folder / "journal").read_text(encoding="utf-8")[-3000:]


def _merged(settings: str, url: str, folder: Path) -> str:
    """TOML wants dotted keys before the tables they would open again, so tables become dotted keys."""
    lines, table = [], ""
    for line in settings.split("\n"):
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif line:
            lines.append(table + line)
    return COMMON.format(folder=folder, url=url, socket=SOCKET) + "\n".join(lines) + "\n"


def _write_microphone(file: Path, *, quiet: bool) -> None:
    if not quiet:
        if not VOICE.exists():
            raise BenchError(f"{VOICE} is missing: apt-get install alsa-utils")
        os.symlink(VOICE, file)
        return
    chance = random.Random(5)
    with wave.open(str(file), "wb") as room:
        room.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        level = ROOM_LEVEL
        room.writeframes(array("h", (chance.randint(-level, level) for _ in range(2 * RATE_HZ))).tobytes())


# ---- what is done with it ---------------------------------------------------------------------------


def talk(plan: Plan, counter: Counter | None = None, settings: str = TALKING) -> tuple[Run, list[int]]:
    """A conversation as long as the script; KiB resident at each turn's end, and the most there was."""
    with tempfile.TemporaryDirectory(prefix="harkd-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(scripted_server(plan, folder))
        run = Run(server.report)
        resident: list[int] = []
        with running_box(settings, server.url, folder, run, counter) as box:
            box.wait_connected()
            box.unmute()
            if counter is None:
                for _ in range(plan.turns):
                    time.sleep(plan.turn_s)
                    resident.append(box.memory_kb("VmRSS"))
            server.wait_over()
            run.client = {"ready_s": box.ready_s, "peak_rss_kb": box.memory_kb("VmHWM")}
        stack.close()
        return run, resident


def stay(
    settings: str,
    seconds: float,
    *,
    settle_s: float = SETTLE_S,
    counter: Counter | None = None,
    connected: bool = True,
) -> tuple[Run, float]:
    """A box to which nothing happens for a while; wake-ups per second over all its threads.

    `connected`: wait for that first.
    """
    with tempfile.TemporaryDirectory(prefix="harkd-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(scripted_server(Plan(), folder))
        run = Run(server.report)
        with running_box(settings, server.url, folder, run, counter) as box:
            if connected:
                box.wait_connected()
            box.unmute()
            time.sleep(settle_s)
            before, began = box.wake_ups(), time.monotonic()
            time.sleep(seconds)
            per_s = (box.wake_ups() - before) / (time.monotonic() - began)
            run.client = {"ready_s": box.ready_s, "peak_rss_kb": box.memory_kb("VmHWM")}
        stack.close()
        return run, per_s
