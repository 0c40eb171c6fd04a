"""`harkd run` as a process on PyAudio and alsa-lib, spoken to and listened to through the virtual card."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from tests.system.running_box import (
    SESSION_HZ,
    VOICE_HZ,
    answer_with,
    converted,
    last_sound_ms,
    likeness,
    read_voice,
    running,
    simulator,
    voice,
)
from tests.system.virtual_card import VirtualCard

pytestmark = pytest.mark.system

ANSWER = ("Front_Left", "Front_Right", "Rear_Left", "Rear_Center", "Rear_Right", "Side_Left", "Side_Right")
INTERRUPTIONS = 20
SILENCE_LIMIT_MS = 60


def test_spoken_question_goes_up_and_the_answer_comes_out_until_it_is_interrupted(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    question = read_voice("Front_Center")
    with (
        simulator(answer_with(tmp_path, [*map(voice, ANSWER)])) as server,
        running(tmp_path, server.url) as box,
        virtual_card.recording() as recording,
    ):
        box.ask("press")
        virtual_card.say(question, VOICE_HZ)
        time.sleep(0.3)  # what was said still travels through the card
        box.ask("release")
        box.await_phase("speaking")
        time.sleep(3.0)
        cut_at = recording.frames
        box.ask("press")
        time.sleep(1.0)
        after_ms = last_sound_ms(recording, cut_at)
        box.ask("stop")
        [committed] = server.connections[0].committed_audio()
        heard = recording.pcm()[: cut_at * 2]

    asked = likeness(committed, converted(question, VOICE_HZ, SESSION_HZ), SESSION_HZ)
    answered = likeness(heard, read_voice(ANSWER[0]), VOICE_HZ)
    print(
        f"question at the server: likeness {asked:.3f}; answer from the loudspeaker: {answered:.3f}; "
        f"sound after the interruption: {after_ms:.0f} ms"
    )
    assert asked > 0.9
    assert answered > 0.9
    assert after_ms <= SILENCE_LIMIT_MS
    [truncate] = server.events("conversation.item.truncate")
    assert 2000 < truncate["audio_end_ms"] < 4500


def test_twenty_interruptions_are_silent_in_time(
    virtual_card: VirtualCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is noise, so that every sample that is still played shows."""
    tails_ms = []
    with (
        simulator(answer_with(tmp_path, [voice("Noise")] * 3)) as server,
        running(tmp_path, server.url) as box,
        virtual_card.recording() as recording,
    ):
        for round_ in range(INTERRUPTIONS):
            box.ask("ask", text="Say something long.")
            box.await_phase("speaking")
            time.sleep(0.5 + 0.013 * round_)  # at another place of the period each time
            cut_at = recording.frames
            box.ask("press")
            time.sleep(0.4)
            before = recording.pcm()[(cut_at - VOICE_HZ // 10) * 2 : cut_at * 2]
            assert any(before), "nothing was playing"
            tails_ms.append(last_sound_ms(recording, cut_at))
            box.ask("stop")
            box.await_phase("idle")
    ordered = sorted(tails_ms)
    with capsys.disabled():  # the figures are part of what `make test` tells; 5 ms is the recorder's step
        print(f"\ninterruption -> silence over {INTERRUPTIONS}, in ms: ", end="")
        print(*(f"{tail:.0f}" for tail in ordered), f"(median {statistics.median(ordered):.0f})")
    assert statistics.median(ordered) <= SILENCE_LIMIT_MS
    assert ordered[-1] <= SILENCE_LIMIT_MS
