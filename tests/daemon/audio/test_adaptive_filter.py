from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from room import Room, speech

from daemon.audio.adaptive_filter import EchoFilter

RATE_HZ = 16000
BLOCK = 256

Signal = npt.NDArray[np.float32]


def floats(pcm: bytes) -> Signal:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def echo_of(far: bytes, **room: float) -> bytes:
    return Room(RATE_HZ, **room).hear(far)  # type: ignore[arg-type]


def cancelled(echo_filter: EchoFilter, far: bytes, near: bytes) -> tuple[Signal, Signal]:
    """The residual, and the mean square that was expected in each of its blocks."""
    ends = zip(floats(far).reshape(-1, BLOCK), floats(near).reshape(-1, BLOCK), strict=True)
    blocks = [echo_filter.cancel(x, y) for x, y in ends]
    expected = [np.sum(block.expected) / BLOCK**2 for block in blocks]
    return np.concatenate([block.residual for block in blocks]), np.array(expected, np.float32)


def loss_db(near: bytes, residual: Signal, from_s: float, to_s: float) -> float:
    part = slice(int(from_s * RATE_HZ), int(to_s * RATE_HZ))
    return float(10 * np.log10(np.mean(floats(near)[part] ** 2) / np.mean(residual[part] ** 2)))


@pytest.mark.parametrize("delay_ms", [5.0, 60.0, 120.0])
@pytest.mark.parametrize("gain", [0.25, 1.0])
def test_filter_takes_off_twenty_five_decibels_of_a_broadband_echo(delay_ms: float, gain: float) -> None:
    far = (np.random.default_rng(1).standard_normal(4 * RATE_HZ) * 2000).astype("<i2").tobytes()
    near = echo_of(far, delay_ms=delay_ms, gain=gain)
    residual, _ = cancelled(EchoFilter(BLOCK, 18, RATE_HZ), far, near)
    assert loss_db(near, residual, 3.0, 4.0) > 25


@pytest.mark.long
def test_filter_knows_beforehand_what_it_leaves() -> None:
    far = speech(RATE_HZ, 8.0, pitch=0.9)
    residual, expected = cancelled(EchoFilter(BLOCK, 18, RATE_HZ), far, echo_of(far))
    for from_s in (1, 3, 5):
        part = slice(from_s * RATE_HZ // BLOCK, (from_s + 2) * RATE_HZ // BLOCK)
        left = np.mean(residual.reshape(-1, BLOCK)[part] ** 2)
        assert 0.2 < left / np.mean(expected[part]) < 5


@pytest.mark.long
def test_filter_that_is_told_of_another_path_learns_it_at_once() -> None:
    far = speech(RATE_HZ, 8.0, pitch=0.9)
    near = echo_of(far, delay_ms=30.0)[: 4 * 2 * RATE_HZ] + echo_of(far, delay_ms=55.0)[4 * 2 * RATE_HZ :]
    losses = []
    for told in (False, True):
        echo_filter = EchoFilter(BLOCK, 18, RATE_HZ)
        half = 4 * 2 * RATE_HZ
        cancelled(echo_filter, far[:half], near[:half])
        if told:
            echo_filter.unsettle()
        residual, _ = cancelled(echo_filter, far[half:], near[half:])
        losses.append(loss_db(near[half:], residual, 1.0, 2.0))
    assert losses[1] > losses[0] + 6


def test_filter_passes_the_microphone_through_once_the_far_end_is_silent() -> None:
    far, voice = speech(RATE_HZ, 4.0, pitch=0.9), speech(RATE_HZ, 2.0)
    echo_filter = EchoFilter(BLOCK, 18, RATE_HZ)
    cancelled(echo_filter, far, echo_of(far))
    residual, expected = cancelled(echo_filter, bytes(len(voice)), voice)
    assert np.array_equal(residual[RATE_HZ:], floats(voice)[RATE_HZ:])
    assert not expected[RATE_HZ // BLOCK :].any()


@pytest.mark.long
def test_filter_keeps_its_path_over_a_gap() -> None:
    answers = [speech(RATE_HZ, 6.0, pitch=0.9, seed=seed) for seed in (1, 2)]
    echo_filter = EchoFilter(BLOCK, 18, RATE_HZ)
    cancelled(echo_filter, answers[0], echo_of(answers[0]))
    echo_filter.forget_sound()
    near = echo_of(answers[1])
    residual, _ = cancelled(echo_filter, answers[1], near)
    assert loss_db(near, residual, 0.0, 1.0) > 8
