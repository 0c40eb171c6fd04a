"""The playback ring against a model that keeps one entry a frame, under any order of calls."""

from __future__ import annotations

import struct
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.audio.playback import AudioTag, Drained, HeardPart, PartHeard, PlaybackRing

TAGS = [AudioTag("resp_1", "item_1", 0), AudioTag("resp_1", "item_1", 1), AudioTag("resp_2", "item_2", 0)]
CAPACITY = 40
FADE = 8


class Part:
    """One part of the model; equal only to itself."""

    def __init__(self, tag: AudioTag) -> None:
        self.tag = tag
        self.queued = 0
        self.finished = False


class PlaybackRingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ring = PlaybackRing(24000, CAPACITY, FADE)
        self.live: list[Part] = []
        self.ended: set[AudioTag] = set()
        self.waiting: list[tuple[Part, int]] = []
        self.fade: list[int] = []  # samples still to come, before their gain
        self.faded: list[float] = []  # gains seen of the fade under way
        self.pulled: list[Part | str] = []  # whose each frame was: a part's, "fade" or "zero"
        self.audible = 0
        self.drain_due = False
        self.next_sample = 0
        self.underrun_frames = 0
        self.gap = False
        self.gaps = 0

    def heard(self, part: Part) -> int:
        return self.pulled[: self.audible].count(part)

    def whole(self, part: Part) -> bool:
        return part.finished and self.heard(part) == part.queued

    def not_whole(self) -> list[Part]:
        return [part for part in self.live if not self.whole(part)]

    def part(self, tag: AudioTag) -> Part:
        for part in self.live:
            if part.tag == tag:
                return part
        self.live.append(Part(tag))
        self.drain_due = True
        return self.live[-1]

    @rule(tag=st.sampled_from(TAGS), frames=st.integers(0, 25))
    def push(self, tag: AudioTag, frames: int) -> None:
        # Every sample differs (order), none is small (a gain can be read off it).
        samples = [10000 + (self.next_sample + n) % 20000 for n in range(frames)]
        self.next_sample += frames
        accepted = min(frames, CAPACITY - len(self.waiting))
        assert self.ring.push(tag, struct.pack(f"<{frames}h", *samples)) == accepted
        if frames:
            part = self.part(tag)
            part.finished = False
            self.drain_due = True
            part.queued += accepted
            self.waiting += [(part, sample) for sample in samples[:accepted]]

    @rule(tag=st.sampled_from(TAGS))
    def finish(self, tag: AudioTag) -> None:
        self.ring.finish(tag)
        if tag not in self.ended or any(part.tag == tag for part in self.live):
            self.part(tag).finished = True

    @rule(frames=st.integers(0, 30))
    def pull(self, frames: int) -> None:
        audio = self.ring.pull(frames)
        assert len(audio) == 2 * frames
        for sample in struct.unpack(f"<{frames}h", audio):
            self.check_pulled(sample)

    def check_pulled(self, sample: int) -> None:
        if self.fade:
            self.faded.append(sample / self.fade.pop(0))
            self.pulled.append("fade")
        elif self.waiting:
            part, expected = self.waiting.pop(0)
            assert sample == expected
            self.pulled.append(part)
            self.gap = False
        else:
            assert sample == 0
            self.pulled.append("zero")
            if any(not part.finished for part in self.live):
                self.underrun_frames += 1
                self.gaps += not self.gap
                self.gap = True

    def move(self, lag: int) -> int:
        self.audible = max(self.audible, len(self.pulled) - lag)
        return self.audible

    @rule(lag=st.integers(0, 60))
    def flush(self, lag: int) -> None:
        dropped = self.ring.flush(self.move(lag))
        assert dropped == [HeardPart(p.tag, self.heard(p), p.queued) for p in self.not_whole()]
        if not self.fade:
            sounding = bool(self.pulled) and isinstance(self.pulled[-1], Part)
            self.fade = [sample for _, sample in self.waiting[:FADE]] if sounding else []
            self.faded = []
        self.waiting.clear()
        if dropped:
            self.drain_due = False
        self.ended |= {part.tag for part in dropped}
        self.live = [part for part in self.live if self.whole(part)]

    @rule(lag=st.integers(0, 60))
    def look(self, lag: int) -> None:
        seen = self.ring.heard(self.move(lag))
        assert seen == [HeardPart(p.tag, self.heard(p), p.queued) for p in self.not_whole()]
        assert self.ring.playing == bool(seen)

    @rule(lag=st.integers(0, 60))
    def poll(self, lag: int) -> None:
        events = self.ring.poll(self.move(lag))
        whole = [part for part in self.live if self.whole(part)]
        expected: list[PartHeard | Drained] = [PartHeard(part.tag) for part in whole]
        self.ended |= {part.tag for part in whole}
        self.live = self.not_whole()
        if self.drain_due and not self.live:
            self.drain_due = False
            expected.append(Drained())
        assert events == expected

    @invariant()
    def fade_only_falls(self) -> None:
        assert len(self.faded) + len(self.fade) <= FADE
        assert all(0 < later < earlier < 1 for earlier, later in pairwise(self.faded))

    @invariant()
    def counters_agree(self) -> None:
        assert self.ring.pulled_frames == len(self.pulled)
        assert self.ring.queued_frames == len(self.waiting)
        assert (self.ring.underruns, self.ring.underrun_frames) == (self.gaps, self.underrun_frames)

    def teardown(self) -> None:
        """However it went: finish, play and hear everything, and the ring holds nothing any more."""
        for part in self.live:
            self.ring.finish(part.tag)
        self.ring.pull(CAPACITY + FADE)
        self.ring.poll(self.ring.pulled_frames)
        assert not self.ring.playing
        assert self.ring.poll(self.ring.pulled_frames) == []
        held = [self.ring._queue, self.ring._pulled, self.ring._parts, self.ring._fade]
        assert not any(held)


TestPlaybackRingAgainstModel = PlaybackRingMachine.TestCase
