from __future__ import annotations

import resource
import struct
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.audio.wavfile import MAX_QUEUED_FILES, WavMicrophone, WavSpeaker
from hw.errors import DeviceError, Fault
from hw.ports import AudioFormat

RATE_HZ = 8000
PERIOD = 80  # frames of 10 ms


def _pcm(frames: int, first: int = 1) -> bytes:
    return array("h", (first + i % 1000 for i in range(frames))).tobytes()


def _write(path: Path, pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as wav:
        wav.setparams((channels, width, rate_hz, 0, "NONE", ""))
        wav.writeframes(pcm)
    return path


def _read(path: Path) -> bytes:
    with wave.open(str(path), "rb") as wav:
        return wav.readframes(wav.getnframes())


def _capture(mic: WavMicrophone, periods: int) -> bytes:
    heard = bytearray()
    mic.start(heard.extend)
    mic.advance(periods)
    mic.stop()
    return bytes(heard)


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    return _write(tmp_path / "voice.wav", _pcm(100))


def test_the_file_is_captured_whole_and_followed_by_silence(voice: Path) -> None:
    heard = _capture(WavMicrophone(voice, paced=False), 4)
    assert heard == _pcm(100) + bytes(2 * (4 * PERIOD - 100))


def test_the_lead_in_delays_the_file_to_the_frame(voice: Path) -> None:
    heard = _capture(WavMicrophone(voice, paced=False, lead_in_s=0.0125), 3)
    assert heard == bytes(200) + _pcm(100) + bytes(2 * (3 * PERIOD - 200))


def test_a_looped_file_has_no_seam(voice: Path) -> None:
    heard = _capture(WavMicrophone(voice, paced=False, loop=True), 5)
    assert heard == _pcm(100) * 4


def test_format_is_the_files_own(tmp_path: Path) -> None:
    mic = WavMicrophone(_write(tmp_path / "s.wav", b"", 44100, channels=2), period_ms=20)
    assert (mic.format.rate_hz, mic.format.channels, mic.format.period_frames) == (44100, 2, 882)


def test_a_file_that_waits_is_said_when_told(voice: Path) -> None:
    mic = WavMicrophone(voice, paced=False, lead_in_s=None)
    heard = bytearray()
    mic.start(heard.extend)
    mic.advance()
    assert mic.speak() == pytest.approx(100 / RATE_HZ)
    assert mic.speaking
    mic.advance(2)
    assert not mic.speaking
    assert heard == bytes(2 * PERIOD) + _pcm(100) + bytes(2 * (2 * PERIOD - 100))


def test_files_said_in_a_row_have_no_gap(voice: Path, tmp_path: Path) -> None:
    mic = WavMicrophone(voice, paced=False)
    second = _write(tmp_path / "second.wav", _pcm(60, first=5000))
    assert mic.speak(second) == pytest.approx(160 / RATE_HZ)
    assert _capture(mic, 2) == _pcm(100) + _pcm(60, first=5000)


def test_stop_and_start_again_continues_where_it_was(voice: Path) -> None:
    mic = WavMicrophone(voice, paced=False)
    assert _capture(mic, 1) + _capture(mic, 1) == _pcm(100) + bytes(2 * 60)


def test_stop_from_within_a_delivery_ends_it(voice: Path) -> None:
    mic = WavMicrophone(voice, paced=False)
    heard: list[bytes] = []

    def deliver(pcm: bytes) -> None:
        heard.append(pcm)
        mic.stop()

    mic.start(deliver)
    mic.advance(5)
    assert len(heard) == 1


def test_the_queue_of_files_is_bounded(voice: Path) -> None:
    mic = WavMicrophone(voice, paced=False, lead_in_s=None)
    for _ in range(MAX_QUEUED_FILES):
        mic.speak()
    with pytest.raises(RuntimeError, match="16 files"):
        mic.speak()


def test_a_file_cut_mid_sample_is_captured_up_to_the_last_whole_frame(voice: Path) -> None:
    voice.write_bytes(voice.read_bytes()[:-1])
    heard = _capture(WavMicrophone(voice, paced=False), 2)
    assert heard == _pcm(99) + bytes(2 * (2 * PERIOD - 99))


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"none\.wav.*No such file") as caught:
        WavMicrophone(tmp_path / "none.wav")
    assert caught.value.fault is Fault.NOT_FOUND


def test_other_than_16_bit_is_unsupported_with_the_command_that_helps(tmp_path: Path) -> None:
    path = _write(tmp_path / "w.wav", bytes(300), width=3)
    with pytest.raises(DeviceError, match=r"24-bit samples.*sox") as caught:
        WavMicrophone(path)
    assert caught.value.fault is Fault.UNSUPPORTED


@pytest.mark.parametrize("content", [b"", b"RIFF", b"OggS" * 20], ids=["empty", "cut", "ogg"])
def test_what_is_not_a_wav_is_unsupported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(DeviceError) as caught:
        WavMicrophone(tmp_path / "x.wav")
    assert caught.value.fault is Fault.UNSUPPORTED


