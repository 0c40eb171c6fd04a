"""The transcript events of one user audio item. Pure."""

from __future__ import annotations

import math
from typing import Any

from daemon.simulator.conversation import Item
from daemon.simulator.responses import text_tokens
from daemon.simulator.usage import USER_AUDIO_TOKEN_MS


def transcription_events(item: Item, transcript: str, model: str, *, logprobs: bool) -> list[dict[str, Any]]:
    """Deltas word by word and the completed event; whisper-1 gives one delta and bills seconds."""
    where = {"item_id": item.id, "content_index": item.audio_index}
    name = "conversation.item.input_audio_transcription"
    words = transcript.split(" ")
    pieces = [word if index == 0 else f" {word}" for index, word in enumerate(words)]
    if model == "whisper-1":
        pieces = [transcript]
    events = [
        {"type": f"{name}.delta", **where, "delta": piece, "logprobs": _logprobs([piece], logprobs)}
        for piece in pieces
        if piece
    ]
    usage = _usage(item, transcript, model)
    completed = {"type": f"{name}.completed", **where, "transcript": transcript, "usage": usage}
    return [*events, {**completed, "logprobs": _logprobs(pieces, logprobs)}]


def _logprobs(pieces: list[str], wanted: bool) -> list[dict[str, Any]] | None:
    if not wanted:
        return None
    return [{"token": piece, "bytes": list(piece.encode()), "logprob": math.log(0.9)} for piece in pieces]


def _usage(item: Item, transcript: str, model: str) -> dict[str, Any]:
    if model == "whisper-1":
        return {"type": "duration", "seconds": math.ceil(item.audio_ms / 1000)}
    audio, text = int(item.audio_ms / USER_AUDIO_TOKEN_MS), text_tokens(transcript)
    return {
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"audio_tokens": audio, "text_tokens": 0},
        "output_tokens": text,
        "total_tokens": audio + text,
    }
