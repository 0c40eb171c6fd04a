"""Fitting captured periods to what a voice detector takes."""

from __future__ import annotations

from array import array

import pytest

from daemon.audio.voice import VoiceMeter


class LoudIsSpeech:
    """Hears speech in any window that is not silent; remembers the windows it was given."""

    rate_hz = 16_000
    window_frames = 320

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def is_speech(self, window: bytes) -> bool:
        self.sizes.append(len(window))
        return any(window)


def tone(frames: int) -> bytes:
    return array("h", [8000 if i // 20 % 2 else -8000 for i in range(frames)]).tobytes()


def test_windows_are_exact_whatever_the_period() -> None:
    detector = LoudIsSpeech()
    meter = VoiceMeter(detector, 16_000)
    for _ in range(9):
        meter.listen(bytes(160 * 2))
    assert detector.sizes == [640] * 4


def test_verdict_comes_with_the_period_in_which_the_window_ends() -> None:
    meter = VoiceMeter(LoudIsSpeech(), 16_000)
    heard = [meter.listen(period) for period in (tone(160), tone(160), bytes(320), bytes(320))]
    assert heard == [[], [True], [], [False]]


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_other_rates_are_brought_to_the_detectors(rate_hz: int) -> None:
    detector = LoudIsSpeech()
    heard = VoiceMeter(detector, rate_hz).listen(tone(rate_hz // 5))
    assert heard == [True] * len(heard)
    assert detector.sizes == [640] * len(heard)
    assert len(heard) in (9, 10)  # of 200 ms, less what a resampler holds back


@pytest.mark.parametrize("period_frames", [160, 320, 800])
def test_listen_answers_once_for_each_window_however_it_is_cut(period_frames: int) -> None:
    said = tone(320) + bytes(640) + tone(640) + bytes(640)
    meter = VoiceMeter(LoudIsSpeech(), 16_000)
    cut = [said[at : at + 2 * period_frames] for at in range(0, len(said), 2 * period_frames)]
    assert [verdict for period in cut for verdict in meter.listen(period)] == [True, False, True, True, False]


def test_window_is_as_long_as_the_detector_says() -> None:
    assert VoiceMeter(LoudIsSpeech(), 48_000).window_ms == 20


class Recorder(LoudIsSpeech):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    def is_speech(self, window: bytes) -> bool:
        self.heard += window
        return False


@pytest.mark.parametrize("period_frames", [960, 480, 100, 1])
def test_three_times_the_rate_is_averaged_without_delay_however_it_is_cut(period_frames: int) -> None:
    samples = [(i * 7919) % 65536 - 32768 for i in range(960)]
    detector = Recorder()
    meter = VoiceMeter(detector, 48_000)
    for at in range(0, 960, period_frames):
        meter.listen(array("h", samples[at : at + period_frames]).tobytes())
    means = [sum(samples[at : at + 3]) / 3 for at in range(0, 960, 3)]
    assert array("h", detector.heard).tolist() == pytest.approx(means, abs=1)


def test_the_loudest_is_averaged_without_overflow() -> None:
    detector = Recorder()
    VoiceMeter(detector, 48_000).listen(array("h", [32767] * 480 + [-32768] * 480).tobytes())
    assert array("h", detector.heard).tolist() == [32767] * 160 + [-32768] * 160