def test_saying_a_file_of_another_rate_is_unsupported(voice: Path, tmp_path: Path) -> None:
    other = _write(tmp_path / "o.wav", b"", rate_hz=16000)
    with pytest.raises(DeviceError, match=r"16000 Hz.*8000 Hz.*-r 8000") as caught:
        WavMicrophone(voice).speak(other)
    assert caught.value.fault is Fault.UNSUPPORTED


def test_the_owner_cannot_advance_a_paced_device(voice: Path) -> None:
    with pytest.raises(RuntimeError, match="paced=False"):
        WavMicrophone(voice).advance()


# ---- speaker


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "heard.wav"


def _ramp() -> Iterator[bytes]:
    n = 0
    while True:
        yield array("h", range(n, n + PERIOD)).tobytes()
        n += PERIOD


def _speaker(out: Path) -> WavSpeaker:
    speaker = WavSpeaker(out, rate_hz=RATE_HZ, paced=False)
    ramp = _ramp()
    speaker.start(lambda frames: next(ramp))
    return speaker


def test_the_file_holds_what_was_pulled(out: Path) -> None:
    speaker = _speaker(out)
    speaker.advance(3)
    speaker.stop()
    assert _read(out) == array("h", range(3 * PERIOD)).tobytes()
    assert speaker.heard_frames() == 3 * PERIOD


def test_the_header_is_the_44_bytes_every_player_knows(out: Path) -> None:
    speaker = WavSpeaker(out, rate_hz=24000, channels=2, paced=False)
    speaker.start(lambda frames: bytes(2 * frames))
    speaker.advance()
    speaker.stop()
    assert out.read_bytes()[:44] == (
        b"RIFF\xe4\x03\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\xc0\x5d\x00\x00\x00\x77\x01\x00"
        b"\x04\x00\x10\x00data\xc0\x03\x00\x00"
    )


def test_without_a_rate_the_file_has_that_of_most_cards(out: Path) -> None:
    assert WavSpeaker(out, period_ms=20).format == AudioFormat(48000, 1, 960)


def test_a_file_never_stopped_is_at_most_a_second_short(out: Path) -> None:
    _speaker(out).advance(250)
    assert len(_read(out)) == 2 * 2 * RATE_HZ


def test_a_file_just_started_is_valid_and_empty(out: Path) -> None:
    _speaker(out)
    assert _read(out) == b""


def test_a_second_start_continues_the_file(out: Path) -> None:
    speaker = _speaker(out)
    speaker.advance()
    speaker.stop()
    speaker.start(lambda frames: b"\7\7" * frames)
    speaker.advance()
    speaker.stop()
    assert _read(out) == array("h", range(PERIOD)).tobytes() + b"\7\7" * PERIOD
    assert speaker.heard_frames() == 2 * PERIOD


def test_an_old_file_is_overwritten(out: Path) -> None:
    out.write_bytes(b"x" * 9999)
    _speaker(out).stop()
    assert len(out.read_bytes()) == 44


def test_stop_from_within_a_pull_ends_the_file_before_that_period(out: Path) -> None:
    speaker = WavSpeaker(out, rate_hz=RATE_HZ, paced=False)

    def pull(frames: int) -> bytes:
        speaker.stop()
        return b"\7\7" * frames

    speaker.start(pull)
    speaker.advance(3)
    assert (_read(out), speaker.heard_frames(), speaker.running) == (b"", 0, False)


def test_a_wrong_answer_is_the_owners_to_see(out: Path) -> None:
    speaker = WavSpeaker(out, rate_hz=RATE_HZ, paced=False)
    speaker.start(lambda frames: b"\0\0")
    with pytest.raises(ValueError, match="2 bytes, a period is 160"):
        speaker.advance()


@pytest.mark.parametrize("path", ["/nonexistent/heard.wav", "/dev/full"], ids=["no directory", "no room"])
def test_a_file_that_cannot_be_written_is_not_found(path: str) -> None:
    with pytest.raises(DeviceError, match="writable") as caught:
        WavSpeaker(path, rate_hz=RATE_HZ).start(lambda frames: b"")
    assert caught.value.fault is Fault.NOT_FOUND


def test_a_disk_that_fills_up_is_a_lost_device(out: Path) -> None:
    speaker = _speaker(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (44 + 5 * PERIOD, hard))
    try:
        speaker.advance(4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not speaker.running
    assert speaker.heard_frames() == 2 * PERIOD
    speaker.stop()
    assert _read(out) == array("h", range(2 * PERIOD)).tobytes()


def test_sizes_beyond_32_bit_are_capped(out: Path) -> None:
    speaker = _speaker(out)
    speaker._written_frames = 2**31  # 74 hours at 8 kHz
    speaker.stop()
    assert struct.unpack("<I", out.read_bytes()[40:44])[0] == 2**32 - 1 - 44
