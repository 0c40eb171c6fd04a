"""Runs the demo: simulator, box, and a person who presses, speaks and interrupts. Shell around all three."""

from __future__ import annotations

import asyncio
import json
import signal
import wave
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Protocol

from daemon.app import App
from daemon.box import AppSettings, Devices
from daemon.config.schema import Session, Talk
from daemon.control import request
from daemon.demo.report import Evidence, figures, shortcomings, table
from daemon.demo.stage import DemoError, Stage
from daemon.events import Phase
from daemon.flight_ring import RingSettings
from daemon.realtime.transports.port import Transport
from daemon.realtime.transports.recorded import RecordingTransport
from daemon.realtime.transports.websocket import WebSocketTransport
from daemon.recorder import RecorderSettings
from daemon.records import dataclass
from daemon.settings import model_settings, model_url, plain_agent
from daemon.simulator import Script, SimulatorServer, load_script
from daemon.talk import TalkSettings
from daemon.volume import VolumeSettings

ALSA_VOICES = Path("/usr/share/sounds/alsa")
QUESTION = ALSA_VOICES / "Front_Center.wav"
FIRST_ANSWER = ("Front_Left", "Front_Right", "Rear_Left", "Rear_Center", "Rear_Right")
SECOND_ANSWER = ("Side_Left", "Side_Right")
RATE_HZ = 24_000
"""The loudspeaker runs at the rate of the session, so that what was played can be compared byte for byte."""

PERIOD_MS = 10
PAUSE_S = 0.5
"""Before the first press, as a person would; the pre-roll fills meanwhile."""

LISTEN_S = 2.5
"""How much of the first answer is heard before it is cut."""


class Talker(Protocol):
    """The demo's microphone: says its recording when asked to, and tells how long that takes in seconds."""

    def speak(self) -> float: ...


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the demo leaves what it made; `out` exists."""

    out: Path

    @property
    def heard(self) -> Path:
        return self.out / "heard.wav"

    @property
    def session(self) -> Path:
        return self.out / "session.jsonl"

    @property
    def script(self) -> Path:
        return self.out / "script.toml"

    @property
    def socket(self) -> Path:
        return self.out / "control.sock"


async def recorded_demo(devices: Devices, talker: Talker, files: DemoFiles, out: IO[str]) -> int:
    """A whole conversation with a recorded voice; answers the exit code.

    Raises `DemoError` when it cannot go on, `hw.errors.DeviceError` when a device cannot be opened.
    """
    stage = Stage(out, out.isatty(), devices.speaker.format.rate_hz)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(SimulatorServer(script=answers_script(files.script)))
        stage.line("simulator", simulator.url)
        box, _ = await _start_box(stack, devices, simulator.url, files, stage, asyncio.Event())
        await _converse(stage, talker, files)
        recording = await box.recorder.save("demo")
        received, sent = list(simulator.received), [event for _, event in simulator.sent]
    evidence = Evidence(
        received, sent, *_read_wav(files.heard), round(devices.speaker.format.period_s * 1000)
    )
    rows = figures(stage.story, evidence)
    problems = shortcomings(stage.story, rows)
    out.write(f"\n{table(rows)}\n\n")
    out.write(f"what was heard: {files.heard}\nwhat was on the wire: {files.session}\n")
    out.write(f"what the box decided: {recording} (harkd timeline FILE -o turn.html draws it)\n")
    for problem in problems:
        out.write(f"NOT AS IT SHOULD BE: {problem}\n")
    return 1 if problems else 0


async def live_demo(devices: Devices, files: DemoFiles, out: IO[str]) -> bool:
    """The same box with a real microphone and loudspeaker, until Ctrl-C.

    False if a device does not close: that keeps the interpreter from ending, too, so end with `os._exit`.
    """
    stage = Stage(out, out.isatty(), devices.speaker.format.rate_hz)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(SimulatorServer())
        stage.line("simulator", simulator.url)
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopping.set)
        box, running = await _start_box(stack, devices, simulator.url, files, stage, stopping)
        stage.line("ready", "hold the space bar (or tap it) to talk, Ctrl-C to end")
        await running
    return not box.sound.hangs


async def _start_box(
    stack: AsyncExitStack,
    devices: Devices,
    url: str,
    files: DemoFiles,
    stage: Stage,
    stopping: asyncio.Event,
) -> tuple[App, asyncio.Task[None]]:
    """Start the box and have the stack stop it; the task, which runs it, ends when `stopping` is set, or with
    what the box fails for.
    """
    recording = stack.enter_context(files.session.open("w", encoding="utf-8"))
    clock = asyncio.get_running_loop().time

    def open_transport() -> Transport:
        inner = WebSocketTransport(
            model_url(Session(url=url)), api_key=lambda: "any"
        )  # the simulator takes it
        return RecordingTransport(inner, recording.write, clock)

    session = Session(url=url)
    settings = AppSettings(
        TalkSettings(),
        plain_agent(session),
        model_settings(session, Talk()),
        url,
        files.socket,
        recorder=RecorderSettings(files.out, RingSettings(texts=True)),  # of nobody's words but ours
        volume=VolumeSettings(start_percent=100),  # so that what was heard can be compared with what was said
    )
    app = App(settings, devices, open_transport, [stage.on_notice])
    ready = asyncio.Event()
    task = asyncio.create_task(app.run(stopping, ready.set), name="box")

    async def stop() -> None:
        stopping.set()
        await task

    stack.push_async_callback(stop)
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait({waiter, task}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    return app, task


async def _converse(stage: Stage, talker: Talker, files: DemoFiles) -> None:
    await stage.until(Phase.IDLE)
    await asyncio.sleep(PAUSE_S)
    await _ask(stage, talker, files)
    await stage.until(Phase.SPEAKING)
    await asyncio.sleep(LISTEN_S)
    await _ask(stage, talker, files)  # in mid-answer
    await stage.until(Phase.SPEAKING)
    await stage.until(Phase.IDLE)


async def _ask(stage: Stage, talker: Talker, files: DemoFiles) -> None:
    """Press, speak, release, by the same control socket that `harkd press` uses."""
    clock = asyncio.get_running_loop().time
    stage.line("press")
    stage.story.pressed_at.append(clock())
    await _command(files, "press")
    await asyncio.sleep(talker.speak())
    stage.line("release")
    stage.story.released_at.append(clock())
    await _command(files, "release")


async def _command(files: DemoFiles, command: str) -> None:
    answer = await asyncio.to_thread(request, files.socket, {"command": command}, 5.0)
    if not answer["ok"]:
        raise DemoError(f"{command}: {answer['error']}")


def answers_script(path: Path) -> Script:
    """Two answers spoken by a human voice, if the machine has the recordings; else the simulator's own.

    The script is left at `path`, as an example of one.
    """
    if not all((ALSA_VOICES / f"{name}.wav").exists() for name in FIRST_ANSWER + SECOND_ANSWER):
        return Script()
    entries = []
    for names in (FIRST_ANSWER, SECOND_ANSWER):
        words = " ".join(f"{name.replace('_', ' ').capitalize()}." for name in names)
        voices = [str(ALSA_VOICES / f"{name}.wav") for name in names]
        entries.append(f"[[answer]]\ntext = {json.dumps(words)}\nwav = {json.dumps(voices)}\n")
    path.write_text("\n".join(entries), encoding="utf-8")
    return load_script(path)


def _read_wav(path: Path) -> tuple[bytes, int]:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes()), file.getframerate()
