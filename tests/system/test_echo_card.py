"""Echo cancellation with real drivers: what the virtual loudspeaker plays comes back through a room."""

from __future__ import annotations

import statistics
import time

import pytest
from room import level_db, speech

from daemon.audio.dsp_chain import DspChain, Processed
from daemon.dsp_worker import DspWorker
from daemon.echo_guard import EchoGuard, Verdict
from hw import load
from hw.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker
from tests.system.virtual_card import VirtualCard
from tests.system.virtual_room import echo

pytestmark = pytest.mark.system

RATE_HZ = 48000


class Box:
    """Plays `sound` and listens, as the daemon does."""

    def __init__(self, sound: bytes, *, echo_cancellation: bool = True) -> None:
        self.heard: list[Processed] = []
        self._sound = sound
        self._at = 0
        processor = load.voice_processor(
            "webrtc", rate_hz=RATE_HZ, echo_cancellation=echo_cancellation, noise_suppression="off"
        )
        self.worker = DspWorker(DspChain(processor, RATE_HZ), RATE_HZ, self.heard.append)
        self.speaker = PortAudioSpeaker("speaker", rate_hz=RATE_HZ)
        self.microphone = PortAudioMicrophone("mic", rate_hz=RATE_HZ)

    def run(self, seconds: float) -> None:
        self.worker.start()
        self.microphone.start(self.worker.captured)
        self.speaker.start(self._pull)
        time.sleep(seconds)
        self.speaker.stop()
        self.microphone.stop()
        self.worker.stop()

    def erle_by_second_db(self) -> list[float]:
        """By how much quieter the output is than the microphone."""
        near, out = (b"".join(pieces) for pieces in zip(*((h.near, h.pcm) for h in self.heard), strict=True))
        size = 2 * RATE_HZ
        return [
            level_db(near[start : start + size]) - level_db(out[start : start + size])
            for start in range(0, len(near) - size + 1, size)
        ]

    def _pull(self, frames: int) -> bytes:
        now, ahead = time.monotonic(), self._at // 2 - self.speaker.heard_frames()
        pcm = self._sound[self._at : self._at + 2 * frames].ljust(2 * frames, b"\0")
        self._at += 2 * frames
        self.worker.played(pcm, now + ahead / RATE_HZ)
        return pcm


def test_the_answer_is_gone_from_what_the_box_hears(virtual_card: VirtualCard) -> None:
    box = Box(speech(RATE_HZ, 12.0))
    with echo(virtual_card, RATE_HZ, delay_ms=20, gain=0.5):
        box.run(12.0)
    by_second_db = box.erle_by_second_db()
    print(
        f"{' '.join(f'{db:.0f}' for db in by_second_db)} dB by second, measured {box.worker.measure}; "
        f"{box.worker.cpu_ms_per_s:.1f} ms of processor time a second, {box.worker.dropped} periods dropped, "
        f"{box.speaker.underflows} underflows"
    )
    # a busy machine lets the room itself run dry, and each time costs a second
    assert statistics.median(by_second_db[3:]) > 15
    assert box.worker.measure is not None


def test_without_echo_cancellation_the_box_stays_half_duplex(virtual_card: VirtualCard) -> None:
    box, guard = Box(speech(RATE_HZ, 10.0), echo_cancellation=False), EchoGuard()
    with echo(virtual_card, RATE_HZ, delay_ms=20, gain=0.5):
        box.run(10.0)
    guard.measured(box.worker.measure, time.monotonic())
    assert guard.verdict is Verdict.HEARD
    assert guard.reason.startswith("echo is not being cancelled: ")
