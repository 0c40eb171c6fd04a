"""The uplink against a model that keeps the whole turn and computes everything from it."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.audio.uplink import Uplink

BATCH_FRAMES = 4
RETAIN_FRAMES = 21


class UplinkMachine(RuleBasedStateMachine):
    """One frame is one millisecond; every frame of all turns is different."""

    def __init__(self) -> None:
        super().__init__()
        self.uplink = Uplink(1000, 1000, append_ms=BATCH_FRAMES, retain_s=RETAIN_FRAMES / 1000)
        self.next_frame = 0
        self.reset(is_open=False, retaining=False)

    def reset(self, *, is_open: bool, retaining: bool) -> None:
        self.turn = b""
        self.open, self.finished, self.retaining = is_open, False, retaining
        self.next_batch = 0
        self.committed_before = 0  # batches the server has for good
        self.lost: set[int] = set()  # batches that can no longer reach the server

    def frames(self, count: int) -> bytes:
        made = range(self.next_frame, self.next_frame + count)
        self.next_frame += count
        return b"".join((frame % 65536).to_bytes(2, "little") for frame in made)

    def oldest_kept(self) -> int:
        over = len(self.turn) // 2 - RETAIN_FRAMES
        return max(self.committed_before, -(-over // BATCH_FRAMES))

    def batch_count(self) -> int:
        whole, rest = divmod(len(self.turn) // 2, BATCH_FRAMES)
        return whole + bool(rest and self.finished)

    def batch(self, index: int) -> bytes:
        return self.turn[index * BATCH_FRAMES * 2 : (index + 1) * BATCH_FRAMES * 2]

    def grow(self, audio: bytes) -> None:
        self.turn += audio
        if self.retaining:
            self.lost |= set(range(self.next_batch, self.oldest_kept()))
            self.next_batch = max(self.next_batch, self.oldest_kept())
        else:
            unsent_over = len(self.turn) // 2 - self.next_batch * BATCH_FRAMES - RETAIN_FRAMES
            gone = max(0, -(-unsent_over // BATCH_FRAMES))
            self.lost |= set(range(self.next_batch, self.next_batch + gone))
            self.next_batch += gone

    @rule(preroll_frames=st.integers(0, 40))
    def begin_turn(self, preroll_frames: int) -> None:
        preroll = self.frames(preroll_frames)
        self.uplink.open(preroll)
        self.reset(is_open=True, retaining=True)
        self.grow(preroll)

    @rule()
    def begin_stream(self) -> None:
        self.uplink.stream()
        self.reset(is_open=True, retaining=False)

    @rule(count=st.integers(0, 12))
    def feed(self, count: int) -> None:
        audio = self.frames(count)
        self.uplink.feed(audio)
        if self.open:
            self.grow(audio)

    @rule()
    def finish(self) -> None:
        self.uplink.finish()
        self.finished = self.finished or self.open
        self.open = False

    @rule()
    def send(self) -> None:
        expected = [self.batch(index) for index in range(self.next_batch, self.batch_count())]
        assert self.uplink.batches() == expected
        self.next_batch = self.batch_count()

    @rule()
    def lose_link(self) -> None:
        self.uplink.rewind()
        if self.retaining:
            self.lost |= set(range(self.committed_before, self.oldest_kept()))
            self.next_batch = self.oldest_kept()

    @rule()
    def commit(self) -> None:
        self.uplink.committed()
        if self.finished:
            self.committed_before = self.next_batch

    @invariant()
    def counters_agree(self) -> None:
        assert self.uplink.turn_frames == len(self.turn) // 2
        assert self.uplink.dropped_frames == len(self.lost) * BATCH_FRAMES
        assert self.uplink.unsent_bytes == max(0, len(self.turn) - self.next_batch * BATCH_FRAMES * 2)

    @invariant()
    def memory_is_bounded(self) -> None:
        kept = sum(map(len, self.uplink._kept)) + self.uplink._rechunker.pending_bytes
        assert kept <= RETAIN_FRAMES * 2


TestUplinkAgainstModel = UplinkMachine.TestCase
