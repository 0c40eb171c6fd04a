"""Settings in every spelling and in layers."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.errors import UserError
from daemon.realtime.settings import DEFAULTS, SessionSettings, agent_layer, layered, read_settings
from daemon.realtime.settings_check import SettingsError
from daemon.realtime.tools import function_tool

VAD = "audio.input.turn_detection"
VOICE = "audio.output.voice"

PLAIN: RealtimeAgent[Any] = RealtimeAgent("Plain")
SAGE: RealtimeAgent[Any] = RealtimeAgent("Sage", voice="sage", prompt={"id": "p"})


@pytest.mark.parametrize(
    "given",
    [
        {"turn_detection": {"type": "server_vad", "create_response": False}},
        {"turnDetection": {"type": "server_vad", "createResponse": False}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
        {"audio": {"input": {"turnDetection": {"type": "server_vad", "create_response": False}}}},
    ],
)
def test_settings_mean_the_same_in_every_spelling(given: dict[str, Any]) -> None:
    assert read_settings(given) == {VAD: {"type": "server_vad", "create_response": False}}


@pytest.mark.parametrize(
    ("given", "voice"),
    [
        ({"audio": {"output": {"voice": "sage"}}, "voice": "ash"}, "sage"),
        ({"voice": "ash", "audio": {"output": {"voice": "sage"}}}, "sage"),
        ({"voice": "ash", "audio": {"output": {"voice": None}}}, None),
        ({"voice": "ash", "audio": {"output": {}}}, "ash"),
        ({"voice": "ash", "audio": {"output": None, "input": None}}, "ash"),
        ({"voice": "ash", "audio": None}, "ash"),
    ],
)
def test_nested_wins_over_flat(given: dict[str, Any], voice: str | None) -> None:
    assert read_settings(given) == {VOICE: voice}


def test_full_spelling_wins_over_the_older_one() -> None:
    given = {"modalities": ["audio"], "output_modalities": ["text"], "model": "a", "model_name": "b"}
    assert read_settings(given) == {"output_modalities": ["text"], "model": "a"}


def test_snake_wins_over_camel_at_every_depth() -> None:
    assert read_settings({"maxOutputTokens": 1, "max_output_tokens": 2}) == {"max_output_tokens": 2}
    vad = {"create_response": False, "createResponse": True}
    assert read_settings({"turn_detection": vad})[VAD] == {"type": "semantic_vad", "create_response": False}


def test_layers_win_field_by_field_and_null_is_not_absent() -> None:
    low = read_settings(
        {"turn_detection": {"type": "server_vad", "threshold": 0.4}, "speed": 1.2, "voice": "ash"}
    )
    high = read_settings({"turn_detection": None, "speed": None})
    assert layered(low, high) == {VAD: None, VOICE: "ash"}
    assert layered(low, {}) == low
    assert layered(low, read_settings({"turn_detection": {}})) == {**low, VAD: {"type": "semantic_vad"}}


def effective(settings: SessionSettings, agent: RealtimeAgent[Any], text: str, first: bool) -> dict[str, Any]:
    return settings.effective(agent_layer(agent, text), first=first)


def test_session_by_default() -> None:
    values = effective(SessionSettings(), PLAIN, "", first=True)
    assert values == {"model": "gpt-realtime-2.1", **DEFAULTS}
    assert SessionSettings().model == "gpt-realtime-2.1"


def test_session_attached_to_a_call_leaves_its_model_and_formats_alone() -> None:
    settings = SessionSettings(initial=read_settings({"output_audio_format": "pcmu"}), attached=True)
    values = effective(settings, PLAIN, "", first=True)
    assert "model" not in values
    assert "audio.input.format" not in values
    assert values["audio.output.format"] == {"type": "audio/pcmu"}


@pytest.mark.parametrize(
    ("base", "initial", "overrides", "voice"),
    [
        ({}, {}, {}, "sage"),
        ({"voice": "coral"}, {}, {}, "coral"),
        ({"voice": "coral"}, {"voice": "echo"}, {}, "echo"),
        ({"voice": "coral"}, {"audio": {"output": {"voice": "echo"}}}, {"voice": "verse"}, "verse"),
    ],
)
def test_voice_comes_from_the_highest_layer_that_names_one(
    base: Any, initial: Any, overrides: Any, voice: str
) -> None:
    settings = SessionSettings(read_settings(base), read_settings(initial), read_settings(overrides))
    assert effective(settings, SAGE, "", first=False)[VOICE] == voice


def test_instructions_given_at_the_start_hold_until_the_first_handoff() -> None:
    settings = SessionSettings(
        read_settings({"instructions": "base"}), read_settings({"instructions": "start"})
    )
    assert effective(settings, PLAIN, "agent", first=True)["instructions"] == "start"
    assert effective(settings, PLAIN, "agent", first=False)["instructions"] == "agent"
    assert effective(settings, PLAIN, "", first=False)["instructions"] == "base"


def test_other_settings_given_at_the_start_hold_for_good() -> None:
    settings = SessionSettings(
        read_settings({"speed": 1.1}), read_settings({"speed": 1.2, "turn_detection": None})
    )
    values = effective(settings, SAGE, "agent", first=False)
    assert (values["audio.output.speed"], values[VAD], values["prompt"]) == (1.2, None, {"id": "p"})


def test_overrides_survive_handoffs_and_can_be_taken_back() -> None:
    settings = SessionSettings(read_settings({"speed": 1.1})).with_overrides(
        read_settings({"turn_detection": None})
    )
    settings = settings.with_overrides(read_settings({"speed": 1.4}))
    values = effective(settings, SAGE, "agent", first=False)
    assert (values[VAD], values["audio.output.speed"]) == (None, 1.4)
    assert "audio.output.speed" not in effective(
        settings.with_overrides(read_settings({"speed": None})), SAGE, "agent", first=False
    )


@pytest.mark.parametrize(
    "given", [{"instructions": "x"}, {"prompt": None}, {"model": "m"}, {"tracing": "auto"}]
)
def test_overrides_cannot_replace_the_agent_or_what_is_fixed(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="allowed: nothing while the session runs"):
        SessionSettings().with_overrides(read_settings(given))


def test_tools_given_at_the_start_replace_those_of_the_first_agent_only() -> None:
    clock, stop = (function_tool(lambda: 1, name_override=name) for name in ("clock", "stop"))
    settings = SessionSettings(initial=read_settings({"tools": [stop]}))
    agent: RealtimeAgent[Any] = RealtimeAgent("A", tools=[clock])
    assert settings.tool_lists(agent, first=True) == ([stop], [])
    assert settings.tool_lists(agent, first=False) == ([clock], [])


def test_tools_for_all_agents_are_refused() -> None:
    with pytest.raises(UserError, match=r"model_settings\.tools would be hidden"):
        SessionSettings(base=read_settings({"tools": []}))


def test_agent_with_a_voice_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match="agent 'Bo': voice is 'nova', allowed: "):
        agent_layer(RealtimeAgent("Bo", voice="nova"), "")
