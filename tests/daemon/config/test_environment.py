"""Settings from variables: which key, which type, and what is no setting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.environment import parse_environment
from daemon.config.layers import KEY_BELONGS, Layer, Problem
from daemon.config.schema import Config
from daemon.config.sources import Loaded, Sources, resolve


def config_of(**environ: str) -> Config:
    loaded = resolve(Sources(environment=environ))
    assert isinstance(loaded, Loaded), loaded
    return loaded.config


def complaints(**environ: str) -> list[str]:
    problems = resolve(Sources(environment=environ))
    assert not isinstance(problems, Loaded)
    return list(map(str, problems))


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("HARKD_TALK__HOLD_S", "20", "talk.hold_s", 20.0),
        ("HARKD_TALK__MODE", "toggle", "talk.mode", "toggle"),
        ("HARKD_TALK__MODE", '"toggle"', "talk.mode", "toggle"),
        ("HARKD_AUDIO__CAPTURE__DEVICE", "USB Audio", "audio.capture.device", "USB Audio"),
        ("HARKD_AUDIO__CAPTURE__DEVICE", "1", "audio.capture.device", "1"),
        ("HARKD_AUDIO__CAPTURE__RATE_HZ", "48000", "audio.capture.rate_hz", 48_000),
        ("HARKD_AUDIO__CAPTURE__RATE_HZ", "auto", "audio.capture.rate_hz", "auto"),
        ("HARKD_SOUNDS__EARCONS", "false", "sounds.earcons", False),
        ("HARKD_SOUNDS__PROMPTS", "off", "sounds.prompts", "off"),
        ("HARKD_SESSION__TRANSCRIPTION_MODEL", "", "session.transcription_model", ""),
    ],
)
def test_variable_sets_its_key(variable: str, text: str, key: str, value: object) -> None:
    found: object = config_of(**{variable: text})
    for part in key.split("."):
        found = getattr(found, part)
    assert (found, type(found)) == (value, type(value))


def test_variable_reaches_the_tables_that_the_operator_named() -> None:
    buttons = config_of(HARKD_BUTTONS__TALK__PIN="5", HARKD_BUTTONS__doorBell__PIN="6").buttons
    assert {name: button.pin for name, button in buttons.items()} == {"talk": 5, "doorBell": 6}


def test_other_variables_are_none_of_ours() -> None:
    assert config_of(PATH="/bin", harkd_talk__mode="x", HARK="1") == Config()


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("HARKD_TALK__MOD", "hold", "HARKD_TALK__MOD: sets nothing; .* did you mean HARKD_TALK__MODE?"),
        ("HARKD_TALK_MODE", "hold", "HARKD_TALK_MODE: sets nothing; .* did you mean HARKD_TALK__MODE?"),
        ("HARKD_BUTTONS__A__PN", "1", ".* did you mean HARKD_BUTTONS__A__PIN?"),
        ("HARKD_BUTTONS____PIN", "1", "HARKD_BUTTONS____PIN: sets nothing; .*"),
        ("HARKD_TALK", "{}", "HARKD_TALK: sets nothing; .*"),
        ("HARKD_", "", "HARKD_: sets nothing; .*"),
        ("HARKD_TALK__HOLD_S", "long", 'HARKD_TALK__HOLD_S: talk.hold_s: is "long"; allowed: a number .*'),
        ("HARKD_TALK__HOLD_S", "1\nx = 2", "HARKD_TALK__HOLD_S: talk.hold_s: is .*"),
        ("HARKD_TALK__HOLD_S", "[" * 5000, "HARKD_TALK__HOLD_S: talk.hold_s: is .*"),
        ("HARKD_SOUNDS__EARCONS", "1", "HARKD_SOUNDS__EARCONS: sounds.earcons: is 1; allowed: true or false"),
        ("HARKD_OPENAI_API_KEY", "sk-0123456789abcdef", f"HARKD_OPENAI_API_KEY: {KEY_BELONGS}"),
    ],
)
def test_variable_that_is_no_setting_is_told(variable: str, text: str, complaint: str) -> None:
    [said] = complaints(**{variable: text})
    beginning, _, end = complaint.partition(".*")
    assert said.startswith(beginning)
    assert said.endswith(end)
    assert "sk-0" not in said


def test_key_in_any_variable_is_told_but_not_shown() -> None:
    [said] = complaints(HARKD_SESSION__INSTRUCTIONS="use sk-0123456789abcdef")
    assert KEY_BELONGS in said
    assert "0123" not in said


def test_all_variables_are_told_of_at_once() -> None:
    assert len(complaints(HARKD_A="1", HARKD_TALK__MODE="x", HARKD_VAD__AGGRESSIVENESS="9")) == 3


@given(st.dictionaries(st.text(max_size=30).map(lambda name: f"HARKD_{name}"), st.text(max_size=30)))
def test_any_variable_is_a_layer_or_a_problem(environ: dict[str, str]) -> None:
    parsed = parse_environment(environ)
    assert len(parsed) == len(environ)
    assert all(isinstance(result, Layer | Problem) for result in parsed)
