"""What a response costs: input tokens of its context, and the rate limits it leaves. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daemon.simulator.conversation import Item
from daemon.simulator.responses import AUDIO_TOKEN_MS, text_tokens

USER_AUDIO_TOKEN_MS = 100  # one token each (pricing page)
IMAGE_TOKENS = 100  # an order of magnitude; the real count depends on size and detail
TOKENS_PER_MINUTE = 250_000
REQUESTS_PER_MINUTE = 1_000


def input_usage(context: Sequence[Item], instructions: str, seen_tokens: int) -> dict[str, Any]:
    """`input_tokens` and `input_token_details`; `seen_tokens` of them were billed before: cached."""
    audio = sum(int(item.audio_ms / _token_ms(item)) for item in context)
    text = text_tokens(instructions) + sum(_written_tokens(item) for item in context)
    images = sum(
        IMAGE_TOKENS
        for item in context
        for part in item.body.get("content", [])
        if part["type"] == "input_image"
    )
    cached_text, cached_audio = min(text, seen_tokens), 0
    if seen_tokens > text:
        cached_audio = min(audio, seen_tokens - text)
    return {
        "input_tokens": text + audio + images,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": images,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {
                "text_tokens": cached_text,
                "audio_tokens": cached_audio,
                "image_tokens": 0,
            },
        },
    }


def _token_ms(item: Item) -> int:
    return AUDIO_TOKEN_MS if item.kind == "assistant" else USER_AUDIO_TOKEN_MS


def _written_tokens(item: Item) -> int:
    """Text the model reads; the transcript of audio is not sent to it."""
    return 0 if item.audio_index is not None else text_tokens(item.text)


class RateLimits:
    """Counts down over the session; the limits of the service refill each minute, these never do."""

    def __init__(self) -> None:
        self._requests = REQUESTS_PER_MINUTE
        self._tokens = TOKENS_PER_MINUTE

    def after_request(self, input_tokens: int) -> list[dict[str, Any]]:
        self._requests = max(0, self._requests - 1)
        self._tokens = max(0, self._tokens - input_tokens)
        return [
            _limit("requests", REQUESTS_PER_MINUTE, self._requests),
            _limit("tokens", TOKENS_PER_MINUTE, self._tokens),
        ]


def _limit(name: str, limit: int, remaining: int) -> dict[str, Any]:
    reset_seconds = 60 * (limit - remaining) / limit
    return {"name": name, "limit": limit, "remaining": remaining, "reset_seconds": round(reset_seconds, 3)}
