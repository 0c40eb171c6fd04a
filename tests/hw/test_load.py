from __future__ import annotations

import pytest

from hw import load
from hw.errors import DeviceError, Fault


def test_options_reach_the_driver() -> None:
    assert load.microphone("fake", rate_hz=16000, period_ms=20).format.period_frames == 320


@pytest.mark.parametrize(
    ("build", "table"),
    [
        (load.microphone, load.MICROPHONES),
        (load.speaker, load.SPEAKERS),
        (load.button, load.BUTTONS),
        (load.light, load.LIGHTS),
        (load.voice_detector, load.VOICE_DETECTORS),
        (load.voice_processor, load.VOICE_PROCESSORS),
        (load.wake_word, load.WAKE_WORDS),
    ],
)
def test_an_unknown_driver_is_answered_with_all_there_are(build, table) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DeviceError) as caught:
        build("nonsense")
    assert caught.value.fault is Fault.NOT_FOUND
    assert ", ".join(table) in str(caught.value)


def test_a_misspelt_driver_is_answered_with_the_nearest() -> None:
    with pytest.raises(DeviceError, match="Did you mean 'wavfile'"):
        load.microphone("wav_file")


def test_a_misspelt_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        DeviceError, match=r"no option 'rate'; it takes path, rate_hz.*Did you mean 'rate_hz'"
    ):
        load.speaker("wavfile", rate=8000)


def test_a_missing_option_is_named() -> None:
    with pytest.raises(DeviceError, match="wavfile: the microphone driver needs the option 'path'"):
        load.microphone("wavfile")


def test_an_option_for_a_driver_without_options() -> None:
    with pytest.raises(DeviceError, match="it takes none"):
        load.button("fake", pin=17)
