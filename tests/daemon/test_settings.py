"""What the configuration means for the parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.config.schema import Agents, Config, Link, Session, Talk
from daemon.price_file import load_prices
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.model import OpenAIRealtimeWebSocketModel
from daemon.realtime.session import RealtimeSession
from daemon.run import app_settings
from daemon.settings import model_settings, model_url, plain_agent, starting_agent, talk_settings
from daemon.talk import BargeIn, TalkMode, TalkSettings


def test_defaults_of_file_and_appliance_are_the_same() -> None:
    assert talk_settings(Talk(), Link()) == TalkSettings()


def test_modes_become_the_appliances_own() -> None:
    settings = talk_settings(Talk(mode="hands_free", barge_in="server_vad", preroll_ms=50), Link())
    assert (settings.mode, settings.barge_in, settings.preroll_ms) == (
        TalkMode.HANDS_FREE,
        BargeIn.SERVER_VAD,
        50,
    )


def audio_input(session: Session, talk: Talk) -> dict[str, Any]:
    return dict(model_settings(session, talk)["audio"]["input"] or {})


def test_push_to_talk_switches_the_servers_voice_detection_off() -> None:
    assert audio_input(Session(), Talk())["turn_detection"] is None


@pytest.mark.parametrize("barge_in", ["button", "server_vad"])
def test_hands_free_leaves_turns_to_the_server_and_interruptions_to_us(barge_in: str) -> None:
    talk = Talk(mode="hands_free", barge_in=barge_in)
    assert audio_input(Session(), talk)["turn_detection"] == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": False,
    }


def test_transcription_can_be_off_or_in_a_language() -> None:
    assert audio_input(Session(transcription_model=""), Talk())["transcription"] is None
    german = audio_input(Session(transcription_language="de"), Talk())
    assert german["transcription"]["language"] == "de"


def test_settings_are_such_as_a_session_takes() -> None:
    session = Session(speed=1.2, noise_reduction="far_field")
    RealtimeSession(
        OpenAIRealtimeWebSocketModel(),
        plain_agent(session),
        run_config={"model_settings": model_settings(session, Talk(mode="hands_free"))},
    )


def test_plain_agent_has_the_sessions_character_and_every_built_in_tool() -> None:
    agent = plain_agent(Session(instructions="Be brief."))
    assert agent.instructions == "Be brief."
    assert {tool.name for tool in agent.tools} >= {"current_time", "set_timer", "stop"}


def test_starting_agent_is_the_one_named() -> None:
    night = RealtimeAgent(name="Night")
    assert starting_agent({"night": night}, Config(agents=Agents(start="night"))) is night
    with pytest.raises(ValueError, match=r"no agents/nite.toml; there are night; did you mean 'night'"):
        starting_agent({"night": night}, Config(agents=Agents(start="nite")))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://api.openai.com/v1/realtime", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("wss://h/x?a=b", "wss://h/x?a=b&model=gpt-realtime"),
        ("wss://h/x?model=mine", "wss://h/x?model=mine"),
    ],
)
def test_model_goes_into_the_address_once(url: str, expected: str) -> None:
    assert model_url(Session(url=url)) == expected


def test_length_of_an_append_is_what_the_link_section_says(tmp_path: Path) -> None:
    config = Config(link=Link(append_ms=40))
    settings = app_settings(config, plain_agent(config.session), tmp_path, load_prices())
    assert settings.append_ms == 40


def test_when_to_connect_is_what_the_link_section_says() -> None:
    settings = talk_settings(Talk(), Link(warm="on_demand", idle_hang_up_s=300))
    assert (settings.connect_on_demand, settings.idle_hang_up_s) == (True, 300)
