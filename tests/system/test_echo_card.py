"""Echo cancellation with real drivers: what the virtual loudspeaker plays comes back through a room."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from room import Room, level_db, speech

from daemon.audio.dsp_chain import DspChain, Processed
from daemon.dsp_worker import DspWorker
from daemon.echo_guard import EchoGuard
from hw import load
from hw.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker
from tests.system.virtual_card import VirtualCard

pytestmark = pytest.mark.system

RATE_HZ = 48000
SECONDS = 14.0
PIECE_BYTES = 2 * RATE_HZ // 100


@contextmanager
def echo(card: VirtualCard, room: Room) -> Iterator[None]:
    """From entry to exit, the microphone hears what the loudspeaker plays, by way of `room`."""
    environment = card._client_environment()
    record = ["parec", *card._client("speaker", "speaker.monitor", RATE_HZ), "--latency-msec=10"]
    play = ["pacat", "--playback", *card._client("mic", "mic_feed", RATE_HZ), "--latency-msec=20"]
    recorder = subprocess.Popen(record, stdout=subprocess.PIPE, env=environment, bufsize=0)
    player = subprocess.Popen(play, stdin=subprocess.PIPE, env=environment, bufsize=0)
    assert recorder.stdout is not None
    assert player.stdin is not None
    heard, air = recorder.stdout, player.stdin

    def carry() -> None:
        rest = b""
        while piece := heard.read(PIECE_BYTES):
            whole = (rest + piece)[: (len(rest) + len(piece)) & ~1]
            rest = (rest + piece)[len(whole) :]
            try:
                air.write(room.hear(whole))
            except BrokenPipeError:
                return

    carrier = threading.Thread(target=carry)
    carrier.start()
    try:
        yield
    finally:
        for process in (player, recorder):
            process.kill()
            process.wait()
        carrier.join()
        heard.close()
        air.close()


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

    def erle_db(self, start_s: float, end_s: float) -> float:
        """By how much quieter the output is than the microphone."""
        near, out = (
            b"".join(pieces)[2 * round(start_s * RATE_HZ) : 2 * round(end_s * RATE_HZ)]
            for pieces in ([each.near for each in self.heard], [each.pcm for each in self.heard])
        )
        return level_db(near) - level_db(out)

    def _pull(self, frames: int) -> bytes:
        now, ahead = time.monotonic(), self._at // 2 - self.speaker.heard_frames()
        pcm = self._sound[self._at : self._at + 2 * frames].ljust(2 * frames, b"\0")
        self._at += 2 * frames
        self.worker.played(pcm, now + ahead / RATE_HZ)
        return pcm


def test_the_answer_is_gone_from_what_the_box_hears(virtual_card: VirtualCard) -> None:
    box = Box(speech(RATE_HZ, SECONDS))
    with echo(virtual_card, Room(RATE_HZ, delay_ms=20, gain=0.5)):
        box.run(SECONDS)
    print(
        f"{box.erle_db(0.5, 3):.1f} dB in the first 3 s, {box.erle_db(3, SECONDS - 1):.1f} dB after, "
        f"measured {box.worker.measure}; {box.worker.cpu_ms_per_s:.1f} ms of processor time a second, "
        f"{box.worker.dropped} periods dropped, {box.speaker.underflows} underflows"
    )
    assert box.erle_db(3, SECONDS - 1) > 15
    assert box.worker.measure is not None
    assert box.worker.measure.erle_db > 15


def test_without_echo_cancellation_the_box_stays_half_duplex(virtual_card: VirtualCard) -> None:
    box, guard = Box(speech(RATE_HZ, SECONDS), echo_cancellation=False), EchoGuard()
    with echo(virtual_card, Room(RATE_HZ, delay_ms=20, gain=0.5)):
        box.run(SECONDS)
    guard.measured(box.worker.measure, time.monotonic())
    assert not guard.listens_while_playing
    assert guard.reason == "echo is not being cancelled: 0 dB over 5 s"
