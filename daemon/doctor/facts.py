"""What the doctor may ask of machine, devices, network and service, and what it is told. Pure.

A question may take long, hang or raise `OSError` or `hw.errors.DeviceError`: `examination` copes with that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from daemon.audio.level import Levels
from daemon.config.hardware import Button
from daemon.config.schema import Config
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """Whether there is an API key, never the key. `source`: where it was found; `problem`: why it was not.

    `denied`: there is one, and this user may not read it.
    """

    source: str = ""
    problem: str = ""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class KeyFile:
    path: str
    mode: int
    owner: str


@dataclass(frozen=True, slots=True)
class User:
    """Whom the box runs as. `known_groups` are those of this machine."""

    name: str
    is_root: bool
    groups: frozenset[str]
    known_groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of harkd.service; `load` is "loaded", or why it is not."""

    load: str
    enabled: str = ""
    active: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Socket:
    path: str
    mode: int
    group: str


@dataclass(frozen=True, slots=True)
class Directory:
    """`writable`: by the user that the box runs as. `free_bytes` of its disk."""

    path: str
    exists: bool
    writable: bool
    read_only: bool
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a sound card open; `way` is "microphone" or "speaker"."""

    way: str
    card_id: str
    process: str
    pid: int


@dataclass(frozen=True, slots=True)
class Opened:
    """How a device talks, and how many frames passed while it was open."""

    rate_hz: int
    channels: int
    frames: int

    def __str__(self) -> str:
        return f"{self.rate_hz} Hz, {self.channels} ch"


@dataclass(frozen=True, slots=True)
class Recording:
    opened: Opened
    levels: Levels
    recorded_ms: int


@dataclass(frozen=True, slots=True)
class LoopBack:
    """What came back of a tone; `latency_ms` None: nothing did. `floor_dbfs`: at its pitch, before it."""

    latency_ms: float | None
    heard_dbfs: float
    floor_dbfs: float


@dataclass(frozen=True, slots=True)
class Chip:
    """`held` is who has which line; `problem` why it may not be asked."""

    path: str
    label: str
    is_header: bool
    held: Mapping[int, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SpiDevice:
    path: str
    exists: bool
    access: bool


@dataclass(frozen=True, slots=True)
class Secured:
    """A connection: over TLS, or `version` "" for one without, to this very machine.

    `unchecked`: what stands between, so that this is only the way to a proxy.
    """

    peer: str
    version: str = ""
    days_left: int | None = None
    unchecked: str = ""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """HTTP's status, and by how many seconds this clock is ahead of the server's; None: it does not say."""

    status: int
    ahead_s: float | None = None


class Machine(Protocol):
    def python(self) -> tuple[int, int, int]: ...
    def import_error(self, module: str) -> str:
        """Why it cannot be imported, "" if it can."""

    def config_problems(self) -> Sequence[str]:
        """Of everything that `harkd run` would read."""

    def key(self) -> Key: ...
    def key_file(self) -> KeyFile | None: ...
    def now(self) -> float:
        """Seconds since 1970."""

    def installed_at(self) -> float:
        """The same, of when this program came onto the machine."""

    def clock_synchronized(self) -> bool | None:
        """None: nobody here says so."""

    def throttled(self) -> int | None:
        """The firmware's bits; None on other boards."""

    def celsius(self) -> float | None: ...
    def wlan_power_save(self) -> Mapping[str, bool]:
        """By interface; empty where there is none, or nobody to ask."""


class Sound(Protocol):
    def cards(self) -> Sequence[str]:
        """Every card and device, as a person would name it."""

    def holders(self) -> Sequence[Holder] | None:
        """Other programs; None: the kernel does not say."""

    def microphone(self) -> str:
        """The device that the configuration means."""

    def speaker(self) -> str: ...
    def record(self) -> Recording:
        """A second of the channel that is listened to."""

    def play_silence(self) -> Opened: ...
    def loop_back(self) -> LoopBack: ...
    def hear_wake_word(self) -> None:
        """Let what is configured for it listen to silence."""


class Pins(Protocol):
    def chips(self) -> Sequence[Chip]: ...
    def is_pressed(self, button: Button) -> bool: ...
    def spi(self) -> SpiDevice:
        """The configured one."""

    def shine(self) -> None:
        """For a second."""


class Network(Protocol):
    def resolve(self) -> Sequence[str]: ...
    def connect(self) -> Secured: ...
    def ask_model(self) -> ModelAnswer: ...


class Service(Protocol):
    def unit(self) -> Unit | None:
        """None: no systemd here."""

    def user(self) -> User: ...
    def socket(self) -> Socket | None: ...
    def state_directory(self) -> Directory: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """The box under examination. `daemon` is what a running one says of itself, None if none answers.

    `daemon_error`: why not. `wants_lamp`: somebody stands before it to see its light.
    """

    config: Config
    daemon: Mapping[str, Any] | None
    daemon_error: str
    wants_lamp: bool
    machine: Machine
    sound: Sound
    pins: Pins
    network: Network
    service: Service
