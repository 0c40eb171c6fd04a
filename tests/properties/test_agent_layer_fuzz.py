"""Whatever configuration and files say: a clear refusal, or something the API's published types accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeSessionCreateRequest
from pydantic import TypeAdapter

from daemon.realtime.agent_files import AgentFilesError, build_agents
from daemon.realtime.errors import ModelBehaviorError, UserError
from daemon.realtime.function_schema import function_schema
from daemon.realtime.items import item_from_dict
from daemon.realtime.run_config import read_model_config, read_run_config
from daemon.realtime.session_payload import session_payload
from daemon.realtime.settings import DEFAULTS, layered, read_settings
from daemon.realtime.settings_check import EFFORTS, FORMATS, VOICES

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-10, 40_000)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["auto", "none", "server_vad", "semantic_vad", "function", "mcp", "retention_ratio", "whisper-1"]
    )
    | st.sampled_from([*EFFORTS, *FORMATS, *VOICES, "near_field", "inf", "audio", "text", "en", "en-US"])
)
KEYS = st.sampled_from(
    [
        "type",
        "id",
        "name",
        "model",
        "rate",
        "audio",
        "input",
        "output",
        "format",
        "voice",
        "speed",
        "turn_detection",
        "turnDetection",
        "effort",
        "threshold",
        "eagerness",
        "create_response",
        "silence_duration_ms",
        "idle_timeout_ms",
        "transcription",
        "language",
        "languages",
        "noise_reduction",
        "version",
        "variables",
        "retention_ratio",
        "token_limits",
        "post_instructions",
        "workflow_name",
        "server_label",
        "metadata",
        "role",
        "content",
        "item_id",
        "call_id",
        "arguments",
        "agent",
        "tool_name",
        "command",
        "args",
        "env",
        "tools",
        "handoffs",
        "guardrails",
        "mcp_servers",
        "hosted_mcp",
        "server_url",
        "prompt",
        "instructions",
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
WORDS = st.text(max_size=4)
FLAGS = st.booleans() | st.just("yes")
TRANSCRIPTION = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["whisper-1", "gpt-transcribe", "gpt-realtime-whisper", "new", ""]),
        "language": st.sampled_from(["en", "en-US", None]),
        "languages": st.lists(st.sampled_from(["de", "x"]), max_size=2),
        "keywords": st.lists(WORDS, max_size=2),
        "prompt": WORDS,
        "delay": st.sampled_from([*EFFORTS, "long"]),
    },
)
TURN_DETECTION = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["server_vad", "semantic_vad", "vad"]),
        "createResponse": FLAGS,
        "interrupt_response": FLAGS,
        "eagerness": st.sampled_from(["low", "eager"]),
        "threshold": st.floats(-0.1, 1.1),
        "silenceDurationMs": st.integers(-1, 9),
        "idle_timeout_ms": st.none() | st.integers(4_990, 30_010),
    },
)
LIKELY = {
    "model_name": WORDS,
    "instructions": WORDS,
    "prompt": st.fixed_dictionaries(
        {"id": WORDS}, optional={"version": WORDS, "variables": st.just({"a": "b"})}
    ),
    "output_modalities": st.lists(st.sampled_from(["audio", "text"]), max_size=2),
    "inputAudioFormat": st.sampled_from([*FORMATS, "mp3"]),
    "input_audio_transcription": st.none() | TRANSCRIPTION,
    "input_audio_noise_reduction": st.none() | st.builds(dict, type=st.sampled_from(["near_field", "far"])),
    "turn_detection": st.none() | TURN_DETECTION,
    "voice": st.sampled_from([*VOICES, "nova"]) | st.builds(dict, id=WORDS),
    "speed": st.floats(0.2, 1.6),
    "max_output_tokens": st.just("inf") | st.integers(0, 4_097),
    "tool_choice": st.sampled_from(["auto", "none", "required", "all"]),
    "parallelToolCalls": FLAGS,
    "reasoning": st.builds(dict, effort=st.sampled_from([*EFFORTS, "none"])),
    "truncation": st.sampled_from(["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}]),
    "include": st.lists(st.sampled_from(["item.input_audio_transcription.logprobs", "x"]), max_size=2),
    "tracing": st.sampled_from([None, "auto", {"workflow_name": "w"}, {"workflow": "w"}]),
}
PUBLISHED: TypeAdapter[Any] = TypeAdapter(RealtimeSessionCreateRequest)
FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refusal(error: type[Exception], call: Callable[[], Any]) -> str | None:
    """What the call says when it refuses; None if it does not."""
    try:
        call()
    except error as refused:
        return str(refused)
    return None


@FUZZ
@given(st.data())
@pytest.mark.parametrize("key", LIKELY)
def test_setting_is_refused_or_fits_the_published_types(key: str, data: st.DataObject) -> None:
    given_settings = {key: data.draw(LIKELY[key])}
    said = refusal(UserError, lambda: read_settings(given_settings))
    if said is not None:
        assert "allowed: " in said
        return
    payload = session_payload(layered(DEFAULTS, read_settings(given_settings)), [])
    assert PUBLISHED.validate_python(payload).to_dict() == payload


@FUZZ
@given(JSON)
@pytest.mark.parametrize("read", [read_run_config, read_model_config, item_from_dict, read_settings])
def test_reader_of_anything_refuses_in_words(read: Any, anything: Any) -> None:
    table = anything if isinstance(anything, dict) else {"audio": anything}
    assert refusal(UserError, lambda: read(table)) != ""


@FUZZ
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c d"]), st.dictionaries(KEYS, JSON, max_size=4), max_size=3)
)
def test_agent_files_with_anything_in_them_are_refused_in_words(files: dict[str, Any]) -> None:
    def build() -> Any:
        return build_agents(files, tools={}, guardrails={}, mcp_server=lambda spec: object())  # type: ignore[arg-type, return-value]

    if refusal(AgentFilesError, build) is None:
        assert set(build()) == set(files)


def weather(city: str, days: int = 3, *, units: list[str] | None = None) -> str:
    return city


WEATHER = function_schema(weather)


@FUZZ
@given(st.text(max_size=40) | JSON.map(lambda value: TypeAdapter(Any).dump_json({"city": value}).decode()))
def test_arguments_of_a_tool_are_refused_or_fit(arguments: str) -> None:
    said = refusal(ModelBehaviorError, lambda: WEATHER.bind(arguments))
    if said is not None:
        assert said.startswith("Invalid arguments for weather: ")
        return
    args, kwargs = WEATHER.bind(arguments)
    assert isinstance(weather(*args, **kwargs), str)
