"""What a tool returned, as the text the model gets. Pure."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from typing import Any

from daemon.records import dataclass

MAX_OUTPUT_CHARS = 100_000
"""The history keeps as much per item; about 25,000 tokens, most of a 32k context."""


@dataclass(frozen=True, slots=True)
class BackgroundResult:
    """A tool's result that the model gets without being asked to speak."""

    output: Any


def background_result(output: Any) -> BackgroundResult:
    """Return this from a tool to hand over `output` without starting a response."""
    return BackgroundResult(output)


def output_text(value: Any) -> str:
    """Text as it is, the rest as JSON, what JSON cannot hold as its `str()`; at most `MAX_OUTPUT_CHARS`.

    Raises whatever the value's own methods raise.
    """
    if isinstance(value, BackgroundResult):
        return output_text(value.output)
    text = value if isinstance(value, str) else _json(value)
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) > MAX_OUTPUT_CHARS:
        return f"{text[:MAX_OUTPUT_CHARS]} ... (cut off, {len(text)} characters in all)"
    return text


def _json(value: Any) -> str:
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _plain(value: Any) -> Any:
    """One step towards JSON, for types that have an obvious one."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    return str(value)
