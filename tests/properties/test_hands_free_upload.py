"""Hands-free from captured periods to batches: what goes up, and when the server's count says it was."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from daemon.audio.uplink import Uplink
from daemon.sent_clock import JITTER_S, SentClock
from daemon.upload import TurnUpload
from daemon.upload_gate import GateSettings, UploadGate

RATE_HZ = 1000  # a frame is a millisecond, at both ends
PERIOD = 20
APPEND_MS = 40


class Box:
    """The parts as they are wired: the gate decides, the turn carries, the clock keeps count."""

    def __init__(self) -> None:
        self.now = 100.0  # when the last period had been captured
        self.sent = b""
        self.clock = SentClock(RATE_HZ)
        self.gate = UploadGate(GateSettings(preroll_ms=300, hang_over_ms=1000), RATE_HZ, window_ms=PERIOD)
        self.uplink = Uplink(RATE_HZ, RATE_HZ, APPEND_MS)
        self.upload = TurnUpload(self.uplink)
        self.upload.stream()

    def capture(self, speech: bool) -> None:
        first = round((self.now - 100.0) * RATE_HZ)
        self.now = 100.0 + (first + PERIOD) / RATE_HZ
        period = b"".join(frame.to_bytes(2, "little") for frame in range(first, first + PERIOD))
        step = self.gate.feed(period, [speech])
        if step.audio:
            self.upload.feed(step.audio)
        if step.closed:
            self.upload.pause()
        batches = self.upload.step(self.now, queued_bytes=0).batches
        if batches:
            audio = b"".join(batches)
            self.clock.note_sent(len(audio) // 2, self.now - self.uplink.unsent_bytes / 2 / RATE_HZ)
            self.sent += audio


@given(st.lists(st.tuples(st.integers(4, 60), st.integers(0, 150)), max_size=8))
def test_every_sent_frame_is_dated_right_and_none_waits_behind_a_closed_gate(
    parts: list[tuple[int, int]],
) -> None:
    box = Box()
    for speech, silence in parts:
        for heard in [True] * speech + [False] * silence:
            box.capture(heard)
            assert box.gate.is_open or not box.uplink.unsent_bytes
    numbers = [int.from_bytes(box.sent[at : at + 2], "little") for at in range(0, len(box.sent), 2)]
    assert numbers == sorted(set(numbers))
    for position, number in list(enumerate(numbers))[::7]:
        captured_at = box.clock.capture_time(position)
        assert captured_at is not None
        assert abs(captured_at - (100.0 + number / RATE_HZ)) <= JITTER_S + 1e-6
