"""Cards that refuse what they do not do: opened without being told how, and heard and played through."""

from __future__ import annotations

import logging
import os
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from daemon.audio.pcm import pick_channel
from daemon.audio.resample import Resampler
from hw.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker, list_devices
from hw.audio.selection import Offer
from hw.errors import DeviceError, Fault
from hw.ports import AudioFormat
from tests.system.native_card import NativeCard, NativeCards
from tests.system.virtual_card import VirtualCard

pytestmark = pytest.mark.system

SESSION_HZ = 24000
VOICE_HZ = 48000
VOICE = Path("/usr/share/sounds/alsa/Front_Center.wav")
SOON_S = 10.0
RATES_HZ = (8000, 16000, 32000, 44100, 48000)
SOME_CARD = NativeCard("card", [48000], [2])


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NativeCards:
    """Without any card: `plug` some."""
    cards = NativeCards(tmp_path)
    for name, value in cards.environment.items():
        monkeypatch.setenv(name, value)
    return cards


@pytest.fixture(scope="module")
def voice() -> bytes:
    """Seven tenths of a second of speech, at the session's rate."""
    if not VOICE.exists():
        pytest.fail(f"{VOICE} is missing: run `make setup` (apt: alsa-utils).")
    with wave.open(str(VOICE), "rb") as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (VOICE_HZ, 1, 2)
        return _converted(wav.readframes(VOICE_HZ * 7 // 10), VOICE_HZ, SESSION_HZ)


def _converted(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    resampler = Resampler(from_hz, to_hz)
    return resampler.feed(pcm) + resampler.flush()


def _samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def _alike(part: bytes, whole: bytes) -> float:
    """How alike `part` and the place in `whole` most like it are (1: the same)."""
    needle, hay = _samples(part), _samples(whole)
    size = 1 << (len(needle) + len(hay)).bit_length()
    spectrum = np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(hay)]))
    there = hay[at : at + len(needle)]
    return float(np.dot(there, needle[: len(there)]) / (np.linalg.norm(there) * np.linalg.norm(needle) or 1))


