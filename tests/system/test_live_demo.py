"""`harkd demo --mic` on the virtual card: a terminal, a space bar, a voice, a loudspeaker."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.virtual_card import VirtualCard

pytestmark = pytest.mark.system

HARKD = Path(sys.executable).with_name("harkd")
VOICE = Path("/usr/share/sounds/alsa/Front_Center.wav")


class Terminal:
    """A program on a terminal of its own, and what it has shown so far."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._keys, screen = pty.openpty()
        self.shown = ""
        on_terminal = ["setsid", "--ctty", *command]  # so that Ctrl-C becomes a signal
        self.process = subprocess.Popen(
            on_terminal, stdin=screen, stdout=screen, stderr=screen, env=environment
        )
        os.close(screen)

    def until(self, pattern: str, limit_s: float = 15.0) -> None:
        """Wait for this to be shown after everything awaited before."""
        deadline = time.monotonic() + limit_s
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} not shown: {self.shown}"
            if select.select([self._keys], [], [], 0.1)[0]:
                self.shown += os.read(self._keys, 4096).decode()
        self.shown = self.shown[found.end() :]

    def type(self, keys: bytes) -> None:
        os.write(self._keys, keys)

    def end(self, limit_s: float = 10.0) -> int:
        """Ctrl-C; the exit code. One that does not end says where it stands."""
        self.type(b"\x03")
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(limit_s)
            with contextlib.suppress(OSError):  # the end of what it has shown
                while True:
                    self.shown += os.read(self._keys, 4096).decode()
            pytest.fail(f"it does not end: {self.shown}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        os.close(self._keys)


@pytest.fixture
def terminal(virtual_card: VirtualCard, tmp_path: Path) -> Iterator[Terminal]:
    command = [str(HARKD), "demo", "--mic", "--out", str(tmp_path)]
    terminal = Terminal(command, {**os.environ, **virtual_card.environment, "PYTHONFAULTHANDLER": "1"})
    try:
        terminal.until(r"(?s)idle.*space bar|space bar.*idle")
        yield terminal
    finally:
        terminal.close()


def test_space_bar_conversation_through_the_sound_card(virtual_card: VirtualCard, terminal: Terminal) -> None:
    with wave.open(str(VOICE), "rb") as file:
        voice = file.readframes(file.getnframes())
    for _ in range(2):  # the second press comes in mid-answer
        terminal.type(b" ")
        terminal.until("listening")
        virtual_card.say(voice, 48_000)
        terminal.type(b" ")
        terminal.until("thinking")
        terminal.until("speaking")
        time.sleep(0.8)  # a space this soon after a tap would be taken for the key's repetition
    terminal.until("idle")
    assert terminal.end() == 0


@pytest.mark.parametrize("cards", [["speaker"], ["mic"], ["mic", "speaker"]])
def test_it_ends_though_a_device_does_not_close(
    cards: list[str], virtual_card: VirtualCard, terminal: Terminal
) -> None:
    for card in cards:
        virtual_card.wedge(card)
    try:
        assert terminal.end() == 0
    finally:
        for card in cards:
            virtual_card.unwedge(card)
