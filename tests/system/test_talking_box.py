"""`harkd run` as a process on PyAudio and alsa-lib, spoken to and listened to through the virtual card."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
import wave
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.control import ControlError, request
from daemon.simulator import Script, SimulatorServer, load_script
from tests.system.virtual_card import Recording, VirtualCard

pytestmark = pytest.mark.system

VOICES = Path("/usr/share/sounds/alsa")
ANSWER = ("Front_Left", "Front_Right", "Rear_Left", "Rear_Center", "Rear_Right", "Side_Left", "Side_Right")
RECORDING_HZ = 48_000
INTERRUPTIONS = 20
SILENCE_LIMIT_MS = 60

CONFIG = """
[audio.capture]
driver = "portaudio"
device = "mic"
rate_hz = 48000
period_ms = 20

[audio.playback]
driver = "portaudio"
device = "speaker"
rate_hz = 48000
period_ms = 10

[button]
driver = "none"

[session]
url = "{url}"

[control]
socket = "{socket}"
"""


@contextmanager
def simulator(script: Script) -> Iterator[SimulatorServer]:
    """The server on a loop and thread of its own, so that the test may block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = SimulatorServer(script=script)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Daemon:
    """A running `harkd`, commanded as a person would: over its control socket."""

    def __init__(self, directory: Path, url: str) -> None:
        self._socket = directory / "control.sock"
        config = directory / "harkd.toml"
        config.write_text(CONFIG.format(url=url, socket=self._socket))
        self._log = directory / "log"
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "daemon", "run", "--config", str(config), "--verbose"]
            environment = {**os.environ, "OPENAI_API_KEY": "any"}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        answer = request(self._socket, {"command": command, **fields}, 5.0)
        assert answer["ok"], answer
        return answer

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.ask("status")["status"]
        return status

    def await_phase(self, phase: str, limit_s: float = 15.0) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        seen = "nothing"
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            try:
                status = self.status()
            except ControlError as error:
                seen = str(error)
            else:
                seen = status["phase"]
                if seen == phase:
                    return status
            time.sleep(0.02)
        raise AssertionError(f"{seen}, not {phase}, after {limit_s} s: {self._log.read_text()[-3000:]}")

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(10)


@contextmanager
def running(directory: Path, url: str) -> Iterator[Daemon]:
    daemon = Daemon(directory, url)
    try:
        daemon.await_phase("idle")
        yield daemon
    finally:
        code = daemon.stop()
    assert code == 0


def read_voice(name: str) -> bytes:
    with wave.open(str(VOICES / f"{name}.wav"), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        return file.readframes(file.getnframes())


def answer_with(directory: Path, recordings: Sequence[str]) -> Script:
    """The same answer to everything."""
    path = directory / "script.toml"
    voices = ", ".join(f'"{VOICES / name}.wav"' for name in recordings)
    path.write_text(f'repeat = true\n[[answer]]\ntext = "Front left, and so on."\nwav = [{voices}]\n')
    return load_script(path)


def likeness(heard: bytes, said: bytes) -> tuple[float, int]:
    """The largest normalised correlation of `said` with a stretch of `heard`, and where that begins."""
    whole = np.frombuffer(heard, "<i2").astype(float)
    part = np.frombuffer(said, "<i2").astype(float)
    size = 1 << (len(whole) + len(part)).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    correlation = np.fft.irfft(product, size)[: max(1, len(whole) - len(part))]
    at = int(np.argmax(correlation))
    energy = float(np.sqrt(np.sum(whole[at : at + len(part)] ** 2) * np.sum(part**2)))
    return float(correlation[at]) / max(energy, 1.0), at


def last_sound(recording: Recording, start: int) -> int:
    """The last non-zero sample from `start` on, in samples after `start`; 0 for silence."""
    samples = array("h", recording.pcm()[start * 2 :])
    return next((i + 1 for i in range(len(samples) - 1, -1, -1) if samples[i]), 0)


def test_spoken_question_goes_up_and_the_answer_comes_out_until_it_is_interrupted(
    virtual_card: VirtualCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = read_voice("Front_Center")
    with (
        simulator(answer_with(tmp_path, ANSWER)) as server,
        running(tmp_path, server.url) as daemon,
        virtual_card.recording(RECORDING_HZ) as recording,
    ):
        daemon.ask("press")
        virtual_card.say(question, 48_000)
        time.sleep(0.3)  # what was said still travels through the card
        daemon.ask("release")
        daemon.await_phase("speaking")
        time.sleep(3.0)
        cut_at = len(recording.pcm()) // 2
        daemon.ask("press")
        time.sleep(1.0)
        after = last_sound(recording, cut_at) * 1000 / RECORDING_HZ
        daemon.ask("stop")
        [committed] = server.connections[0].committed_audio()
        heard = recording.pcm()[: cut_at * 2]

    asked, _ = likeness(_to_48k(committed), question)
    answered, _ = likeness(heard, read_voice(ANSWER[0]))
    print(
        f"question at the server: likeness {asked:.3f}; answer from the loudspeaker: {answered:.3f}; ", end=""
    )
    print(f"sound after the interruption: {after:.0f} ms")
    assert asked > 0.9
    assert answered > 0.9
    assert after <= SILENCE_LIMIT_MS
    [truncate] = [event for _, event in server.received if event["type"] == "conversation.item.truncate"]
    assert 2000 < truncate["audio_end_ms"] < 4500


def _to_48k(pcm_24k: bytes) -> bytes:
    return np.repeat(np.frombuffer(pcm_24k, "<i2"), 2).tobytes()


def test_twenty_interruptions_are_silent_in_time(
    virtual_card: VirtualCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is noise, so that every sample that is still played shows."""
    tails_ms = []
    with (
        simulator(answer_with(tmp_path, ["Noise"] * 3)) as server,
        running(tmp_path, server.url) as daemon,
        virtual_card.recording(RECORDING_HZ) as recording,
    ):
        for round_ in range(INTERRUPTIONS):
            daemon.ask("ask", text="Say something long.")
            daemon.await_phase("speaking")
            time.sleep(0.5 + 0.013 * round_)  # at another place of the period each time
            cut_at = len(recording.pcm()) // 2
            daemon.ask("press")
            time.sleep(0.4)
            assert any(recording.pcm()[(cut_at - RECORDING_HZ // 10) * 2 : cut_at * 2]), "nothing was playing"
            tails_ms.append(last_sound(recording, cut_at) * 1000 / RECORDING_HZ)
            daemon.ask("stop")
            daemon.await_phase("idle")
    ordered = sorted(tails_ms)
    with capsys.disabled():  # the figures are part of what `make test` tells; 5 ms is the recorder's step
        print(f"\ninterruption -> silence over {INTERRUPTIONS}, in ms: ", end="")
        print(*(f"{tail:.0f}" for tail in ordered), f"(median {statistics.median(ordered):.0f})")
    assert statistics.median(ordered) <= SILENCE_LIMIT_MS
    assert ordered[-1] <= SILENCE_LIMIT_MS
