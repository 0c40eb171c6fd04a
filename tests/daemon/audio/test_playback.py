"""The playback ring: what the device gets, and how far each part was heard."""

from __future__ import annotations

import struct

import pytest

from daemon.audio.playback import REMEMBERED_TAGS, AudioTag, Drained, HeardPart, PartHeard, PlaybackRing

A = AudioTag("resp_1", "item_1", 0)
A2 = AudioTag("resp_1", "item_1", 1)
B = AudioTag("resp_1", "item_2", 0)


def pcm(*samples: int) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def samples(audio: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(audio) // 2}h", audio))


def ring(capacity_frames: int = 1000, fade_frames: int = 0) -> PlaybackRing:
    return PlaybackRing(24000, capacity_frames, fade_frames)


def test_pull_crosses_chunks_and_pads_with_zeros():
    r = ring()
    r.push(A, pcm(1, 2, 3))
    r.push(A, pcm(4, 5))
    r.finish(A)
    assert samples(r.pull(2)) == [1, 2]
    assert samples(r.pull(2)) == [3, 4]
    assert samples(r.pull(3)) == [5, 0, 0]
    assert r.pulled_frames == 7


def test_pull_of_nothing_is_nothing():
    r = ring()
    r.push(A, pcm(1))
    assert r.pull(0) == b""
    assert r.queued_frames == 1


def test_pull_of_an_idle_ring_is_silence_and_no_underrun():
    r = ring()
    assert samples(r.pull(3)) == [0, 0, 0]
    assert (r.underruns, r.underrun_frames, r.playing) == (0, 0, False)


def test_push_beyond_the_capacity_is_cut_and_counted():
    r = ring(capacity_frames=4)
    assert r.push(A, pcm(1, 2, 3)) == 3
    assert r.push(A, pcm(4, 5, 6)) == 1
    assert r.push(A, pcm(7)) == 0
    assert r.rejected_frames == 3
    assert samples(r.pull(5)) == [1, 2, 3, 4, 0]


def test_push_of_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="3 bytes are not whole"):
        ring().push(A, b"abc")


def test_empty_push_begins_no_part():
    r = ring()
    assert r.push(A, b"") == 0
    assert not r.playing


@pytest.mark.parametrize(("rate", "capacity", "fade"), [(0, 1, 0), (24000, 0, 0), (24000, 1, -1)])
def test_ring_of_impossible_size_is_refused(rate, capacity, fade):
    with pytest.raises(ValueError, match="playback ring"):
        PlaybackRing(rate, capacity, fade)


def test_underrun_counts_once_a_gap():
    r = ring()
    r.push(A, pcm(1))
    r.pull(2)
    r.pull(2)
    r.push(A, pcm(1))
    r.pull(3)
    assert (r.underruns, r.underrun_frames) == (2, 5)


def test_silence_after_everything_finished_is_no_underrun():
    r = ring()
    r.push(A, pcm(1))
    r.finish(A)
    r.pull(5)
    assert r.underruns == 0


def test_heard_follows_the_audible_frame_not_the_pulled_one():
    r = ring()
    r.push(A, pcm(1, 2, 3, 4))
    r.push(B, pcm(5, 6))
    r.pull(5)
    assert r.heard(3) == [HeardPart(A, 3, 4), HeardPart(B, 0, 2)]
    assert r.heard(5) == [HeardPart(A, 4, 4), HeardPart(B, 1, 2)]


def test_heard_does_not_count_the_silence_of_a_gap():
    r = ring()
    r.push(A, pcm(1, 2))
    r.pull(4)
    r.push(A, pcm(3, 4))
    r.pull(2)
    assert r.heard(5) == [HeardPart(A, 3, 4)]


def test_heard_of_interleaved_parts_is_in_order_of_their_first_push():
    r = ring()
    for tag in (A, A2, A, A2):
        r.push(tag, pcm(1, 1))
    r.pull(7)
    assert r.heard(5) == [HeardPart(A, 3, 4), HeardPart(A2, 2, 4)]


def test_audible_frame_out_of_range_is_taken_as_the_nearest_possible():
    r = ring()
    r.push(A, pcm(1, 2, 3))
    r.pull(2)
    assert r.heard(99) == [HeardPart(A, 2, 3)]
    assert r.heard(0) == [HeardPart(A, 2, 3)]


def test_poll_reports_each_part_once_and_drained_once():
    r = ring()
    r.push(A, pcm(1, 2))
    r.push(B, pcm(3))
    r.finish(A)
    r.pull(5)
    assert r.poll(1) == []
    assert r.poll(5) == [PartHeard(A)]
    r.finish(B)
    assert r.poll(5) == [PartHeard(B), Drained()]
    assert r.poll(5) == []
    assert not r.playing


def test_poll_again_after_more_audio_drains_again():
    r = ring()
    for tag in (A, B):
        r.push(tag, pcm(1))
        r.finish(tag)
        r.pull(1)
        assert r.poll(r.pulled_frames) == [PartHeard(tag), Drained()]


def test_part_without_audio_is_heard_at_once():
    r = ring()
    r.finish(A)
    assert r.poll(0) == [PartHeard(A), Drained()]


def test_finish_again_after_the_report_is_harmless():
    r = ring()
    r.finish(A)
    r.poll(0)
    r.finish(A)
    assert r.poll(0) == []


def test_only_so_many_ended_parts_are_remembered():
    r = ring()
    for n in range(REMEMBERED_TAGS + 1):
        r.finish(AudioTag("resp_1", f"item_{n}", 0))
        r.poll(0)
    forgotten = AudioTag("resp_1", "item_0", 0)
    r.finish(forgotten)
    assert r.poll(0) == [PartHeard(forgotten), Drained()]


