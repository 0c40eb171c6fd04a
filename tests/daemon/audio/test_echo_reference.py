from __future__ import annotations

import random
from array import array

import pytest
from room import level_db, speech
from two_cards import START, Clock, Machine, TwoCards

from daemon.audio.echo_reference import KEPT_S, MARGIN_S, EchoReference

RATE_HZ = 48000
LATENCY_MS = 5.0
WANTED_MS = 1000 * MARGIN_S + LATENCY_MS
"""The microphone is `LATENCY_MS` late with what it captured, so the reference is that much more ahead."""

ONE_RAMP = array("h", range(-30_000, 30_000)).tobytes()


def _ramp(frames: int) -> bytes:
    """Every sample says where it is, modulo 60000: still so after reading between two of them."""
    return (ONE_RAMP * (frames // 60_000 + 1))[: 2 * frames]


def _leads_ms(cards: TwoCards, seconds: float) -> list[float]:
    """For each window, how far its reference is ahead of what sounded when it was captured.

    Where the ramp falls back it says nothing: there the window before counts twice.
    """
    speaker, microphone = cards.speaker, cards.microphone
    reference = EchoReference(speaker.rate_hz, microphone.rate_hz)
    leads = [WANTED_MS]
    for first, window in cards.run(reference, _ramp(round(seconds * speaker.rate_hz)), seconds):
        middle = len(window) // 4
        sounding = speaker.frame(microphone.at(first + middle)) % 60_000
        lead = 1000 * (array("h", window)[middle] + 30_000 - sounding) / speaker.rate_hz
        leads.append(lead if 2_000 < sounding < 58_000 else leads[-1])
    return leads[1:-20]  # nothing can be ahead of the loudspeaker's end


def _steps_ms(leads: list[float]) -> list[float]:
    """By how much the pairing moves in a second."""
    return [abs(after - before) for before, after in zip(leads, leads[100:], strict=False)]


def test_a_steady_machine_pairs_within_a_millisecond() -> None:
    leads = _leads_ms(TwoCards(Clock(RATE_HZ), Clock(RATE_HZ), latency_ms=LATENCY_MS), 10.0)
    assert all(abs(lead - WANTED_MS) < 1.5 for lead in leads[:100])
    assert all(abs(lead - WANTED_MS) < 1 for lead in leads[100:])


def _some_cards(seed: int) -> TwoCards:
    chance = random.Random(seed)
    speaker_period_ms, microphone_period_ms = chance.choice([(20, 20), (10, 20), (40, 10), (20, 30)])
    speaker_hz, microphone_hz = chance.choice(
        [(48000, 48000), (24000, 48000), (48000, 16000), (44100, 16000)]
    )
    return TwoCards(
        Clock(speaker_hz, chance.uniform(-100, 100), speaker_period_ms),
        Clock(microphone_hz, chance.uniform(-100, 100), microphone_period_ms),
        Machine(jitter_ms=chance.uniform(0.1, 8), stall_ms=chance.uniform(0, 200)),
        lead_ms=chance.uniform(50, 400),
        latency_ms=LATENCY_MS,
        seed=seed,
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_jitter_bursts_and_drift_move_no_pair_by_more_than_a_few_milliseconds(seed: int) -> None:
    leads = _leads_ms(_some_cards(seed), 20.0)[100:]
    print(f"{min(leads):.1f} to {max(leads):.1f} ms ahead, {max(_steps_ms(leads)):.2f} ms in a second")
    assert all(abs(lead - WANTED_MS) < 5 for lead in leads)
    assert max(_steps_ms(leads)) < 0.75


@pytest.mark.long
@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_hours_of_drift_end_in_a_standing_error_of_two_milliseconds(ppm: float) -> None:
    """10 minutes are long enough: without correction 120 ms would have gathered."""
    leads = _leads_ms(TwoCards(Clock(8000, ppm), Clock(8000), latency_ms=LATENCY_MS), 600.0)
    assert all(abs(lead - WANTED_MS) < 3.5 for lead in leads)
    assert abs(leads[-1] - leads[-6000]) < 0.2


def test_equal_steady_clocks_give_the_samples_that_were_played() -> None:
    """Nothing is interpolated where nothing drifts."""
    reference, played = EchoReference(RATE_HZ, RATE_HZ), speech(RATE_HZ, 1.0)
    heard = bytearray()
    for number in range(50):
        start = 1920 * number
        reference.played(played[start : start + 1920], START + 0.02 * number)
        reference.captured(960, START - MARGIN_S + 0.02 * number)
        heard += reference.window(480) + reference.window(480)
    assert bytes(heard[1920 : 2 * 40_000]) == played[: 2 * 40_000 - 1920]


def test_between_two_samples_speech_keeps_its_level() -> None:
    cards = TwoCards(Clock(RATE_HZ, 50), Clock(16000))
    said = speech(RATE_HZ, 10.0)
    windows = b"".join(window for _, window in cards.run(EchoReference(RATE_HZ, 16000), said, 10.0))
    assert abs(level_db(windows) - level_db(cards.heard(said))) < 0.5


def test_before_anything_was_played_the_reference_is_silence() -> None:
    reference = EchoReference(RATE_HZ, 16000)
    reference.captured(320, START)
    assert reference.window(160) == bytes(320)


def test_before_anything_was_captured_the_reference_is_silence() -> None:
    reference = EchoReference(RATE_HZ, RATE_HZ)
    reference.played(_ramp(960), START)
    assert reference.window(480) == bytes(960)


def test_after_the_last_played_sample_comes_silence() -> None:
    reference = _paired(seconds=1.0)
    for number in range(50, 100):
        reference.captured(960, START + 0.02 * (number + 1))
        windows = [reference.window(480), reference.window(480)]
    assert windows == [bytes(960), bytes(960)]


def _paired(seconds: float) -> EchoReference:
    """Both devices in step for `seconds`, in periods of 20 ms, pulled one period before they are heard."""
    reference = EchoReference(RATE_HZ, RATE_HZ)
    reference.played(_ramp(960), START)
    for number in range(round(50 * seconds)):
        reference.played(_ramp(960), START + 0.02 * (number + 1))
        reference.captured(960, START + 0.02 * (number + 1))
        assert len(reference.window(480) + reference.window(480)) == 1920
    return reference


def _lead_ms_3_s_after_a_pause(paused: str, gap_s: float) -> float:
    """One device or both pause for `gap_s`, 1 s after they began."""
    seconds = 4 + gap_s
    times = [0.02 * number for number in range(round((seconds + 0.1) * 50))]
    still = [at for at in times if not 0.99 < at < 0.99 + gap_s]
    heard = times if paused == "microphone" else still
    captured = [at for at in (times if paused == "speaker" else still) if at < seconds]
    pulls = [(at - 0.06, "played", START + at) for at in heard]
    deliveries = [(at + 0.02, "captured", START + at + 0.02) for at in captured]
    reference, played = EchoReference(RATE_HZ, RATE_HZ), _ramp(960 * len(heard))
    pulled = 0
    for _, what, at in sorted(pulls + deliveries):
        if what == "played":
            reference.played(played[1920 * pulled : 1920 * (pulled + 1)], at)
            pulled += 1
        else:
            reference.captured(960, at)
            reference.window(480)
            last = array("h", reference.window(480))[0]
    sounding = 960 * heard.index(captured[-1]) + 480
    return ((last + 30_000 - sounding + 30_000) % 60_000 - 30_000) * 1000 / RATE_HZ


@pytest.mark.parametrize("gap_s", [0.02, 0.06, 0.2, 0.6, 30.0])
@pytest.mark.parametrize("paused", ["speaker", "microphone", "both"])
def test_after_a_pause_of_either_device_the_pairs_are_right_again(paused: str, gap_s: float) -> None:
    assert abs(_lead_ms_3_s_after_a_pause(paused, gap_s) - 1000 * MARGIN_S) < 2


def test_lost_captured_frames_do_not_shift_the_pairs() -> None:
    reference = _paired(seconds=1.0)  # and its loudspeaker has been asked for 1.02 s
    reference.lost(960)
    reference.played(_ramp(1920), START + 1.02)
    reference.captured(960, START + 1.04)
    assert array("h", reference.window(480))[0] + 30_000 == round(MARGIN_S * RATE_HZ)


def test_what_nobody_asks_about_is_kept_for_a_second() -> None:
    reference = _paired(seconds=1.0)
    for number in range(500):
        reference.played(_ramp(960), START + 1 + 0.02 * number)
    assert len(reference._kept) <= 2 * KEPT_S * RATE_HZ


def test_restarted_it_pairs_what_comes_next_from_the_first_window_on() -> None:
    reference = _paired(seconds=1.0)
    reference.restart()
    reference.played(_ramp(1920), START + 1.3)
    reference.captured(960, START + 1.32)
    assert array("h", reference.window(480))[0] + 30_000 == round(MARGIN_S * RATE_HZ)
