from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from daemon.config.defaults import render_defaults
from daemon.config.files import load_config
from daemon.config.schema import Config, Link, Session, Talk
from daemon.config.section import Section, allowed_values, is_section, named_section
from daemon.realtime.settings import read_settings
from daemon.realtime.transports.websocket import WebSocketLimits, WebSocketTransport
from daemon.settings import model_settings
from daemon.talk import BargeIn, TalkMode, TalkSettings

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def settings(section: type[Section] = Config, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in section.model_fields.items():
        if is_section(field.annotation):
            yield from settings(field.annotation, f"{path}{name}.")  # type: ignore[arg-type]
        elif named := named_section(field.annotation):
            yield from settings(named, f"{path}{name}.NAME.")
        else:
            yield f"{path}{name}", field


def test_defaults_file_is_what_the_schema_says() -> None:
    assert (CONFIGS / "default.toml").read_text(encoding="utf-8") == render_defaults()


def test_defaults_file_changes_nothing() -> None:
    assert load_config([CONFIGS / "default.toml"]) == Config() == load_config([])


@pytest.mark.parametrize("example", sorted((CONFIGS / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_example_loads_and_differs_from_the_defaults(example: Path) -> None:
    assert load_config([example]) != Config()


def test_there_are_examples() -> None:
    assert len(list((CONFIGS / "examples").glob("*.toml"))) >= 3


@pytest.mark.parametrize(("key", "field"), list(settings()))
def test_key_is_described_in_one_sentence_and_says_what_is_allowed(key: str, field: Any) -> None:
    assert field.description.endswith(".")
    assert "\n" not in field.description
    assert allowed_values(field)


def test_talk_section_is_the_settings_of_the_appliance() -> None:
    plain = {k: v.value if isinstance(v, Enum) else v for k, v in asdict(TalkSettings()).items()}
    of_link = {"connect_on_demand": False, "idle_hang_up_s": Link().idle_hang_up_s}
    assert Talk().model_dump() | of_link == plain


@pytest.mark.parametrize(("key", "enum"), [("mode", TalkMode), ("barge_in", BargeIn)])
def test_talk_choices_are_those_of_the_appliance(key: str, enum: type[Enum]) -> None:
    assert list(get_args(Talk.model_fields[key].annotation)) == [member.value for member in enum]


@pytest.mark.parametrize("noise_reduction", get_args(Session.model_fields["noise_reduction"].annotation))
@pytest.mark.parametrize("detection", get_args(Session.model_fields["turn_detection"].annotation))
def test_session_choices_are_those_of_the_agent_layer(noise_reduction: str, detection: str) -> None:
    session = Session(noise_reduction=noise_reduction, turn_detection=detection)
    read_settings(model_settings(session, Talk(mode="hands_free")))  # refuses what the API would


def test_link_defaults_are_those_of_the_transport() -> None:
    link, limits = Config().link, WebSocketLimits()
    assert link.ping_interval_s == limits.ping_interval_s
    assert link.ping_timeout_s == limits.ping_timeout_s
    assert link.handshake_timeout_s == limits.open_timeout_s
    assert link.send_bound_s * 64_000 <= limits.send_bound_bytes < (link.send_bound_s + 0.1) * 64_000


@pytest.mark.parametrize(
    "url",
    [
        "wss://api.openai.com/v1/realtime",
        "wss://x.openai.azure.com/openai/realtime?api-version=1&deployment=d",
        "ws://localhost:8080/v1/realtime",
        "ws://127.0.0.1",
        "ws://[::1]:9/",
    ],
)
def test_url_is_one_the_transport_takes(url: str) -> None:
    assert WebSocketTransport(Session(url=url).url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://api.openai.com/",
        "ws://api.openai.com/",
        "ws://127.0.0.1.example.com/",
        "ws://localhost.example.com/",
        "ws://localhost:80@example.com/",
        "wss://user:password@host/",
        "wss://host/#x",
        "wss://host/a b",
        "wss://host/\n",
        "wss://host:99999/",
        "wss://host:0/",
        "wss://[bad/",
        "wss://[::g]/",
        "wss://?model=x",
        "wss://host/ä",
        "ws://127.9999.0.1/",
    ],
)
def test_url_the_transport_would_refuse_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Session(url=url)


@pytest.mark.parametrize("proxy", ["http://[x", "http://host:999999", "ftp://host", "http://u:p@host"])
def test_proxy_that_is_no_address_is_refused(proxy: str) -> None:
    with pytest.raises(ValidationError):
        Link(proxy=proxy)


def test_configuration_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValidationError):
        Config().vad.aggressiveness = 3
