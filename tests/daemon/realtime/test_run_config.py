"""The dicts a runner takes."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.realtime.errors import UserError
from daemon.realtime.guardrails import GuardrailFunctionOutput, output_guardrail
from daemon.realtime.hooks import RealtimeRunHooks
from daemon.realtime.run_config import ModelConfig, RunConfig, is_openai, read_model_config, read_run_config


@output_guardrail
def polite(context: Any, agent: Any, output: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, False)


@pytest.mark.parametrize("given", [None, {}, {"guardrails_settings": None, "model_settings": None}])
def test_run_config_by_default(given: Any) -> None:
    assert read_run_config(given) == RunConfig()


def test_run_config_with_everything() -> None:
    hooks: RealtimeRunHooks[Any] = RealtimeRunHooks()
    config = read_run_config(
        {
            "model_settings": {"voice": "sage"},
            "output_guardrails": [polite],
            "guardrails_settings": {"debounce_text_length": -1},
            "tracing_disabled": True,
            "async_tool_calls": False,
            "tool_execution": {"pre_approval_tool_input_guardrails": True},
            "tool_error_formatter": str,
            "hooks": hooks,
            "history_store_audio": True,
            "automatically_trigger_response_for_mcp_tool_calls": False,
            "approval_timeout_s": 20,
        }
    )
    settings = {"audio.output.voice": "sage"}
    assert config == RunConfig(settings, (polite,), -1, True, False, True, str, hooks, True, False, 20)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "the run config is [], allowed: a dict of model_settings, "),
        ({"model_settings": []}, "model_settings is [], allowed: an object"),
        ({"model_settings": {"voice": "nova"}}, "model_settings.voice is 'nova', allowed: alloy, "),
        ({"gardrails_settings": {}}, "; did you mean 'guardrails_settings'?"),
        (
            {"guardrails_settings": {"debounce": 5}},
            "guardrails_settings.debounce is 5, allowed: one of the keys",
        ),
        ({"guardrails_settings": {"debounce_text_length": 0}}, "debounce_text_length is 0, allowed: "),
        (
            {"output_guardrails": [len]},
            "output_guardrails[0] is <built-in function len>, allowed: a guardrail",
        ),
        ({"async_tool_calls": 1}, "async_tool_calls is 1, allowed: true, false"),
        ({"tool_execution": True}, "tool_execution is True, allowed: an object of pre_approval"),
        ({"tool_error_formatter": "x"}, "tool_error_formatter is 'x', allowed: a function"),
        ({"hooks": 5}, "hooks is 5, allowed: a RealtimeRunHooks"),
        ({"approval_timeout_s": 0}, "approval_timeout_s is 0, allowed: seconds above 0"),
    ],
)
def test_run_config_refuses(given: Any, complaint: str) -> None:
    with pytest.raises(UserError) as refused:
        read_run_config(given)
    assert complaint in str(refused.value)


def test_model_config_by_default() -> None:
    assert read_model_config(None) == ModelConfig()


def test_model_config_with_everything() -> None:
    config = read_model_config(
        {
            "api_key": "s3cret",
            "url": "wss://my.openai.azure.com/openai/v1/realtime?model=mine",
            "headers": {"api-key": "s3cret"},
            "call_id": "rtc_1",
            "initial_model_settings": {
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True}
            },
            "playback_tracker": "tracker",
            "transport_config": {
                "ping_interval": None,
                "ping_timeout": 5,
                "handshake_timeout": 1.5,
                "max_size": None,
            },
        }
    )
    assert (config.ping_interval_s, config.ping_timeout_s, config.handshake_timeout_s) == (None, 5, 1.5)
    assert (config.call_id, config.max_size_bytes, config.playback_tracker) == ("rtc_1", None, "tracker")
    assert config.initial_model_settings == {
        "audio.input.turn_detection": {"type": "semantic_vad", "interrupt_response": True}
    }
    assert "s3cret" not in repr(config)


def test_model_config_takes_any_voice_for_other_servers() -> None:
    given = {"url": "ws://127.0.0.1:8000/v1/realtime", "initial_model_settings": {"voice": "af_heart"}}
    assert read_model_config(given).initial_model_settings == {"audio.output.voice": "af_heart"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, True),
        ("wss://api.openai.com/v1/realtime", True),
        ("wss://eu.api.openai.com/v1/realtime", True),
        ("wss://x.openai.azure.com/openai/v1/realtime?model=m", True),
        ("wss://notopenai.com/v1", False),
        ("wss://openai.com.example.org/v1", False),
        ("ws://localhost:8000", False),
        (5, False),
    ],
)
def test_address_of_openai(url: Any, expected: bool) -> None:
    assert is_openai(url) is expected


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"api_key": ""}, "api_key is '(secret)', allowed: text that is not empty, or a function"),
        (
            {"url": "https://api.openai.com"},
            "url is 'https://api.openai.com', allowed: wss://HOST/PATH, or ws://",
        ),
        ({"url": "ws://example.org"}, "allowed: wss://HOST/PATH, or ws:// to this machine"),
        ({"url": "ws://127.0.0.1.example.org"}, "allowed: wss://HOST/PATH"),
        ({"url": "wss://user:pw@example.org"}, "allowed: wss://HOST/PATH"),
        ({"url": "wss://<your-resource>.openai.azure.com"}, None),
        ({"headers": ["s3cret"]}, "headers is '(secret)', allowed: an object of text"),
        ({"headers": {"a": 5}}, "headers is '(secret)', allowed: an object of text"),
        ({"call_id": ""}, "call_id is '', allowed: the id of a call"),
        (
            {"call_id": "c", "initial_model_settings": {"model_name": "m"}},
            "initial_model_settings.model_name is 'm', allowed: nothing with a call_id",
        ),
        ({"inital_model_settings": {}}, "; did you mean 'initial_model_settings'?"),
        ({"initial_model_settings": {"speed": 9}}, "initial_model_settings.speed is 9, allowed: "),
        ({"transport_config": {"ping_intervall": 5}}, "did you mean 'ping_interval'?"),
        ({"transport_config": {"ping_timeout": 0}}, "transport_config.ping_timeout is 0, allowed: a number"),
        ({"transport_config": {"max_size": "1M"}}, "transport_config.max_size is '1M', allowed: a number"),
    ],
)
def test_model_config_refuses(given: Any, complaint: str | None) -> None:
    if complaint is None:
        assert read_model_config(given).url == given["url"]
        return
    with pytest.raises(UserError) as refused:
        read_model_config(given)
    assert complaint in str(refused.value)
    assert "s3cret" not in str(refused.value)
