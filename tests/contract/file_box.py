"""A daemon that needs no devices: it hears a silent WAV file and plays into another one."""

from __future__ import annotations

import wave
from pathlib import Path

CONFIG = """
[audio.capture]
driver = "wavfile"
file = "{directory}/in.wav"
[audio.playback]
driver = "wavfile"
file = "{directory}/out.wav"
[sounds]
prompts = "off"
earcons = false
[vad]
driver = "none"
[session]
url = "{url}"
[control]
socket = "{directory}/control.sock"
"""


def write_config(directory: Path, url: str, more: str = "") -> None:
    """What `harkd run --config directory` reads; `url` is the server's, `more` is further TOML."""
    (directory / "harkd.toml").write_text(CONFIG.format(directory=directory, url=url) + more)


def write_silence(directory: Path) -> None:
    """What it hears."""
    with wave.open(str(directory / "in.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(48_000))
