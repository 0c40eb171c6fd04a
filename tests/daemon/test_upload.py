"""A turn's audio against connections of any speed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.audio.uplink import Uplink
from daemon.upload import CATCH_UP_BYTES, CATCH_UP_LIMIT_S, CATCH_UP_PAUSE_S, TurnUpload

BATCH = bytes(480 * 2)  # 20 ms at 24 kHz
BATCH_WIRE_BYTES = 1280


def upload() -> TurnUpload:
    return TurnUpload(Uplink(24_000, 24_000, append_ms=20, retain_s=60))


def spoken(batches: int) -> TurnUpload:
    """A turn spoken without a link."""
    turn = upload()
    turn.open(b"")
    turn.feed(BATCH * batches)
    return turn


def test_live_audio_goes_up_as_it_comes() -> None:
    turn = upload()
    turn.link_ready(0.0)
    turn.open(BATCH * 3)
    assert turn.step(0.0, queued_bytes=10**6).batches == [BATCH] * 3
    turn.feed(BATCH)
    assert turn.step(0.0, queued_bytes=10**6).batches == [BATCH]
    assert turn.begun


def test_commit_comes_once_after_the_last_batch() -> None:
    turn = upload()
    turn.link_ready(0.0)
    turn.open(BATCH)
    turn.finish()
    step = turn.step(0.0, 0)
    assert (step.batches, step.commit) == ([BATCH], True)
    assert not turn.step(1.0, 0).commit


def test_held_audio_goes_up_at_the_pace_of_the_connection() -> None:
    turn = spoken(200)
    turn.finish()
    turn.link_ready(0.0)
    first = turn.step(0.0, queued_bytes=0)
    assert len(first.batches) == CATCH_UP_BYTES // BATCH_WIRE_BYTES
    assert not first.commit
    assert turn.step(0.001, queued_bytes=0).batches == []  # not before its time
    assert turn.next_deadline() == CATCH_UP_PAUSE_S
    assert turn.step(CATCH_UP_PAUSE_S, queued_bytes=CATCH_UP_BYTES).batches == []


def test_connection_that_takes_nothing_is_given_up() -> None:
    turn = spoken(200)
    turn.link_ready(0.0)
    assert not turn.step(0.0, CATCH_UP_BYTES).give_up
    assert not turn.step(CATCH_UP_LIMIT_S, CATCH_UP_BYTES).give_up
    assert turn.step(CATCH_UP_LIMIT_S + 0.1, CATCH_UP_BYTES).give_up


def test_dropped_turn_tells_whether_the_server_has_some_of_it() -> None:
    turn = spoken(3)
    assert turn.drop() is False
    turn.open(BATCH)
    turn.link_ready(0.0)
    turn.step(0.0, 0)
    assert turn.drop() is True
    assert turn.drop() is False


def test_lost_link_sends_the_turn_again_and_commits_only_when_told_again() -> None:
    turn = upload()
    turn.link_ready(0.0)
    turn.open(BATCH * 2)
    turn.finish()
    assert turn.step(0.0, 0).commit
    turn.link_lost()
    turn.link_ready(1.0)
    assert turn.step(1.0, 0) == turn.step(1.0, 0).__class__([BATCH] * 2, commit=False)
    turn.finish()
    assert turn.step(1.1, 0).commit


@given(
    before=st.integers(0, 300),
    after=st.integers(0, 50),
    speed=st.integers(70_000, 10**7),
    pause=st.floats(0.001, 0.1),
)
def test_everything_arrives_in_order_and_the_connection_is_never_swamped(
    before: int, after: int, speed: int, pause: float
) -> None:
    turn = spoken(before)
    turn.link_ready(0.0)
    turn.feed(BATCH * after)
    turn.finish()
    now, queued, arrived = 0.0, 0.0, 0
    for _ in range(100_000):
        step = turn.step(now, math.ceil(queued))
        arrived += len(step.batches)
        queued += len(step.batches) * BATCH_WIRE_BYTES
        if before:
            assert queued <= CATCH_UP_BYTES
        if step.commit:
            break
        assert not step.give_up
        now += pause
        queued = max(0.0, queued - speed * pause)
    assert arrived == before + after


def test_feeding_after_the_end_changes_nothing() -> None:
    turn = upload()
    turn.link_ready(0.0)
    turn.open(BATCH)
    turn.finish()
    turn.feed(BATCH)
    assert turn.step(0.0, 0).batches == [BATCH]


def test_streaming_forgets_what_is_up() -> None:
    turn = upload()
    turn.link_ready(0.0)
    turn.stream()
    turn.feed(BATCH)
    assert turn.step(0.0, 0).batches == [BATCH]
    turn.link_lost()
    turn.link_ready(1.0)
    assert turn.step(1.0, 0).batches == []


def test_batches_too_long_to_be_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="append_ms"):
        Uplink(24_000, 24_000, append_ms=20_000, retain_s=15)