class Track:
    """Plays mono `pcm` once, then silence; and waits for what is going on on another thread."""

    def __init__(self, pcm: bytes = b"") -> None:
        self._rest = memoryview(pcm)
        self.captured = bytearray()
        self.pulled_frames = 0
        self._changed = threading.Condition()

    def pull(self, frames: int) -> bytes:
        with self._changed:
            piece, self._rest = self._rest[: 2 * frames], self._rest[2 * frames :]
            self.pulled_frames += frames
            self._changed.notify_all()
        return bytes(piece).ljust(2 * frames, b"\0")

    def deliver(self, pcm: bytes) -> None:
        with self._changed:
            self.captured += pcm
            self._changed.notify_all()

    def wait_for(self, happened: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(happened, SOON_S)


def _each_kind() -> Iterator[object]:
    for rate_hz in RATES_HZ:
        for channels in (1, 2, 6):
            yield pytest.param(rate_hz, channels, id=f"{rate_hz} Hz, {channels} ch")


@pytest.mark.parametrize(("rate_hz", "channels"), list(_each_kind()))
def test_a_voice_goes_in_and_out_whatever_the_card_does(
    machine: NativeCards, voice: bytes, rate_hz: int, channels: int
) -> None:
    """Both ways at once, nothing configured but which of its channels is listened to."""
    machine.plug(NativeCard("card", [rate_hz], [channels], mouth=channels - 1))
    at_its_rate = _converted(voice, SESSION_HZ, rate_hz)
    machine.spoken("card").write_bytes(at_its_rate)
    mic, speaker = PortAudioMicrophone("card", channel=channels - 1), PortAudioSpeaker("card")
    track, enough = Track(at_its_rate), len(at_its_rate) // 2 + rate_hz // 5
    mic.start(track.deliver)
    speaker.start(track.pull)
    assert track.wait_for(lambda: len(track.captured) >= enough * mic.format.frame_bytes)
    assert track.wait_for(lambda: track.pulled_frames >= enough)
    speaker.stop()
    mic.stop()
    assert mic.format == AudioFormat(rate_hz, channels, rate_hz // 50)
    assert speaker.format == AudioFormat(rate_hz, min(channels, 2), rate_hz // 50)
    heard = pick_channel(bytes(track.captured), channels, channels - 1)
    expected = _converted(at_its_rate, rate_hz, SESSION_HZ)
    assert _alike(expected, _converted(heard, rate_hz, SESSION_HZ)) > 0.99
    played = array("h", machine.played("card").read_bytes())
    ears = [played[ear::channels].tobytes() for ear in range(min(channels, 2))]
    assert len(set(ears)) == 1
    assert _alike(expected, _converted(ears[0], rate_hz, SESSION_HZ)) > 0.99


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (16000, 6), (32000, 2), (44100, 2), (48000, 6)])
def test_a_sound_server_is_opened_as_it_is_told(
    virtual_card: VirtualCard, voice: bytes, rate_hz: int, channels: int
) -> None:
    track, mic = Track(), PortAudioMicrophone("mic", rate_hz=rate_hz, channels=channels)
    at_8k = _converted(_converted(voice, SESSION_HZ, 8000), 8000, VOICE_HZ)  # what each of them can carry
    mic.start(track.deliver)
    virtual_card.say(at_8k + bytes(VOICE_HZ), VOICE_HZ)
    mic.stop()
    assert mic.format == AudioFormat(rate_hz, channels, rate_hz // 50)
    heard = pick_channel(bytes(track.captured), channels, 0)  # PulseAudio does not put mono on all of six
    assert _alike(_converted(at_8k, VOICE_HZ, SESSION_HZ), _converted(heard, rate_hz, SESSION_HZ)) > 0.97


def test_a_sound_server_that_takes_everything_is_opened_at_48_khz(virtual_card: VirtualCard) -> None:
    mic, speaker = PortAudioMicrophone("mic"), PortAudioSpeaker("speaker")
    mic.start(Track().deliver)
    speaker.start(Track().pull)
    speaker.stop()
    mic.stop()
    assert (mic.format, speaker.format) == (AudioFormat(48000, 1, 960), AudioFormat(48000, 2, 960))


def test_what_worked_is_the_only_question_of_the_next_start(machine: NativeCards) -> None:
    machine.plug(NativeCard("card", [8000], [1], plays=False))
    mic, times = PortAudioMicrophone("card"), [0]
    for _ in range(3):
        mic.start(Track().deliver)
        mic.stop()
        times.append(machine.times_opened("card"))
    first, second, third = (later - earlier for earlier, later in pairwise(times))
    assert second == third == 3  # PortAudio's listing, one question, and the stream
    assert first > second


def test_a_card_that_came_back_as_another_one_is_asked_anew(machine: NativeCards) -> None:
    machine.plug(SOME_CARD)
    mic, speaker, track = PortAudioMicrophone("card"), PortAudioSpeaker("card"), Track()
    mic.start(track.deliver)
    speaker.start(track.pull)
    speaker.stop()
    mic.stop()
    before = (mic.format, speaker.format)
    machine.plug(NativeCard("card", [16000], [1]))
    mic.start(track.deliver)
    speaker.start(track.pull)
    pulled = track.pulled_frames
    heard = speaker.heard_frames()
    assert track.wait_for(lambda: track.pulled_frames >= pulled + 10 * 320)
    speaker.stop()
    mic.stop()
    assert before == (AudioFormat(48000, 1, 960), AudioFormat(48000, 2, 960))
    assert (mic.format, speaker.format) == (AudioFormat(16000, 1, 320), AudioFormat(16000, 1, 320))
    assert heard <= speaker.heard_frames() <= track.pulled_frames


def test_a_rate_the_card_does_not_do_is_answered_with_one_it_does(
    machine: NativeCards, caplog: pytest.LogCaptureFixture
) -> None:
    machine.plug(SOME_CARD)
    mic = PortAudioMicrophone("card", rate_hz=16000)
    for _ in range(2):  # said once, not at every press
        mic.start(Track().deliver)
        mic.stop()
    assert mic.format.rate_hz == 48000
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["card: the microphone does not do 16000 Hz; opened at 48000 Hz with 1 ch"]


@pytest.mark.parametrize(
    ("mic", "said"),
    [
        (PortAudioMicrophone("card", channels=7), "it does not do 7 ch, it has 2; it does 1 ch at 48000 Hz"),
        (PortAudioMicrophone("card", channel=2), "no channel 2 (they count from 0), it has 2; it does"),
    ],
    ids=["channels", "channel"],
)
def test_what_cannot_be_had_is_refused_with_what_can(
    machine: NativeCards, mic: PortAudioMicrophone, said: str
) -> None:
    machine.plug(SOME_CARD)
    before = mic.format
    with pytest.raises(DeviceError) as caught:
        mic.start(Track().deliver)
    assert caught.value.fault is Fault.UNSUPPORTED
    assert said in str(caught.value)
    assert (mic.holds_device, mic.format) == (False, before)


def test_a_card_that_somebody_takes_is_busy_and_then_free(machine: NativeCards) -> None:
    machine.plug(SOME_CARD, NativeCard("other", [44100], [2]))
    mic, speaker = PortAudioMicrophone("card"), PortAudioSpeaker("other")
    speaker.start(Track().pull)  # PortAudio lists the card before it is taken
    machine.busy("card").touch()
    with pytest.raises(DeviceError, match="another program is using it") as caught:
        mic.start(Track().deliver)
    assert caught.value.fault is Fault.BUSY
    machine.busy("card").unlink()
    mic.start(Track().deliver)
    assert mic.running
    mic.stop()
    speaker.stop()


def test_asking_beside_a_playing_speaker_harms_nothing(machine: NativeCards) -> None:
    machine.plug(NativeCard("card", [8000], [6]), NativeCard("other", [44100], [2]))
    speaker, track = PortAudioSpeaker("other", period_ms=10), Track()
    speaker.start(track.pull)
    for _ in range(60):
        mic = PortAudioMicrophone("card", channel=5)  # knows nothing yet: asks for everything before it
        mic.start(Track().deliver)
        mic.stop()
        with pytest.raises(DeviceError):
            PortAudioMicrophone("card", channels=7).start(Track().deliver)
    assert speaker.running
    pulled = track.pulled_frames
    assert track.wait_for(lambda: track.pulled_frames > pulled)
    speaker.stop()


def test_opening_and_closing_leaks_no_thread_and_no_descriptor(machine: NativeCards) -> None:
    machine.plug(NativeCard("card", [16000], [6]))
    mic, speaker = PortAudioMicrophone("card", channel=3), PortAudioSpeaker("card")

    def cycle() -> tuple[int, int]:
        mic.start(Track().deliver)
        speaker.start(Track().pull)
        speaker.stop()
        mic.stop()
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    threads, descriptors = cycle()
    counts = [cycle() for _ in range(50)]
    assert max(count for count, _ in counts) <= threads
    assert max(count for _, count in counts) <= descriptors


def test_a_known_card_is_open_within_a_tenth_of_a_second(machine: NativeCards) -> None:
    machine.plug(SOME_CARD)
    mic, took_s = PortAudioMicrophone("card"), []
    for _ in range(6):
        began = time.monotonic()
        mic.start(Track().deliver)
        took_s.append(time.monotonic() - began)
        mic.stop()
    print(f"first {took_s[0] * 1000:.0f} ms, then {[round(s * 1000) for s in took_s[1:]]}")
    assert min(took_s[1:]) < 0.1


def test_a_listing_says_what_each_card_does(machine: NativeCards) -> None:
    machine.plug(
        SOME_CARD, NativeCard("ear", [16000, 48000], [1], plays=False), NativeCard("taken", [8000], [1])
    )
    machine.busy("taken").touch()
    listed = {device.name: device for device in list_devices(ask=True)}
    assert list(listed) == ["card", "ear", "default"]  # PortAudio lists nothing that it cannot open
    assert listed["card"].capture == (Offer(1, (48000,)), Offer(2, (48000,)))
    assert listed["ear"].capture == (Offer(1, (48000, 16000)),)
    assert listed["ear"].playback == ()
    assert {device.capture for device in list_devices()} == {None}
