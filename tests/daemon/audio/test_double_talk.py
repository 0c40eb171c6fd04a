from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from room import Room, speech

from daemon.audio.double_talk import InterruptionDetector, Verdict

RATE_HZ = 16000
WINDOW_BYTES = RATE_HZ // 100 * 2
SECOND_BYTES = RATE_HZ * 2

# The recorded voice is one woman's: a larger person answers, she herself interrupts.
ANSWER = speech(RATE_HZ, 10.0, pitch=0.85, seed=3)


def silence(seconds: float) -> bytes:
    return bytes(round(seconds * RATE_HZ) * 2)


def somebody(after_s: float, seconds: float = 1.5) -> bytes:
    return silence(after_s) + speech(RATE_HZ, seconds, seed=5, rms_dbfs=-25)


def slam(after_s: float) -> bytes:
    """A door: loud, all frequencies at once, 40 dB down within 0.1 s."""
    frames = np.arange(RATE_HZ // 2)
    noise = np.random.default_rng(2).standard_normal(len(frames)) * 8000 * 10 ** (-frames / (RATE_HZ / 20))
    return silence(after_s) + noise.astype("<i2").tobytes()


def heard(far: bytes, near: bytes = b"", *, delay_ms: float = 40.0, gain: float = 0.5) -> bytes:
    return Room(RATE_HZ, delay_ms=delay_ms, gain=gain).hear(far, near.ljust(len(far), b"\0"))


def verdicts(
    detector: InterruptionDetector, near: bytes, far: bytes, window_bytes: int = WINDOW_BYTES
) -> Iterator[Verdict]:
    for at in range(0, len(far), window_bytes):
        yield detector.hear(near[at : at + window_bytes], far[at : at + window_bytes])


def first_s(said: list[Verdict], what: Callable[[Verdict], bool]) -> float | None:
    return next((index / 100 for index, verdict in enumerate(said, 1) if what(verdict)), None)


def test_answer_alone_raises_no_suspicion_and_makes_it_ready() -> None:
    said = list(verdicts(InterruptionDetector(RATE_HZ), heard(ANSWER), ANSWER))
    assert not any(verdict.suspected or verdict.interrupted for verdict in said)
    ready_s = first_s(said, lambda verdict: verdict.ready)
    assert ready_s is not None
    assert 0.3 < ready_s < 3
    assert said[-1].ready


@pytest.mark.long
@pytest.mark.parametrize("gain", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("delay_ms", [5.0, 120.0])
def test_somebody_over_the_answer_is_suspected_then_interrupts(delay_ms: float, gain: float) -> None:
    near = heard(ANSWER, somebody(6.0), delay_ms=delay_ms, gain=gain)
    said = list(verdicts(InterruptionDetector(RATE_HZ), near, ANSWER))
    suspected_s = first_s(said, lambda verdict: verdict.suspected)
    interrupted_s = first_s(said, lambda verdict: verdict.interrupted)
    assert suspected_s is not None
    assert interrupted_s is not None
    assert 6.0 < suspected_s < interrupted_s < 6.4


def test_nothing_is_said_before_it_is_ready() -> None:
    said = list(verdicts(InterruptionDetector(RATE_HZ), heard(ANSWER, somebody(0.0, 10.0)), ANSWER))
    assert not any(verdict.suspected or verdict.interrupted for verdict in said if not verdict.ready)


def test_a_slammed_door_is_suspected_at_most() -> None:
    said = list(verdicts(InterruptionDetector(RATE_HZ), heard(ANSWER, slam(6.0)), ANSWER))
    assert any(verdict.suspected for verdict in said)
    assert not any(verdict.interrupted for verdict in said)


@pytest.mark.long
@pytest.mark.parametrize("jump_ms", [-20.0, 20.0, 60.0])
def test_an_echo_that_jumps_makes_it_unready_not_interrupted(jump_ms: float) -> None:
    half = 5 * SECOND_BYTES
    near = heard(ANSWER)[:half] + heard(ANSWER, delay_ms=40.0 + jump_ms)[half:]
    said = list(verdicts(InterruptionDetector(RATE_HZ), near, ANSWER))
    assert not any(verdict.interrupted for verdict in said)
    assert [a.ready for a, b in pairwise(said) if a.ready != b.ready] == [False, True, False]
    assert said[-1].ready


def test_ready_lasts_over_a_gap_and_suspicion_does_not() -> None:
    detector = InterruptionDetector(RATE_HZ)
    near = heard(ANSWER, somebody(6.0))
    until = round(6.3 * SECOND_BYTES / 2) * 2
    assert list(verdicts(detector, near[:until], ANSWER[:until]))[-1].suspected
    detector.reset()
    half_window = bytes(WINDOW_BYTES // 2)
    assert detector.hear(half_window, half_window) == Verdict(ready=True, suspected=False, interrupted=False)


def test_somebody_in_the_silence_after_the_answer_is_heard() -> None:
    far = ANSWER[: 6 * SECOND_BYTES] + silence(4.0)
    said = list(verdicts(InterruptionDetector(RATE_HZ), heard(far, somebody(8.0)), far))
    interrupted_s = first_s(said, lambda verdict: verdict.interrupted)
    assert interrupted_s is not None
    assert 8.0 < interrupted_s < 8.4


@pytest.mark.long
def test_a_microphone_that_was_off_for_a_while_does_not_make_it_interrupt() -> None:
    near = heard(ANSWER)
    off = near[: 2 * SECOND_BYTES] + silence(3.0) + near[5 * SECOND_BYTES :]
    for captured in (off, silence(5.0) + near[5 * SECOND_BYTES :]):
        said = list(verdicts(InterruptionDetector(RATE_HZ), captured, ANSWER))
        assert not any(verdict.interrupted for verdict in said)
        assert said[-1].ready
    assert not said[499].ready, "nothing was heard yet"


@pytest.mark.long
@pytest.mark.parametrize("far_peak", [0, 32767])
@pytest.mark.parametrize("near_peak", [0, 32767])
def test_noise_at_full_scale_does_not_break_it(far_peak: int, near_peak: int) -> None:
    chance = np.random.default_rng(4)
    far, near = (
        (chance.choice([-1, 1], 2 * RATE_HZ) * peak).astype("<i2").tobytes() for peak in (far_peak, near_peak)
    )
    detector = InterruptionDetector(RATE_HZ)
    assert not any(verdict.interrupted for verdict in verdicts(detector, near, far))
    list(verdicts(detector, heard(ANSWER), ANSWER))
    said = list(verdicts(detector, heard(ANSWER, somebody(6.0)), ANSWER))
    interrupted_s = first_s(said, lambda verdict: verdict.interrupted)
    assert interrupted_s is not None
    assert 6.0 < interrupted_s < 6.4


@pytest.mark.long
def test_verdict_does_not_depend_on_how_the_sound_is_cut() -> None:
    near = heard(ANSWER, somebody(6.0))
    ends = []
    for window_bytes in (2 * 37, WINDOW_BYTES, 2 * 5000):
        until = round(6.5 * RATE_HZ) * 2
        detector = InterruptionDetector(RATE_HZ)
        ends.append(list(verdicts(detector, near[:until], ANSWER[:until], window_bytes))[-1])
    assert ends[0] == ends[1] == ends[2] == Verdict(ready=True, suspected=True, interrupted=True)


@pytest.mark.long
def test_any_rate_will_do() -> None:
    rate_hz = 48000
    far = speech(rate_hz, 8.0, pitch=0.85, seed=3)
    voice = bytes(6 * rate_hz * 2) + speech(rate_hz, 1.5, seed=5, rms_dbfs=-25)
    near = Room(rate_hz).hear(far, voice.ljust(len(far), b"\0"))
    said = list(verdicts(InterruptionDetector(rate_hz), near, far, rate_hz // 100 * 2))
    interrupted_s = first_s(said, lambda verdict: verdict.interrupted)
    assert interrupted_s is not None
    assert 6.0 < interrupted_s < 6.4


def test_windows_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="320 bytes do not go with 318"):
        InterruptionDetector(RATE_HZ).hear(bytes(320), bytes(318))
