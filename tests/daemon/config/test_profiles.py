"""What each profile sets, and who has the last word."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from daemon.config.diff import TABLE, Change, Scope, diff, scope_of
from daemon.config.layers import Problem
from daemon.config.origins import render_settings, settings_as_json, settings_of
from daemon.config.profiles import PROFILES, profile_keys
from daemon.config.schema import Config
from daemon.config.sources import Loaded, SourceFile, Sources, resolve

ORDER = list(Scope)


def resolved(*texts: str, **environ: str) -> Loaded | list[Problem]:
    files = [
        SourceFile(f"0/conf.d/{n}.toml", f"{'ab'[n]}.toml", text.encode()) for n, text in enumerate(texts)
    ]
    return resolve(Sources(tuple(files), environ))


def loaded(*texts: str, **environ: str) -> Loaded:
    found = resolved(*texts, **environ)
    assert isinstance(found, Loaded), found
    return found


def values(found: Loaded) -> dict[str, Any]:
    """Of the keys that profiles set."""
    wanted = {".".join(setting.path): setting.value for setting in settings_of(found)}
    return {".".join(path): wanted[".".join(path)] for path in sorted(profile_keys())}


def origins(found: Loaded, key: str) -> list[str]:
    [setting] = [setting for setting in settings_of(found) if ".".join(setting.path) == key]
    return [str(origin) for origin in setting.origins]


BALANCED = {
    "audio.playback.keep_open": "always",
    "audio.profile": "balanced",
    "link.append_ms": 20,
    "link.idle_hang_up_s": 0.0,
    "link.warm": "always",
    "talk.capture": "always",
}
BATTERY = {
    "audio.playback.keep_open": "while_used",
    "audio.profile": "safe",
    "link.append_ms": 40,
    "link.idle_hang_up_s": 120.0,
    "link.warm": "on_demand",
    "talk.capture": "on_demand",
}


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("low_latency", BALANCED | {"audio.profile": "low_latency"}),
        ("balanced", BALANCED),
        ("battery", BATTERY),
    ],
)
def test_profile_sets_its_keys_and_no_other(profile: str, expected: dict[str, Any]) -> None:
    found = loaded(f'profile = "{profile}"')
    assert values(found) == expected
    changed = {change.key for change in diff(Config(), found.config)} - {"profile"}
    assert changed == {key for key, value in expected.items() if value != BALANCED[key]}


def test_every_profile_of_the_schema_is_there() -> None:
    assert tuple(PROFILES) == get_args(Config.model_fields["profile"].annotation)


def test_balanced_is_what_nobody_sets() -> None:
    assert loaded('profile = "balanced"').config == loaded().config == Config()
    assert len(loaded('profile = "balanced"').layers) == 1


@pytest.mark.parametrize(
    "written",
    [
        ('profile = "battery"\ntalk.capture = "always"', ""),
        ('talk.capture = "always"', 'profile = "battery"'),  # a file below the one that names the profile
    ],
)
def test_key_that_is_written_anywhere_wins_even_if_it_is_the_default(written: tuple[str, str]) -> None:
    assert values(loaded(*written)) == BATTERY | {"talk.capture": "always"}


def test_variable_names_a_profile_and_another_wins_over_it() -> None:
    found = loaded('profile = "low_latency"', HARKD_PROFILE="battery", HARKD_LINK__APPEND_MS="30")
    assert values(found) == BATTERY | {"link.append_ms": 30}


@pytest.mark.parametrize(
    "written",
    [
        'talk.mode = "hands_free"',
        'talk.mode = "hands_free"\ntalk.barge_in = "server_vad"',
        'wake_word.engine = "microwakeword"',
        'talk.barge_in = "local_vad"\naudio.processing.echo_cancellation = true',
    ],
)
def test_microphone_that_somebody_besides_a_button_needs_stays_open(written: str) -> None:
    assert values(loaded(f'profile = "battery"\n{written}')) == BATTERY | {"talk.capture": "always"}


def test_contradiction_that_was_written_is_told_in_spite_of_a_profile() -> None:
    found = resolved(
        'profile = "battery"\n[talk]\ncapture = "on_demand"\n[wake_word]\nengine = "microwakeword"'
    )
    assert isinstance(found, list)
    assert [problem.line for problem in found] == [4]


@pytest.mark.parametrize("text", ["profile = 3", "profile = []", "profile = {}", 'profile = "eco"'])
def test_profile_that_is_none_is_the_one_mistake(text: str) -> None:
    found = resolved(f"{text}\n")
    assert isinstance(found, list)
    assert [(problem.file, problem.line, problem.key) for problem in found] == [("a.toml", 1, "profile")]


@pytest.mark.parametrize("text", ["talk = 3", "wake_word = []", "audio = 1", "[audio]\nplayback = 1"])
def test_table_that_is_none_is_told_in_spite_of_a_profile(text: str) -> None:
    found = resolved(f'profile = "battery"\n{text}')
    assert isinstance(found, list)
    assert {problem.file for problem in found} == {"a.toml"}


# ---- where it comes from -----------------------------------------------------------------


def test_origin_is_the_profile_or_what_wins_over_it() -> None:
    found = loaded('profile = "battery"\nlink.append_ms = 40')
    assert origins(found, "talk.capture") == ['profile "battery"']
    assert origins(found, "link.append_ms") == ["a.toml:2", 'profile "battery"']
    assert origins(found, "profile") == ["a.toml:1"]


def test_page_and_json_say_that_it_comes_from_the_profile() -> None:
    found = loaded('profile = "battery"')
    page = render_settings(found, "", defaults_too=False)
    assert '\n\nprofile = "battery"                     # a.toml:1\n\n[audio]\n' in page
    assert '\ncapture = "on_demand"                   # profile "battery"\n' in page
    settings = settings_as_json(found, "", defaults_too=False)["settings"]
    assert settings["talk.capture"]["origins"] == [{"file": 'profile "battery"', "line": 0}]


# ---- changed while the box runs ----------------------------------------------------------


def told(before: str, after: str) -> list[Change]:
    return diff(loaded(before).config, loaded(after).config)


@pytest.mark.parametrize(
    ("before", "after", "reach"),
    [
        ("", 'profile = "battery"', "hardware: microphone and speaker"),
        ('audio.profile = "balanced"', 'profile = "battery"\naudio.profile = "balanced"', "live"),
        ('audio.profile = "safe"', 'profile = "low_latency"\naudio.profile = "safe"', "live"),
        ("", 'profile = "low_latency"\ncontrol.socket = "/a"', "hardware: microphone and speaker"),
    ],
)
def test_profile_reaches_as_far_as_the_keys_it_changes(before: str, after: str, reach: str) -> None:
    [change] = [change for change in told(before, after) if change.key == "profile"]
    assert str(change.reach) == reach


def test_reach_of_the_reference_is_the_widest_there_can_be() -> None:
    widest = max(ORDER.index(scope_of(path).scope) for path in profile_keys())
    assert ORDER.index(TABLE["profile"].scope) == widest
    assert TABLE["profile"] in {scope_of(path) for path in profile_keys()}
