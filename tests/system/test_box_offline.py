"""A press that can lead to nothing is answered by the box itself, at once."""

from __future__ import annotations

import socket
import time
from array import array
from pathlib import Path

import pytest

import daemon
from daemon.audio.clip import read_clip
from tests.system.running_box import VOICE_HZ, converted, likeness, running
from tests.system.virtual_card import Recording, VirtualCard

pytestmark = pytest.mark.system

SOUNDS = Path(daemon.__file__).with_name("sounds")
ANSWERED_MS = 300
WITH_SOUNDS = '[sounds]\nprompts = "en"\nearcons = true\n'


def clip(name: str) -> bytes:
    sound = read_clip((SOUNDS / f"{name}.wav").read_bytes())
    return converted(sound.pcm, sound.rate_hz, VOICE_HZ)


def await_quiet(recording: Recording) -> None:
    """Half a second of it."""
    deadline = time.monotonic() + 15
    while any(recording.pcm()[-VOICE_HZ:]) or len(recording.pcm()) < VOICE_HZ:
        assert time.monotonic() < deadline, "it goes on and on"
        time.sleep(0.1)


def first_sound_ms(recording: Recording, start_frame: int) -> float:
    """When after `start_frame` the first non-zero sample was."""
    samples = array("h", recording.pcm()[start_frame * 2 :])
    first = next((i for i, sample in enumerate(samples) if sample), None)
    assert first is not None, "nothing was heard"
    return first * 1000 / recording.rate_hz


def test_offline_press_is_answered_in_words_and_the_next_with_a_sound_at_once(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"ws://127.0.0.1:{server.getsockname()[1]}/v1/realtime"
    with (
        running(tmp_path, nobody, WITH_SOUNDS, phase="offline") as box,
        virtual_card.recording() as recording,
    ):
        for name in ("en/no-connection", "earcons/refused"):
            await_quiet(recording)
            box.await_phase("offline")
            pressed_at = recording.frames
            assert "not connected" in box.refusal("press")
            box.ask("release")
            time.sleep(0.5)
            await_quiet(recording)
            after_ms = first_sound_ms(recording, pressed_at)
            alike = likeness(recording.pcm()[pressed_at * 2 :], clip(name), VOICE_HZ)
            print(f"press -> {name} in the loudspeaker: {after_ms:.0f} ms, likeness {alike:.3f}")
            assert alike > 0.9
            assert after_ms <= ANSWERED_MS
