"""A sound card for machines without one: real PortAudio and alsa-lib, down to PulseAudio null sinks.

Two cards, `speaker` and `mic`, each a PulseAudio daemon of its own: with both in one daemon, pulling one out
would silently move its streams to the other. No kernel module, no /dev/snd; works as root.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

CARDS = ("speaker", "mic")
_RATE_HZ = 48000
_START_TIMEOUT_S = 15.0
PUNCTUAL = ("nice", "-n", "-15")
"""What is hardware elsewhere keeps time whatever else the machine does; where forbidden, `nice` says so."""
_UNPACKED = Path(__file__).resolve().parents[2] / ".pulseaudio"  # by .ci/setup, where it is not installed
_PLUGIN = "/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so"

# norewinds: otherwise an idle null sink works in blocks of 2 s. The socket comes last: once it answers, the
# card is there.
_SINK = (
    "load-module module-null-sink sink_name={sink} format=s16le rate={rate} channels=1 channel_map=mono "
    "norewinds=1\n"
)
_MIC_SOURCE = (
    "load-module module-remap-source source_name=mic master=mic_feed.monitor channels=1 channel_map=mono "
    "remix=no\nset-default-source mic\n"
)
_SOCKET = "load-module module-native-protocol-unix auth-anonymous=1 socket={socket}\n"

# The whole of ALSA's configuration, in place of /usr/share/alsa/alsa.conf: nothing but these is listed.
_ASOUND = """\
pcm.speaker {{ type asym playback.pcm {{ type pulse server "unix:{speaker}" device "speaker" }} }}
pcm.mic {{ type asym capture.pcm {{ type pulse server "unix:{mic}" device "mic" }} }}
pcm.!default {{ type asym playback.pcm "speaker" capture.pcm "mic" }}
"""


def what_is_missing() -> str:
    """One sentence when this machine lacks a package, else ""."""
    missing = [program for program in ("pacat", "parec", "setpriv") if shutil.which(program) is None]
    if shutil.which("pulseaudio") is None and not (_UNPACKED / "usr/bin/pulseaudio").exists():
        missing.append("pulseaudio")
    if not glob.glob(_PLUGIN):
        missing.append("ALSA's pulse plugin")
    if not missing:
        return ""
    return (
        f"The virtual sound card needs {', '.join(missing)}: `make test` installs them "
        "(apt: pulseaudio pulseaudio-utils libasound2-plugins)."
    )


class VirtualCard:
    """Both cards plugged in, from `start` to `stop`. `environment` must be set before PortAudio wakes up."""

    def __init__(self) -> None:
        # a unix socket's path has at most 107 bytes: not below pytest's own temporary directories
        self._directory = Path(tempfile.mkdtemp(prefix="virtual-card-"))
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            "ALSA_CONFIG_PATH": str(self._directory / "asound.conf"),
            "PULSE_COOKIE": str(self._directory / "cookie"),
            "JACK_NO_START_SERVER": "1",
        }

    def start(self) -> None:
        sockets = {card: self._socket(card) for card in CARDS}
        (self._directory / "asound.conf").write_text(_ASOUND.format(**sockets))
        for card in CARDS:
            self.plug(card)

    def stop(self) -> None:
        for card in list(self._daemons):
            self.unplug(card)
        shutil.rmtree(self._directory, ignore_errors=True)

    def plug(self, card: str) -> None:
        if card in self._daemons:
            return
        home = self._directory / card
        home.mkdir(mode=0o700, exist_ok=True)
        self._socket(card).unlink(missing_ok=True)
        script = home / "card.pa"
        script.write_text(self._script(card))
        self._daemons[card] = _start_daemon(script, home)
        self._await_answer(card, home)

    def unplug(self, card: str) -> None:
        """Out of the socket: its streams die, the device does not answer."""
        daemon = self._daemons.pop(card, None)
        if daemon is not None:
            daemon.kill()
            daemon.wait()

    def wedge(self, card: str) -> None:
        """Freeze it: no error, no callbacks."""
        self._daemons[card].send_signal(signal.SIGSTOP)

    def unwedge(self, card: str) -> None:
        self._daemons[card].send_signal(signal.SIGCONT)

    def say(self, pcm: bytes, rate_hz: int) -> None:
        """Play mono PCM into the microphone, 100 ms ahead of it; returns when it has been said."""
        command = self._mouth(rate_hz)
        subprocess.run(command, input=pcm, env=self._client_environment(), check=True, timeout=60)

    @contextlib.contextmanager
    def saying(self, pcm: bytes, rate_hz: int) -> Iterator[None]:
        """From entry to exit, or to its end, mono PCM is played into the microphone."""
        path = self._directory / f"saying-{time.monotonic_ns()}.raw"
        path.write_bytes(pcm)
        with path.open("rb") as file:
            mouth = subprocess.Popen(self._mouth(rate_hz), stdin=file, env=self._client_environment())
        try:
            yield
        finally:
            mouth.kill()
            mouth.wait()

    @contextlib.contextmanager
    def recording(self, rate_hz: int = _RATE_HZ) -> Iterator[Recording]:
        """What the speaker plays, mono, from entry (it is recording by then) to exit."""
        command = [*PUNCTUAL, "parec", *self._client("speaker", "speaker.monitor", rate_hz)]
        command += ["--latency-msec=5", "--process-time-msec=5"]
        path = self._directory / f"recording-{time.monotonic_ns()}.raw"
        with path.open("wb") as file:
            recorder = subprocess.Popen(command, stdout=file, env=self._client_environment())
        try:
            _await(lambda: path.stat().st_size > 0, "the recorder")
            yield Recording(path, rate_hz)
        finally:
            recorder.terminate()
            recorder.wait()

    def _socket(self, card: str) -> Path:
        return self._directory / f"{card}.socket"

    def _script(self, card: str) -> str:
        sink = _SINK.format(sink="speaker" if card == "speaker" else "mic_feed", rate=_RATE_HZ)
        source = _MIC_SOURCE if card == "mic" else ""
        return sink + source + _SOCKET.format(socket=self._socket(card))

    def _mouth(self, rate_hz: int) -> list[str]:
        client = self._client("mic", "mic_feed", rate_hz)
        return [*PUNCTUAL, "pacat", "--playback", *client, "--latency-msec=100"]

    def _client(self, card: str, device: str, rate_hz: int) -> list[str]:
        where = [f"--server=unix:{self._socket(card)}", f"--device={device}"]
        return [*where, "--raw", "--format=s16le", f"--rate={rate_hz}", "--channels=1"]

    def _client_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _await_answer(self, card: str, home: Path) -> None:
        def answers() -> bool:
            if self._daemons[card].poll() is not None:
                raise RuntimeError(f"the {card} card ended: {(home / 'log').read_text()[-2000:]}")
            with socket.socket(socket.AF_UNIX) as client:
                return client.connect_ex(str(self._socket(card))) == 0

        _await(answers, f"the {card} card")


class Recording:
    """What was recorded so far."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self.rate_hz = rate_hz

    @property
    def frames(self) -> int:
        return self._path.stat().st_size // 2

    def pcm(self) -> bytes:
        pcm = self._path.read_bytes()
        return pcm[: len(pcm) & ~1]


