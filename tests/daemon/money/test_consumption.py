"""Usage as servers send it, taken apart into kinds with a price."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.money.consumption import (
    KINDS,
    MAX_TOKENS,
    Consumption,
    response_consumption,
    transcription_consumption,
)

# As the Realtime API sends it.
RESPONSE = """{"total_tokens":821,"input_tokens":789,"output_tokens":32,
"input_token_details":{"text_tokens":313,"audio_tokens":476,"image_tokens":0,"cached_tokens":640,
"cached_tokens_details":{"text_tokens":256,"audio_tokens":384,"image_tokens":0}},
"output_token_details":{"text_tokens":9,"audio_tokens":23}}"""

TRANSCRIPTIONS = [
    (
        """{"type":"tokens","total_tokens":22,"input_tokens":13,
        "input_token_details":{"text_tokens":3,"audio_tokens":10},"output_tokens":9}""",
        Consumption(text_input=3, audio_input=10, text_output=9),
    ),
    ('{"type":"tokens","input_tokens":13,"output_tokens":9}', Consumption(audio_input=13, text_output=9)),
    ('{"type":"duration","seconds":2.5}', Consumption(audio_ms=2500)),
    ('{"type":"duration","seconds":1e300}', None),
    ('{"type":"duration","seconds":true}', None),
    ('{"type":"duration"}', None),
    ("{}", None),
]


def test_kinds_are_all_there_are() -> None:
    assert tuple(field.name for field in fields(Consumption)) == KINDS


def test_cached_tokens_are_counted_once() -> None:
    used = response_consumption(json.loads(RESPONSE))
    assert used == Consumption(
        text_input=57,
        cached_text_input=256,
        audio_input=92,
        cached_audio_input=384,
        text_output=9,
        audio_output=23,
    )
    assert used.tokens == 821


@pytest.mark.parametrize(("usage", "used"), TRANSCRIPTIONS)
def test_transcription_is_billed_by_tokens_or_seconds(usage: str, used: Consumption | None) -> None:
    assert transcription_consumption(json.loads(usage)) == used


def test_cached_tokens_without_modality_save_as_little_as_possible() -> None:
    details = {"text_tokens": 100, "audio_tokens": 200, "image_tokens": 50, "cached_tokens": 170}
    used = response_consumption({"input_tokens": 350, "input_token_details": details})
    assert used == Consumption(
        cached_text_input=100, audio_input=180, cached_audio_input=20, cached_image_input=50
    )


def test_tokens_without_modality_count_as_the_dearest() -> None:
    used = response_consumption({"total_tokens": 30, "input_tokens": 20, "output_tokens": 10})
    assert used == Consumption(audio_input=20, audio_output=10)


def test_more_cached_than_there_was_is_all_of_it() -> None:
    details = {"text_tokens": 10, "cached_tokens": 99, "cached_tokens_details": {"text_tokens": 99}}
    used = response_consumption({"input_tokens": 10, "input_token_details": details})
    assert used == Consumption(cached_text_input=10)


@pytest.mark.parametrize(
    "usage", [{}, {"input_tokens": 0}, {"input_tokens": "many"}, {"input_tokens": MAX_TOKENS + 1}]
)
def test_no_figures_or_impossible_ones_are_none(usage: dict[str, Any]) -> None:
    assert response_consumption(usage) is None


counts = st.integers(0, 5000)
modalities = st.fixed_dictionaries({}, optional={f"{m}_tokens": counts for m in ("text", "audio", "image")})


@given(modalities, modalities, counts, counts, modalities, counts)
def test_no_token_is_lost_or_counted_twice(
    given_: dict[str, int],
    cached: dict[str, int],
    cached_tokens: int,
    rest_in: int,
    spoken: dict[str, int],
    rest_out: int,
) -> None:
    spoken.pop("image_tokens", None)
    input_tokens, output_tokens = sum(given_.values()) + rest_in, sum(spoken.values()) + rest_out
    details = {**given_, "cached_tokens": cached_tokens, "cached_tokens_details": cached}
    usage = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "input_token_details": details,
        "output_token_details": spoken,
    }
    used = response_consumption(usage) or Consumption()
    assert used.tokens == input_tokens + output_tokens
    assert all(getattr(used, kind) >= 0 for kind in KINDS)
