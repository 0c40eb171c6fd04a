"""The uplink against a model that keeps the whole turn and computes everything from it."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.audio.uplink import Uplink

BATCH_FRAMES = 4
FIRST_FRAMES = 2  # are enough for the first batch of a turn, and after a pause
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
        self.ends = [0]  # of batches, in frames; the first is the beginning
        self.at_start = True
        self.open, self.finished, self.retaining = is_open, False, retaining
        self.next_batch = 0
        self.committed_before = 0  # batches the server has for good
        self.oldest_kept = 0
        self.lost: set[int] = set()  # batches that can no longer reach the server

    def frames(self, count: int) -> bytes:
        made = range(self.next_frame, self.next_frame + count)
        self.next_frame += count
        return b"".join((frame % 65536).to_bytes(2, "little") for frame in made)

    def count(self) -> int:
        return len(self.turn) // 2

    def oldest_that_fits(self, first: int) -> int:
        """The first batch from `first` on with which all from there fits."""
        while first < self.batch_count() and self.count() - self.ends[first] > RETAIN_FRAMES:
            first += 1
        return first

    def batch_count(self) -> int:
        return len(self.ends) - 1

    def batch(self, index: int) -> bytes:
        return self.turn[self.ends[index] * 2 : self.ends[index + 1] * 2]

    def cut_batches(self) -> None:
        while self.count() - self.ends[-1] >= BATCH_FRAMES:
            self.ends.append(self.ends[-1] + BATCH_FRAMES)
            self.at_start = False
        if self.at_start and self.count() - self.ends[-1] >= FIRST_FRAMES:
            self.cut_rest()
            self.at_start = False

    def cut_rest(self) -> None:
        if self.count() > self.ends[-1]:
            self.ends.append(self.count())

    def grow(self, audio: bytes) -> None:
        self.turn += audio
        self.cut_batches()
        if self.retaining:
            self.oldest_kept = self.oldest_that_fits(self.committed_before)
            self.lost |= set(range(self.next_batch, self.oldest_kept))
            self.next_batch = max(self.next_batch, self.oldest_kept)
        else:
            kept_from = self.oldest_that_fits(self.next_batch)
            self.lost |= set(range(self.next_batch, kept_from))
            self.next_batch = kept_from

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
    def pause(self) -> None:
        self.uplink.pause()
        if self.open:
            self.cut_rest()
            self.at_start = True

    @rule()
    def finish(self) -> None:
        self.uplink.finish()
        if self.open:
            self.cut_rest()
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
            self.lost |= set(range(self.committed_before, self.oldest_kept))
            self.next_batch = self.oldest_kept

    @rule()
    def commit(self) -> None:
        self.uplink.committed()
        if self.finished:
            self.committed_before = self.oldest_kept = self.next_batch

    @invariant()
    def counters_agree(self) -> None:
        assert self.uplink.turn_frames == len(self.turn) // 2
        assert self.uplink.dropped_frames == sum(len(self.batch(index)) // 2 for index in self.lost)
        assert self.uplink.unsent_bytes == len(self.turn) - self.ends[self.next_batch] * 2

    @invariant()
    def memory_is_bounded(self) -> None:
        kept = sum(map(len, self.uplink._kept)) + self.uplink._rechunker.pending_bytes
        assert kept <= RETAIN_FRAMES * 2


TestUplinkAgainstModel = UplinkMachine.TestCase
