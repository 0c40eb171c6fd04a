"""What `harkd status` shows: plain JSON values, times in seconds or milliseconds as named.

Shell around the parts that it asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any, Protocol

from daemon.agent_host import AgentHost
from daemon.alarms import Alarms
from daemon.audio.pcm import frames_to_ms
from daemon.bookkeeper import Bookkeeper
from daemon.box import AppSettings
from daemon.box_state import StateKeeper
from daemon.conductor import Conductor
from daemon.hand_controls import HandControls
from daemon.health import Port
from daemon.lamp import Lamp
from daemon.metrics_tally import Tally
from daemon.realtime.protocol import ProtocolState
from daemon.realtime.usage import Usage
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
    @property
    def wake_word(self) -> object | None: ...


class Box(Protocol):
    """The parts that are asked."""

    @property
    def settings(self) -> AppSettings: ...
    @property
    def config_revision(self) -> str: ...
    @property
    def config_problems(self) -> Sequence[str]: ...
    @property
    def tally(self) -> Tally: ...
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
    ready, uplink = protocol.state is ProtocolState.READY, box.conductor.uplink
    return {
        "version": _version(),
        "config": {"revision": box.config_revision or None, "problems": list(box.config_problems)},
        "phase": appliance.phase.value,
        "mode": appliance.settings.mode.value,
        "link": appliance.link.name.lower(),
        "link_reason": "" if ready else appliance.link_reason,
        "next_attempt_s": None if ready else box.tally.next_attempt_s(now),
        "agent": box.agents.session.current_agent.name,
        "volume_percent": box.volume.percent,
        "session_age_s": round(protocol.session_age_s(now), 1) if ready else None,
        "microphone": _microphone(box),
        "speaker": _speaker(box),
        "wake_word": _wake_word(box),
        "uplink_lost_ms": frames_to_ms(uplink.lost_frames, uplink.session_rate_hz),
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
        "usage": _usage(box.agents.session.usage),
        "totals": box.tally.summary(),
        "exchanges": [exchange.summary() for exchange in box.conductor.exchanges.ended],
        "last_errors": list(box.conductor.last_errors),
    }


@cache
def _version() -> str:
    return version("harkd")


def _savers(box: Box) -> list[tuple[str, bool]]:
    """What a full or read-only disk loses with the next restart."""
    return [
        ("mute and volume", box.state.failing),
        ("timers", box.alarms.failing),
        ("spending", box.books.failing),
    ]


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
        "rejected_ms": frames_to_ms(box.sound.speaker_tap.rejected_frames, device.format.rate_hz),
    }


def _wake_word(box: Box) -> dict[str, str] | None:
    """None if nobody wants one."""
    word = box.settings.wake_word
    if not word:
        return None
    if box.devices.wake_word is None:
        return {"word": word, "state": "missing"}
    return {"word": word, "state": "listening" if box.conductor.ears.hears_wake_word else "failed"}


def _usage(usage: Usage) -> dict[str, Any]:
    """Tokens of this run; `cached` is a part of `input`."""
    given, made = usage.input_tokens_details, usage.output_tokens_details
    cached = given.cached_tokens_details
    return {
        "input": {"text": given.text_tokens, "audio": given.audio_tokens, "image": given.image_tokens},
        "cached": {"text": cached.text_tokens, "audio": cached.audio_tokens, "image": cached.image_tokens},
        "output": {"text": made.text_tokens, "audio": made.audio_tokens},
    }


def _light(lamp: Lamp) -> dict[str, Any]:
    return {"cue": None if lamp.cue is None else lamp.cue.value, "problem": lamp.problem}
