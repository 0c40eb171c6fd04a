"""Who speaks before the box at its own rate, so that samples compare. Shell around aplay and arecord."""

from __future__ import annotations

import fcntl
import random
import subprocess
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

RATE_HZ = 24_000  # of the card and of the session: what is heard is what was said, sample by sample
CARD_NODE = Path("/dev/snd/pcmC0D0p")
_ENDS = ("-D", "hw:Loopback,0,0", "-f", "S16_LE", "-c1", f"-r{RATE_HZ}", "-t", "raw", "-q")


def noise(chance: random.Random, frames: int, loudest: int) -> bytes:
    """Such as no other piece of it is like."""
    coarse = array("h", chance.randbytes(frames * 2))
    return array("h", (sample * loudest // 32_768 for sample in coarse)).tobytes()


class Room:
    """Faint noise, and whoever speaks in it, in pieces of 100 ms: `say` is heard up to `LATENCY_S` later."""

    PIECE_BYTES = RATE_HZ // 10 * 2
    LATENCY_S = 0.5

    def __init__(self, chance: random.Random) -> None:
        self._quiet = noise(chance, RATE_HZ // 10, 8)
        self._words: deque[bytes] = deque()
        threading.Thread(target=self._sound, daemon=True).start()

    def say(self, pcm: bytes) -> None:
        """Returns when it has been heard; at the latest a second after it should have been."""
        self._words.extend(pcm[at : at + self.PIECE_BYTES] for at in range(0, len(pcm), self.PIECE_BYTES))
        time.sleep(len(pcm) / 2 / RATE_HZ + self.LATENCY_S)
        self._words.clear()

    def _sound(self) -> None:
        while True:
            command = ["aplay", *_ENDS, "--period-time=100000", "--buffer-time=200000"]
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            ) as player:
                assert player.stdin is not None
                fcntl.fcntl(player.stdin, fcntl.F_SETPIPE_SZ, 4096)  # 85 ms; there is none smaller
                with suppress(BrokenPipeError):  # unplugged
                    while True:
                        write_whole(player.stdin, self._words.popleft() if self._words else self._quiet)
            while not CARD_NODE.exists():
                time.sleep(0.2)
            time.sleep(0.2)

    @contextmanager
    def listening(self, heard: Path) -> Iterator[None]:
        heard.write_bytes(b"")
        command = ["arecord", *_ENDS, "--period-time=100000", "--buffer-time=400000", str(heard)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as recorder:
            try:
                yield
            finally:
                time.sleep(0.3)
                recorder.terminate()


def write_whole(pipe: IO[bytes], piece: bytes) -> None:
    """A signal, of a child that has ended for one, cuts a write to a pipe short where the pipe was full."""
    while piece:
        piece = piece[pipe.write(piece) :]


def frames_heard(pcm: bytes, heard: bytes) -> int:
    """How many frames of `pcm`, from its first one on, are in `heard` in order and unchanged.

    Zeros do not count in either: a network that is too slow makes a gap in an answer.
    """
    pcm, heard = without_zeros(pcm), without_zeros(heard)
    start = heard.find(pcm[:400])
    if start < 0:
        return 0
    there = heard[start : start + len(pcm)]
    low, high = 0, len(there)
    while low < high:  # the longest beginning that is the same
        middle = (low + high + 1) // 2
        low, high = (middle, high) if there[:middle] == pcm[:middle] else (low, middle - 1)
    return low // 2


def without_zeros(pcm: bytes) -> bytes:
    return array("h", filter(None, array("h", pcm[: len(pcm) & ~1]))).tobytes()
