"""What can be read from a recording of the loudspeaker."""

from __future__ import annotations

from array import array
from random import Random

from daemon.measure import equal_frames, find_start, sound_after


def noise(frames: int, seed: int = 1) -> bytes:
    random = Random(seed)
    return array("h", [random.randint(-9000, 9000) for _ in range(frames)]).tobytes()


def silence(frames: int) -> bytes:
    return bytes(frames * 2)


def test_start_is_found_behind_silence() -> None:
    audio = silence(700) + noise(3000)
    assert find_start(silence(5000) + audio + silence(100), audio) == 5000


def test_cut_audio_is_found_too_and_measured() -> None:
    audio = noise(6000)
    recording = silence(777) + audio[: 2500 * 2] + silence(4000)
    start = find_start(recording, audio)
    assert start == 777
    assert equal_frames(recording, 777, audio) == 2500


def test_audio_that_was_never_played_is_not_found() -> None:
    assert find_start(noise(5000, seed=2), noise(3000)) is None


def test_silence_has_no_start() -> None:
    assert find_start(silence(5000), silence(3000)) is None


def test_whole_audio_is_equal_to_its_end() -> None:
    audio = noise(1000)
    assert equal_frames(audio, 0, audio) == 1000


def test_sound_after_counts_to_the_last_sample() -> None:
    recording = noise(100) + silence(100)
    assert sound_after(recording, 90, 100) == 10
    assert sound_after(recording, 100, 100) == 0
    assert sound_after(silence(10) + noise(10), 0, 5) == 0
