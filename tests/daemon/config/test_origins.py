"""Where values come from, for people and for programs."""

from __future__ import annotations

import tomllib

import pytest

from daemon.config.layers import masked, merge
from daemon.config.origins import render_settings, settings_as_json, settings_of
from daemon.config.schema import Config
from daemon.config.section import keys_of
from daemon.config.sources import Loaded, SourceFile, Sources, resolve

A = '[talk]\nmode = "toggle"\nhold_s = 3\n[audio]\ncapture = { channels = 2, channel = 1 }\n'
B = 'talk.hold_s = 4\n[buttons."my bell"]\npin = 5\n'


def loaded(*texts: str, **environ: str) -> Loaded:
    files = [
        SourceFile(f"0/conf.d/{n}.toml", f"{'ab'[n]}.toml", text.encode()) for n, text in enumerate(texts)
    ]
    found = resolve(Sources(tuple(files), environ))
    assert isinstance(found, Loaded), found
    return found


def origins(key: str, found: Loaded) -> list[str]:
    [setting] = [setting for setting in settings_of(found) if setting.path == tuple(key.split("."))]
    return [str(origin) for origin in setting.origins]


def test_origin_is_the_line_that_won_and_those_below_it() -> None:
    found = loaded(A, B, HARKD_TALK__HOLD_S="5")
    assert origins("talk.hold_s", found) == ["HARKD_TALK__HOLD_S", "b.toml:1", "a.toml:3"]
    assert origins("talk.mode", found) == ["a.toml:2"]
    assert origins("talk.answer_s", found) == []


def test_key_in_an_inline_table_is_on_the_line_of_the_table_and_its_neighbour_has_no_origin() -> None:
    assert origins("audio.capture.channel", loaded(A)) == ["a.toml:5"]
    assert origins("audio.capture.rate_hz", loaded(A)) == []


def test_key_that_is_spelled_in_another_way_has_its_file() -> None:
    found = loaded('["t\\u0061lk"]\nmode = "toggle"')
    assert origins("talk.mode", found) == ["a.toml"]


def test_every_key_is_listed() -> None:
    assert [setting.path for setting in settings_of(loaded())] == [
        path for path, _ in keys_of(Config) if path[0] != "buttons"
    ]


def test_page_is_the_changed_part_of_the_configuration() -> None:
    found = loaded(A, B)
    page = render_settings(found, "kitchen", defaults_too=False)
    assert tomllib.loads(page) == merge(layer.values for layer in found.layers)
    assert page.startswith(
        f"# revision {found.sources.revision} on kitchen\n#   a.toml\n#   b.toml\n\n[audio.capture]\n"
    )
    assert '\n[buttons."my bell"]\npin = 5                                 # b.toml:3\n' in page
    assert "\nhold_s = 4.0                            # b.toml:1, over a.toml:3\n" in page


def test_page_with_the_defaults_is_the_whole_configuration() -> None:
    found = loaded(A, B)
    page = render_settings(found, "", defaults_too=True)
    assert Config.model_validate(tomllib.loads(page)) == found.config
    assert "# default\n" in page


def test_page_of_a_box_without_settings_says_so() -> None:
    assert "Every key has its default" in render_settings(loaded(), "", defaults_too=False)


def test_json_has_value_default_and_origins() -> None:
    found = settings_as_json(loaded(A), "kitchen", defaults_too=False)
    assert found["hostname"] == "kitchen"
    assert found["sources"] == ["a.toml"]
    assert {"audio.capture.channels", "talk.mode"} <= found["settings"].keys()
    assert "talk.answer_s" not in found["settings"]
    assert found["settings"]["talk.hold_s"] == {
        "value": 3.0,
        "default": 15.0,
        "origins": [{"file": "a.toml", "line": 3}],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://host/path?api-version=1&api-key=abc&x=2", "wss://host/path?api-version=1&api-key=***&x=2"),
        ("wss://host/?subscription_token=abc", "wss://host/?subscription_token=***"),
        ("http://user:word@host:80", "http://***@host:80"),
        ("call it sk-0123456789abcdef.", "call it ***."),
        ("mail me@home, what? a=b", "mail me@home, what? a=b"),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_secret_in_an_address_is_on_no_page() -> None:
    found = loaded('session.url = "wss://host/?api-key=abcxyz"')
    assert "abcxyz" not in render_settings(found, "", defaults_too=True)
    assert "abcxyz" not in str(settings_as_json(found, "", defaults_too=True))
