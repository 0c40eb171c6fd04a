"""configs/examples: whole devices, and what each of them promises in its comment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.bindings import problems
from daemon.config.files import load_config
from daemon.device_setup import bindings
from daemon.settings import model_settings, model_url

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))

# What makes each of them what it is called: keys with what they must be.
PROMISES: dict[str, dict[str, Any]] = {
    "azure": {"session.transcription_model": "TRANSCRIPTION-DEPLOYMENT"},
    "hands-free-echo-cancelled": {
        "talk.mode": "hands_free",
        "talk.barge_in": "local_vad",
        "audio.processing.echo_cancellation": True,
    },
    "hands-free-speakerphone": {"talk.mode": "hands_free", "talk.barge_in": "server_vad"},
    "intercom": {"talk.mode": "toggle", "talk.barge_in": "off", "talk.capture": "on_demand"},
    "kiosk": {"talk.mode": "hands_free", "talk.barge_in": "off", "buttons": {}},
    "laptop": {"buttons.talk.driver": "keyboard"},
    "privacy-box": {
        "talk.capture": "on_demand",
        "talk.preroll_ms": 0,
        "buttons.mute.kind": "mute_switch",
        "session.transcription_model": "",
    },
    "push-button-speaker": {"talk.mode": "hold", "buttons.talk.pin": 17},
    "wake-word-speaker": {"talk.barge_in": "wake_word", "talk.follow_up_s": 8, "buttons": {}},
}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_what_it_is_called(name: str) -> None:
    settings = load_config([FOLDER / f"{name}.toml"]).model_dump()
    assert {path: _at(settings, path) for path in PROMISES[name]} == PROMISES[name]


def _at(settings: Any, path: str) -> Any:
    for part in path.split("."):
        settings = settings[part]
    return settings


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_first_what_it_is(name: str) -> None:
    assert (FOLDER / f"{name}.toml").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_somebody_can_begin_a_conversation(name: str) -> None:
    config = load_config([FOLDER / f"{name}.toml"])
    bound = [bindings(button) for button in config.buttons.values() if button.kind == "button"]
    assert [said for each in bound for said in problems(each)] == []
    called = config.wake_word.engine != "none"
    assert any(each.opens_talk for each in bound) or called or config.talk.mode == "hands_free"


@pytest.mark.parametrize("name", NAMES)
def test_no_pin_of_an_example_has_two_tasks(name: str) -> None:
    config = load_config([FOLDER / f"{name}.toml"])
    pins = [button.pin for button in config.buttons.values() if button.driver == "gpio"]
    pins += [config.light.pin] if config.light.driver == "gpio_led" else []
    assert len(pins) == len(set(pins))


@pytest.mark.parametrize("name", NAMES)
def test_the_server_is_asked_for_what_it_knows(name: str) -> None:
    config = load_config([FOLDER / f"{name}.toml"])
    assert model_settings(config.session, config.talk)


def test_azure_is_asked_at_its_own_address() -> None:
    session = load_config([FOLDER / "azure.toml"]).session
    assert model_url(session) == "wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT"