def _pulseaudio() -> tuple[str, dict[str, str], list[str]]:
    """The program, and the environment and options with which it finds its libraries and modules."""
    installed = shutil.which("pulseaudio")
    if installed is not None:
        return installed, {}, []
    (core,) = _UNPACKED.glob("usr/lib/*/pulseaudio")
    (modules,) = _UNPACKED.glob("usr/lib/pulse-*/modules")
    environment = {"LD_LIBRARY_PATH": f"{core}:{modules}"}
    return str(_UNPACKED / "usr/bin/pulseaudio"), environment, [f"--dl-search-path={modules}"]


def _start_daemon(script: Path, home: Path) -> subprocess.Popen[bytes]:
    places = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "PULSE_CONFIG_PATH")
    program, its_environment, its_options = _pulseaudio()
    environment = {"PATH": os.environ["PATH"], **its_environment, **dict.fromkeys(places, str(home))}
    options = (
        "--system=false --daemonize=no --fail=yes --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes"
    )
    priorities = "--realtime=no --high-priority=no"
    # pdeathsig: a test run that is killed takes its daemons along
    command = ["setpriv", "--pdeathsig", "KILL", *PUNCTUAL, program, *its_options, "-n", "-F", str(script)]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, *options.split(), *priorities.split()],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _await(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start within {_START_TIMEOUT_S:.0f} s")
        time.sleep(0.01)
