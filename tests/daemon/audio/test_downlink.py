"""Answer audio from the session's rate to the device's, part by part."""

from __future__ import annotations

from daemon.audio.downlink import Downlink
from daemon.audio.playback import AudioTag

A = AudioTag("r1", "a", 0)
B = AudioTag("r1", "b", 0)
OTHER = AudioTag("r2", "c", 0)


def test_equal_rates_pass_through() -> None:
    downlink = Downlink(24_000, 24_000)
    assert downlink.feed(A, b"\1\2" * 10) + downlink.finish(A) == b"\1\2" * 10


def test_each_part_keeps_its_own_length() -> None:
    downlink = Downlink(24_000, 48_000)
    out = {A: b"", B: b""}
    for tag in (A, B, A, B):
        out[tag] += downlink.feed(tag, bytes(2 * 240))
    for tag in (A, B):
        out[tag] += downlink.finish(tag)
    assert {tag: len(pcm) for tag, pcm in out.items()} == {A: 2 * 960, B: 2 * 960}


def test_unfinished_parts_are_found_by_response() -> None:
    downlink = Downlink(24_000, 24_000)
    for tag in (A, B, OTHER):
        downlink.feed(tag, b"\0\0")
    downlink.finish(A)
    assert downlink.unfinished("r1") == [B]


def test_part_never_fed_and_reset_parts_hold_nothing() -> None:
    downlink = Downlink(24_000, 48_000)
    downlink.feed(A, bytes(480))
    downlink.reset()
    assert (downlink.finish(A), downlink.finish(B)) == (b"", b"")
