"""What one response or transcription used up, by the kinds that have a price each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.realtime.usage import InputTokensDetails, response_usage
from daemon.records import dataclass

MAX_TOKENS = 10_000_000
"""Of one response, many times the largest context there is; more is a broken server's word."""

MAX_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Consumption:
    """Tokens, each in exactly one kind: what came from the cache is not in the kind beside it.

    `audio_ms` is what is billed by duration instead of by tokens.
    """

    text_input: int = 0
    cached_text_input: int = 0
    audio_input: int = 0
    cached_audio_input: int = 0
    image_input: int = 0
    cached_image_input: int = 0
    text_output: int = 0
    audio_output: int = 0
    audio_ms: int = 0

    def __add__(self, other: Consumption) -> Consumption:
        return Consumption(*(getattr(self, kind) + getattr(other, kind) for kind in KINDS))

    @property
    def tokens(self) -> int:
        return sum(getattr(self, kind) for kind in TOKEN_KINDS)


TOKEN_KINDS = (
    "text_input",
    "cached_text_input",
    "audio_input",
    "cached_audio_input",
    "image_input",
    "cached_image_input",
    "text_output",
    "audio_output",
)
KINDS = (*TOKEN_KINDS, "audio_ms")


def response_consumption(usage: Mapping[str, Any]) -> Consumption | None:
    """From the `usage` of a `response.done`; None if it says nothing, or nothing that can be.

    Tokens that the server sums up but gives no modality count as audio, the dearest one: an estimate may be
    too high, and a limit must not be passed unnoticed.
    """
    counted = response_usage(usage)
    given, spoken = counted.input_tokens_details, counted.output_tokens_details
    cached = _cached(given)
    rest_in = counted.input_tokens - given.text_tokens - given.audio_tokens - given.image_tokens
    rest_out = counted.output_tokens - spoken.text_tokens - spoken.audio_tokens
    used = Consumption(
        text_input=given.text_tokens - cached.text_tokens,
        cached_text_input=cached.text_tokens,
        audio_input=given.audio_tokens - cached.audio_tokens + max(0, rest_in),
        cached_audio_input=cached.audio_tokens,
        image_input=given.image_tokens - cached.image_tokens,
        cached_image_input=cached.image_tokens,
        text_output=spoken.text_tokens,
        audio_output=spoken.audio_tokens + max(0, rest_out),
    )
    return used if 0 < used.tokens <= MAX_TOKENS else None


def _cached(given: InputTokensDetails) -> InputTokensDetails:
    """What of each modality came from the cache, at most all of it.

    A cached token without a modality is taken for text, then image, then audio: there the cache saves least.
    """
    named = given.cached_tokens_details
    text = min(named.text_tokens, given.text_tokens)
    audio = min(named.audio_tokens, given.audio_tokens)
    image = min(named.image_tokens, given.image_tokens)
    rest = max(0, given.cached_tokens - named.text_tokens - named.audio_tokens - named.image_tokens)
    more_text = min(rest, given.text_tokens - text)
    more_image = min(rest - more_text, given.image_tokens - image)
    more_audio = min(rest - more_text - more_image, given.audio_tokens - audio)
    return InputTokensDetails(text + more_text, audio + more_audio, image + more_image)


def transcription_consumption(usage: Mapping[str, Any]) -> Consumption | None:
    """From the `usage` of an `input_audio_transcription.completed`; None if it says nothing.

    Some models are billed by tokens, others by the second. What they write is text.
    """
    if usage.get("type") == "duration":
        seconds = usage.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return None
        if not 0 < seconds <= MAX_SECONDS:
            return None
        return Consumption(audio_ms=round(seconds * 1000))
    found = response_consumption(usage)
    if found is None:
        return None
    return found + Consumption(text_output=found.audio_output, audio_output=-found.audio_output)
