"""What the configuration means for the parts."""

from __future__ import annotations

import pytest

from daemon.config.schema import Session, Talk
from daemon.settings import model_url, session_payload, talk_settings
from daemon.talk import BargeIn, TalkMode, TalkSettings


def test_defaults_of_file_and_appliance_are_the_same() -> None:
    assert talk_settings(Talk()) == TalkSettings()


def test_modes_become_the_appliances_own() -> None:
    settings = talk_settings(Talk(mode="hands_free", barge_in="server_vad", preroll_ms=50))
    assert (settings.mode, settings.barge_in, settings.preroll_ms) == (
        TalkMode.HANDS_FREE,
        BargeIn.SERVER_VAD,
        50,
    )


def test_push_to_talk_switches_the_servers_voice_detection_off() -> None:
    payload = session_payload(Session(instructions="Be brief."), Talk())
    assert payload["audio"]["input"]["turn_detection"] is None
    assert payload["instructions"] == "Be brief."
    assert payload["tools"] == []


@pytest.mark.parametrize(("barge_in", "interrupts"), [("button", False), ("server_vad", True)])
def test_hands_free_leaves_turns_to_the_server(barge_in: str, interrupts: bool) -> None:
    payload = session_payload(Session(), Talk(mode="hands_free", barge_in=barge_in))
    assert payload["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": interrupts,
    }


def test_transcription_can_be_off_or_in_a_language() -> None:
    off = session_payload(Session(transcription_model=""), Talk())
    german = session_payload(Session(transcription_language="de"), Talk())
    assert off["audio"]["input"]["transcription"] is None
    assert german["audio"]["input"]["transcription"]["language"] == "de"


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
