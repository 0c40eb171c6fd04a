"""What changed, and how far it reaches."""

from __future__ import annotations

import pytest

from daemon.config.diff import LIVE, TABLE, Change, Reach, Scope, diff, diff_files, reaches, scope_of
from daemon.config.hardware import Button, Light, Volume
from daemon.config.schema import Config, Session, Talk
from daemon.config.section import keys_of
from daemon.config.sources import SourceFile, Sources

KEYS = [path for path, _ in keys_of(Config)]


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_every_key_has_a_reach(path: tuple[str, ...]) -> None:
    assert scope_of(path).scope in Scope


def test_table_has_no_line_without_a_key() -> None:
    beginnings = {".".join(path[:length]) for path in KEYS for length in range(1, len(path) + 1)}
    assert set(TABLE) <= beginnings


def test_reach_has_a_part_where_there_are_several() -> None:
    assert all(
        bool(reach.part) == (reach.scope in (Scope.SESSION, Scope.HARDWARE)) for reach in TABLE.values()
    )


@pytest.mark.parametrize(
    ("key", "reach"),
    [
        ("volume.max_percent", "live"),
        ("sounds.prompts", "live"),
        ("light.brightness_percent", "live"),
        ("vad.end_silence_ms", "live"),
        ("talk.echo_tail_ms", "live"),
        ("audio.capture.gain_db", "live"),
        ("session.noise_reduction", "session: update"),
        ("session.instructions", "session: agent"),
        ("session.voice", "session: connection"),
        ("audio.capture.device", "hardware: microphone"),
        ("buttons.talk.pin", "hardware: buttons"),
        ("light.pin", "hardware: light"),
        ("control.socket", "restart"),
    ],
)
def test_reach_is_the_smallest_that_applies_it(key: str, reach: str) -> None:
    assert str(scope_of(tuple(key.split(".")))) == reach


def test_section_that_is_new_to_the_table_is_a_mistake() -> None:
    with pytest.raises(KeyError, match=r"billing\.cap"):
        scope_of(("billing", "cap"))


def test_same_configuration_has_no_changes() -> None:
    assert diff(Config(), Config()) == []


def test_changes_are_told_key_by_key() -> None:
    old = Config(volume=Volume(max_percent=80), talk=Talk(hold_s=3))
    new = Config(volume=Volume(max_percent=75), talk=Talk(hold_s=3, mode="toggle"))
    changes = diff(old, new)
    assert [str(change) for change in changes] == [
        "volume.max_percent: 80 -> 75 (live)",
        'talk.mode: "hold" -> "toggle" (session: update)',
    ]
    assert reaches(changes) == {Reach(Scope.LIVE), Reach(Scope.SESSION, "update")}


def test_one_instead_of_true_is_no_change_but_another_number_is() -> None:
    assert diff(Config(talk=Talk(hold_s=3)), Config(talk=Talk(hold_s=3.0))) == []
    assert diff(Config(light=Light(pin=1)), Config(light=Light(pin=2)))


def test_button_that_comes_or_goes_changes_all_its_keys() -> None:
    bell = Config(buttons={"my bell": Button(pin=5)})
    came, went = diff(Config(), bell), diff(bell, Config())
    assert Change('buttons."my bell".pin', None, 5, Reach(Scope.HARDWARE, "buttons")) in came
    assert [(change.key, change.old, change.new) for change in came] == [
        (change.key, change.new, change.old) for change in went
    ]


def test_agents_and_tools_that_differ_are_told_by_file() -> None:
    def sources(**files: str) -> Sources:
        return Sources(tuple(SourceFile(f"0/agents/{n}.toml", n, text.encode()) for n, text in files.items()))

    changes = diff_files(sources(cook="a", night="b", same="c"), sources(cook="A", day="d", same="c"))
    assert [str(change) for change in changes] == [
        'agents/cook.toml: "there" -> "there" (session: agent)',
        'agents/night.toml: "there" -> none (session: agent)',
        'agents/day.toml: none -> "there" (session: agent)',
    ]


def test_settings_are_no_files_of_agents() -> None:
    assert diff_files(Sources((SourceFile("0/harkd.toml", "", b""),)), Sources()) == []


def test_secrets_are_not_shown() -> None:
    change = diff(Config(), Config(session=Session(url="wss://host/?api-key=abcxyz")))[0]
    assert "abcxyz" not in str(change)
    assert "api-key=***" in str(change)


def test_prices_that_came_or_changed_are_live() -> None:
    def sources(content: bytes | None) -> Sources:
        return Sources((SourceFile("0/prices.toml", "etc/prices.toml", content),) if content else ())

    assert [str(c) for c in diff_files(sources(None), sources(b"1"))] == [
        'prices.toml: none -> "there" (live)'
    ]
    assert [c.reach for c in diff_files(sources(b"1"), sources(b"2"))] == [LIVE]
    assert diff_files(sources(b"1"), sources(b"1")) == []
