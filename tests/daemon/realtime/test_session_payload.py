"""Settings as literal JSON of the API."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest
from pydantic import TypeAdapter

from daemon.realtime.session_payload import session_payload, session_update
from daemon.realtime.settings import DEFAULTS, layered, read_settings
from daemon.realtime.settings_check import SettingsError

CLOCK = {"type": "function", "name": "clock", "description": "", "parameters": {"type": "object"}}
DOCS = {"type": "mcp", "server_label": "docs", "server_url": "https://example.org"}

EVERYTHING = {
    "model_name": "gpt-realtime-2.1",
    "instructions": "Be kind.",
    "prompt": {"id": "p", "version": "2", "variables": {"a": "b"}},
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": "pcm16",
            "noise_reduction": {"type": "far_field"},
            "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "harkd"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.6,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 400,
                "idle_timeout_ms": 6000,
                "create_response": True,
                "interrupt_response": False,
            },
        },
        "output": {"format": "audio/pcm", "voice": {"id": "voice_1"}, "speed": 1.1},
    },
    "max_output_tokens": 500,
    "tool_choice": {"type": "function", "name": "clock"},
    "parallel_tool_calls": False,
    "reasoning": {"effort": "low"},
    "tracing": {"workflow_name": "w"},
    "truncation": {
        "type": "retention_ratio",
        "retention_ratio": 0.8,
        "token_limits": {"post_instructions": 9000},
    },
    "include": ["item.input_audio_transcription.logprobs"],
}


def payload(**given: Any) -> dict[str, Any]:
    return session_payload(layered(DEFAULTS, read_settings(given)), [CLOCK])


def test_payload_with_everything_is_the_nested_form() -> None:
    made = session_payload(read_settings(EVERYTHING), [CLOCK, DOCS])
    pcm = {"type": "audio/pcm", "rate": 24000}
    audio_input = {**EVERYTHING["audio"]["input"], "format": pcm}  # type: ignore[index]
    audio_output = {"format": pcm, "voice": {"id": "voice_1"}, "speed": 1.1}
    expected = {**EVERYTHING, "type": "realtime", "tools": [CLOCK, DOCS], "model": "gpt-realtime-2.1"}
    expected["audio"] = {"input": audio_input, "output": audio_output}
    del expected["model_name"]
    assert made == expected


def test_payload_with_everything_satisfies_the_published_types() -> None:
    made = session_payload(read_settings(EVERYTHING), [CLOCK, DOCS])
    typed = TypeAdapter(RealtimeSessionCreateRequest).validate_python(made)
    assert typed.to_dict() == made
    assert not typed.model_extra


def test_payload_by_default() -> None:
    pcm = {"type": "audio/pcm", "rate": 24000}
    assert session_payload(DEFAULTS, []) == {
        "type": "realtime",
        "instructions": "",
        "tools": [],
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": pcm, "voice": "ash"},
        },
    }


def test_payload_sends_null_where_it_switches_off() -> None:
    given = {"turn_detection": None, "input_audio_transcription": None, "input_audio_noise_reduction": None}
    audio_input = payload(**given, tracing=None)["audio"]["input"]
    assert {key: audio_input[key] for key in ("turn_detection", "transcription", "noise_reduction")} == {
        "turn_detection": None,
        "transcription": None,
        "noise_reduction": None,
    }
    assert payload(tracing=None)["tracing"] is None


def test_payload_takes_provider_data_as_it_is_and_last() -> None:
    made = payload(provider_data={"newField": 1, "audio": {"output": {"voice": "brandnew"}}})
    assert (made["newField"], made["audio"]["output"]["voice"]) == (1, "brandnew")
    assert made["audio"]["output"]["format"]["rate"] == 24000


def test_payload_owns_its_objects() -> None:
    made = session_payload(DEFAULTS, [CLOCK])
    made["audio"]["input"]["turn_detection"]["type"] = "changed"
    made["tools"][0]["parameters"]["type"] = "changed"
    assert DEFAULTS["audio.input.turn_detection"]["type"] == "semantic_vad"
    assert CLOCK["parameters"] == {"type": "object"}


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"type": "function", "name": "clok"}, "tool_choice.name is 'clok', allowed: clock"),
        ({"type": "mcp", "server_label": "docs"}, "allowed: nothing, the agent has no such tools"),
    ],
)
def test_payload_refuses_to_force_a_tool_there_is_not(choice: Any, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        payload(tool_choice=choice)


def test_update_has_only_what_differs_and_always_instructions_and_tools() -> None:
    before = payload(instructions="one", turn_detection=None, tracing="auto", model="m")
    after = session_payload(
        layered(DEFAULTS, read_settings({"instructions": "two", "turn_detection": None})), []
    )
    assert session_update(before, after) == {"type": "realtime", "instructions": "two", "tools": []}
    assert session_update(before, before) == {"type": "realtime", "instructions": "one", "tools": [CLOCK]}


def test_update_of_one_audio_field_leaves_its_neighbours_alone() -> None:
    update = session_update(payload(), payload(turn_detection=None, speed=1.2))
    assert update["audio"] == {"input": {"turn_detection": None}, "output": {"speed": 1.2}}


@pytest.mark.parametrize(
    ("given", "cleared"),
    [
        ({"prompt": {"id": "p"}}, {"prompt": None}),
        ({"speed": 1.2}, {"audio": {"output": {"speed": 1.0}}}),
        ({"max_output_tokens": 9}, {"max_output_tokens": "inf"}),
        ({"tool_choice": "none"}, {"tool_choice": "auto"}),
        ({"truncation": "disabled"}, {"truncation": "auto"}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": None}),
        (
            {"input_audio_noise_reduction": {"type": "near_field"}},
            {"audio": {"input": {"noise_reduction": None}}},
        ),
        ({"tracing": "auto", "model": "m"}, {}),
    ],
)
def test_update_sets_back_what_is_gone(given: dict[str, Any], cleared: dict[str, Any]) -> None:
    update = session_update(payload(**given), payload())
    assert {
        key: value for key, value in update.items() if key not in ("type", "instructions", "tools")
    } == cleared


def test_update_keeps_the_voice_once_it_was_heard() -> None:
    before, after = payload(voice="ash"), payload(voice="sage", speed=1.2)
    assert session_update(before, after)["audio"] == {"output": {"voice": "sage", "speed": 1.2}}
    assert session_update(before, after, voice_locked=True)["audio"] == {"output": {"speed": 1.2}}


def test_update_clears_an_idle_timeout_that_is_left_out() -> None:
    before = payload(turn_detection={"type": "server_vad", "idle_timeout_ms": 6000})
    after = payload(turn_detection={"type": "server_vad"})
    assert session_update(before, after)["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "idle_timeout_ms": None,
    }
    semantic = session_update(before, payload())["audio"]["input"]["turn_detection"]
    assert "idle_timeout_ms" not in semantic
