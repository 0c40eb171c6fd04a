"""`harkd config ...` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.config.files import Place, read_sources
from daemon.config.last_good import LastGood

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def test_defaults_are_the_file_that_comes_with_harkd(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "defaults"]) == 0
    assert capsys.readouterr().out == (CONFIGS / "default.toml").read_text("utf-8")


def test_schema_is_the_file_that_comes_with_harkd(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert capsys.readouterr().out == (CONFIGS / "schema.json").read_text("utf-8")


def test_show_reads_as_the_box_of_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "hall.toml").write_text("talk.hold_s = 3")
    assert main(["config", "show", "--json", "--config", str(tmp_path), "--hostname", "hall"]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert {key: found["value"] for key, found in settings.items()} == {"talk.hold_s": 3.0}


@pytest.mark.parametrize("command", ["show", "check"])
def test_the_environment_counts(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARKD_TALK__MOD", "hold")
    assert main(["config", command, "--config", "/dev/null"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("did you mean HARKD_TALK__MODE?\n")


def test_all_shows_the_defaults_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--all", "--config", "/dev/null"]) == 0
    assert 'mode = "hold"                           # default\n' in capsys.readouterr().out


def test_rollback_puts_back_what_worked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "etc.toml"
    file.write_text("talk.hold_s = 3")
    place = Place((file,))
    sources = read_sources(place)
    LastGood(tmp_path / "config").keep(sources, place)
    file.write_text("talk.hold_s = -3")
    assert main(["config", "rollback", "--config", str(file), "--state", str(tmp_path)]) == 0
    assert file.read_text() == "talk.hold_s = 3"
    said = capsys.readouterr().out
    assert said.startswith(f"revision {sources.revision} is back;")
    assert said.endswith(f"\n  {file}\n")


def test_rollback_that_may_not_write_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").touch()
    assert main(["config", "rollback", "--config", str(tmp_path), "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"harkd config rollback: {tmp_path}/config: Not a directory\n"


def test_rollback_without_a_way_back_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "rollback", "--config", str(tmp_path), "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "harkd config rollback: no configuration has been kept yet\n"
