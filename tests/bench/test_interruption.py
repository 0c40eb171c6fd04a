"""An interrupted answer is silent at once: samples counted on a device in virtual time."""

from __future__ import annotations

import os

import pytest

from tests.bench import interruption as bench
from tests.bench.interruption_card import Block, Round, judge

LOUD, SILENT = b"\x01\x40" * 240, bytes(480)


def test_box_keeps_what_it_promises() -> None:
    rows = bench.measure_box(10)
    assert len({(row.case, row.interrupted_by, row.device) for row in rows}) == 9
    assert bench.misses(rows) == []


@pytest.mark.peers
def test_player_of_the_sdk_is_interrupted_in_every_case() -> None:
    """Only what follows from the blocks that it asks for: another version may do the rest better."""
    try:
        rows = bench.measure_sdk(4)
    except bench.PlayerMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    assert [row.case for row in rows] == ["quiet", "3 s burst", "late deltas"]
    for row in rows:
        assert bench.SDK.queued_blocks * bench.SDK.block_ms <= row.heard_ms < 500
        assert row.error_then_ms is not None


@pytest.mark.parametrize(
    ("pcm", "told_ms", "seen"),
    [
        # Heard 20 ms after it was taken; the event is 5 ms after the third block.
        ([LOUD, LOUD, LOUD, SILENT], 5.0, Round(0.0, 5.0, 25.0, 0.0, 0.0, -25.0)),
        ([LOUD, LOUD, LOUD, LOUD[:240] + SILENT[:240], SILENT], 35.0, Round(5.0, 10.0, 30.0, 0.0, 30.0, 0.0)),
        ([LOUD, LOUD, LOUD, SILENT, LOUD, SILENT, LOUD], None, Round(0.0, 5.0, 25.0, 20.0, None, None)),
        ([SILENT, SILENT, SILENT, SILENT], 0.0, Round(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
        ([LOUD, LOUD, LOUD, LOUD, LOUD], None, Round(20.0, 25.0, 45.0, 0.0, None, None)),
    ],
)
def test_judge_measures(pcm: list[bytes], told_ms: float | None, seen: Round) -> None:
    blocks = [Block(n * 0.01, block) for n, block in enumerate(pcm)]
    found = judge(blocks, 0.02, 0.025, told_ms)
    for name in Round.__slots__:
        assert getattr(found, name) == pytest.approx(getattr(seen, name)), name
