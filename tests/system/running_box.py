"""`harkd run` as a process, the server it talks to, and ears to compare what was heard with what was said."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import statistics
import subprocess
import sys
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from daemon.audio.resample import Resampler
from daemon.control import ControlError, request
from daemon.simulator import Script, SimulatorServer, load_script
from tests.system.virtual_card import PUNCTUAL, Recording, VirtualCard

VOICES = Path("/usr/share/sounds/alsa")
VOICE_HZ = 48_000
SESSION_HZ = 24_000
SOON_S = 15.0

# No sound but the answers, so that whatever is heard is one; a test may say otherwise.
_CONFIG = """
[audio.capture]
device = "{microphone}"
[audio.playback]
device = "{speaker}"
[sounds]
prompts = "off"
earcons = false
[session]
url = "{url}"
[control]
socket = "{socket}"
"""


@contextmanager
def simulator(script: Script | None = None) -> Iterator[SimulatorServer]:
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


class Box:
    """A running `harkd`, commanded as a person would: over its control socket."""

    def __init__(
        self,
        directory: Path,
        url: str,
        more: str = "",
        *,
        microphone: str = "mic",
        speaker: str = "speaker",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`more` configuration wins over what is there already."""
        self.socket = directory / "control.sock"
        base, above = directory / "harkd.toml", directory / "more.toml"
        base.write_text(_CONFIG.format(url=url, socket=self.socket, microphone=microphone, speaker=speaker))
        above.write_text(more)
        self._log = directory / "log"
        command = [sys.executable, "-m", "daemon", "run"]
        kept = directory / "state"
        kept.mkdir(exist_ok=True)  # systemd makes it
        state = {"OPENAI_API_KEY": "any", "STATE_DIRECTORY": str(kept)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(base), "--config", str(above)],
                stdout=log,
                stderr=log,
                env={**os.environ, **state, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return self._log.read_text()

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        answer = request(self.socket, {"command": command, **fields}, 5.0)
        assert answer["ok"], answer
        return answer

    def refusal(self, command: str) -> str:
        """Why it does not do that."""
        answer = request(self.socket, {"command": command}, 5.0)
        assert not answer["ok"], answer
        return str(answer["error"])

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.ask("status")["status"]
        return status

    def run_command(self, *words: str) -> str:
        """As typed into a terminal: `harkd WORDS`."""
        command = [sys.executable, "-m", "daemon", *words, "--socket", str(self.socket)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout

    def await_status(
        self, happened: Callable[[dict[str, Any]], bool], what: str, limit_s: float = SOON_S
    ) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        seen: object = "nothing"
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log()[-3000:]
            try:
                answer = request(self.socket, {"command": "status"}, 5.0)
            except ControlError as error:
                seen = error
            else:
                status: dict[str, Any] | None = answer.get("status")  # none while it is still starting
                if status and happened(status):
                    return status
                seen = status and {key: status[key] for key in ("phase", "link", "microphone", "speaker")}
            time.sleep(0.02)
        raise AssertionError(f"not {what} after {limit_s} s, but {seen}: {self.log()[-3000:]}")

    def await_phase(self, phase: str, limit_s: float = SOON_S) -> dict[str, Any]:
        return self.await_status(lambda status: status["phase"] == phase, phase, limit_s)

    def await_device(self, port: str, *states: str, limit_s: float = SOON_S) -> float:
        """Seconds until `microphone` or `speaker` is in one of these states."""
        began = time.monotonic()
        self.await_status(lambda s: s[port]["state"] in states, f"{port} {' or '.join(states)}", limit_s)
        return time.monotonic() - began

    def stop(self) -> int:
        self._process.terminate()
        try:
            return self._process.wait(10)
        finally:
            self._process.kill()


@contextmanager
def running(directory: Path, url: str, more: str = "", *, phase: str = "idle", **where: Any) -> Iterator[Box]:
    """Until it is in `phase`; `where` as for `Box`."""
    box = Box(directory, url, more, **where)
    try:
        box.await_phase(phase)
        yield box
    except BaseException:
        box.stop()
        print(box.log()[-5000:])
        raise
    assert box.stop() == 0


def answer_with(directory: Path, wavs: Sequence[Path], repeat: bool = True, **more: float) -> Script:
    """The same answer to everything."""
    path = directory / "script.toml"
    sounds = ", ".join(f'"{wav}"' for wav in wavs)
    lines = [f"repeat = {str(repeat).lower()}", "[[answer]]", 'text = "Front left."', f"wav = [{sounds}]"]
    path.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in more.items())]) + "\n")
    return load_script(path)


