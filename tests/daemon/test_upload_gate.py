"""What goes up hands-free while only speech does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.upload_gate import SEMANTIC_SILENCE_MS, GateSettings, GateStep, UploadGate, hang_over_for

SETTINGS = GateSettings(preroll_ms=300, hang_over_ms=1000)
MS = 10  # a period and a window; one frame a millisecond


def numbered(periods: int) -> list[bytes]:
    """Every frame of them all is different."""
    frames = [n.to_bytes(2, "little") for n in range(periods * MS)]
    return [b"".join(frames[at : at + MS]) for at in range(0, len(frames), MS)]


def passed(windows: str) -> tuple[list[bytes], list[GateStep]]:
    """`#` is a period with speech in it; answers all periods and what became of each."""
    gate = UploadGate(SETTINGS, 1000, MS)
    periods = numbered(len(windows))
    return periods, [gate.feed(p, [w == "#"]) for p, w in zip(periods, windows, strict=True)]


def test_silence_stays_here() -> None:
    assert passed("." * 500)[1] == [GateStep()] * 500


def test_speech_goes_up_with_the_preroll_and_until_the_hang_over_has_passed() -> None:
    periods, steps = passed("." * 100 + "#" * 50 + "." * 150)
    assert steps[104] == GateStep(b"".join(periods[74:105]), opened=True)
    assert steps[105:249] == [GateStep(period) for period in periods[105:249]]
    assert steps[249] == GateStep(periods[249], closed=True)
    assert steps[250:] == [GateStep()] * 50


def test_short_silence_goes_up_whole() -> None:
    periods, steps = passed("#" * 20 + "." * 125 + "#" * 20)
    assert b"".join(step.audio for step in steps) == b"".join(periods)


def test_click_opens_nothing() -> None:
    assert not any(step.audio for step in passed("." * 50 + "##" + "." * 50)[1])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 250)), max_size=8))
def test_what_goes_up_is_the_capture_without_the_long_silences(parts: list[tuple[int, int]]) -> None:
    windows = "".join("#" * speech + "." * silence for speech, silence in parts)
    steps = passed(windows)[1]
    sent = b"".join(step.audio for step in steps)
    numbers = [int.from_bytes(sent[at : at + 2], "little") for at in range(0, len(sent), 2)]
    assert numbers == sorted(set(numbers))  # in order, nothing twice
    unsent = set(range(len(windows) * MS)) - set(numbers)
    near_speech = [  # for as long as the pre-roll and the hang-over, around each stretch that is long enough
        range((start - 25) * MS, min((start + speech + 99) * MS, len(windows) * MS))
        for start, speech in stretches(parts)
        if speech >= 8
    ]
    assert not unsent & {frame for span in near_speech for frame in span}
    too_short = {n for start, speech in stretches(parts) if speech < 8 for n in range(start, start + speech)}
    assert all(windows[frame // MS] == "." for frame in unsent if frame // MS not in too_short)


def stretches(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where each begins, and how long it is, in windows; those without silence between are one."""
    found: list[tuple[int, int]] = []
    at = 0
    for speech, silence in parts:
        if found and sum(found[-1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + speech)
        elif speech:
            found.append((at, speech))
        at += speech + silence
    return found


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 250)), max_size=8))
def test_only_silence_beyond_hang_over_and_preroll_is_left_out(parts: list[tuple[int, int]]) -> None:
    windows = "".join("#" * speech + "." * silence for speech, silence in parts)
    steps = passed(windows)[1]
    opened = [n for n, step in enumerate(steps) if step.opened]
    closed = [n for n, step in enumerate(steps) if step.closed]
    for end, start in zip(closed, opened[1:], strict=False):
        left_out = (start - end) * MS - len(steps[start].audio) // 2
        assert left_out == max(0, (start - end - 1) * MS - 300)


def test_shut_forgets_what_is_kept_and_says_that_it_was_open() -> None:
    gate = UploadGate(SETTINGS, 1000, MS)
    for period in numbered(20):
        gate.feed(period, [False])
    assert gate.shut() == GateStep()
    assert [gate.feed(period, [True]).audio for period in numbered(5)] == [b""] * 4 + [b"".join(numbered(5))]
    assert gate.shut() == GateStep(closed=True)
    assert not gate.is_open


def test_opened_by_hand_it_stays_open_for_the_hang_over() -> None:
    gate = UploadGate(SETTINGS, 1000, MS)
    gate.feed(b"aabb", [False])
    assert gate.open(preroll=b"zz") == GateStep(b"zzaabb", opened=True)
    steps = [gate.feed(b"cc", [False]) for _ in range(101)]
    assert steps[:99] == [GateStep(b"cc")] * 99
    assert steps[99:] == [GateStep(b"cc", closed=True), GateStep()]


def test_opened_by_hand_while_open_nothing_begins_anew() -> None:
    gate = UploadGate(SETTINGS, 1000, MS)
    gate.open()
    assert gate.open() == GateStep()


@pytest.mark.parametrize("server_ms", [200.0, 500.0, *SEMANTIC_SILENCE_MS.values()])
def test_hang_over_must_outlast_the_servers_patience(server_ms: float) -> None:
    least_ms = hang_over_for(server_ms)
    assert least_ms > server_ms
    GateSettings(hang_over_ms=least_ms, server_silence_ms=server_ms)
    with pytest.raises(ValueError, match=f"hang_over_ms is .*allowed: {least_ms:g} or more"):
        GateSettings(hang_over_ms=least_ms - 1, server_silence_ms=server_ms)


def test_preroll_too_short_for_an_onset_is_refused() -> None:
    with pytest.raises(ValueError, match="preroll_ms is 299, allowed: 300 or more"):
        GateSettings(preroll_ms=299)
