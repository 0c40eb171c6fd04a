"""The session object: its defaults, and what a session.update changes in it. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from daemon.simulator.conversation import Refused

DEFAULT_MODEL = "gpt-realtime-2.1"
# A field left out of a turn_detection object has its default, whatever it was before.
_TURN_DETECTION: dict[str, dict[str, Any]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
_PCM = {"type": "audio/pcm", "rate": 24000}


def default_session(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    """The complete session object of a new connection; `expires_at` is in Unix seconds."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "expires_at": expires_at,
        "output_modalities": ["audio"],
        "instructions": "You are a simulated model. You repeat what you hear.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_TURN_DETECTION["server_vad"]),
            },
            "output": {"format": dict(_PCM), "voice": "marin", "speed": 1.0},
        },
    }


def updated_session(
    current: Mapping[str, Any], update: Mapping[str, Any], *, audio_heard: bool, response_active: bool
) -> dict[str, Any]:
    """`current` with the fields present in a validated `update`. Raises `Refused` and changes nothing."""
    audio = update.get("audio", {})
    changed = copy.deepcopy({**current, **update, "audio": current["audio"]})
    changed["audio"]["input"].update(copy.deepcopy(audio.get("input", {})))
    changed["audio"]["output"].update(copy.deepcopy(audio.get("output", {})))
    for direction in ("input", "output"):
        changed["audio"][direction]["format"] = _with_rate(changed["audio"][direction]["format"])
    detection = changed["audio"]["input"]["turn_detection"]
    if detection is not None:
        changed["audio"]["input"]["turn_detection"] = {**_TURN_DETECTION[detection["type"]], **detection}
    _check_frozen(current, changed, audio_heard=audio_heard, response_active=response_active)
    return changed


def _with_rate(audio_format: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_PCM) if audio_format["type"] == "audio/pcm" else {"type": audio_format["type"]}


def _check_frozen(
    current: Mapping[str, Any], changed: Mapping[str, Any], *, audio_heard: bool, response_active: bool
) -> None:
    if changed["model"] != current["model"]:
        message = f"The model of a session cannot be changed from '{current['model']}'."
        raise Refused("invalid_value", message, "session.model")
    if current["tracing"] is not None and changed["tracing"] != current["tracing"]:
        raise Refused("invalid_value", "Tracing cannot be changed once it is enabled.", "session.tracing")
    before, after = current["audio"]["output"], changed["audio"]["output"]
    if audio_heard and before["voice"] != after["voice"]:
        message = "Cannot update a conversation's voice if assistant audio is present."
        raise Refused("cannot_update_voice", message, "session.audio.output.voice")
    if response_active and before["speed"] != after["speed"]:
        message = "The speed can only be changed in between model turns."
        raise Refused("invalid_value", message, "session.audio.output.speed")
