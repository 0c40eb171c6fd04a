"""What has been heard, by the clock and by a player's report."""

from __future__ import annotations

from daemon.realtime.playback_position import PlaybackPosition, RealtimePlaybackTracker, bytes_per_ms
from daemon.realtime.truncation import HeardPosition, PartKey

A, B = PartKey("a", 0), PartKey("b", 0)


def heard(position: PlaybackPosition, now: float) -> list[tuple[str, int]]:
    return [(part.item_id, part.heard_ms) for part in position.heard(now)]


def two_parts(tracker: RealtimePlaybackTracker | None = None) -> PlaybackPosition:
    position = PlaybackPosition(tracker)
    position.received(A, "r", 48 * 1000, now=10.0)
    position.received(B, "r", 48 * 500, now=10.1)
    position.response_finished("r")
    return position


def test_by_the_clock_the_parts_are_heard_one_after_the_other() -> None:
    position = two_parts()
    assert heard(position, 10.0) == [("a", 0), ("b", 0)]
    assert heard(position, 10.25) == [("a", 250), ("b", 0)]
    assert heard(position, 11.25) == [("b", 250)]
    assert heard(position, 11.6) == []


def test_by_the_clock_a_pause_in_the_arrival_is_a_pause_in_the_hearing() -> None:
    position = PlaybackPosition()
    position.received(A, "r", 48 * 100, now=10.0)
    position.received(A, "r", 48 * 100, now=15.0)
    assert heard(position, 15.05) == [("a", 150)]


def test_no_more_is_heard_than_was_received() -> None:
    position = PlaybackPosition()
    position.received(A, "r", 48 * 100, now=10.0)
    assert heard(position, 99.0) == [("a", 100)]  # not finished: more of it may come


def test_a_tracker_says_which_part_is_playing_and_the_ones_before_were_heard() -> None:
    tracker = RealtimePlaybackTracker()
    position = two_parts(tracker)
    assert heard(position, 99.0) == [("a", 0), ("b", 0)]
    tracker.on_play_bytes("a", 0, bytes(48 * 200))
    tracker.on_play_ms("a", 0, 50.7)
    assert heard(position, 99.0) == [("a", 250), ("b", 0)]
    tracker.on_play_ms("b", 0, 10)
    assert heard(position, 99.0) == [("b", 10)]


def test_an_interruption_forgets_everything_also_at_the_tracker() -> None:
    tracker = RealtimePlaybackTracker()
    position = two_parts(tracker)
    tracker.on_play_ms("a", 0, 50)
    position.interrupted()
    assert heard(position, 99.0) == []
    assert tracker.get_state() == {
        "current_item_id": None,
        "current_item_content_index": None,
        "elapsed_ms": None,
    }


def test_the_end_is_told_once_when_everything_was_heard() -> None:
    position = two_parts()
    assert position.drained(11.0) is None
    assert position.next_deadline(11.0) == 11.5
    assert position.drained(11.5) == B
    assert position.drained(11.6) is None
    assert position.next_deadline(11.6) is None


def test_a_tracker_reaches_the_end_by_itself() -> None:
    tracker = RealtimePlaybackTracker()
    position = two_parts(tracker)
    assert position.next_deadline(10.0) is None
    tracker.on_play_ms("b", 0, 500)
    assert position.drained(10.0) == B


def test_a_response_speaks_until_it_was_heard() -> None:
    position = two_parts()
    assert position.speaks("r", 10.5)
    assert not position.speaks("other", 10.5)
    assert not position.speaks("r", 12.0)


def test_telephone_audio_has_eight_bytes_per_millisecond() -> None:
    position = PlaybackPosition()
    position.set_audio_format({"type": "audio/pcmu"})
    position.received(A, "r", 800, now=10.0)
    assert position.heard(10.05) == [HeardPosition("a", 0, 50)]
    assert [bytes_per_ms(name) for name in ("g711_alaw", "pcmu", "pcm16", None)] == [8, 8, 48, 48]
