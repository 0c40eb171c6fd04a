"""The sound card drivers against what a virtual card really captured and really played."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
import wave
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from daemon.audio.playback import AudioTag, PlaybackRing
from hw.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker, list_devices
from hw.errors import DeviceError, Fault
from tests.system.virtual_card import Recording, VirtualCard

pytestmark = pytest.mark.system

RATE_HZ = 48000
SOON_S = 10.0
VOICE = Path("/usr/share/sounds/alsa/Front_Center.wav")


def _voice() -> bytes:
    if not VOICE.exists():
        pytest.fail(f"{VOICE} is missing: run `make setup` (apt: alsa-utils).")
    with wave.open(str(VOICE), "rb") as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (RATE_HZ, 1, 2)
        return wav.readframes(wav.getnframes())


def _noise(seconds: float, seed: int = 5) -> bytes:
    chance = random.Random(seed)
    return array("h", (chance.randint(-8000, 8000) for _ in range(round(seconds * RATE_HZ)))).tobytes()


def _samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def _find(part: bytes, whole: bytes) -> tuple[int, float]:
    """Where `part` lies in `whole` (samples), and how alike they are there (1: the same)."""
    needle, hay = _samples(part), _samples(whole)
    size = 1 << (len(needle) + len(hay)).bit_length()
    spectrum = np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(hay)]))
    there = hay[at : at + len(needle)]
    alike = np.dot(there, needle[: len(there)]) / (np.linalg.norm(there) * np.linalg.norm(needle) or 1.0)
    return at, float(alike)


class Track:
    """Plays `pcm` once, then silence; `cut` makes it silent at once."""

    def __init__(self, pcm: bytes = b"") -> None:
        self._pcm = pcm
        self._at = 0
        self.pulled_frames = 0
        self._pulled = threading.Condition()

    def __call__(self, frames: int) -> bytes:
        with self._pulled:
            wanted = 2 * frames
            piece = self._pcm[self._at : self._at + wanted]
            self._at += wanted
            self.pulled_frames += frames
            self._pulled.notify_all()
        return piece.ljust(wanted, b"\0")

    def cut(self) -> None:
        with self._pulled:
            self._pcm = b""

    def wait_for(self, happened: Callable[[], bool], timeout_s: float = SOON_S) -> bool:
        with self._pulled:
            return self._pulled.wait_for(happened, timeout_s)


def _recorded_frames(recording: Recording) -> int:
    return len(recording.pcm()) // 2


def test_exactly_the_cards_are_listed(virtual_card: VirtualCard) -> None:
    listed = [(d.name, d.max_input_channels > 0, d.max_output_channels > 0) for d in list_devices()]
    assert listed == [("speaker", False, True), ("mic", True, False), ("default", True, True)]


def test_a_voice_spoken_into_the_card_is_captured(virtual_card: VirtualCard) -> None:
    captured, voice = bytearray(), _voice()
    mic = PortAudioMicrophone("mic", rate_hz=RATE_HZ)
    mic.start(captured.extend)
    try:
        virtual_card.say(voice + bytes(RATE_HZ), RATE_HZ)  # half a second for the last of it to arrive
    finally:
        mic.stop()
    _, alike = _find(voice, bytes(captured))
    assert alike > 0.99
    assert mic.overflows == 0


@pytest.mark.parametrize("rate_hz", [16000, 24000])
def test_a_voice_is_captured_at_the_rate_asked_for(virtual_card: VirtualCard, rate_hz: int) -> None:
    captured, voice = bytearray(), _voice()
    mic = PortAudioMicrophone("mic", rate_hz=rate_hz)
    mic.start(captured.extend)
    try:
        virtual_card.say(voice + bytes(RATE_HZ), RATE_HZ)
    finally:
        mic.stop()
    step = RATE_HZ // rate_hz
    smooth = np.convolve(_samples(voice), np.ones(step) / step, mode="same")[::step]
    _, alike = _find(smooth.astype("<i2").tobytes(), bytes(captured))
    assert alike > 0.9


def test_what_the_ring_holds_is_what_the_card_plays(virtual_card: VirtualCard) -> None:
    ring, lock = PlaybackRing(RATE_HZ, 10 * RATE_HZ, 0), threading.Lock()
    voice = _voice()
    assert ring.push(AudioTag("resp_1", "item_1", 0), voice) == len(voice) // 2

    def pull(frames: int) -> bytes:
        with lock:
            return ring.pull(frames)

    speaker = PortAudioSpeaker("speaker", rate_hz=RATE_HZ)
    with virtual_card.recording(RATE_HZ) as recording:
        speaker.start(pull)
        try:
            deadline = time.monotonic() + SOON_S
            while speaker.heard_frames() < len(voice) // 2 + RATE_HZ // 5 and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            speaker.stop()
        _, alike = _find(voice, recording.pcm())
    # an underflow on a busy machine shifts the rest of the voice, and would be counted
    assert alike > 0.99 or speaker.underflows > 0
    assert alike > 0.3


def test_the_heard_position_is_within_10_ms_of_what_was_recorded(virtual_card: VirtualCard) -> None:
    noise = _noise(2.0)
    track = Track(noise)
    speaker = PortAudioSpeaker("speaker", rate_hz=RATE_HZ)
    asked: list[tuple[int, int]] = []  # heard by the driver's account, frames recorded by then
    with virtual_card.recording(RATE_HZ) as recording:
        speaker.start(track)
        try:
            while track.pulled_frames < len(noise) // 2:
                asked.append((speaker.heard_frames(), _recorded_frames(recording)))
                time.sleep(0.011)
            track.wait_for(lambda: track.pulled_frames > len(noise) // 2 + RATE_HZ // 2)
        finally:
            speaker.stop()
        first, alike = _find(noise[: 2 * RATE_HZ // 10], recording.pcm())
    assert alike > 0.9
    errors_ms = [(heard - (recorded - first)) * 1000 / RATE_HZ for heard, recorded in asked if heard > 0]
    print(f"heard - recorded: median {statistics.median(errors_ms):.1f} ms of {len(errors_ms)}")
    assert len(errors_ms) > 50
    # the recorder itself runs some 5 ms behind
    assert abs(statistics.median(errors_ms)) < 10


def test_zeros_silence_the_card_within_60_ms(virtual_card: VirtualCard) -> None:
    tails_ms, chance = [], random.Random(11)
    for _ in range(20):
        track = Track(_noise(5.0))
        speaker = PortAudioSpeaker("speaker", rate_hz=RATE_HZ)
        with virtual_card.recording(RATE_HZ) as recording:
            speaker.start(track)
            try:
                assert track.wait_for(lambda t=track: t.pulled_frames > RATE_HZ // 4)
                time.sleep(chance.uniform(0, speaker.format.period_s))  # anywhere between two pulls
                track.cut()
                cut_at = _recorded_frames(recording)
                pulled = track.pulled_frames
                assert track.wait_for(lambda t=track, p=pulled: t.pulled_frames > p + RATE_HZ // 4)
            finally:
                speaker.stop()
            loud = np.flatnonzero(_samples(recording.pcm()))
        tails_ms.append((int(loud[-1]) - cut_at) * 1000 / RATE_HZ)
    tails_ms.sort()
    median_ms = statistics.median(tails_ms)
    print(f"tail after zeros: median {median_ms:.1f} ms, {tails_ms[0]:.1f} .. {tails_ms[-1]:.1f}")
    assert median_ms <= 60


def test_stop_silences_the_card_at_once(virtual_card: VirtualCard) -> None:
    track = Track(_noise(5.0))
    speaker = PortAudioSpeaker("speaker", rate_hz=RATE_HZ)
    with virtual_card.recording(RATE_HZ) as recording:
        speaker.start(track)
        assert track.wait_for(lambda: track.pulled_frames > RATE_HZ // 4)
        stopped_at = _recorded_frames(recording)
        speaker.stop()
        time.sleep(0.2)
        loud = np.flatnonzero(_samples(recording.pcm()))
    assert (int(loud[-1]) - stopped_at) * 1000 / RATE_HZ <= 25


def test_unplugged_and_plugged_in_again_it_works_in_the_same_process(virtual_card: VirtualCard) -> None:
    captured = bytearray()
    arrived = threading.Event()

    def deliver(pcm: bytes) -> None:
        captured.extend(pcm)
        arrived.set()

    mic = PortAudioMicrophone("mic", rate_hz=RATE_HZ)
    mic.start(deliver)
    assert arrived.wait(SOON_S)
    virtual_card.unplug("mic")
    deadline = time.monotonic() + 1.0
    while mic.running and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not mic.running
    mic.stop()
    virtual_card.plug("mic")
    arrived.clear()
    mic.start(deliver)
    assert arrived.wait(3.0)
    mic.stop()


def test_a_missing_microphone_is_refused_again_and_again_beside_a_playing_speaker(
    virtual_card: VirtualCard,
) -> None:
    speaker, track = PortAudioSpeaker("speaker", rate_hz=RATE_HZ, period_ms=10), Track()
    mic = PortAudioMicrophone("mic", rate_hz=RATE_HZ)
    speaker.start(track)
    virtual_card.unplug("mic")
    try:
        faults = set()
        for _ in range(100):
            with pytest.raises(DeviceError) as caught:
                mic.start(bytes)  # type: ignore[arg-type]
            faults.add(caught.value.fault)
        assert faults == {Fault.LOST}
        assert speaker.running
    finally:
        speaker.stop()
        virtual_card.plug("mic")
    mic.start(bytearray().extend)
    mic.stop()


@pytest.mark.parametrize(
    ("open_it", "fault", "said"),
    [
        (lambda: PortAudioMicrophone("mik").start(print), Fault.NOT_FOUND, "Did you mean 'mic'?"),
        (lambda: PortAudioMicrophone("speaker").start(print), Fault.NOT_FOUND, "'mic' (up to"),
        (lambda: PortAudioSpeaker("speaker", channels=99).start(bytes), Fault.UNSUPPORTED, "1 ch at 48000"),
    ],
    ids=["misspelt", "wrong way", "too many channels"],
)
def test_a_refusal_says_what_there_is(
    virtual_card: VirtualCard, open_it: Callable[[], None], fault: Fault, said: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        open_it()
    assert caught.value.fault is fault
    assert said in str(caught.value)


def test_opening_and_closing_leaks_no_thread_and_no_descriptor(virtual_card: VirtualCard) -> None:
    def cycle() -> tuple[int, int]:
        mic, speaker = PortAudioMicrophone("mic"), PortAudioSpeaker("speaker")
        mic.start(bytearray().extend)
        speaker.start(Track())
        speaker.stop()
        mic.stop()
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    threads, descriptors = cycle()
    counts = [cycle() for _ in range(30)]
    assert counts[-1][0] <= threads
    assert counts[-1][1] <= descriptors


def test_on_a_busy_machine_frames_may_come_late_but_are_accounted_for(virtual_card: VirtualCard) -> None:
    stop_work = threading.Event()

    def work() -> None:  # holds the GIL as Python code does
        while not stop_work.is_set():
            sum(range(1000))

    worker = threading.Thread(target=work)
    track, captured = Track(_noise(3.0)), bytearray()
    speaker, mic = PortAudioSpeaker("speaker"), PortAudioMicrophone("mic")
    worker.start()
    mic.start(captured.extend)
    speaker.start(track)
    try:
        deadline = time.monotonic() + 2.0
        behind = []
        while time.monotonic() < deadline:
            heard, pulled = speaker.heard_frames(), track.pulled_frames
            behind.append(pulled - heard)
            time.sleep(0.005)
    finally:
        stop_work.set()
        speaker.stop()
        mic.stop()
        worker.join()
    print(f"underflows {speaker.underflows}, most frames held back {max(behind)}")
    assert min(behind) >= 0
    assert max(behind) <= RATE_HZ // 5
    assert len(captured) % mic.format.period_bytes == 0
    assert track.pulled_frames == pytest.approx(2.0 * RATE_HZ, rel=0.15)
