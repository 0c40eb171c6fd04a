"""What a box is made of, and how it is set. Shell around the ports and parts that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from daemon.bindings import Bindings
from daemon.ears import EarSettings
from daemon.gestures import GestureSettings
from daemon.money.accounts import AccountSettings
from daemon.prompts import Language
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.model import ADDRESS
from daemon.realtime.settings_types import RealtimeSessionModelSettings
from daemon.recorder import RecorderSettings
from daemon.records import dataclass
from daemon.sound_devices import SoundSettings
from daemon.talk import TalkSettings
from daemon.upload_gate import GateSettings
from daemon.volume import VolumeSettings
from hw.ports import (
    Button,
    Light,
    Microphone,
    Speaker,
    VoiceDetector,
    VoiceProcessor,
    WakeWordDetector,
)


@dataclass(frozen=True, slots=True)
class Devices:
    """What the box is made of: `buttons` with what they do, `switches` that mute; others may be missing.

    `make_processor` is given the microphone's rate in Hz and may raise `DeviceError`.
    """

    microphone: Microphone
    speaker: Speaker
    buttons: Mapping[str, tuple[Button, Bindings]] = field(default_factory=dict)
    switches: Mapping[str, Button] = field(default_factory=dict)
    detector: VoiceDetector | None = None
    wake_word: WakeWordDetector | None = None
    light: Light | None = None
    make_processor: Callable[[int], VoiceProcessor] | None = None


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Everything that is not a device or a connection.

    `agent` answers first. `model_settings` hold for all agents, in the form of a run config's; `url` is the
    server's address. `append_ms` as in `Sound`. `prompts`: the language of what the box says of itself.
    `control_path` is where the control socket goes, None for none; `timers_path` and `state_path` are where
    timers, and what is set by hand, are kept over a restart, `conversation_path` where the words of the
    conversation are kept over a crash, None for nowhere. `wake_word` is the word that
    somebody wants to be listened for, "" for none.
    """

    talk: TalkSettings
    agent: RealtimeAgent[Any]
    model_settings: RealtimeSessionModelSettings = field(
        default_factory=lambda: RealtimeSessionModelSettings()
    )
    url: str = ADDRESS
    control_path: Path | None = None
    timers_path: Path | None = None
    state_path: Path | None = None
    spending_path: Path | None = None
    conversation_path: Path | None = None
    accounts: AccountSettings = field(default_factory=AccountSettings)
    sound: SoundSettings = field(default_factory=SoundSettings)
    recorder: RecorderSettings = field(default_factory=RecorderSettings)
    ears: EarSettings = field(default_factory=EarSettings)
    gate: GateSettings | None = None
    gestures: GestureSettings = field(default_factory=GestureSettings)
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    prompts: Language | Literal["off"] = "off"
    earcons: bool = False
    brightness_percent: int = 100
    wake_word: str = ""
    append_ms: int = 20
