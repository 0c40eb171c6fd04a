"""What a new connection is told of the conversation so far: text only, newest first to be kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daemon.realtime.history import HistoryItem

MAX_REPLAY_ITEMS = 200
MAX_REPLAY_CHARS = 40_000
"""About 10,000 tokens, a third of the smallest context the API offers."""

SPOKEN_CHARS_PER_S = 15.0
"""Of an answer that was cut off only the words heard are told; the API gives no time for a word, so they are
estimated from the usual speed of the voices (14 to 17 characters per second of English)."""

_TEXT_TYPES = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def replay_items(history: Iterable[HistoryItem]) -> list[dict[str, Any]]:
    """The items to create, in order and with their ids: messages that have words, calls and their results.

    At most `MAX_REPLAY_ITEMS` and `MAX_REPLAY_CHARS`; the oldest are left out, and results without a call.
    """
    kept: list[dict[str, Any]] = []
    chars = 0
    for item in reversed(list(history)):
        wire = _wire(item)
        if wire is None:
            continue
        chars += len(item.text) + len(item.arguments or "") + len(item.output or "")
        if len(kept) == MAX_REPLAY_ITEMS or chars > MAX_REPLAY_CHARS:
            break
        kept.append(wire)
    kept.reverse()
    calls = {item["call_id"] for item in kept if item["type"] == "function_call"}
    return [item for item in kept if item["type"] != "function_call_output" or item["call_id"] in calls]


def heard_text(text: str, heard_ms: int) -> str:
    """About as many words from the beginning as are spoken in `heard_ms`."""
    most = int(heard_ms / 1000 * SPOKEN_CHARS_PER_S)
    if most >= len(text):
        return text
    return text[: most + 1].rpartition(" ")[0].rstrip()


def _wire(item: HistoryItem) -> dict[str, Any] | None:
    if item.kind == "function_call" and item.name and item.call_id:
        call = {"name": item.name, "call_id": item.call_id, "arguments": item.arguments or "{}"}
        return {"type": "function_call", "id": item.item_id, **call}
    if item.kind == "function_call_output" and item.call_id and item.output is not None:
        result = {"call_id": item.call_id, "output": item.output}
        return {"type": "function_call_output", "id": item.item_id, **result}
    kind = _TEXT_TYPES.get(item.role or "") if item.kind == "message" else None
    text = item.text if item.truncated_ms is None else heard_text(item.text, item.truncated_ms)
    if kind is None or not text:
        return None
    content = [{"type": kind, "text": text}]
    return {"type": "message", "id": item.item_id, "role": item.role, "content": content}
