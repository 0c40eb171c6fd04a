"""The demo's table, from evidence made by hand."""

from __future__ import annotations

import base64
from array import array
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from daemon.audio.playback import AudioTag, HeardPart
from daemon.demo.report import Evidence, Story, figures, shortcomings, table
from daemon.notices import Exchange, Interrupted

RATE_HZ = 24_000
TAG = AudioTag("r1", "i1", 0)


def noise(frames: int) -> bytes:
    random = Random(7)
    return array("h", [random.randint(-9000, 9000) or 1 for _ in range(frames)]).tobytes()


ANSWER = noise(RATE_HZ)
HEARD = bytes(1000 * 2) + ANSWER[: 12_000 * 2] + ANSWER[12_000 * 2 : 12_100 * 2] + bytes(RATE_HZ * 2)


def delta(pcm: bytes) -> dict[str, Any]:
    audio = base64.b64encode(pcm).decode()
    return {"type": "response.output_audio.delta", "item_id": "i1", "delta": audio}


def story() -> Story:
    first = Exchange(1, 10.0, True, committed_at=12.01, first_audio_at=12.3, ended="interrupted")
    second = Exchange(2, 13.0, True, committed_at=15.01, first_audio_at=15.2, ended="heard")
    cut = Interrupted(13.0, 13_000, (HeardPart(TAG, 12_000, RATE_HZ),))
    return Story([10.0, 13.0], [12.0, 15.0], [cut], [first, second])


EVIDENCE = Evidence(
    received=[
        (10.004, {"type": "input_audio_buffer.append"}),
        (12.008, {"type": "input_audio_buffer.commit"}),
        (13.001, {"type": "conversation.item.truncate", "item_id": "i1", "audio_end_ms": 500}),
        (13.005, {"type": "input_audio_buffer.append"}),
        (15.009, {"type": "input_audio_buffer.commit"}),
    ],
    sent=[delta(ANSWER[:24_000]), delta(ANSWER[24_000:])],
    heard=HEARD,
    rate_hz=RATE_HZ,
    period_ms=10,
)


def test_figures_of_a_conversation_that_went_well() -> None:
    rows = figures(story(), EVIDENCE)
    assert [(row.name, pytest.approx(row.measured_ms, abs=0.01)) for row in rows] == [
        ("press 1 -> first frame at the server", 4.0),
        ("release 1 -> commit at the server", 8.0),
        ("press 2 -> first frame at the server", 5.0),
        ("release 2 -> commit at the server", 9.0),
        ("commit 1 -> first audio handed to the device", 290.0),
        ("commit 2 -> first audio handed to the device", 190.0),
        ("interruption -> last non-zero sample", 100 / 24),
        ("heard position told to the model, off by", 0.0),
    ]
    assert shortcomings(story(), rows) == []


def test_sound_after_the_cut_is_a_shortcoming() -> None:
    ghost = HEARD[: 20_000 * 2] + noise(50) + HEARD[20_050 * 2 :]
    problems = shortcomings(story(), figures(story(), replace(EVIDENCE, heard=ghost)))
    assert problems == ["interruption -> last non-zero sample: 293.8 ms, limit 10 ms"]


def test_wrong_truncation_is_a_shortcoming() -> None:
    truncate = {"type": "conversation.item.truncate", "item_id": "i1", "audio_end_ms": 530}
    received = [*EVIDENCE.received[:2], (13.001, truncate), *EVIDENCE.received[3:]]
    problems = shortcomings(story(), figures(story(), replace(EVIDENCE, received=received)))
    assert problems == ["heard position told to the model, off by: 30.0 ms, limit 20 ms"]


def test_what_did_not_happen_is_a_shortcoming() -> None:
    empty = replace(EVIDENCE, received=[], heard=bytes(4000))
    told = story()
    told.cuts.clear()
    told.exchanges.pop()
    problems = shortcomings(told, figures(told, empty))
    assert problems[:3] == [
        "the exchanges ended ['interrupted']",
        "0 interruptions instead of one",
        "press 1 -> first frame at the server: not found",
    ]


def test_table_lines_up() -> None:
    lines = table(figures(story(), EVIDENCE)).splitlines()
    assert lines[0].split() == ["measured", "target"]
    assert lines[2].split()[-5:] == ["8.0", "ms", "<=", "20", "ms"]
    assert len({line.index(" ms") for line in lines[1:]}) == 1
