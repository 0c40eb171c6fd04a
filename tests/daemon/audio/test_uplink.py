"""A turn's way up: what may be sent, what is kept for a lost link, what is dropped."""

from __future__ import annotations

import pytest

from daemon.audio.uplink import Uplink


def uplink(retain_s: float = 1.0) -> Uplink:
    """1000 frames a second both ways, 4 frames a batch: 8 bytes; 2 frames are enough to begin with."""
    return Uplink(1000, 1000, append_ms=4, retain_s=retain_s)


def test_turn_begins_with_the_preroll_and_comes_in_batches():
    up = uplink()
    up.open(b"aabbccddee")
    up.feed(b"ffgg")
    up.feed(b"hhii")
    assert up.batches() == [b"aabbccdd", b"eeffgghh"]
    assert up.batches() == []
    assert up.unsent_bytes == 2


def test_first_batch_does_not_wait_to_be_full_and_the_others_do():
    up = uplink()
    up.open(b"")
    up.feed(b"aa")
    assert up.batches() == []
    up.feed(b"bbcc")
    assert up.batches() == [b"aabbcc"]
    up.feed(b"ddeeff")
    assert up.batches() == []
    up.feed(b"gghh")
    assert up.batches() == [b"ddeeffgg"]


@pytest.mark.parametrize(
    "begin", [lambda up: up.open(b"aabbcc"), lambda up: (up.stream(), up.feed(b"aabbcc"))]
)
def test_turn_after_a_turn_begins_at_once_too(begin):
    up = uplink()
    up.open(b"zzzzzzzzzzzzzzzz")
    begin(up)
    assert up.batches() == [b"aabbcc"]


def test_pause_sends_the_rest_and_what_follows_begins_at_once():
    up = uplink()
    up.stream()
    up.feed(b"aabbccddee")
    up.pause()
    up.feed(b"ffgg")
    assert up.batches() == [b"aabbccdd", b"ee", b"ffgg"]


def test_pause_outside_a_turn_changes_nothing():
    up = uplink()
    up.pause()
    up.feed(b"aabb")
    assert up.batches() == []


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


def test_what_all_turns_lost_is_counted():
    up = uplink(retain_s=0.010)
    for _ in range(2):
        up.open(b"aabbccddeeffgghhii")
        up.feed(b"jjkk")
    assert (up.dropped_frames, up.lost_frames) == (4, 8)


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


@pytest.mark.parametrize("append_ms", [20, 40])
@pytest.mark.parametrize("period_ms", [10, 20])
@pytest.mark.parametrize("rate_hz", [16000, 24000, 44100, 48000])
def test_first_frame_is_there_within_30_ms_of_a_press_at_any_moment_without_preroll(
    rate_hz, period_ms, append_ms
):
    for pressed_ms in range(period_ms):  # into a period, of which only the rest belongs to the turn
        up = Uplink(rate_hz, append_ms=append_ms)
        up.open(b"")
        waited_ms = period_ms - pressed_ms
        up.feed(bytes(2 * (rate_hz * waited_ms // 1000)))
        while not up.batches():
            up.feed(bytes(2 * (rate_hz * period_ms // 1000)))
            waited_ms += period_ms
        assert waited_ms <= 30


@pytest.mark.parametrize(("append_ms", "retain_s"), [(0, 1.0), (40, 0.039)])
def test_impossible_sizes_are_refused(append_ms, retain_s):
    with pytest.raises(ValueError, match="append_ms"):
        Uplink(24000, 24000, append_ms, retain_s)


def test_resampled_turn_has_the_exact_length_and_each_turn_is_its_own_stream():
    pytest.importorskip("numpy")
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


def test_microphone_that_changes_its_rate_goes_on_with_the_turn() -> None:
    uplink = Uplink(24_000, append_ms=20)
    uplink.open(b"")
    uplink.feed(b"\x01\x00" * 480)
    uplink.retune(48_000)
    uplink.feed(b"\x01\x00" * 960)
    uplink.finish()
    assert sum(map(len, uplink.batches())) == 2 * 960


@pytest.mark.parametrize(("before_ms", "after_ms"), [(20, 40), (40, 20), (40, 10)])
def test_batches_of_another_length_lose_nothing_of_a_turn_under_way(before_ms: int, after_ms: int) -> None:
    uplink = Uplink(1000, 1000, append_ms=before_ms)
    said = bytes(range(2, 2 + 200))
    uplink.open(b"")
    uplink.feed(said[:4])
    uplink.feed(said[4:78])  # 37 ms, which no batch holds whole
    uplink.use(after_ms, 15.0)
    uplink.feed(said[78:])
    uplink.finish()
    sent = uplink.batches()
    assert b"".join(sent) == said
    assert len(sent[-2]) == 2 * after_ms
