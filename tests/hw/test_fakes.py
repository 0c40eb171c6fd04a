"""What the fakes do beyond the contract of their ports."""

from __future__ import annotations

import pytest

from hw.errors import DeviceError, Fault
from hw.fakes import FakeButton, FakeMicrophone, FakeSpeaker, FakeVoiceDetector
from hw.ports import AudioFormat


def _microphone() -> tuple[FakeMicrophone, list[bytes]]:
    mic = FakeMicrophone(rate_hz=8000, period_ms=1)
    periods: list[bytes] = []
    mic.start(periods.append)
    return mic, periods


def test_fed_sound_is_cut_into_periods_and_the_rest_kept() -> None:
    mic, periods = _microphone()
    mic.feed(b"a" * 20)
    mic.feed(b"b" * 20)
    assert periods == [b"a" * 16, b"a" * 4 + b"b" * 12]


def test_sound_before_start_is_lost() -> None:
    mic = FakeMicrophone(rate_hz=8000, period_ms=1)
    mic.feed(b"a" * 8)
    periods: list[bytes] = []
    mic.start(periods.append)
    mic.feed(b"b" * 16)
    assert periods == [b"b" * 16]


def test_an_overflow_loses_the_next_period_and_is_counted() -> None:
    mic, periods = _microphone()
    mic.overflow()
    mic.feed(b"a" * 16 + b"b" * 16)
    assert (periods, mic.overflows) == ([b"b" * 16], 1)


def test_an_unplugged_microphone_is_silent_until_plugged_and_restarted() -> None:
    mic, periods = _microphone()
    mic.unplug()
    mic.feed(b"a" * 16)
    mic.plug()
    mic.feed(b"b" * 16)
    assert (mic.running, periods) == (False, [])
    mic.stop()
    mic.start(periods.append)
    mic.feed(b"c" * 16)
    assert (mic.running, periods) == (True, [b"c" * 16])


def test_starting_what_is_unplugged_is_not_found() -> None:
    for device in (FakeMicrophone(), FakeSpeaker()):
        device.unplug()
        with pytest.raises(DeviceError) as caught:
            device.start(bytes)  # type: ignore[arg-type]
        assert caught.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize("device", [FakeMicrophone(), FakeSpeaker()], ids=["microphone", "speaker"])
def test_another_one_plugged_in_talks_differently_from_its_start_on(
    device: FakeMicrophone | FakeSpeaker,
) -> None:
    device.unplug()
    device.plug(rate_hz=16000, channels=6)
    before = device.format
    device.start(bytes)  # type: ignore[arg-type]
    assert (before, device.format) == (AudioFormat(48000, 1, 480), AudioFormat(16000, 6, 160))


def test_a_speaker_of_two_channels_plays_mono_on_both() -> None:
    speaker = FakeSpeaker(rate_hz=8000, channels=2, period_ms=1, buffer_periods=0)
    speaker.start(lambda frames: b"ab" * frames)
    speaker.play()
    assert speaker.played == b"abab" * 8


def _speaker(buffer_periods: int = 2) -> FakeSpeaker:
    speaker = FakeSpeaker(rate_hz=8000, period_ms=1, buffer_periods=buffer_periods)
    numbers = iter(range(256))
    speaker.start(lambda frames: bytes([next(numbers)]) * 2 * frames)
    return speaker


def test_heard_lags_pulled_by_the_device_buffer() -> None:
    speaker = _speaker()
    seen = []
    for _ in range(4):
        speaker.play()
        seen.append((speaker.pulled_frames, speaker.heard_frames()))
    assert seen == [(8, 0), (16, 0), (24, 8), (32, 16)]
    assert speaker.played == b"\0" * 16 + b"\1" * 16


def test_what_stop_drops_is_never_played_and_past_after_the_next_start() -> None:
    speaker = _speaker()
    speaker.play(3)
    speaker.stop()
    assert speaker.heard_frames() == 8
    speaker.start(lambda frames: b"z" * 2 * frames)
    assert speaker.heard_frames() == 24
    speaker.play(3)
    assert speaker.played == b"\0" * 16 + b"z" * 16


def test_an_underflow_is_heard_as_silence_nobody_pulled() -> None:
    speaker = _speaker(buffer_periods=0)
    speaker.underflow()
    assert (speaker.underflows, speaker.heard_frames(), speaker.played) == (1, 0, bytes(16))


def test_an_unplugged_speaker_pulls_no_more() -> None:
    speaker = _speaker()
    speaker.play(3)
    speaker.unplug()
    speaker.play(3)
    assert (speaker.running, speaker.pulled_frames, speaker.heard_frames()) == (False, 24, 8)


def test_a_pull_of_the_wrong_size_is_refused() -> None:
    speaker = FakeSpeaker(rate_hz=8000, period_ms=1)
    speaker.start(lambda frames: b"")
    with pytest.raises(ValueError, match="0 bytes, a period is 16"):
        speaker.play()


@pytest.mark.parametrize("held", [False, True])
def test_a_bounce_reports_every_edge_and_ends_where_it_began(held: bool) -> None:
    button = FakeButton()
    edges: list[bool] = []
    button.start(edges.append)
    if held:
        button.press()
        edges.clear()
    button.bounce(2)
    assert edges == [not held, held] * 2
    assert button.is_pressed() is held


def test_a_lost_edge_changes_the_level_only() -> None:
    button = FakeButton()
    edges: list[bool] = []
    button.start(edges.append)
    button.press()
    button.release(edge_lost=True)
    assert (edges, button.is_pressed()) == ([True], False)


def test_the_detector_follows_its_script_then_the_level() -> None:
    detector = FakeVoiceDetector(rate_hz=8000, window_ms=10, script=[True, False], threshold=300)
    quiet, loud = bytes(160), b"\x00\xfe" * 80  # -512
    assert [detector.is_speech(w) for w in (quiet, loud, quiet, loud)] == [True, False, False, True]
