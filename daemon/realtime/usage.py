"""What the responses of a session consumed, summed per modality. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

from daemon.records import dataclass

TDetails = TypeVar("TDetails", "CachedTokensDetails", "InputTokensDetails", "OutputTokensDetails")


@dataclass(frozen=True, slots=True)
class CachedTokensDetails:
    """The part of `InputTokensDetails` that was served from the prompt cache, per modality."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0

    def __add__(self, other: CachedTokensDetails) -> CachedTokensDetails:
        return _sum(self, other)


@dataclass(frozen=True, slots=True)
class InputTokensDetails:
    """Input per modality; `cached_tokens` is a part of these, not an addition."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: CachedTokensDetails = CachedTokensDetails()

    def __add__(self, other: InputTokensDetails) -> InputTokensDetails:
        return _sum(self, other)


@dataclass(frozen=True, slots=True)
class OutputTokensDetails:
    text_tokens: int = 0
    audio_tokens: int = 0

    def __add__(self, other: OutputTokensDetails) -> OutputTokensDetails:
        return _sum(self, other)


@dataclass(slots=True)
class Usage:
    """Tokens of all responses so far, cancelled and failed ones included; transcription is billed apart."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = field(default_factory=InputTokensDetails)
    output_tokens_details: OutputTokensDetails = field(default_factory=OutputTokensDetails)

    def add(self, other: Usage) -> None:
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        self.input_tokens_details += other.input_tokens_details
        self.output_tokens_details += other.output_tokens_details


def response_usage(usage: Mapping[str, Any]) -> Usage:
    """The `usage` of one `response.done`; a missing figure is 0, a missing total the sum of its parts."""
    input_details = _object(usage, "input_token_details")
    cached = _object(input_details, "cached_tokens_details")
    by_modality = InputTokensDetails(
        text_tokens=_count(input_details, "text_tokens"),
        audio_tokens=_count(input_details, "audio_tokens"),
        image_tokens=_count(input_details, "image_tokens"),
        cached_tokens=_count(input_details, "cached_tokens"),
        cached_tokens_details=CachedTokensDetails(
            _count(cached, "text_tokens"), _count(cached, "audio_tokens"), _count(cached, "image_tokens")
        ),
    )
    output_details = _object(usage, "output_token_details")
    spoken = OutputTokensDetails(
        _count(output_details, "text_tokens"), _count(output_details, "audio_tokens")
    )
    input_sum = by_modality.text_tokens + by_modality.audio_tokens + by_modality.image_tokens
    input_tokens = _count(usage, "input_tokens") or input_sum
    output_tokens = _count(usage, "output_tokens") or spoken.text_tokens + spoken.audio_tokens
    total_tokens = _count(usage, "total_tokens") or input_tokens + output_tokens
    return Usage(1, input_tokens, output_tokens, total_tokens, by_modality, spoken)


def _sum(one: TDetails, other: TDetails) -> TDetails:
    return type(one)(*(getattr(one, f.name) + getattr(other, f.name) for f in fields(one)))


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _count(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return 0
    return int(value)
