"""What every wake word driver promises in hw/ports.py."""

from __future__ import annotations

from array import array

import pytest
from said_okay_nabu import question, silence, word

from hw import load
from hw.ports import WakeWordDetector

SAID = {"fake": array("h", [32_700] * 8000).tobytes(), "microwakeword": word()}
"""The word as each of them knows it, half a second of it at least."""


@pytest.fixture(params=list(load.WAKE_WORDS))
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def detector(driver: str) -> WakeWordDetector:
    return load.wake_word(driver)


def heard_ms(detector: WakeWordDetector, pcm: bytes) -> list[float]:
    """When it heard its word, in ms from the beginning of `pcm`."""
    size = 2 * detector.window_frames
    answers = [detector.hears(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]
    window_ms = 1000 * detector.window_frames / detector.rate_hz
    return [(i + 1) * window_ms for i, answer in enumerate(answers) if answer]


def test_it_listens_at_16_khz_in_windows_of_at_most_80_ms(detector: WakeWordDetector) -> None:
    assert (detector.rate_hz, 0 < detector.window_frames <= 1280) == (16000, True)


def test_the_word_is_heard_once_and_within_half_a_second_of_its_end(
    driver: str, detector: WakeWordDetector
) -> None:
    [at] = heard_ms(detector, silence(1000) + SAID[driver] + silence(1500))
    assert 1000 < at < 1000 + len(SAID[driver]) / 32 + 500


def test_the_word_said_again_is_heard_again(driver: str, detector: WakeWordDetector) -> None:
    assert len(heard_ms(detector, 2 * (silence(1000) + SAID[driver] + silence(1500)))) == 2


def test_other_words_silence_and_noise_are_not_the_word(detector: WakeWordDetector) -> None:
    assert heard_ms(detector, silence(1000) + 3 * (question() + silence(500)) + silence(20_000)) == []


def test_after_a_gap_the_word_is_heard_at_once(driver: str, detector: WakeWordDetector) -> None:
    said = silence(300) + SAID[driver] + silence(300)
    for _ in range(3):
        assert len(heard_ms(detector, said)) == 1
        detector.reset()


def test_a_fresh_one_and_one_reset_are_the_same(driver: str, detector: WakeWordDetector) -> None:
    said = silence(300) + SAID[driver] + silence(1500)
    heard_ms(detector, question() + said)
    detector.reset()
    assert heard_ms(detector, said) == heard_ms(load.wake_word(driver), said)


def test_two_of_them_do_not_disturb_one_another(driver: str, detector: WakeWordDetector) -> None:
    other = load.wake_word(driver)
    size = 2 * detector.window_frames
    said = silence(1000) + SAID[driver] + silence(1500)
    alone = heard_ms(load.wake_word(driver), said)
    answers = []
    for at in range(0, len(said) - size + 1, size):
        answers.append(detector.hears(said[at : at + size]))
        other.hears(bytes(size))
    assert [10.0 * (i + 1) for i, answer in enumerate(answers) if answer] == alone


def test_the_answer_is_a_bool(detector: WakeWordDetector) -> None:
    assert type(detector.hears(bytes(2 * detector.window_frames))) is bool


@pytest.mark.parametrize("excess_bytes", [-2, -1, 1, 2])
def test_a_window_of_another_size_is_refused(detector: WakeWordDetector, excess_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"{detector.window_frames} frames"):
        detector.hears(bytes(2 * detector.window_frames + excess_bytes))


def test_an_empty_window_is_refused(detector: WakeWordDetector) -> None:
    with pytest.raises(ValueError, match=f"{detector.window_frames} frames"):
        detector.hears(b"")
