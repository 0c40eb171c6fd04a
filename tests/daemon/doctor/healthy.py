"""A box without a fault, for the doctor's checks: each test makes some of its answers bad."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from daemon.audio.level import Levels
from daemon.config.schema import Config
from daemon.doctor.facts import (
    Chip,
    Directory,
    Key,
    KeyFile,
    LoopBack,
    ModelAnswer,
    Opened,
    Recording,
    Secured,
    Socket,
    SpiDevice,
    Subject,
    Unit,
    User,
)

BUTTON = "[buttons.talk]\npin = 17\n"
STRIP = '[light]\ndriver = "apa102"\n'
FILES = '[audio.capture]\ndriver = "wavfile"\nfile = "a"\n[audio.playback]\ndriver = "wavfile"\nfile = "b"\n'
WAKE_WORD = '[wake_word]\nengine = "microwakeword"\n'
LOCAL = '[session]\nurl = "ws://127.0.0.1:8080/v1/realtime"\n'

QUIET = Levels(rms_dbfs=-58.0, peak_dbfs=-44.0, dc_percent=0.1, full_scale_samples=0, zeros_ms=0)
GROUPS = frozenset({"audio", "gpio", "spi"})
KEY_FILE = KeyFile("/etc/harkd/openai_api_key", 0o600, "root")
DIRECTORY = Directory("/var/lib/harkd", exists=True, writable=True, read_only=False, free_bytes=2_000_000_000)

ANSWERS: Mapping[str, Any] = {
    "python": (3, 13, 5),
    "import_error": "",
    "config_problems": [],
    "key": Key("the environment"),
    "key_file": KEY_FILE,
    "now": 1_800_000_000.0,
    "installed_at": 1_790_000_000.0,
    "clock_synchronized": True,
    "throttled": 0,
    "celsius": 48.0,
    "wlan_power_save": {"wlan0": False},
    "cards": ["Device (USB Audio)"],
    "holders": [],
    "microphone": "USB Audio (hw:1,0)",
    "speaker": "USB Audio (hw:1,0)",
    "record": Recording(Opened(48000, 1, 57_600), QUIET, 1000),
    "play_silence": Opened(48000, 2, 9600),
    "hear_wake_word": None,
    "loop_back": LoopBack(85.0, -31.0, -70.0),
    "chips": [Chip("/dev/gpiochip0", "pinctrl-bcm2711", True, {})],
    "is_pressed": False,
    "spi": SpiDevice("/dev/spidev0.0", exists=True, access=True),
    "shine": None,
    "resolve": ["203.0.113.7"],
    "connect": Secured("api.openai.com:443", "TLSv1.3", 60),
    "ask_model": ModelAnswer(200, 0.4),
    "unit": Unit("loaded", "enabled", "active", "success"),
    "user": User("harkd", False, GROUPS, GROUPS),
    "socket": Socket("/run/harkd/control.sock", 0o660, "harkd"),
    "state_directory": DIRECTORY,
}

RUNNING: Mapping[str, Any] = {
    "phase": "idle",
    "link": "ready",
    "microphone": {
        "state": "working",
        "reason": "",
        "holds_device": True,
        "muted": False,
        "rate_hz": 48000,
        "channels": 1,
        "levels": {"rms_dbfs": -52.0, "zeros_ms": 0},
    },
    "speaker": {"state": "working", "reason": "", "holds_device": True, "rate_hz": 48000, "channels": 2},
    "last_errors": [],
}
"""What a daemon says of itself when all is well."""


class Told:
    """Answers every question with what it was told: a value, an error to raise, or something to call."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def __getattr__(self, question: str) -> Callable[..., Any]:
        answer = self._answers[question]

        def ask(*about: object) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer(*about) if callable(answer) else answer

        return ask


def subject(
    config: str = "", daemon: Mapping[str, Any] | None = RUNNING, *, lamp: bool = False, **answers: Any
) -> Subject:
    assert answers.keys() <= ANSWERS.keys()
    told: Any = Told({**ANSWERS, **answers})
    why = "" if daemon else "nobody listens"
    parsed = Config.model_validate(tomllib.loads(config))
    return Subject(parsed, daemon, why, lamp, told, told, told, told, told)
