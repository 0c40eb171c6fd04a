"""What `harkd status` shows: plain JSON values, times in seconds or milliseconds as named.

Shell around the parts that it asks.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

from daemon.agent_host import AgentHost
from daemon.alarms import Alarms
from daemon.bookkeeper import Bookkeeper
from daemon.box_state import StateKeeper
from daemon.conductor import Conductor
from daemon.hand_controls import HandControls
from daemon.health import Port
from daemon.lamp import Lamp
from daemon.realtime.protocol import ProtocolState
from daemon.sound_devices import SoundDevices
from daemon.volume import Volume


class Format(Protocol):
    @property
    def rate_hz(self) -> int: ...
    @property
    def channels(self) -> int: ...


class Microphone(Protocol):
    @property
    def format(self) -> Format: ...
    @property
    def overflows(self) -> int: ...


class Speaker(Protocol):
    @property
    def format(self) -> Format: ...
    @property
    def underflows(self) -> int: ...


class Devices(Protocol):
    @property
    def microphone(self) -> Microphone: ...
    @property
    def speaker(self) -> Speaker: ...


class Box(Protocol):
    """The parts that are asked."""

    @property
    def conductor(self) -> Conductor: ...
    @property
    def agents(self) -> AgentHost: ...
    @property
    def alarms(self) -> Alarms: ...
    @property
    def sound(self) -> SoundDevices: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def hand(self) -> HandControls: ...
    @property
    def books(self) -> Bookkeeper: ...
    @property
    def state(self) -> StateKeeper: ...
    @property
    def volume(self) -> Volume: ...
    @property
    def lamp(self) -> Lamp | None: ...
    def recording_programs(self) -> list[str] | None:
        """Who has a capture device open, by the kernel's word; None where it does not say."""


def status(box: Box, now: float) -> dict[str, Any]:
    """`now`: loop time in seconds."""
    appliance, protocol = box.conductor.appliance, box.conductor.link.protocol
    ready = protocol.state is ProtocolState.READY
    return {
        "phase": appliance.phase.value,
        "mode": appliance.settings.mode.value,
        "link": appliance.link.name.lower(),
        "link_reason": "" if ready else appliance.link_reason,
        "agent": box.agents.session.current_agent.name,
        "volume_percent": box.volume.percent,
        "session_age_s": round(protocol.session_age_s(now), 1) if ready else None,
        "microphone": _microphone(box),
        "speaker": _speaker(box),
        "echo": None if box.sound.duplex is None else box.sound.duplex.status(),
        "light": None if box.lamp is None else _light(box.lamp),
        "waiting_calls": [call.tool for call in appliance.waiting_calls.calls],
        "timers": [
            f"{timer.label or 'timer'} ({timer.id}) in {left_s:.0f} s"
            for timer, left_s in box.alarms.remaining()
        ],
        "money": box.books.summary(),
        "not_saved": [what for what, fails in _savers(box) if fails],
        "tokens": box.agents.session.usage.total_tokens,
        "exchanges": [exchange.summary() for exchange in box.conductor.exchanges.ended],
        "last_errors": list(box.conductor.last_errors),
    }


def _savers(box: Box) -> list[tuple[str, bool]]:
    """What a full or read-only disk loses with the next restart."""
    return [("mute and volume", box.state.failing), ("spending", box.books.failing)]


def _microphone(box: Box) -> dict[str, Any]:
    device = box.devices.microphone
    return {
        **box.sound.keeper.status(Port.MICROPHONE),
        "muted": box.hand.muted,
        "recording_programs": box.recording_programs(),
        "rate_hz": device.format.rate_hz,
        "channels": device.format.channels,
        "levels": {name: round(value, 1) for name, value in asdict(box.conductor.ears.levels()).items()},
        "clipped_samples": box.sound.clipped_samples,
        "overflows": device.overflows,
        "dropped_periods": box.sound.mic_tap.dropped,
    }


def _speaker(box: Box) -> dict[str, Any]:
    device = box.devices.speaker
    return {
        **box.sound.keeper.status(Port.SPEAKER),
        "rate_hz": device.format.rate_hz,
        "channels": device.format.channels,
        "queued_ms": box.sound.speaker_tap.queued_frames * 1000 // device.format.rate_hz,
        "underflows": device.underflows,
        "underruns": box.sound.speaker_tap.underruns,
    }


def _light(lamp: Lamp) -> dict[str, Any]:
    return {"cue": None if lamp.cue is None else lamp.cue.value, "problem": lamp.problem}
