from __future__ import annotations

import logging

import pytest
from room import speech

from daemon.audio.dsp_chain import MAX_ERRORS, DspChain, Processed
from hw.fakes import FakeVoiceProcessor

RATE_HZ = 16000
PERIOD_S = 0.02
PERIOD_BYTES = 640
LEAD_S = 0.06


class Box:
    """Both devices in step, in a room without delay and walls; the reference comes with the echo.

    So that the fake can take one off the other: the microphone is late by what the reference is ahead.
    """

    def __init__(self, processor: FakeVoiceProcessor | None = None) -> None:
        self.processor = processor or FakeVoiceProcessor(rate_hz=RATE_HZ)
        self.chain = DspChain(self.processor, RATE_HZ)
        self._periods = 0

    def pass_time(self, played: bytes, captured: bytes) -> Processed:
        """One period each: what is pulled now, and what was captured."""
        at = 1000.0 + PERIOD_S * self._periods
        self._periods += 1
        self.chain.played(played, at + LEAD_S)
        return self.chain.captured(captured, at + PERIOD_S)

    def hear(self, played: bytes, near: bytes = b"") -> bytes:
        """The echo of `played` 50 ms after it was pulled, which is 10 ms after its reference, plus `near`."""
        out = b""
        for start in range(0, len(played), PERIOD_BYTES):
            piece = played[start : start + PERIOD_BYTES]
            out += self.pass_time(piece, near[start : start + PERIOD_BYTES] or bytes(len(piece))).pcm
        return out


def _periods(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + PERIOD_BYTES] for start in range(0, len(pcm), PERIOD_BYTES)]


def test_as_much_comes_out_as_goes_in_and_in_order() -> None:
    box, voice = Box(), speech(RATE_HZ, 1.0)
    out = [box.pass_time(bytes(PERIOD_BYTES), period) for period in _periods(voice)]
    assert b"".join(each.pcm for each in out) == voice
    assert b"".join(each.near for each in out) == voice
    assert {len(each.pcm) for each in out} == {PERIOD_BYTES}


@pytest.mark.parametrize("period_bytes", [2, 100, 320, 342, 1234])
def test_periods_of_any_length_wait_for_whole_windows(period_bytes: int) -> None:
    chain, voice = DspChain(FakeVoiceProcessor(rate_hz=RATE_HZ), RATE_HZ), speech(RATE_HZ, 0.5)
    out = [
        chain.captured(voice[start : start + period_bytes], 1000.0 + start / 32000)
        for start in range(0, len(voice), period_bytes)
    ]
    assert b"".join(each.pcm for each in out) == voice
    assert all(len(each.pcm) == len(each.near) == len(each.far) for each in out)
    assert all(len(each.pcm) % 320 == 0 for each in out)


def test_the_reference_is_what_was_played_ahead_of_the_microphone() -> None:
    box, played = Box(), speech(RATE_HZ, 2.0)
    far = b"".join(box.pass_time(period, bytes(PERIOD_BYTES)).far for period in _periods(played))
    ahead_bytes = 2 * round((LEAD_S - 0.01) * RATE_HZ)  # pulled 60 ms before it is heard, paired 10 ms before
    assert far[ahead_bytes:] == played[: len(far) - ahead_bytes]


def test_the_processor_gets_the_reference_beside_what_was_captured() -> None:
    box, played = Box(), speech(RATE_HZ, 2.0, rms_dbfs=-30)
    near = bytes(2 * round((LEAD_S - 0.01) * RATE_HZ)) + played
    out = box.hear(played, near[: len(played)])
    assert out == bytes(len(played))


def test_before_5_s_of_sound_nothing_is_measured() -> None:
    box = Box()
    box.hear(speech(RATE_HZ, 3.0))
    assert box.chain.measure is None


@pytest.mark.long
@pytest.mark.parametrize(("agc", "cancels"), [(False, True), (True, True), (False, False), (True, False)])
def test_erle_is_measured_without_the_gain_that_evens_out_the_level(agc: bool, cancels: bool) -> None:
    box = Box(FakeVoiceProcessor(rate_hz=RATE_HZ, echo_cancellation=cancels, agc=agc))
    played = speech(RATE_HZ, 12.0, rms_dbfs=-30)
    box.hear(played, (bytes(2 * round((LEAD_S - 0.01) * RATE_HZ)) + played)[: len(played)])
    assert box.chain.measure is not None
    assert box.chain.measure.erle_db == pytest.approx(40 if cancels else 0, abs=0.5)


def test_a_window_the_processor_fails_on_passes_as_it_was_captured(caplog: pytest.LogCaptureFixture) -> None:
    box, voice = Box(), speech(RATE_HZ, 1.0)
    box.processor.fail(3)
    out = b"".join(box.pass_time(bytes(PERIOD_BYTES), period).pcm for period in _periods(voice))
    assert out == voice
    assert (box.chain.bypassed, box.processor.resets) == ("", 3)
    assert [(record.levelno, bool(record.exc_info)) for record in caplog.records] == [(logging.ERROR, True)]


def test_after_five_errors_the_processor_is_bypassed_with_a_reason() -> None:
    box, voice = Box(), speech(RATE_HZ, 1.0)
    box.processor.fail(10**6)
    out = b"".join(box.pass_time(bytes(PERIOD_BYTES), period).pcm for period in _periods(voice))
    assert out == voice
    assert (
        box.chain.bypassed == "the voice processor fails: OSError: the fake voice processor was told to fail"
    )
    assert box.processor.resets == MAX_ERRORS - 1


def test_a_bypassed_processor_measures_nothing() -> None:
    box = Box()
    box.hear(speech(RATE_HZ, 12.0))
    assert box.chain.measure is not None
    box.chain.bypass("the machine is too slow")
    assert box.chain.measure is None


@pytest.mark.long
def test_rare_errors_are_forgiven() -> None:
    box = Box()
    for _ in range(3 * MAX_ERRORS):
        box.processor.fail(1)
        for _ in range(round(16 / PERIOD_S)):
            box.pass_time(bytes(PERIOD_BYTES), bytes(PERIOD_BYTES))
    assert box.chain.bypassed == ""


def test_lost_periods_keep_the_pairs() -> None:
    box, played = Box(), speech(RATE_HZ, 2.0)
    far = bytearray()
    for number, period in enumerate(_periods(played)):
        at = 1000.0 + PERIOD_S * number
        box.chain.played(period, at + LEAD_S)
        if number in (60, 61):
            box.chain.lost(PERIOD_BYTES // 2)
            far += bytes(PERIOD_BYTES)
        else:
            far += box.chain.captured(bytes(PERIOD_BYTES), at + PERIOD_S).far
    ahead_bytes = 2 * round((LEAD_S - 0.01) * RATE_HZ)
    tail = 70 * PERIOD_BYTES
    assert far[tail:] == played[tail - ahead_bytes : len(far) - ahead_bytes]


def test_after_a_pause_the_pairs_begin_anew_and_half_a_window_is_dropped() -> None:
    box, played = Box(), speech(RATE_HZ, 2.0)
    box.chain.captured(bytes(100), 999.0)
    box.chain.restart()
    far = b"".join(box.pass_time(period, bytes(PERIOD_BYTES)).far for period in _periods(played))
    ahead_bytes = 2 * round((LEAD_S - 0.01) * RATE_HZ)
    assert far[ahead_bytes:] == played[: len(far) - ahead_bytes]
