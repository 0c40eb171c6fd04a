"""What every voice processor driver promises in hw/ports.py."""

from __future__ import annotations

import math
from array import array

import pytest
from room import Room, level_db, speech

from hw import load
from hw.errors import DeviceError, Fault
from hw.ports import VoiceProcessor

RATES_HZ = (8000, 16000, 24000, 44100, 48000)


@pytest.fixture(params=list(load.VOICE_PROCESSORS))
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def processor(driver: str) -> VoiceProcessor:
    return load.voice_processor(driver)


def _through(processor: VoiceProcessor, near: bytes, far: bytes) -> bytes:
    out, size = bytearray(), 2 * processor.window_frames
    for at in range(0, len(near) - size + 1, size):
        processor.far(far[at : at + size])
        out += processor.near(near[at : at + size])
    return bytes(out)


def _seconds(processor: VoiceProcessor, pcm: bytes, start: float, end: float) -> bytes:
    return pcm[2 * round(start * processor.rate_hz) : 2 * round(end * processor.rate_hz)]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_window_is_10_ms_at_the_rate_asked_for(driver: str, rate_hz: int) -> None:
    processor = load.voice_processor(driver, rate_hz=rate_hz)
    assert (processor.rate_hz, processor.window_frames) == (rate_hz, rate_hz // 100)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_the_loudspeaker_said_is_gone(driver: str, rate_hz: int) -> None:
    """In a room without delay and walls, where a fake can do it too."""
    processor = load.voice_processor(driver, rate_hz=rate_hz)
    far = speech(rate_hz, 4.0)
    out = _through(processor, far, far)
    loss_db = level_db(_seconds(processor, far, 2.0, 4.0)) - level_db(_seconds(processor, out, 2.0, 4.0))
    assert loss_db > 20


def test_a_voice_passes_while_nothing_is_played(processor: VoiceProcessor) -> None:
    voice = speech(processor.rate_hz, 4.0)
    out = _through(processor, voice, bytes(len(voice)))
    assert abs(level_db(out) - level_db(voice)) < 3


def test_without_echo_cancellation_the_echo_stays(driver: str) -> None:
    processor = load.voice_processor(driver, echo_cancellation=False)
    far = speech(processor.rate_hz, 4.0)
    assert abs(level_db(_through(processor, far, far)) - level_db(far)) < 3


def test_gain_is_0_while_the_level_is_left_alone(processor: VoiceProcessor) -> None:
    voice = speech(processor.rate_hz, 1.0)
    _through(processor, voice, bytes(len(voice)))
    assert processor.gain_db == 0.0


def test_gain_is_what_evening_out_the_level_added(driver: str) -> None:
    processor = load.voice_processor(driver, agc=True)
    plain = load.voice_processor(driver, agc=False)
    voice = speech(processor.rate_hz, 4.0, rms_dbfs=-40)
    louder, same = (_through(each, voice, bytes(len(voice))) for each in (processor, plain))
    added_db = level_db(_seconds(processor, louder, 3, 4)) - level_db(_seconds(plain, same, 3, 4))
    assert processor.gain_db > 3
    assert abs(processor.gain_db - added_db) < 2


def test_after_reset_it_works_as_a_new_one_does(driver: str, processor: VoiceProcessor) -> None:
    room = Room(processor.rate_hz)
    far = speech(processor.rate_hz, 2.0)
    near = room.hear(far)
    first = _through(processor, near, far)
    processor.reset()
    assert _through(processor, near, far) == first == _through(load.voice_processor(driver), near, far)


def test_near_without_its_far_is_refused(processor: VoiceProcessor) -> None:
    window = bytes(2 * processor.window_frames)
    processor.far(window)
    processor.near(window)
    with pytest.raises(RuntimeError, match="far"):
        processor.near(window)


def test_reset_forgets_the_far_window_that_waits(processor: VoiceProcessor) -> None:
    window = bytes(2 * processor.window_frames)
    processor.far(window)
    processor.reset()
    with pytest.raises(RuntimeError, match="far"):
        processor.near(window)


@pytest.mark.parametrize("size_bytes", [0, 318, 319, 321, 322])
@pytest.mark.parametrize("way", ["far", "near"])
def test_a_window_of_another_size_is_refused(processor: VoiceProcessor, way: str, size_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"{processor.window_frames} frames"):
        getattr(processor, way)(bytes(size_bytes))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate_hz": 22050}, "multiple of 100 from 8000 to 96000"),
        ({"rate_hz": 4000}, "rate_hz 4000"),
        ({"noise_suppression": "loud"}, "off, low, moderate, high, very_high"),
        ({"noise": "low"}, "noise_suppression"),
    ],
)
def test_webrtc_says_what_it_takes(options: dict[str, object], said: str) -> None:
    with pytest.raises(DeviceError) as caught:
        load.voice_processor("webrtc", **options)
    assert caught.value.fault is Fault.UNSUPPORTED
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("level", "by_db"), [("off", 0), ("low", 6), ("moderate", 12), ("high", 18), ("very_high", 21)]
)
def test_webrtc_takes_noise_away_by_level(level: str, by_db: float) -> None:
    processor = load.voice_processor(
        "webrtc", echo_cancellation=False, noise_suppression=level, high_pass=False
    )
    noise = Room(processor.rate_hz, noise_dbfs=-40).hear(bytes(2 * 4 * processor.rate_hz))
    out = _through(processor, noise, bytes(len(noise)))
    less_db = level_db(_seconds(processor, noise, 2, 4)) - level_db(_seconds(processor, out, 2, 4))
    assert less_db == pytest.approx(by_db, abs=1)


def test_webrtc_takes_rumble_away() -> None:
    processor = load.voice_processor("webrtc", echo_cancellation=False, noise_suppression="off")
    rumble = array(
        "h", (round(8000 * math.sin(2 * math.pi * 20 * i / 16000)) for i in range(32000))
    ).tobytes()
    assert level_db(_through(processor, rumble, bytes(len(rumble)))) < level_db(rumble) - 20
