"""The command line: exit codes, and mistakes told in one sentence."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import pytest

from daemon.cli import build_parser, main

STARTING = ["run", "demo", "simulate"]
ASKING = ["devices", "status", "press", "release", "stop", "say", "ask", "version"]


@pytest.mark.parametrize(
    "command", [[], ["config"], ["config", "check"], *([name] for name in STARTING + ASKING)]
)
def test_help_of_every_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: harkd", *command]))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["say"],
        ["config"],
        ["status", "--sockets", "x"],
        ["simulate", "--port", "65536"],
        ["simulate", "--port", "-1"],
        ["simulate", "--port", "http"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["status", "press", "release", "stop"])
def test_nobody_listening_is_1(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--socket", str(tmp_path / "none.sock")]) == 1
    assert capsys.readouterr().err.startswith(f"harkd {command}: {tmp_path}/none.sock: nobody listens;")


@pytest.mark.parametrize(("command", "code"), [(["run"], 78), (["config", "check"], 1)])
def test_mistake_in_the_configuration(
    command: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "harkd.toml"
    file.write_text("[talk]\nmod = 1\n")
    assert main([*command, "--config", str(tmp_path)]) == code
    assert capsys.readouterr().err.startswith(f"{file}:2: talk.mod: there is no such key")


def test_configuration_that_is_missing_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 78
    assert "none.toml: cannot be read: No such file or directory" in capsys.readouterr().err


def test_right_configuration_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "harkd.toml").write_text('[talk]\nmode = "toggle"\n')
    assert main(["config", "check", "--config", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "ok\n"


def test_demo_that_cannot_write_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 1
    assert (
        capsys.readouterr().err == f"harkd demo: {tmp_path}/file: cannot be made a directory: File exists\n"
    )


def test_port_of_the_simulator_may_be_any() -> None:
    assert build_parser().parse_args(["simulate", "--port", "65535"]).port == 65_535


def test_run_without_the_resampler_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
    (tmp_path / "harkd.toml").write_text(
        f'[audio.capture]\ndriver = "wavfile"\nfile = "{tmp_path}/in.wav"\n'
        f'[audio.playback]\ndriver = "wavfile"\nfile = "{tmp_path}/out.wav"\n[vad]\ndriver = "none"\n'
    )
    assert main(["run", "--config", str(tmp_path)]) == 1
    assert "pip install 'harkd[resample]'" in capsys.readouterr().err


def test_config_check_reads_the_agents_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "harkd.toml").touch()
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "assistant.toml").write_text('name = "A"\nhandoffs = ["kitchen"]\n')
    assert main(["config", "check", "--config", str(tmp_path)]) == 1
    assert "assistant.toml:2: handoffs[0]" in capsys.readouterr().err


def test_config_check_wants_the_agent_that_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "harkd.toml").touch()
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "asistant.toml").write_text('name = "A"\n')
    assert main(["config", "check", "--config", str(tmp_path)]) == 1
    assert "did you mean 'asistant'?" in capsys.readouterr().err


def test_run_with_a_tool_that_cannot_be_judged_says_which_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tools").mkdir(mode=0o755)
    (tmp_path / "agents").mkdir()
    tool = "from daemon.realtime import function_tool\n\n@function_tool(is_enabled=lambda c, a: 1 // 0)\n"
    tool += "def tide() -> str:\n    'High tide.'\n    return 'at nine'\n"
    (tmp_path / "tools" / "tide.py").write_text(tool)
    (tmp_path / "agents" / "assistant.toml").write_text('instructions = "Hi."\ntools = ["tide"]\n')
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as wav:
        wav.setparams((1, 2, 16_000, 0, "NONE", ""))
        wav.writeframes(bytes(3200))
    (tmp_path / "harkd.toml").write_text(
        f'audio.capture = {{driver = "wavfile", file = "{silence}"}}\n'
        f'audio.playback = {{driver = "wavfile", file = "{tmp_path / "heard.wav"}"}}\n'
        f'vad.driver = "none"\ncontrol.socket = "{tmp_path / "sock"}"\n'
    )
    assert main(["run", "--config", str(tmp_path)]) == 78
    said = capsys.readouterr().err
    assert "run: agent" in said
    assert "cannot lead: ZeroDivisionError" in said
    assert "Traceback" not in said
