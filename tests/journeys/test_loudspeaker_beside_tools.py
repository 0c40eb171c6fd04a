"""What the loudspeaker is handed has no hole in it, whatever tools do; a real WebSocket, real time."""

from __future__ import annotations

import asyncio
import re
import time
import wave
from pathlib import Path

import pytest

from daemon.app import App
from daemon.box import AppSettings, Devices
from daemon.config.schema import Session, Talk
from daemon.events import Ask, Say
from daemon.realtime import RealtimeAgent, function_tool
from daemon.realtime.transports.websocket import WebSocketTransport
from daemon.settings import model_settings, model_url
from daemon.simulator import SimulatorServer, load_script
from daemon.talk import TalkSettings
from hw.audio.wavfile import WavSpeaker
from hw.fakes import FakeMicrophone

RATE_HZ = 24_000
NOISE = "/usr/share/sounds/alsa/Noise.wav"
LONGEST_HOLE_S = 0.05
SCRIPT = f"""
[[answer]]
function_call = {{name = "nap"}}

[[answer]]
items = [{{text = "Noise.", wav = {[NOISE] * 5}}}]
function_call = {{name = "broken"}}
"""


@function_tool
def nap() -> str:
    """Blocks its thread."""
    time.sleep(5)
    return "rested"


@function_tool
async def broken() -> str:
    """Fails."""
    raise ZeroDivisionError("a bug")


def longest_hole_s(samples: bytes) -> float:
    """The longest run of zero samples between the first and the last sound."""
    frames = bytes(any(samples[i : i + 2]) for i in range(0, len(samples), 2)).strip(b"\0")
    return max(map(len, re.findall(b"\0+", frames)), default=0) / RATE_HZ


@pytest.mark.alone
def test_answer_plays_without_a_hole_while_one_tool_blocks_and_another_raises(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    heard = tmp_path / "heard.wav"

    async def main() -> None:
        async with SimulatorServer(script=load_script(script)) as server:
            session, stopping, ready = Session(url=server.url), asyncio.Event(), asyncio.Event()
            app = App(
                AppSettings(
                    TalkSettings(),
                    RealtimeAgent(name="Box", tools=[nap, broken]),
                    model_settings(session, Talk()),
                    session.url,
                ),
                Devices(FakeMicrophone(), WavSpeaker(heard, rate_hz=RATE_HZ)),
                lambda: WebSocketTransport(model_url(session), api_key=lambda: "any"),
            )
            running = asyncio.create_task(app.run(stopping, ready.set))
            await ready.wait()
            async with asyncio.timeout(20):
                while app.status()["link"] != "ready":  # noqa: ASYNC110 - looks at the box as a person would
                    await asyncio.sleep(0.02)
                app.conductor.step(Ask("rest"))
                await asyncio.sleep(0.5)
                app.conductor.step(Say("make a noise"))
                await asyncio.sleep(7.5)
            assert len(server.events("conversation.item.create")) >= 3  # the question and both tools' outputs
            stopping.set()
            await running

    asyncio.run(main())
    with wave.open(str(heard), "rb") as file:
        played = file.readframes(file.getnframes())
    noise = played.lstrip(b"\0")[: 6 * RATE_HZ * 2]
    assert len(noise) == 6 * RATE_HZ * 2
    assert longest_hole_s(noise) < LONGEST_HOLE_S
