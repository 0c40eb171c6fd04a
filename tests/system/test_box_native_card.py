"""A box told nothing but its devices' names holds a conversation on cards that do one thing only."""

from __future__ import annotations

import time
from array import array
from pathlib import Path

import pytest

from tests.system.native_card import NativeCard, NativeCards
from tests.system.running_box import (
    SESSION_HZ,
    answer_with,
    converted,
    likeness,
    read_voice,
    running,
    simulator,
    voice,
)

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("ear", "mouth"),
    [
        (NativeCard("ear", [44100], [2], plays=False), NativeCard("mouth", [44100], [2], captures=False)),
        (NativeCard("ear", [16000], [6], plays=False), NativeCard("mouth", [16000], [1], captures=False)),
    ],
    ids=["44.1 kHz stereo", "16 kHz six in and one out"],
)
def test_conversation_on_cards_that_do_one_thing_only(
    tmp_path: Path, ear: NativeCard, mouth: NativeCard
) -> None:
    cards = NativeCards(tmp_path, ear, mouth)
    spoken, played = cards.spoken("ear"), cards.played("mouth")
    spoken.touch()
    [rate_hz], [mouths] = ear.rates_hz, mouth.channels
    question, answer = read_voice("Front_Center", rate_hz), read_voice("Side_Left", rate_hz)
    where = {"microphone": "ear", "speaker": "mouth", "environment": cards.environment}
    with (
        simulator(answer_with(tmp_path, [voice("Side_Left")])) as server,
        running(tmp_path, server.url, **where) as box,
    ):
        box.ask("press")
        with spoken.open("ab") as file:
            file.write(question)
        time.sleep(len(question) / 2 / rate_hz + 0.3)
        box.ask("release")
        box.await_phase("speaking")
        status = box.await_phase("idle")
        [committed] = server.connections[0].committed_audio()
    asked = likeness(committed, read_voice("Front_Center", SESSION_HZ), SESSION_HZ)
    samples = array("h", played.read_bytes())
    channels = [samples[channel::mouths].tobytes() for channel in range(mouths)]
    # by way of 24 kHz it went
    answered = likeness(
        channels[0], converted(converted(answer, rate_hz, SESSION_HZ), SESSION_HZ, rate_hz), rate_hz
    )
    print(f"likeness of the question at the server {asked:.3f}, of the answer at the card {answered:.3f}")
    assert asked > 0.95
    assert answered > 0.95
    assert len(set(channels)) == 1
    assert [status[port]["rate_hz"] for port in ("microphone", "speaker")] == [rate_hz] * 2
    assert status["speaker"]["channels"] == mouths
