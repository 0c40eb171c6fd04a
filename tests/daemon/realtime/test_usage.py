"""Token figures of responses, summed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.realtime.usage import CachedTokensDetails, Usage, response_usage

WIRE = json.loads(
    """{"total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
        "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "cached_tokens": 64,
          "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0}},
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91}}"""
)


def test_usage_of_one_response_counts_the_cached_share_once() -> None:
    usage = response_usage(WIRE)
    assert (usage.requests, usage.input_tokens, usage.output_tokens, usage.total_tokens) == (1, 132, 121, 253)
    assert usage.input_tokens_details.cached_tokens == 64
    assert usage.input_tokens_details.cached_tokens_details == CachedTokensDetails(60, 4, 0)


def test_usage_of_two_responses_is_summed_per_modality() -> None:
    total = Usage()
    total.add(response_usage(WIRE))
    total.add(response_usage(WIRE))
    assert (total.requests, total.total_tokens) == (2, 506)
    assert total.input_tokens_details.audio_tokens == 26
    assert total.input_tokens_details.cached_tokens_details.text_tokens == 120
    assert total.output_tokens_details.audio_tokens == 182


def test_usage_without_totals_sums_its_parts() -> None:
    details = {
        "input_token_details": {"text_tokens": 2, "audio_tokens": 3},
        "output_token_details": {"audio_tokens": 5},
    }
    usage = response_usage(details)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (5, 5, 10)


@pytest.mark.parametrize("value", [None, "7", True, -1, float("nan"), float("inf"), [], 2**60])
def test_usage_that_is_nonsense_counts_as_nothing(value: Any) -> None:
    assert response_usage({"input_tokens": value, "input_token_details": value}).input_tokens == 0
