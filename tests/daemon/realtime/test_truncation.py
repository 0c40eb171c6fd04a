"""Where to cut: arithmetic and the ledger of received audio."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.truncation import (
    MAX_PARTS,
    AudioLedger,
    Cut,
    PartKey,
    audio_end_ms,
    cut_needed,
    received_ms,
)

A, B, C = PartKey("a", 0), PartKey("b", 0), PartKey("c", 0)
SECOND = 48_000


@given(st.floats(-1e6, 1e9), st.integers(0, 10**9))
def test_cut_is_a_whole_number_between_zero_and_what_was_received(heard_ms: float, n_bytes: int) -> None:
    end_ms = audio_end_ms(heard_ms, n_bytes)
    assert isinstance(end_ms, int)
    assert 0 <= end_ms <= n_bytes / 48


@given(st.integers(0, 10**7), st.integers(0, 10**9))
def test_cut_is_never_later_than_heard(heard_ms: int, n_bytes: int) -> None:
    assert audio_end_ms(heard_ms, n_bytes) <= heard_ms
    assert audio_end_ms(heard_ms + 0.9, n_bytes) == audio_end_ms(heard_ms, n_bytes)


@pytest.mark.parametrize(
    ("heard_ms", "n_bytes", "finished", "needed"),
    [
        (0, SECOND, True, True),
        (999, SECOND, True, True),
        (1000, SECOND, True, False),
        (1000, SECOND, False, True),
        (5000, SECOND, True, False),
        (0, 0, True, False),
        (1000, SECOND + 47, True, False),
    ],
)
def test_a_part_heard_to_its_end_needs_no_cut(
    heard_ms: int, n_bytes: int, finished: bool, needed: bool
) -> None:
    assert cut_needed(heard_ms, n_bytes, finished) is needed


def test_milliseconds_are_floored() -> None:
    assert [received_ms(n_bytes) for n_bytes in (0, 47, 48, 95, 96)] == [0, 0, 1, 1, 2]


def speaking(*parts: tuple[PartKey, str]) -> AudioLedger:
    ledger = AudioLedger()
    for key, response_id in parts:
        ledger.receive(key, response_id, SECOND)
    return ledger


def test_every_queued_part_is_cut_at_its_own_position() -> None:
    ledger = speaking((A, "r"), (B, "r"), (C, "r"))
    assert ledger.interrupt([(B, 250.7), (C, 0)]) == [Cut(B, 250, True), Cut(C, 0, True)]
    assert "r" in ledger.stale


def test_a_second_interruption_cuts_nothing() -> None:
    ledger = speaking((A, "r"))
    ledger.interrupt([(A, 250)])
    assert ledger.interrupt([(A, 250)]) == []


def test_an_interruption_further_back_cuts_again() -> None:
    ledger = speaking((A, "r"))
    ledger.interrupt([(A, 800)])
    assert ledger.interrupt([(A, 900)]) == []
    assert ledger.interrupt([(A, 250)]) == [Cut(A, 250, True)]
    assert ledger.interrupt([(A, 250)]) == []


def test_a_part_cut_by_late_audio_is_cut_again_further_back_only() -> None:
    ledger = speaking((A, "r"), (B, "r"))
    ledger.interrupt([])
    ledger.receive_late(A, "r", 960)
    ledger.receive_late(B, "r", 960)
    assert ledger.interrupt([(A, 1000), (B, 20)]) == [Cut(A, 1000, False), Cut(B, 20, True)]


def test_late_audio_cuts_its_part_once_where_it_stood() -> None:
    ledger = speaking((A, "r"))
    ledger.interrupt([])
    assert ledger.receive_late(A, "r", 960) == Cut(A, 1000, True)
    assert ledger.receive_late(B, "r", 960) == Cut(B, 0, True)
    assert ledger.receive_late(B, "r", 960) is None
    assert ledger.receive_late(C, "r", 0) is None


def test_a_part_from_an_earlier_connection_is_no_business_of_this_server() -> None:
    assert AudioLedger().interrupt([(A, 250)]) == [Cut(A, 250, False)]


def test_out_of_band_parts_are_never_cut_at_the_server() -> None:
    ledger = speaking((A, "beside"))
    ledger.out_of_band.add("beside")
    assert ledger.interrupt([(A, 250)]) == [Cut(A, 250, False)]
    assert ledger.receive_late(A, "beside", 960) is None
    assert "beside" in ledger.stale


def test_a_finished_part_heard_to_its_end_is_left_alone() -> None:
    ledger = speaking((A, "r"), (B, "r"))
    ledger.finish(A)
    assert ledger.interrupt([(A, 1000), (B, 10)]) == [Cut(A, 1000, False), Cut(B, 10, True)]


def test_finished_responses_no_longer_speak() -> None:
    ledger = speaking((A, "r"), (B, "s"))
    ledger.finish_response("r")
    assert ledger.speaking_responses() == ["s"]
    ledger.finish(B)
    assert ledger.speaking_responses() == []


def test_the_oldest_part_is_forgotten_over_the_bound() -> None:
    ledger = speaking(*((PartKey(f"i{index}", 0), "r") for index in range(MAX_PARTS + 1)))
    assert ledger.get(PartKey("i0", 0)) is None
    assert ledger.get(PartKey("i1", 0)) is not None
