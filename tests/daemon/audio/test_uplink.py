"""A turn's way up: what may be sent, what is kept for a lost link, what is dropped."""

from __future__ import annotations

import pytest

from daemon.audio.uplink import Uplink


def uplink(retain_s: float = 1.0) -> Uplink:
    """1000 frames a second both ways, 4 frames a batch: 8 bytes."""
    return Uplink(1000, 1000, append_ms=4, retain_s=retain_s)


def test_turn_begins_with_the_preroll_and_comes_in_batches():
    up = uplink()
    up.open(b"aabbcc")
    up.feed(b"ddee")
    up.feed(b"ffgghhii")
    assert up.batches() == [b"aabbccdd", b"eeffgghh"]
    assert up.batches() == []
    assert up.unsent_bytes == 2


def test_finish_sends_the_short_last_batch():
    up = uplink()
    up.open(b"")
    up.feed(b"aabbccddee")
    up.finish()
    assert up.batches() == [b"aabbccdd", b"ee"]
    assert up.unsent_bytes == 0


def test_finish_on_a_batch_boundary_adds_nothing():
    up = uplink()
    up.open(b"aabbccdd")
    up.finish()
    assert up.batches() == [b"aabbccdd"]


@pytest.mark.parametrize("closing", ["finish", "discard"])
def test_audio_outside_a_turn_is_ignored(closing):
    up = uplink()
    up.feed(b"aabb")
    up.open(b"")
    getattr(up, closing)()
    up.feed(b"ccdd")
    up.finish()
    assert (up.batches(), up.turn_frames) == ([], 0)


def test_rewind_makes_the_whole_turn_unsent_again():
    up = uplink()
    up.open(b"aabbccddee")
    assert up.batches() == [b"aabbccdd"]
    up.rewind()
    up.feed(b"ffgghh")
    assert up.unsent_bytes == 16
    assert up.batches() == [b"aabbccdd", b"eeffgghh"]


def test_rewind_after_finish_brings_the_finished_turn_back():
    up = uplink()
    up.open(b"aabb")
    up.finish()
    up.batches()
    up.rewind()
    assert up.batches() == [b"aabb"]


def test_committed_turn_does_not_come_back():
    up = uplink()
    up.open(b"aabbccddee")
    up.finish()
    up.batches()
    up.committed()
    up.rewind()
    assert (up.batches(), up.dropped_frames) == ([], 0)


def test_commit_of_the_turn_before_leaves_the_open_one_alone():
    up = uplink()
    up.open(b"aabbccdd")
    up.batches()
    up.committed()
    up.rewind()
    assert up.batches() == [b"aabbccdd"]


def test_commit_keeps_what_was_not_sent():
    up = uplink()
    up.open(b"aabbccdd")
    up.finish()
    up.committed()
    assert up.batches() == [b"aabbccdd"]


def test_unsent_audio_over_the_bound_drops_the_oldest_and_counts_it():
    up = uplink(retain_s=0.010)
    up.open(b"aabbccddeeffgghhii")
    up.feed(b"jjkk")
    assert up.dropped_frames == 4
    assert up.unsent_bytes == 14
    assert up.batches() == [b"eeffgghh"]


def test_sent_audio_over_the_bound_is_lost_only_when_the_link_is():
    up = uplink(retain_s=0.008)
    up.open(b"aabbccdd")
    up.batches()
    up.feed(b"eeffgghhii")
    assert up.dropped_frames == 0
    up.rewind()
    assert up.dropped_frames == 4
    assert up.batches() == [b"eeffgghh"]


def test_sent_audio_over_the_bound_is_counted_once():
    up = uplink(retain_s=0.004)
    up.open(b"aabbccdd")
    up.batches()
    up.feed(b"ee")
    up.rewind()
    up.rewind()
    assert up.dropped_frames == 4


def test_sent_audio_over_the_bound_is_not_lost_once_committed():
    up = uplink(retain_s=0.004)
    up.open(b"aabbccdd")
    up.batches()
    up.feed(b"ee")
    up.finish()
    up.committed()
    up.rewind()
    assert up.dropped_frames == 0


def test_stream_forgets_what_was_handed_out():
    up = uplink()
    up.stream()
    up.feed(b"aabbccddee")
    assert up.batches() == [b"aabbccdd"]
    up.rewind()
    up.feed(b"ffgghh")
    assert up.batches() == [b"eeffgghh"]


def test_stream_without_a_link_is_bounded_too():
    up = uplink(retain_s=0.008)
    up.stream()
    up.feed(b"aabbccddeeffgghhiijjkkll")
    assert up.dropped_frames == 4
    assert up.batches() == [b"eeffgghh", b"iijjkkll"]


def test_discard_drops_all():
    up = uplink()
    up.open(b"aabbccddee")
    up.discard()
    up.rewind()
    assert (up.batches(), up.unsent_bytes) == ([], 0)


def test_open_drops_the_turn_before_and_counts_anew():
    up = uplink(retain_s=0.004)
    up.open(b"aabbccddeeff")
    assert (up.turn_frames, up.dropped_frames) == (6, 4)
    up.open(b"gghhiijj")
    assert (up.turn_frames, up.dropped_frames) == (4, 0)
    assert up.batches() == [b"gghhiijj"]


def test_turn_counts_the_preroll():
    up = Uplink(24000, 24000)
    up.open(bytes(2 * 47))
    assert up.turn_frames == 47


def test_default_batch_is_40_ms_at_24_khz():
    up = Uplink(24000)
    up.open(bytes(5000))
    assert [len(batch) for batch in up.batches()] == [1920, 1920]


@pytest.mark.parametrize(("append_ms", "retain_s"), [(0, 1.0), (40, 0.039)])
def test_impossible_sizes_are_refused(append_ms, retain_s):
    with pytest.raises(ValueError, match="append_ms"):
        Uplink(24000, 24000, append_ms, retain_s)


def test_resampled_turn_has_the_exact_length_and_each_turn_is_its_own_stream():
    pytest.importorskip("soxr")
    up = Uplink(48000)
    turns = []
    for _ in range(2):
        up.open(b"\x01\x7f" * 100)  # never finished: nothing of it may leak into the next
        up.open(b"\x10\x20" * 4801)
        up.feed(b"\x30\x00" * 960)
        up.finish()
        turns.append(b"".join(up.batches()))
    assert len(turns[0]) // 2 == up.turn_frames == 2881
    assert turns[0] == turns[1]