def voice(name: str) -> Path:
    return VOICES / f"{name}.wav"


def read_voice(name: str, rate_hz: int = VOICE_HZ) -> bytes:
    with wave.open(str(voice(name)), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (VOICE_HZ, 1, 2)
        return converted(file.readframes(file.getnframes()), VOICE_HZ, rate_hz)


def converted(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    if from_hz == to_hz:
        return pcm
    resampler = Resampler(from_hz, to_hz)
    return resampler.feed(pcm) + resampler.flush()


def likeness(heard: bytes, said: bytes, rate_hz: int) -> float:
    """How alike what was said and the place most like it are, 1 for the same: the median over its louder
    halves of a second, since a busy machine breaks sound off here and there.
    """
    whole = np.frombuffer(heard, "<i2").astype(float)
    count = max(1, round(len(said) / rate_hz))
    pieces = np.array_split(np.frombuffer(said, "<i2").astype(float), count)
    loudest = max(float(np.mean(piece**2)) for piece in pieces)
    return statistics.median(_likeness(whole, piece) for piece in pieces if np.mean(piece**2) > loudest / 10)


def _likeness(whole: np.ndarray, part: np.ndarray) -> float:
    if len(whole) < len(part):
        whole = np.pad(whole, (0, len(part) - len(whole)))
    size = 1 << (len(whole) + len(part)).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    at = int(np.argmax(np.fft.irfft(product, size)[: len(whole) - len(part) + 1]))
    there = whole[at : at + len(part)]
    return float(np.dot(there, part) / max(np.linalg.norm(there) * np.linalg.norm(part), 1.0))


def last_sound_ms(recording: Recording, start_frame: int) -> float:
    """When after `start_frame` the last non-zero sample was; 0 for silence."""
    samples = array("h", recording.pcm()[start_frame * 2 :])
    last = next((i + 1 for i in range(len(samples) - 1, -1, -1) if samples[i]), 0)
    return last * 1000 / recording.rate_hz


class Ambience:
    """The room in front of the virtual microphone: never quite silent, and people speak in it.

    A thread that gives 10 ms at a time to a player of its own, so that what is said is heard some 50 ms
    later. Harmless while the card is away; `plugged_in` when it is back.
    """

    def __init__(self, card: VirtualCard) -> None:
        self._card = card
        self._player: subprocess.Popen[bytes] | None = None
        self._noise = np.random.default_rng(3).integers(-8, 9, VOICE_HZ).astype("<i2").tobytes()
        self._said = b""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sound, name="ambience")

    def say(self, pcm: bytes, *, wait: bool = True) -> float:
        """Speak mono PCM at 48 kHz; when it began. `wait` until it has been heard, too."""
        with self._lock:
            self._said += pcm
        began = time.monotonic()
        if wait:
            time.sleep(len(pcm) / 2 / VOICE_HZ + 0.3)
        return began

    def plugged_in(self) -> None:
        command = [*PUNCTUAL, "pacat", "--playback", *self._card._client("mic", "mic_feed", VOICE_HZ)]
        with self._lock:
            self._end()
            self._player = subprocess.Popen(
                [*command, "--latency-msec=30"],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._card._client_environment(),
            )
            assert self._player.stdin is not None
            fcntl.fcntl(self._player.stdin, fcntl.F_SETPIPE_SZ, 4096)  # 43 ms: sound must not queue there
            os.set_blocking(self._player.stdin.fileno(), False)

    def _end(self) -> None:
        if self._player is not None:
            self._player.kill()
            self._player.wait()
            assert self._player.stdin is not None
            with contextlib.suppress(OSError):
                self._player.stdin.close()

    def _sound(self) -> None:
        size, played, began = VOICE_HZ // 100 * 2, 0, time.monotonic()
        while not self._over.is_set():
            behind_s = time.monotonic() - began - played * 0.01
            for _ in range(int(behind_s / 0.01)):
                at = played % 100 * size
                played += 1
                with self._lock:
                    piece, self._said = self._said[:size], self._said[size:]
                    self._give(piece + self._noise[at + len(piece) : at + size])
            self._over.wait(0.005)

    def _give(self, pcm: bytes) -> None:
        if self._player is not None and self._player.stdin is not None:
            with contextlib.suppress(OSError):  # unplugged, or frozen
                os.write(self._player.stdin.fileno(), pcm)

    def __enter__(self) -> Ambience:
        self.plugged_in()
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        self._end()
