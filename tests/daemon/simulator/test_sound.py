"""Detector, resampler, G.711 and synthesis."""

from __future__ import annotations

import math
from array import array

import pytest

from daemon.simulator.input_buffer import MAX_BUFFER_MS, InputBuffer
from daemon.simulator.pcm import babble, from_wire, note, resample, silence, to_wire
from daemon.simulator.vad import EnergyVad, SpeechStarted, SpeechStopped, VadSettings, rms, settings_from

SETTINGS = VadSettings(level=327.0, prefix_padding_ms=300, silence_ms=500)
LOUD = note(300.0, 600)


def sine(frequency_hz: float, rate_hz: int, duration_s: float = 0.5) -> bytes:
    step = 2 * math.pi * frequency_hz / rate_hz
    return array("h", [int(10000 * math.sin(step * n)) for n in range(int(rate_hz * duration_s))]).tobytes()


def test_vad_finds_both_edges_of_speech() -> None:
    edges = EnergyVad(SETTINGS).feed(silence(1000) + LOUD + silence(800))
    assert edges == [SpeechStarted(700), SpeechStopped(2100)]


@pytest.mark.parametrize("portion_bytes", [2, 480, 958, 100_000])
def test_vad_does_not_care_about_portions(portion_bytes: int) -> None:
    vad, audio = EnergyVad(SETTINGS), silence(400) + LOUD + silence(700)
    portions = [audio[start : start + portion_bytes] for start in range(0, len(audio), portion_bytes)]
    found = [edge for portion in portions for edge in vad.feed(portion)]
    assert found == EnergyVad(SETTINGS).feed(audio)


def test_vad_ignores_a_click() -> None:
    assert EnergyVad(SETTINGS).feed(silence(200) + note(300.0, 15) + silence(800)) == []


def test_vad_pause_within_speech_is_no_end() -> None:
    edges = EnergyVad(SETTINGS).feed(LOUD + silence(400) + LOUD + silence(600))
    assert [type(edge) for edge in edges] == [SpeechStarted, SpeechStopped]


def test_vad_second_turn_does_not_reach_into_the_first() -> None:
    _, first_end, second_start = EnergyVad(SETTINGS).feed(LOUD + silence(520) + LOUD)
    assert second_start.audio_start_ms == first_end.audio_end_ms


@pytest.mark.parametrize(("threshold", "dbfs"), [(0.0, -60), (0.5, -40), (1.0, -20)])
def test_threshold_is_a_level(threshold: float, dbfs: float) -> None:
    detection = {
        "type": "server_vad",
        "threshold": threshold,
        "prefix_padding_ms": 0,
        "silence_duration_ms": 0,
    }
    assert 20 * math.log10(settings_from(detection).level / 32768) == pytest.approx(dbfs)


def test_buffer_drops_the_oldest_beyond_its_bound() -> None:
    buffer = InputBuffer("audio/pcm", None)
    buffer.append(bytes(MAX_BUFFER_MS * 48))
    buffer.append(LOUD)
    assert (buffer.begin_ms, buffer.end_ms) == (600, MAX_BUFFER_MS + 600)
    assert buffer.commit()[-len(LOUD) :] == LOUD


def test_buffer_keeps_its_clock_over_a_format_change() -> None:
    buffer = InputBuffer("audio/pcm", None)
    buffer.append(silence(300))
    buffer.configure("audio/pcmu", None)
    assert (buffer.begin_ms, buffer.end_ms) == (300, 300)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000])
def test_resampled_tone_keeps_its_pitch_level_and_length(rate_hz: int) -> None:
    out = array("h", resample(sine(440.0, rate_hz), rate_hz, 24000))
    wanted = array("h", sine(440.0, 24000))
    assert abs(len(out) - len(wanted)) <= 1
    assert max(abs(a - b) for a, b in list(zip(out, wanted, strict=False))[400:-400]) < 100


def test_resampling_down_removes_what_would_fold_back() -> None:
    assert rms(resample(sine(15000.0, 48000), 48000, 24000)[2000:-2000]) < 50


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_g711_round_trip_stays_close(law: str) -> None:
    samples = array("h", from_wire(to_wire(sine(440.0, 24000), law), law))[::3]
    wanted = array("h", sine(440.0, 24000))[::3]
    assert max(abs(a - b) for a, b in zip(samples, wanted, strict=True)) < 512


def test_g711_codes_are_those_of_the_standard() -> None:
    assert array("h", from_wire(b"\x00\x80\xff\x7f", "audio/pcmu"))[::3].tolist() == [-32124, 32124, 0, 0]
    assert array("h", from_wire(b"\x2a\xaa\xd5\x55", "audio/pcma"))[::3].tolist() == [-32256, 32256, 8, -8]


def test_babble_fits_its_text_and_repeats_itself() -> None:
    assert len(babble("It is three.")) == 12 * 70 * 48
    assert babble("It is three.") == babble("It is three.") != babble("It was four.")
    assert len(babble("", 1234)) == 1234 * 48
