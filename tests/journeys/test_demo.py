"""`harkd demo` as a stranger runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from daemon.realtime.transports.recorded import FromServer, ToServer, load_recording

HARKD = Path(sys.executable).with_name("harkd")


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HARKD, "demo", *arguments], capture_output=True, text=True, timeout=60)


def harkd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HARKD, *arguments], capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.alone
def test_demo_shows_a_conversation_and_leaves_the_evidence(tmp_path: Path) -> None:
    result = demo("--out", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    for said in ("< listening", "> speaking", "Front left.", "of the answer were heard", "<= 10 ms"):
        assert said in result.stdout
    with wave.open(str(tmp_path / "heard.wav")) as heard:
        assert heard.getnframes() / heard.getframerate() > 5
    recording = load_recording(tmp_path / "session.jsonl")
    sent = [json.loads(frame.text)["type"] for frame in recording if isinstance(frame, ToServer)]
    assert sent.count("input_audio_buffer.commit") == 2
    assert sent.count("response.cancel") + sent.count("conversation.item.truncate") >= 1
    assert any(isinstance(frame, FromServer) for frame in recording)
    [flight] = tmp_path.glob("flight-*-demo.jsonl")
    assert str(flight) in result.stdout
    assert "no difference in" in harkd("replay", str(flight)).stdout
    harkd("timeline", str(flight), "-o", str(tmp_path / "turn.html"), "--turn", "1")
    page = (tmp_path / "turn.html").read_text()
    for drawn in (
        "press",
        "release",
        "commit",
        "first sound",
        "interrupted, ",
        "waiting",
        "heard",
        "pre-roll",
    ):
        assert drawn in page
    assert not re.search(r"https?:|src=|@import|<script|url\(", page)  # opens without a network


def test_demo_read_by_a_program_that_has_enough_ends_quietly(tmp_path: Path) -> None:
    reader = f"'{HARKD}' demo --out '{tmp_path}' | head -2"
    result = subprocess.run(reader, shell=True, capture_output=True, text=True, timeout=60)
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr == ""


def test_demo_without_a_voice_says_what_to_do(tmp_path: Path) -> None:
    result = demo("--out", str(tmp_path), "--say", str(tmp_path / "missing.wav"))
    assert result.returncode == 1
    assert "is not there" in result.stderr
    assert "--say WAV" in result.stderr


def test_demo_with_a_voice_it_cannot_play_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"RIFF nonsense")
    result = demo("--out", str(tmp_path), "--say", str(tmp_path / "noise.wav"))
    assert (result.returncode, result.stdout) == (1, "")
    assert "noise.wav" in result.stderr
    assert "Traceback" not in result.stderr
