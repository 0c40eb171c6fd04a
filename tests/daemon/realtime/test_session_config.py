"""The session configuration: the payload as literal JSON, ranges, and what null means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from realtime_oracle import client_event_problems

from daemon.realtime.config import ABSENT, SessionConfig, SessionConfigError

DEFAULT = (
    '{"type":"realtime","model":"gpt-realtime","instructions":"","output_modalities":["audio"],'
    '"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},'
    '"transcription":{"model":"gpt-4o-mini-transcribe"},"turn_detection":null},'
    '"output":{"format":{"type":"audio/pcm","rate":24000},"voice":"marin"}},"tools":[]}'
)
LAMP = {"type": "function", "name": "lamp", "description": "", "parameters": {"type": "object"}}


def payload(**settings: Any) -> dict[str, Any]:
    session = SessionConfig(**settings).payload()
    assert client_event_problems({"type": "session.update", "session": session}) == []
    return session


def test_default_payload_is_push_to_talk_at_24_khz() -> None:
    assert json.dumps(payload(), separators=(",", ":")) == DEFAULT


def test_every_setting_lands_where_the_api_expects_it() -> None:
    session = payload(
        voice={"id": "voice_1"},
        speed=1.25,
        transcription=None,
        turn_detection={"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": None},
        noise_reduction="far_field",
        tools=(LAMP,),
        tool_choice="required",
        max_output_tokens="inf",
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
    )
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "turn_detection": {"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": None},
        "noise_reduction": {"type": "far_field"},
    }
    assert session["audio"]["output"]["voice"] == {"id": "voice_1"}
    assert session["audio"]["output"]["speed"] == 1.25
    assert session["tools"] == [LAMP]
    assert session["tool_choice"] == "required"
    assert session["max_output_tokens"] == "inf"
    assert session["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.8}


@pytest.mark.parametrize("setting", ["turn_detection", "transcription", "noise_reduction"])
def test_none_is_sent_as_null_and_absent_is_not_sent(setting: str) -> None:
    assert payload(**{setting: None})["audio"]["input"][setting] is None
    assert setting not in payload(**{setting: ABSENT})["audio"]["input"]


def test_text_only_session_and_semantic_vad_are_accepted() -> None:
    vad = {"type": "semantic_vad", "eagerness": "low", "create_response": True}
    assert payload(output_modalities=("text",), turn_detection=vad)["output_modalities"] == ["text"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": " "}, "model is ' ', allowed: a string that is not empty"),
        ({"instructions": None}, "instructions is None, allowed: a string"),
        ({"speed": 1.6}, "speed is 1.6, allowed: a number from 0.25 to 1.5"),
        ({"speed": float("nan")}, "speed is nan, allowed: a number from 0.25 to 1.5"),
        ({"speed": True}, "speed is True, allowed: a number from 0.25 to 1.5"),
        ({"voice": ""}, "voice is '', allowed: a string that is not empty"),
        ({"voice": {"name": "x"}}, "voice.id is None, allowed: a string that is not empty"),
        ({"output_modalities": ("audio", "text")}, "allowed: exactly one of audio, text"),
        ({"output_modalities": ("autio",)}, "allowed: audio, text; did you mean 'audio'?"),
        ({"noise_reduction": "farfield"}, "allowed: near_field, far_field; did you mean 'far_field'?"),
        ({"tool_choice": "always"}, "tool_choice is 'always', allowed: auto, none, required"),
        ({"truncation": "enabled"}, "allowed: auto, disabled; did you mean 'disabled'?"),
        ({"max_output_tokens": 0}, 'allowed: a whole number from 1 to 4096 or "inf"'),
        ({"transcription": {"modle": "x"}}, "key of transcription is 'modle'"),
        ({"transcription": {}}, "transcription.model is None"),
        ({"turn_detection": {}}, "turn_detection.type is None, allowed: server_vad, semantic_vad"),
        ({"turn_detection": {"type": "server-vad"}}, "did you mean 'server_vad'?"),
        ({"turn_detection": {"type": "server_vad", "thresold": 1}}, "did you mean 'threshold'?"),
        ({"turn_detection": {"type": "server_vad", "threshold": 2}}, "a number from 0 to 1"),
        ({"turn_detection": {"type": "server_vad", "silence_duration_ms": 0.5}}, "milliseconds"),
        ({"turn_detection": {"type": "server_vad", "create_response": 1}}, "true or false"),
        ({"turn_detection": {"type": "semantic_vad", "eagerness": "hi"}}, "eagerness is 'hi'"),
        ({"tools": (LAMP, LAMP)}, "tools.name is 'lamp', allowed: each name once"),
        ({"tools": ({"type": "function"},)}, "tools.name is None"),
    ],
)
def test_a_setting_out_of_range_is_named_with_what_is_allowed(settings: Any, message: str) -> None:
    with pytest.raises(SessionConfigError) as refused:
        SessionConfig(**settings)
    assert message in str(refused.value)


def test_the_payload_shares_nothing_with_the_next_one() -> None:
    config = SessionConfig()
    config.payload()["audio"]["input"]["format"]["rate"] = 8000
    assert config.payload()["audio"]["input"]["format"]["rate"] == 24000
