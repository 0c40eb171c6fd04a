"""`harkd doctor` as a process: on the virtual card, on files, and beside a running box."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.system.running_box import running, simulator
from tests.system.virtual_card import VirtualCard
from tests.system.virtual_room import echo

pytestmark = pytest.mark.system

KEY = "planted-key-0123456789"
RATE_HZ = 48_000
CARDS = """
[audio.capture]
device = "mic"
[audio.playback]
device = "speaker"
[session]
url = "ws://127.0.0.1:1/v1/realtime"
[control]
socket = "{directory}/control.sock"
"""
FILES = """
[audio.capture]
driver = "wavfile"
file = "{directory}/said.wav"
[audio.playback]
driver = "wavfile"
file = "{directory}/heard.wav"
"""


def doctor(directory: Path, config: str, *words: str) -> subprocess.CompletedProcess[str]:
    file = directory / "harkd.toml"
    file.write_text(config.format(directory=directory))
    command = [sys.executable, "-m", "daemon", "doctor", "--config", str(file), *words]
    environment = {**os.environ, "OPENAI_API_KEY": KEY, "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def examined(directory: Path, config: str) -> dict[int, dict[str, Any]]:
    """The checks by number."""
    done = doctor(directory, config, "--json")
    assert KEY not in done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    return {check["number"]: check for check in report["checks"]}


def outcomes(checks: dict[int, dict[str, Any]], *numbers: int) -> dict[int, str]:
    return {number: checks[number]["outcome"] for number in numbers}


def hiss() -> bytes:
    """A minute in a quiet room: longer than it takes."""
    chance = random.Random(1)
    return 60 * array("h", [round(chance.gauss(0, 100)) for _ in range(RATE_HZ)]).tobytes()


def test_microphone_that_hears_the_room_but_not_the_loudspeaker(
    virtual_card: VirtualCard, tmp_path: Path
) -> None:
    with virtual_card.saying(hiss(), RATE_HZ):
        checks = examined(tmp_path, CARDS)
    assert outcomes(checks, 12, 23, 24, 25, 26, 27) == dict.fromkeys((12, 23, 24, 25, 26, 27), "PASS")
    assert checks[24]["detail"] == "48000 Hz, 1 ch"
    assert checks[25]["detail"].startswith("-50 dBFS")
    assert checks[28]["outcome"] == "WARN"
    assert "not heard" in checks[28]["detail"]


def test_loudspeaker_is_heard_with_level_and_latency(virtual_card: VirtualCard, tmp_path: Path) -> None:
    with echo(virtual_card, RATE_HZ, delay_ms=40, gain=0.25):
        checks = examined(tmp_path, CARDS)
    assert checks[28]["outcome"] == "PASS", checks[28]
    words = checks[28]["detail"].split()
    assert 40 <= int(words[2]) <= 400  # the room's 40 ms, and what both cards hold
    assert -34 <= int(words[5]) <= -30  # a quarter of -20 dBFS is -32


def test_silent_microphone_and_missing_loudspeaker_fail(virtual_card: VirtualCard, tmp_path: Path) -> None:
    checks = examined(tmp_path, CARDS.replace('"speaker"', '"trumpet"'))
    assert outcomes(checks, 25, 26, 27, 28) == {25: "FAIL", 26: "FAIL", 27: "SKIP", 28: "SKIP"}
    assert "nothing but zeros" in checks[25]["detail"]
    assert "trumpet: no speaker of this name" in checks[26]["detail"]


def test_frozen_card_fails_in_time_and_ends_the_process(virtual_card: VirtualCard, tmp_path: Path) -> None:
    virtual_card.wedge("mic")
    try:
        checks = examined(tmp_path, CARDS)
    finally:
        virtual_card.unwedge("mic")
    failures = [checks[number]["detail"] for number in range(21, 29) if checks[number]["outcome"] == "FAIL"]
    assert len(failures) == 1
    assert "no answer within" in failures[0]


def test_running_box_is_asked_instead_of_its_devices(virtual_card: VirtualCard, tmp_path: Path) -> None:
    with simulator() as server, running(tmp_path, server.url) as box:
        config = (tmp_path / "harkd.toml").read_text()
        checks = examined(tmp_path, config)
        assert box.status()["microphone"]["holds_device"]  # nobody took it away
    assert checks[23]["detail"] == "harkd has it open at 48000 Hz, 1 ch"
    assert checks[26]["detail"] == "harkd has it open at 48000 Hz, 2 ch"
    assert checks[28]["outcome"] == "SKIP"
    assert checks[43]["outcome"] == "PASS"
    assert checks[52]["detail"] == "running: idle, link ready"
    assert checks[53]["outcome"] == "PASS"


def test_files_instead_of_devices_are_read_and_not_written(tmp_path: Path) -> None:
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    with wave.open(str(said), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(array("h", [6000, -6000] * 8000).tobytes())
    checks = examined(tmp_path, FILES)
    assert outcomes(checks, 21, 23, 24, 25) == {21: "SKIP", 23: "PASS", 24: "PASS", 25: "WARN"}
    assert checks[25]["detail"].startswith("-15 dBFS")
    assert outcomes(checks, 26, 27, 28) == {26: "PASS", 27: "SKIP", 28: "SKIP"}
    assert not heard.exists()


def test_key_planted_in_the_configuration_is_not_told(tmp_path: Path) -> None:
    session = f'[session]\nurl = "{KEY}"\nmodel = "{KEY}"\n'
    config = f'api_key = "{KEY}"\n{session}[control]\nsocket = "{KEY}"\n'
    for words in ([], ["--json"]):
        done = doctor(tmp_path, config, *words)
        assert done.returncode == 1
        assert "configuration" in done.stdout
        assert KEY not in done.stdout + done.stderr


def test_text_is_printed_for_people(virtual_card: VirtualCard, tmp_path: Path) -> None:
    done = doctor(tmp_path, CARDS)
    assert done.returncode == 1  # a silent microphone
    assert done.stderr == ""
    assert "  23 PASS  microphone         mic\n" in done.stdout
    assert "\x1b" not in done.stdout
