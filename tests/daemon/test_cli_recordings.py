"""`harkd replay` and `harkd timeline`: exit codes, what is printed, what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.cli import main
from daemon.flight import Header, written
from daemon.flight_ring import FlightRing
from daemon.talk import TalkSettings

HEADER = Header("demand", 101.0, "2026-01-01T12:00:00.000+00:00", "0.1.0", False)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    box = Appliance(TalkSettings(), 0.01)
    ring = FlightRing(box, 100.0)
    for i, event in enumerate((ev.LinkConnecting(), ev.LinkReady(), ev.Pressed(), ev.Stop())):
        now = 100.0 + i / 4
        ring.took(event, now, box.step(event, now))
    path = tmp_path / "flight.jsonl"
    path.write_text("".join(written(HEADER, ring.entries())))
    return path


def test_recording_that_comes_out_the_same_is_0(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording)]) == 0
    assert capsys.readouterr().out.startswith(f"{recording}: no difference in 4 steps")


def test_recording_that_differs_is_1(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording.write_text(recording.read_text().replace('"preroll_ms":300.0}}', '"preroll_ms":299.0}}'))
    assert main(["replay", str(recording)]) == 1
    said = capsys.readouterr().out
    assert "recorded: OpenTurn(preroll_ms=299.0)" in said
    assert "replayed: OpenTurn(preroll_ms=300.0)" in said


def test_turn_becomes_a_page(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "turn.html"
    assert main(["timeline", str(recording), "-o", str(out)]) == 0
    assert "<h1>Turn 1 of 1</h1>" in out.read_text()


@pytest.mark.parametrize("command", [["replay"], ["timeline", "-o", "/dev/null"]])
def test_file_that_is_none_is_1(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tmp_path / "none.jsonl")]) == 1
    said = capsys.readouterr().err
    assert said == (f"harkd {command[0]}: {tmp_path}/none.jsonl: cannot be read: No such file or directory\n")


def test_turn_that_is_not_there_is_1(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(recording), "-o", "/dev/null", "--turn", "2"]) == 1
    assert capsys.readouterr().err == (
        "harkd timeline: flight.jsonl: there is no turn 2: the recording has turns 1 to 1\n"
    )


def test_page_that_cannot_be_written_is_1(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(recording), "-o", str(recording / "x.html")]) == 1
    assert "x.html: cannot be written: Not a directory" in capsys.readouterr().err


def test_timeline_without_a_place_is_2(recording: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["timeline", str(recording)])
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["replay", "timeline"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: harkd {command}")
