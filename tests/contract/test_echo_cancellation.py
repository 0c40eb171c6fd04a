"""What the whole way from the loudspeaker's pull to the processed period does to echo, in simulated time.

The real processor and the daemon's own chain, between two cards with clocks of their own and a busy machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from room import Room, level_db, speech
from two_cards import Clock, Delivery, Machine, Pull, TwoCards

from daemon.audio.dsp_chain import DspChain
from daemon.audio.erle import EchoMeasure
from hw import load

BUSY = Machine(jitter_ms=2.0, stall_ms=100.0)


@dataclass
class Heard:
    rate_hz: int
    captured: bytes
    processed: bytes
    measure: EchoMeasure | None

    def erle_db(self, start_s: float, end_s: float) -> float:
        """By how much quieter the output is than the microphone."""
        part = slice(2 * round(start_s * self.rate_hz), 2 * round(end_s * self.rate_hz))
        return level_db(self.captured[part]) - level_db(self.processed[part])


def hear(cards: TwoCards, room: Room, played: bytes, near: bytes = b"", **options: object) -> Heard:
    """What becomes of the echo of `played` and of `near`, in the order in which the devices report."""
    speaker, microphone = cards.speaker, cards.microphone
    echoed = cards.heard(played)
    captured = room.hear(echoed, near[: len(echoed)].ljust(len(echoed), b"\0"))
    chain = DspChain(load.voice_processor("webrtc", rate_hz=microphone.rate_hz, **options), speaker.rate_hz)
    windows, processed = bytearray(), bytearray()
    for event in cards.events(len(played) / 2 / speaker.rate_hz - 0.5):
        start = 2 * event.first_frame
        if isinstance(event, Pull):
            chain.played(played[start : start + 2 * speaker.period_frames], event.heard_at)
        else:
            out = chain.captured(captured[start : start + 2 * microphone.period_frames], event.at)
            windows += out.near
            processed += out.pcm
    return Heard(microphone.rate_hz, bytes(windows), bytes(processed), chain.measure)


@pytest.mark.parametrize("gain", [0.5, 1.0])
@pytest.mark.parametrize("delay_ms", [5.0, 40.0, 120.0])
@pytest.mark.parametrize(("speaker_hz", "microphone_hz"), [(48000, 48000), (24000, 16000)])
def test_after_3_s_echo_is_20_db_down(
    speaker_hz: int, microphone_hz: int, delay_ms: float, gain: float
) -> None:
    cards = TwoCards(Clock(speaker_hz), Clock(microphone_hz), BUSY)
    room = Room(microphone_hz, delay_ms=delay_ms, gain=gain, rt60_s=0.3)
    heard = hear(cards, room, speech(speaker_hz, 11.0), noise_suppression="off")
    print(f"{heard.erle_db(0, 3):.1f} dB in the first 3 s, {heard.erle_db(3, 10):.1f} dB after")
    assert heard.erle_db(3, 10) > 20
    assert heard.measure is not None
    assert heard.measure.erle_db > 20


@pytest.mark.parametrize("ppm", [-200.0, 50.0, 200.0])
def test_cards_that_drift_apart_cost_nothing(ppm: float) -> None:
    cards = TwoCards(Clock(48000, ppm), Clock(16000), BUSY)
    heard = hear(cards, Room(16000, delay_ms=40, gain=1.0), speech(48000, 16.0), noise_suppression="off")
    print(f"{heard.erle_db(3, 15):.1f} dB")
    assert heard.erle_db(3, 15) > 20


@pytest.mark.parametrize(("dry_ms", "lost_ms"), [(20, 0), (60, 0), (0, 20), (0, 60), (60, 20)])
def test_a_loudspeaker_that_runs_dry_and_captured_sound_that_is_lost_cost_a_second(
    dry_ms: int, lost_ms: int
) -> None:
    """Both without a word from the driver, 6 s after the beginning."""
    rate_hz, cards = 16000, TwoCards(Clock(16000, 30.0), Clock(16000), BUSY)
    at_frame, dry, lost = 6 * rate_hz, dry_ms * rate_hz // 1000, lost_ms * rate_hz // 1000
    played = speech(rate_hz, 15.0)
    captured = Room(rate_hz).hear(
        cards.heard(played[: 2 * at_frame] + bytes(2 * dry) + played[2 * at_frame :])
    )
    chain = DspChain(load.voice_processor("webrtc", rate_hz=rate_hz, noise_suppression="off"), rate_hz)
    shift = {Pull: dry, Delivery: lost}
    reports = [
        (event, event.first_frame >= at_frame and shift[type(event)] / rate_hz)
        for event in cards.events(14.5)
    ]
    windows, processed = bytearray(), bytearray()
    for event, late_s in sorted(reports, key=lambda report: report[0].at + report[1]):
        start = 2 * event.first_frame
        if isinstance(event, Pull):
            chain.played(played[start : start + 640], event.heard_at + late_s)
        else:
            start += 2 * round(late_s * rate_hz)
            out = chain.captured(captured[start : start + 640], event.at + late_s)
            windows += out.near
            processed += out.pcm
    heard = Heard(rate_hz, bytes(windows), bytes(processed), chain.measure)
    by_second_db = [heard.erle_db(second, second + 1) for second in range(4, 14)]
    print(" ".join(f"{db:.0f}" for db in by_second_db))
    assert all(db > 20 for db in by_second_db[:2] + by_second_db[4:])


@pytest.mark.parametrize("noise_suppression", ["off", "moderate"])
@pytest.mark.parametrize("agc", [False, True])
def test_the_measure_is_right_whatever_else_is_done(noise_suppression: str, agc: bool) -> None:
    cards = TwoCards(Clock(16000), Clock(16000), BUSY)
    heard = hear(cards, Room(16000), speech(16000, 11.0), noise_suppression=noise_suppression, agc=agc)
    assert heard.measure is not None
    assert heard.measure.erle_db > 20


@pytest.mark.parametrize(
    ("room", "cancels"),
    [
        (Room(16000, delay_ms=900.0), True),  # as some television sets: beyond what is looked for
        (Room(16000), False),
    ],
    ids=["too late", "switched off"],
)
def test_echo_that_is_not_cancelled_is_measured_as_such(room: Room, cancels: bool) -> None:
    cards = TwoCards(Clock(16000), Clock(16000), BUSY)
    heard = hear(cards, room, speech(16000, 16.0), echo_cancellation=cancels)
    assert heard.measure is not None
    print(heard.measure)
    assert heard.measure.erle_db < 6


@pytest.mark.parametrize("noise_dbfs", [-72.0, -45.0])
def test_with_headphones_there_is_no_echo_to_measure(noise_dbfs: float) -> None:
    cards = TwoCards(Clock(16000), Clock(16000), BUSY)
    room = Room(16000, gain=0.0003, noise_dbfs=noise_dbfs)
    heard = hear(cards, room, bytes(2 * 6 * 16000) + speech(16000, 11.0))
    assert heard.measure is not None
    assert heard.measure.echo_db < 3


def test_who_speaks_over_the_answer_does_not_spoil_the_measure() -> None:
    """Half of the time, somewhat louder than the echo."""
    said = bytes(2 * 3 * 16000) + speech(16000, 6.0, pitch=0.8, seed=5) + bytes(2 * 4 * 16000)
    cards = TwoCards(Clock(16000), Clock(16000), BUSY)
    heard = hear(cards, Room(16000), speech(16000, 14.0), said + speech(16000, 5.0, pitch=0.8, seed=7))
    assert heard.measure is not None
    assert heard.measure.erle_db > 15
