"""The air between the virtual loudspeaker and the virtual microphone: a process of its own.

    python virtual_room.py RATE_HZ DELAY_MS GAIN

takes what is played from its standard input and gives what is heard to its standard output, as it comes.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from room import Room

from tests.system.virtual_card import PUNCTUAL, VirtualCard


@contextmanager
def echo(card: VirtualCard, rate_hz: int, *, delay_ms: float, gain: float) -> Iterator[None]:
    """From entry to exit, the microphone hears what the loudspeaker plays, by way of a room.

    `delay_ms` comes on top of what recording and playing take, some 50 ms.
    """
    here = Path(__file__).resolve()
    paths = os.pathsep.join(map(str, (here.parents[2], here.parents[1] / "contract")))
    environment = {**card._client_environment(), "PYTHONPATH": paths}
    commands = (
        ["parec", *card._client("speaker", "speaker.monitor", rate_hz), "--latency-msec=10"],
        [sys.executable, str(here), str(rate_hz), str(delay_ms), str(gain)],
        ["pacat", "--playback", *card._client("mic", "mic_feed", rate_hz), "--latency-msec=30"],
    )
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            heard = processes[-1].stdout if processes else subprocess.DEVNULL
            last = len(processes) == len(commands) - 1
            out = subprocess.DEVNULL if last else subprocess.PIPE
            processes.append(
                subprocess.Popen([*PUNCTUAL, *command], stdin=heard, stdout=out, env=environment)
            )
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def main(rate_hz: int, delay_ms: float, gain: float) -> None:
    room = Room(rate_hz, delay_ms=delay_ms, gain=gain)
    most_waiting_bytes = 2 * rate_hz * 40 // 1000
    while select.select([0], [], [], 0)[0] and os.read(0, 65536):
        pass  # what was recorded while this process started
    rest = b""
    while piece := os.read(0, 4096):
        piece = rest + piece
        whole = len(piece) & ~1
        rest = piece[whole:]
        heard = room.hear(piece[:whole])
        # air does not queue: after a stall, what comes too late is dropped
        if waiting_bytes(1) < most_waiting_bytes:
            os.write(1, heard)


def waiting_bytes(pipe: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(count)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
