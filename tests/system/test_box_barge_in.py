"""Spoken interruptions of a whole box that hears its own loudspeaker: real drivers, real time, a room."""

from __future__ import annotations

import math
import time
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from room import speech

from daemon.simulator import SimulatorServer
from tests.system.running_box import SESSION_HZ, VOICE_HZ, Ambience, answer_with, running, simulator
from tests.system.virtual_card import Recording, VirtualCard
from tests.system.virtual_room import echo

pytestmark = pytest.mark.system

ALONE_S = 30.0
BETWEEN_S = 3.0  # so that it has talked for a minute in all
INTERRUPTIONS = 10
FOUND_S = 0.6
LEAST_FOUND = 7
SILENT_MS = 60 + 5  # the recorder's step
ECHO_GAIN = 0.5

FULL_DUPLEX = """
[audio.processing]
echo_cancellation = true
[talk]
barge_in = "local_vad"
[volume]
start_percent = 100
"""


@dataclass
class Interruption:
    decided_s: float | None  # after somebody began to speak; None for not at all
    silent_ms: float = 0.0  # after that


def spoken_answer(directory: Path, seconds: float) -> Path:
    """By a larger person than who interrupts, with no sample that is silence: so every one played shows."""
    samples = np.frombuffer(speech(SESSION_HZ, seconds, pitch=0.85, seed=3), "<i2")
    breath = np.random.default_rng(1).choice(np.array([-24, 24], "<i2"), len(samples))
    path = directory / "answer.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SESSION_HZ, 0, "NONE", ""))
        file.writeframes(np.where(samples == 0, breath, samples).astype("<i2").tobytes())
    return path


def cuts(server: SimulatorServer) -> list[float]:
    """When each answer was cut, by the clock that `time.monotonic` reads."""
    return [at for at, event in list(server.received) if event["type"] == "conversation.item.truncate"]


def interrupt(server: SimulatorServer, room: Ambience, recording: Recording, seed: int) -> Interruption:
    before = len(cuts(server))
    began = room.say(speech(VOICE_HZ, 1.5, seed=seed, rms_dbfs=-25), wait=False)
    recorded_at_0 = -math.inf  # frames recorded when the clock was 0: the recorder is late, never early
    while time.monotonic() < began + 2.2:
        recorded_at_0 = max(recorded_at_0, recording.frames - time.monotonic() * VOICE_HZ)
        time.sleep(0.01)
    found = cuts(server)[before:]
    if not found:
        return Interruption(None)
    start = round(found[0] * VOICE_HZ + recorded_at_0)
    samples = array("h", recording.pcm()[start * 2 : (start + VOICE_HZ // 2) * 2])
    last = next((i + 1 for i in range(len(samples) - 1, -1, -1) if samples[i]), 0)
    return Interruption(found[0] - began, last * 1000 / VOICE_HZ)


def test_spoken_interruptions_are_found_and_its_own_voice_is_none(
    virtual_card: VirtualCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = answer_with(tmp_path, [spoken_answer(tmp_path, ALONE_S + 10)])
    with (
        simulator(script) as server,
        Ambience(virtual_card) as room,
        echo(virtual_card, VOICE_HZ, delay_ms=20, gain=ECHO_GAIN),
        running(tmp_path, server.url, FULL_DUPLEX) as box,
        virtual_card.recording() as recording,
    ):
        box.ask("ask", text="Say something long.")
        box.await_phase("speaking")
        time.sleep(ALONE_S)
        found, by_itself = [], len(cuts(server))
        for number in range(INTERRUPTIONS):
            box.await_phase("speaking")
            before = len(cuts(server))
            time.sleep(BETWEEN_S + 0.013 * number)  # at another place of the period each time
            by_itself += len(cuts(server)) - before
            found.append(interrupt(server, room, recording, seed=number))
        echo_status = box.status()["echo"]
    decided = sorted(each.decided_s * 1000 for each in found if each.decided_s is not None)
    silent = sorted(each.silent_ms for each in found if each.decided_s is not None)
    with capsys.disabled():
        print(f"\nvoice -> decision over {len(found)}, in ms:", *(f"{ms:.0f}" for ms in decided), end="")
        print(f"; missed {len(found) - len(decided)}")
        print("decision -> silence, in ms:", *(f"{ms:.0f}" for ms in silent))
        alone_s = ALONE_S + INTERRUPTIONS * BETWEEN_S
        print(f"cut by itself in {alone_s:.0f} s: {by_itself}; {echo_status}")
    assert by_itself == 0
    assert sum(ms <= FOUND_S * 1000 for ms in decided) >= LEAST_FOUND
    assert silent[-1] <= SILENT_MS
