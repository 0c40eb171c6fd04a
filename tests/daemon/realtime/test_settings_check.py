"""What the API would refuse is refused here, by name, with what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.realtime.settings import read_settings
from daemon.realtime.settings_check import SettingsError

PCM = {"type": "audio/pcm", "rate": 24000}

ACCEPTED = [
    ("model_name", "gpt-realtime-next", "gpt-realtime-next"),
    ("instructions", "", ""),
    ("prompt", {"id": "p", "version": "2", "variables": {"camelCase": 1}}, ...),
    ("prompt", {"promptId": "p"}, {"id": "p"}),
    ("output_modalities", ("text",), ["text"]),
    ("input_audio_format", "pcm16", PCM),
    ("input_audio_format", {"type": "audio/pcm"}, PCM),
    ("input_audio_format", {"type": "audio/pcm", "rate": 24000}, PCM),
    ("input_audio_format", "g711_ulaw", {"type": "audio/pcmu"}),
    ("output_audio_format", "pcma", {"type": "audio/pcma"}),
    ("input_audio_noise_reduction", {"type": "far_field"}, ...),
    ("input_audio_noise_reduction", None, None),
    ("input_audio_transcription", None, None),
    (
        "input_audio_transcription",
        {"model": "gpt-transcribe", "languages": ["en", "de"], "keywords": []},
        ...,
    ),
    ("input_audio_transcription", {"model": "gpt-realtime-whisper", "delay": "low", "language": "ko"}, ...),
    ("input_audio_transcription", {"model": "whisper-9000", "delay": "low", "keywords": ["x"]}, ...),
    ("input_audio_transcription", {"model": "whisper-1", "prompt": "harkd", "language": None}, ...),
    ("turn_detection", None, None),
    ("turn_detection", {}, {"type": "semantic_vad"}),
    ("turn_detection", {"eagerness": "low"}, {"type": "semantic_vad", "eagerness": "low"}),
    (
        "turn_detection",
        {"type": "server_vad", "threshold": 0, "prefix_padding_ms": 0, "idle_timeout_ms": 30_000},
        ...,
    ),
    ("turn_detection", {"type": "server_vad", "idle_timeout_ms": None}, ...),
    (
        "turn_detection",
        {"type": "server_vad", "createResponse": False, "silenceDurationMs": 200, "modelVersion": "v1"},
        {"type": "server_vad", "create_response": False, "silence_duration_ms": 200, "model_version": "v1"},
    ),
    ("voice", "marin", "marin"),
    ("voice", {"id": "voice_123"}, {"id": "voice_123"}),
    ("speed", 0.25, 0.25),
    ("max_output_tokens", 4096, 4096),
    ("max_output_tokens", "inf", "inf"),
    ("tool_choice", "required", "required"),
    ("tool_choice", {"type": "function", "name": "clock"}, ...),
    ("tool_choice", {"type": "mcp", "server_label": "docs"}, ...),
    ("parallel_tool_calls", False, False),
    ("reasoning", {"effort": "minimal"}, ...),
    ("tracing", "auto", "auto"),
    ("tracing", None, None),
    (
        "tracing",
        {"workflowName": "w", "group_id": "g", "metadata": {"keepCase": 1}},
        {"workflow_name": "w", "group_id": "g", "metadata": {"keepCase": 1}},
    ),
    ("truncation", "disabled", "disabled"),
    (
        "truncation",
        {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
        ...,
    ),
    ("include", ["item.input_audio_transcription.logprobs"], ...),
    ("provider_data", {"newField": {"a": 1}}, ...),
]


@pytest.mark.parametrize(("key", "value", "wire"), ACCEPTED, ids=lambda value: str(value)[:40])
def test_setting_that_the_api_takes(key: str, value: Any, wire: Any) -> None:
    assert list(read_settings({key: value}).values()) == [value if wire is ... else wire]


REFUSED = [
    ("model_name", "", "model_name is '', allowed: the name of a model"),
    ("instructions", 5, "instructions is 5, allowed: text"),
    ("prompt", {"version": "2"}, "prompt.id is None, allowed: a value, it is required"),
    ("prompt", {"id": "p", "versoin": "2"}, "prompt.versoin is '2', allowed: one of the keys id, version, "),
    ("prompt", "p", "prompt is 'p', allowed: an object of id, version, variables"),
    ("output_modalities", ["audio", "text"], "not both; an audio answer comes with its transcript"),
    ("output_modalities", "audio", "output_modalities is 'audio', allowed: [\"audio\"] or"),
    ("modalities", ["video"], "modalities is ['video'], allowed: "),
    ("output_modalities", [], "output_modalities is [], allowed: "),
    ("input_audio_format", "pcm61", "; did you mean 'pcm16'?"),
    ("input_audio_format", {"type": "audio/pcm", "rate": 16000}, "allowed: pcm16, pcm, audio/pcm, "),
    ("input_audio_format", {"type": "audio/pcm", "rate": float("nan")}, "allowed: pcm16, "),
    ("input_audio_format", {"type": ["audio/pcm"]}, "allowed: pcm16, "),
    ("output_audio_format", {"type": "pcm16"}, "allowed: pcm16, "),
    ("input_audio_noise_reduction", "far_field", "allowed: an object of type"),
    ("input_audio_noise_reduction", {"type": "farfield"}, "; did you mean 'far_field'?"),
    ("input_audio_noise_reduction", {}, "input_audio_noise_reduction.type is None, allowed: a value"),
    ("input_audio_transcription", {"modle": "whisper-1"}, "input_audio_transcription.modle is 'whisper-1', "),
    (
        "input_audio_transcription",
        {"language": "en-US"},
        "allowed: a code of ISO 639-1 such as 'en'; did you mean 'en'?",
    ),
    (
        "input_audio_transcription",
        {"model": "gpt-4o-transcribe", "keywords": ["x"]},
        "keywords is ['x'], allowed: nothing with the model gpt-4o-transcribe",
    ),
    (
        "input_audio_transcription",
        {"model": "gpt-realtime-whisper", "prompt": "x"},
        "prompt is 'x', allowed: nothing with the model gpt-realtime-whisper",
    ),
    ("input_audio_transcription", {"model": "whisper-1", "delay": "low"}, "nothing with the model whisper-1"),
    ("turn_detection", "server_vad", "turn_detection is 'server_vad', allowed: an object of type, "),
    (
        "turn_detection",
        {"type": "servervad"},
        "turn_detection.type is 'servervad', allowed: server_vad, semantic",
    ),
    ("turn_detection", {"type": []}, "turn_detection.type is [], allowed: "),
    ("turn_detection", {"type": None}, "turn_detection.type is None, allowed: "),
    (
        "turn_detection",
        {"silenceDurationMs": 300},
        "turn_detection.silenceDurationMs is 300, allowed: nothing with semantic_vad, only with server_vad",
    ),
    ("turn_detection", {"type": "server_vad", "eagerness": "low"}, "allowed: nothing with server_vad, only"),
    ("turn_detection", {"type": "server_vad", "threshold": 1.1}, "allowed: a number from 0 to 1"),
    ("turn_detection", {"type": "server_vad", "threshold": True}, "allowed: a number from 0 to 1"),
    ("turn_detection", {"type": "server_vad", "threshold": float("nan")}, "allowed: a number from 0 to 1"),
    (
        "turn_detection",
        {"type": "server_vad", "prefix_padding_ms": -1},
        "a whole number of milliseconds from 0",
    ),
    (
        "turn_detection",
        {"type": "server_vad", "prefix_padding_ms": 1.5},
        "a whole number of milliseconds from 0",
    ),
    (
        "turn_detection",
        {"type": "server_vad", "idle_timeout_ms": 4999},
        "a whole number of milliseconds from 5000 to 30000",
    ),
    ("turn_detection", {"interrupt_response": "no"}, "interrupt_response is 'no', allowed: true, false"),
    ("turn_detection", {"interupt_response": False}, "; did you mean 'interrupt_response'?"),
    ("voice", "nova", "voice is 'nova', allowed: alloy, ash, "),
    ("voice", "Marin", "; did you mean 'marin'?"),
    ("voice", {"name": "x"}, "voice.name is 'x', allowed: one of the keys id"),
    ("voice", {"id": ""}, "voice.id is '', allowed: the id of a voice"),
    ("voice", 5, "voice is 5, allowed: alloy, "),
    ("speed", 1.51, "speed is 1.51, allowed: a number from 0.25 to 1.5"),
    (
        "max_output_tokens",
        4097,
        'max_output_tokens is 4097, allowed: a whole number from 1 to 4096, or "inf"',
    ),
    ("max_output_tokens", float("inf"), 'or "inf"'),
    ("tool_choice", "clock", 'tool_choice is \'clock\', allowed: auto, none, required, {"type": "function"'),
    ("tool_choice", {"type": "function"}, "tool_choice.name is None, allowed: a value, it is required"),
    ("tool_choice", {"type": {}}, "allowed: auto, none, required, "),
    ("parallel_tool_calls", 1, "parallel_tool_calls is 1, allowed: true, false"),
    (
        "reasoning",
        {"effort": "none"},
        "reasoning.effort is 'none', allowed: minimal, low, medium, high, xhigh",
    ),
    ("tracing", "Auto", "; did you mean 'auto'?"),
    ("tracing", {"workflow": "x"}, "tracing.workflow is 'x', allowed: one of the keys workflow_name, "),
    ("truncation", "off", "truncation is 'off', allowed: auto, disabled, {"),
    ("truncation", {"type": "retention_ratio"}, "truncation.retention_ratio is None, allowed: a value"),
    ("truncation", {"type": "retention_ratio", "retention_ratio": 80}, "allowed: a number from 0 to 1"),
    ("include", "item.input_audio_transcription.logprobs", "allowed: a list"),
    ("include", ["logprobs"], "include[0] is 'logprobs', allowed: item.input_audio_transcription.logprobs"),
    ("tools", [len], "tools[0] is <built-in function len>, allowed: a tool: a function needs @function_tool"),
    ("handoffs", ["x"], "handoffs[0] is 'x', allowed: a hand-off"),
    ("provider_data", [], "provider_data is [], allowed: an object"),
    ("audio", [], "audio is [], allowed: an object of input, output"),
    (
        "audio",
        {"inptu": {}},
        "audio.inptu is {}, allowed: one of the keys input, output; did you mean 'input'?",
    ),
    ("audio", {"output": 5}, "audio.output is 5, allowed: an object of format, voice, speed"),
    (
        "audio",
        {"input": {"turnDetection": {"type": "server_vad", "threshold": 7}}},
        "audio.input.turnDetection.threshold is 7, allowed: a number from 0 to 1",
    ),
    ("turn_detecton", {}, "turn_detecton is {}, allowed: one of the keys "),
    ("turn_detecton", {}, "; did you mean 'turn_detection'?"),
    ("audio.output.voice", "ash", "audio.output.voice is 'ash', allowed: one of the keys "),
    ("temperature", 0.8, "; what is newer than these goes into provider_data"),
]


@pytest.mark.parametrize(("key", "value", "complaint"), REFUSED, ids=lambda value: str(value)[:40])
def test_setting_that_the_api_would_refuse(key: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({key: value})
    assert complaint in str(refused.value)


def test_all_problems_are_told_at_once_with_where_they_are() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"speed": 9, "voice": "nova"}, where="model_settings.")
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["model_settings.speed", "model_settings.voice"]
    assert str(refused.value).count("\n") == 1


def test_voices_of_other_servers_have_any_name() -> None:
    assert read_settings({"voice": "af_heart"}, voices=None) == {"audio.output.voice": "af_heart"}
    with pytest.raises(SettingsError, match="voice is '', allowed: a name, or"):
        read_settings({"voice": ""}, voices=None)