def test_one_part_ended_over_and_over_leaves_the_others_remembered():
    r = ring()
    r.finish(B)
    r.poll(0)
    for _ in range(REMEMBERED_TAGS):
        r.push(A, pcm(1))
        r.flush(0)
    r.finish(B)
    assert r.poll(0) == []


def test_push_after_finish_opens_the_part_again():
    r = ring()
    r.push(A, pcm(1))
    r.finish(A)
    r.push(A, pcm(2))
    r.pull(2)
    assert r.poll(2) == []
    r.finish(A)
    assert r.poll(2) == [PartHeard(A), Drained()]


def test_flush_without_a_fade_is_silent_at_once():
    r = ring()
    r.push(A, pcm(1, 2, 3, 4))
    r.push(B, pcm(5))
    r.pull(2)
    assert r.flush(1) == [HeardPart(A, 1, 4), HeardPart(B, 0, 1)]
    assert samples(r.pull(3)) == [0, 0, 0]
    assert (r.queued_frames, r.underruns, r.playing) == (0, 0, False)


def test_flush_fades_the_next_frames_over_any_pulls():
    r = ring(fade_frames=4)
    r.push(A, pcm(*[1000] * 20))
    r.pull(2)
    r.flush(0)
    assert samples(r.pull(3)) + samples(r.pull(3)) == [800, 600, 400, 200, 0, 0]


def test_flush_fades_what_there_is_when_less_is_queued():
    r = ring(fade_frames=8)
    r.push(A, pcm(-900, -900))
    r.push(B, pcm(-900))
    r.pull(1)
    r.flush(0)
    assert samples(r.pull(4)) == [-600, -300, 0, 0]


def test_flush_before_anything_sounded_lets_nothing_out():
    r = ring(fade_frames=4)
    r.pull(1)
    r.push(A, pcm(*[1000] * 20))
    assert r.flush(0) == [HeardPart(A, 0, 20)]
    assert samples(r.pull(4)) == [0, 0, 0, 0]


def test_fade_is_not_counted_as_heard():
    r = ring(fade_frames=2)
    r.push(A, pcm(*[1000] * 9))
    r.pull(3)
    r.flush(3)
    r.push(A, pcm(1))
    r.pull(2)
    assert r.heard(5) == [HeardPart(A, 0, 1)]


def test_audio_pushed_after_a_flush_waits_for_the_fade():
    r = ring(fade_frames=2)
    r.push(A, pcm(*[900] * 9))
    r.pull(1)
    r.flush(0)
    r.push(B, pcm(1, 2))
    assert samples(r.pull(5)) == [600, 300, 1, 2, 0]
    assert r.heard(4) == [HeardPart(B, 1, 2)]


def test_flush_during_a_fade_finishes_it_and_drops_what_waits_behind():
    r = ring(fade_frames=3)
    r.push(A, pcm(*[1000] * 9))
    r.pull(1)
    r.flush(0)
    r.pull(1)
    r.push(B, pcm(*[7] * 9))
    assert r.flush(1) == [HeardPart(B, 0, 9)]
    assert samples(r.pull(4)) == [500, 250, 0, 0]


def test_flush_right_after_a_fade_ended_lets_nothing_out():
    r = ring(fade_frames=1)
    r.push(A, pcm(*[1000] * 9))
    r.pull(1)
    r.flush(0)
    r.pull(1)
    r.push(B, pcm(*[7] * 9))
    r.flush(1)
    assert samples(r.pull(1)) == [0]


def test_flush_keeps_quiet_about_parts_wholly_heard():
    r = ring()
    r.push(A, pcm(1, 2))
    r.finish(A)
    r.push(B, pcm(3, 4))
    r.pull(3)
    assert r.flush(3) == [HeardPart(B, 1, 2)]
    assert r.poll(3) == [PartHeard(A)]


def test_flush_names_an_unfinished_part_even_when_all_of_it_was_heard():
    r = ring()
    r.push(A, pcm(1, 2))
    r.pull(2)
    assert r.flush(2) == [HeardPart(A, 2, 2)]


def test_flush_names_a_part_of_which_nothing_fitted():
    r = ring(capacity_frames=1)
    r.push(A, pcm(1))
    r.push(B, pcm(2))
    assert r.flush(0) == [HeardPart(A, 0, 1), HeardPart(B, 0, 0)]


def test_flush_lets_go_of_what_was_pulled_but_not_audible():
    r = ring()
    r.push(A, pcm(1, 2, 3))
    r.pull(2)
    r.flush(1)
    assert not any([r._pulled, r._parts, r._queue])


def test_flush_of_an_idle_ring_does_nothing():
    r = ring(fade_frames=4)
    assert r.flush(0) == []
    assert r.poll(0) == []


def test_no_drained_follows_a_flush():
    r = ring()
    r.push(A, pcm(1, 2))
    r.flush(0)
    r.finish(A)
    r.pull(4)
    assert r.poll(4) == []


def test_part_opened_again_after_a_flush_of_others_drains():
    r = ring()
    r.finish(A)
    r.push(B, pcm(1))
    r.flush(0)
    r.push(A, pcm(2))
    r.finish(A)
    r.pull(1)
    assert r.poll(1) == [PartHeard(A), Drained()]


def test_tag_pushed_again_after_a_flush_is_counted_from_zero():
    r = ring()
    r.push(A, pcm(1, 2, 3))
    r.pull(2)
    r.flush(2)
    r.push(A, pcm(4, 5))
    r.pull(1)
    assert r.heard(3) == [HeardPart(A, 1, 2)]
