"""What worked is kept, found again at boot, and put back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from daemon.config.files import ConfigError, Place, read_sources
from daemon.config.last_good import KEPT_MAX, LastGood, RollbackError, load_or_last_good, roll_back
from daemon.config.layers import Problem
from daemon.config.schema import Config
from daemon.config.sources import Loaded


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "etc/conf.d").mkdir(parents=True)
    (tmp_path / "etc/agents").mkdir()
    (tmp_path / "etc/agents/cook.toml").write_text('name = "Cook"')
    (tmp_path / "etc/harkd.toml").write_text("talk.hold_s = 1")
    return tmp_path / "etc"


@pytest.fixture
def last_good(tmp_path: Path) -> LastGood:
    return LastGood(tmp_path / "state/config")


def keep(last_good: LastGood, *paths: Path, **environ: str) -> str:
    place = Place(paths, "kitchen", environ)
    sources = read_sources(place)
    last_good.keep(sources, place)
    return sources.revision


def boot(place: Place, last_good: LastGood) -> tuple[Config, Path, tuple[Problem, ...]]:
    booted = load_or_last_good(place, last_good, lambda loaded, place: place.paths[0])
    return booted.loaded.config, booted.result, booted.problems


# ---- keeping ---------------------------------------------------------


def test_nothing_is_kept_at_first(last_good: LastGood) -> None:
    assert last_good.kept() == []


def test_kept_is_the_same_configuration(etc: Path, last_good: LastGood) -> None:
    revision = keep(last_good, etc, HARKD_TALK__MODE="toggle")
    [kept] = last_good.kept()
    assert kept.revision == revision == kept.sources.revision
    assert {file.name for file in kept.sources.files} == {"0/harkd.toml", "0/agents/cook.toml"}


def test_newest_is_first_and_only_so_many_stay(etc: Path, last_good: LastGood) -> None:
    revisions = []
    for number in range(KEPT_MAX + 3):
        (etc / "harkd.toml").write_text(f"talk.hold_s = {number}")
        revisions.append(keep(last_good, etc))
    assert [kept.revision for kept in last_good.kept()] == revisions[: -KEPT_MAX - 1 : -1]


def test_kept_again_is_the_newest_again(etc: Path, last_good: LastGood) -> None:
    first = keep(last_good, etc)
    (etc / "harkd.toml").write_text("")
    second = keep(last_good, etc)
    (etc / "harkd.toml").write_text("talk.hold_s = 1")
    assert keep(last_good, etc) == first
    assert [kept.revision for kept in last_good.kept()] == [first, second]


def test_nobody_else_can_look_into_it(etc: Path, last_good: LastGood, tmp_path: Path) -> None:
    revision = keep(last_good, etc)
    found = [tmp_path / "state/config" / revision, *(tmp_path / "state/config" / revision).rglob("*")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in found)


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "no json", "other json", "more"])
def test_damaged_one_is_left_out(damage: str, etc: Path, last_good: LastGood, tmp_path: Path) -> None:
    directory = tmp_path / "state/config" / keep(last_good, etc)
    file, about = directory / "0/harkd.toml", directory / "kept.json"
    match damage:
        case "changed":
            file.write_text("talk.hold_s = 2")
        case "cut":
            file.write_text("")
        case "gone":
            file.unlink()
        case "no json":
            about.write_bytes(b"\0" * 40)
        case "other json":
            about.write_text(json.dumps({"number": []}))
        case "more":
            (directory / "0/agents/spy.toml").write_text('name = "Spy"')
    assert last_good.kept() == []
    keep(last_good, etc)
    assert len(last_good.kept()) == 1


# ---- boot ------------------------------------------------------------


def test_right_configuration_is_taken_as_it_is(etc: Path, last_good: LastGood) -> None:
    config, directory, problems = boot(Place((etc,)), last_good)
    assert (config.talk.hold_s, directory, problems) == (1, etc, ())


def test_broken_configuration_is_replaced_by_the_last_good_one(etc: Path, last_good: LastGood) -> None:
    keep(last_good, etc)
    (etc / "harkd.toml").write_text("talk.hold_s = -1")
    config, directory, problems = boot(Place((etc,)), last_good)
    assert config.talk.hold_s == 1
    assert directory == last_good.kept()[0].place.paths[0]
    assert [(problem.file, problem.key) for problem in problems] == [(str(etc / "harkd.toml"), "talk.hold_s")]


def test_broken_environment_is_replaced_too(etc: Path, last_good: LastGood) -> None:
    keep(last_good, etc, HARKD_TALK__MODE="toggle")
    config, _, problems = boot(Place((etc,), "", {"HARKD_TALK__MODE": "twiddle"}), last_good)
    assert config.talk.mode == "toggle"
    assert problems[0].file == "HARKD_TALK__MODE"


def test_what_cannot_be_built_is_a_mistake_as_well(etc: Path, last_good: LastGood) -> None:
    keep(last_good, etc)
    (etc / "harkd.toml").write_text("talk.hold_s = 2")

    def build(loaded: Loaded, place: Place) -> float:
        if loaded.config.talk.hold_s == 2:
            raise ConfigError([Problem("x", 0, "", "no")])
        return loaded.config.talk.hold_s

    assert load_or_last_good(Place((etc,)), last_good, build).result == 1


def test_without_any_that_works_the_mistakes_of_the_present_one_are_told(
    etc: Path, last_good: LastGood
) -> None:
    (etc / "harkd.toml").write_text("talk.hold_s = -1")
    with pytest.raises(ConfigError, match=r"harkd\.toml:1: talk\.hold_s: is -1"):
        boot(Place((etc,)), last_good)
    keep(last_good, etc)  # as an older version might have: its schema allowed this
    with pytest.raises(ConfigError, match=f"^{etc}"):
        boot(Place((etc,)), last_good)


# ---- the way back ----------------------------------------------------


def test_roll_back_restores_the_files_and_keeps_what_was_there(etc: Path, last_good: LastGood) -> None:
    (etc / "harkd.toml").chmod(0o640)
    revision = keep(last_good, etc)
    (etc / "harkd.toml").write_text("talk.hold_s = -1")
    (etc / "conf.d/late.toml").write_text("nonsense")
    (etc / "agents/cook.toml").unlink()
    back, changed = roll_back(Place((etc,), "kitchen"), last_good)
    assert back == revision
    assert set(changed) == {etc / "harkd.toml", etc / "conf.d/late.toml", etc / "agents/cook.toml"}
    assert read_sources(Place((etc,), "kitchen")).revision == revision
    assert (etc / "harkd.toml").stat().st_mode & 0o777 == 0o640
    assert (etc / "harkd.toml.rolled-back").read_text() == "talk.hold_s = -1"
    assert (etc / "conf.d/late.toml.rolled-back").read_text() == "nonsense"


def test_roll_back_from_the_newest_goes_one_further(etc: Path, last_good: LastGood) -> None:
    first = keep(last_good, etc)
    (etc / "harkd.toml").write_text("talk.hold_s = 2")
    second = keep(last_good, etc)
    assert roll_back(Place((etc,)), last_good)[0] == first
    assert roll_back(Place((etc,)), last_good)[0] == second
    assert roll_back(Place((etc,)), last_good, first) == (first, [etc / "harkd.toml"])


def test_roll_back_of_a_directory_that_is_gone(etc: Path, last_good: LastGood) -> None:
    revision = keep(last_good, etc)
    os.rename(etc, etc.with_name("away"))
    assert roll_back(Place((etc,)), last_good)[0] == revision
    assert (etc / "agents/cook.toml").exists()


def test_roll_back_of_single_files(tmp_path: Path, last_good: LastGood) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    for file in (one, two):
        file.write_text("talk.hold_s = 1")
    keep(last_good, one, two)
    two.write_text("")
    assert roll_back(Place((one, two)), last_good)[1] == [two]
    assert two.read_text() == "talk.hold_s = 1"


def test_roll_back_without_a_way_says_why(etc: Path, last_good: LastGood) -> None:
    place = Place((etc,), "kitchen")
    with pytest.raises(RollbackError, match="no configuration has been kept yet"):
        roll_back(place, last_good)
    revision = keep(last_good, etc, etc)
    with pytest.raises(RollbackError, match=f"there is no revision 0; there are {revision}"):
        roll_back(place, last_good, "0")
    with pytest.raises(RollbackError, match="several --config paths"):
        roll_back(place, last_good)
    with pytest.raises(RollbackError, match="the one that is there"):
        roll_back(Place((etc, etc)), last_good)
