"""The composition root: starts the parts in order, stops them in reverse. Shell around all of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.agent_host import AgentHost
from daemon.alarms import Alarms
from daemon.audio.gain import Gain
from daemon.audio.pcm import ms_to_frames
from daemon.audio.playback import PlaybackRing
from daemon.audio.voice import VoiceMeter
from daemon.box_controls import BoxControls
from daemon.bridge import MicTap, SpeakerTap, call_soon
from daemon.conductor import Conductor
from daemon.config.schema import Config, Vad
from daemon.control import ControlServer
from daemon.events import AlarmDue, AlarmOver, Ask, Consent, Dissent, Say, Stop
from daemon.notices import Notice
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.device import DeviceControls
from daemon.realtime.errors import did_you_mean
from daemon.realtime.model import ADDRESS
from daemon.realtime.protocol import ProtocolState
from daemon.realtime.settings_types import RealtimeSessionModelSettings
from daemon.realtime.transports.port import Transport
from daemon.sound import Sound
from daemon.talk import TalkSettings
from daemon.timer_file import TimerFile
from daemon.timers import Timer
from hw import load
from hw.errors import DeviceError, Fault
from hw.ports import Button, Microphone, Speaker, VoiceDetector

log = logging.getLogger("harkd")

MIC_BOUND_S = 2.0
FADE_MS = 5
"""A cut without a fade clicks; five milliseconds are enough not to, and fit any period."""


@dataclass(frozen=True, slots=True)
class Devices:
    """What the box is made of; `button` and `detector` may be missing."""

    microphone: Microphone
    speaker: Speaker
    button: Button | None = None
    detector: VoiceDetector | None = None


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Everything that is not a device or a connection.

    `agent` answers first. `model_settings` hold for all agents, in the form of a run config's; `url` is the
    server's address. `channel`, `append_ms` and `ring_s` as in `Sound`.
    `control_path` is where the control socket goes, None for none; `timers_path` is where timers are kept
    over a restart, None for nowhere.
    """

    talk: TalkSettings
    agent: RealtimeAgent[Any]
    model_settings: RealtimeSessionModelSettings = field(
        default_factory=lambda: RealtimeSessionModelSettings()
    )
    url: str = ADDRESS
    control_path: Path | None = None
    timers_path: Path | None = None
    channel: int | None = 0
    append_ms: int = 20
    ring_s: float = 120.0


def open_devices(config: Config) -> Devices:
    """The drivers that the configuration names; nothing is opened yet. Raises `hw.errors.DeviceError`."""
    capture, playback, button = config.audio.capture, config.audio.playback, config.button
    if capture.driver == "wavfile":
        microphone = load.microphone("wavfile", path=capture.file, period_ms=capture.period_ms, loop=True)
    else:
        options = {name: getattr(capture, name) for name in ("device", "rate_hz", "channels", "period_ms")}
        microphone = load.microphone(capture.driver, **options)
    where = "path" if playback.driver == "wavfile" else "device"
    target = playback.file if playback.driver == "wavfile" else playback.device
    rate_hz, period_ms = playback.rate_hz, playback.period_ms
    speaker = load.speaker(playback.driver, **{where: target}, rate_hz=rate_hz, period_ms=period_ms)
    button_options = (
        {"pin": button.pin, "active_high": button.active_high, "pull": button.pull}
        if button.driver == "gpio"
        else {}
    )
    pressed = None if button.driver == "none" else load.button(button.driver, **button_options)
    return Devices(microphone, speaker, pressed, open_detector(config.vad))


def open_detector(vad: Vad) -> VoiceDetector | None:
    """The configured voice detector; the plain one, with a warning, where webrtcvad is not installed."""
    if vad.driver == "none":
        return None
    if vad.driver == "webrtc":
        try:
            return load.voice_detector("webrtc", aggressiveness=vad.aggressiveness)
        except DeviceError as error:
            if error.fault is not Fault.LIBRARY_MISSING:
                raise
            log.warning("%s; using the energy detector, which takes any loud noise for speech", error)
    return load.voice_detector("energy")


class App:
    """One box, from start to stop, on the loop it is made on."""

    def __init__(
        self,
        settings: AppSettings,
        devices: Devices,
        open_transport: Callable[[], Transport],
        onlookers: Iterable[Callable[[Notice], None]] = (),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.devices = devices
        mic, speaker = devices.microphone.format, devices.speaker.format
        sound = Sound(
            mic_rate_hz=mic.rate_hz,
            mic_channels=mic.channels,
            mic_period_s=mic.period_s,
            speaker_rate_hz=speaker.rate_hz,
            channel=settings.channel,
            append_ms=settings.append_ms,
            ring_s=settings.ring_s,
        )
        ring = PlaybackRing(
            speaker.rate_hz,
            capacity_frames=int(settings.ring_s * speaker.rate_hz),
            fade_frames=min(ms_to_frames(FADE_MS, speaker.rate_hz), speaker.period_frames),
        )
        self.gain = Gain()
        self.speaker_tap = SpeakerTap(
            loop, ring, devices.speaker.heard_frames, lambda: self.conductor.drained(), self.gain
        )
        voice = VoiceMeter(devices.detector, mic.rate_hz) if devices.detector else None
        self.conductor = Conductor(settings.talk, sound, self.speaker_tap, voice, onlookers, loop)
        self.mic_tap = MicTap(loop, self.conductor.on_period, round(MIC_BOUND_S / mic.period_s))
        self._timer_file = TimerFile(settings.timers_path) if settings.timers_path else None
        self.conductor.alarms = self.alarms = Alarms(
            wall_clock,
            lambda: self.conductor.step(AlarmDue()),
            lambda: self.conductor.step(AlarmOver()),
            self._save_timers if self._timer_file else None,
        )
        self.controls: DeviceControls = BoxControls(self, wall_clock)
        self.agents = AgentHost(
            settings.agent,
            settings.model_settings,
            settings.url,
            open_transport,
            self.conductor,
            self.controls,
        )
        self._started = False
        self._control_path = settings.control_path

    async def run(self, stopping: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start control socket, speaker, microphone, button and timers, call `on_ready`, keep the link up.

        Returns when `stopping` is set. Raises `hw.errors.DeviceError` if a device cannot be opened and
        `daemon.control.ControlError` if the socket cannot; whatever was started is stopped again.
        """
        async with AsyncExitStack() as stack:
            stack.callback(self.conductor.close)
            # First: where another box is running already, its devices must be left alone.
            if self._control_path is not None:
                control = ControlServer(self._control_path, self.handle_request)
                await control.start()
                stack.push_async_callback(control.stop)
            stack.push_async_callback(self.agents.stop)
            await self.agents.start()
            self._started = True
            stack.callback(self.devices.speaker.stop)
            self.devices.speaker.start(self.speaker_tap.pull)
            stack.callback(self.devices.microphone.stop)
            self.devices.microphone.start(self.mic_tap.deliver)
            if self.devices.button is not None:
                stack.callback(self.devices.button.stop)
                self.devices.button.start(self._on_edge)
            stack.push_async_callback(self.alarms.stop)
            self.alarms.start(self._timer_file.load() if self._timer_file else [])
            on_ready()
            stack.push_async_callback(self.agents.stop)  # before the devices; once is enough
            await self._until(stopping)

    async def _until(self, stopping: asyncio.Event) -> None:
        """Wait; an error of ours that ended the connection for good ends the wait and is raised."""
        link = asyncio.create_task(self.agents.wait_closed(), name="connection")
        waiter = asyncio.create_task(stopping.wait(), name="stop request")
        try:
            await asyncio.wait({link, waiter}, return_when=asyncio.FIRST_COMPLETED)
            if link.done():
                link.result()
        finally:
            for task in (link, waiter):
                task.cancel()
            await asyncio.gather(link, waiter, return_exceptions=True)

    def _on_edge(self, pressed: bool) -> None:
        """Any thread: the button."""
        call_soon(self._loop, self.conductor.press if pressed else self.conductor.release)

    async def _save_timers(self, timers: Sequence[Timer]) -> None:
        if self._timer_file is not None:  # a disk takes its time, and the loop has none
            await asyncio.to_thread(self._timer_file.save, timers)

    # ---- what a person or a tool may do ---------------------------------------------

    def mute(self, on: bool) -> str | None:
        """Close the microphone, or open it again; answers why that could not be done, or None.

        Closed means that the device is: nothing is captured, and what was is forgotten, on the server too.
        """
        if on == self.conductor.appliance.muted:
            return None
        if on:
            self.devices.microphone.stop()
            self.mic_tap.discard()
            self.conductor.mute()
        else:
            try:
                self.devices.microphone.start(self.mic_tap.deliver)
            except DeviceError as error:
                return f"the microphone cannot be opened: {error}"
            self.conductor.unmute()
        log.info("microphone %s", "muted" if on else "open")
        return None

    def set_volume(self, percent: object) -> str | None:
        """How loud the box is from the next period on; answers why that could not be done, or None."""
        try:
            self.gain.set_percent(percent)
        except ValueError as error:
            return str(error)
        return None

    @property
    def volume_percent(self) -> int:
        return self.gain.percent

    def stop_speaking(self) -> str | None:
        """Be silent and forget the turn; answers why that was refused, or None."""
        return self.conductor.step(Stop())

    async def handle_request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request of the control socket: `{"command": ...}` and what belongs to it."""
        command = request.get("command")
        if not self._started:
            return {"ok": False, "error": "harkd is still starting"}
        if command == "status":
            return {"ok": True, "status": self.status()}
        act = _REQUESTS.get(str(command))
        if act is None:
            known = [*_REQUESTS, "status"]
            which = f"there are {', '.join(known)}{did_you_mean(command, known)}"
            return {"ok": False, "error": f"unknown command {command!r}; {which}"}
        refusal = act(self, request)
        return {"ok": True} if refusal is None else {"ok": False, "error": refusal}

    def _step_with_text(self, event: type[Ask | Say], request: Mapping[str, Any]) -> str | None:
        text = request.get("text")
        if not isinstance(text, str) or not text.strip():
            return f"{request['command']}: needs a text"
        return self.conductor.step(event(text))

    def _requested_mute(self, request: Mapping[str, Any]) -> str | None:
        on = request.get("on")
        return self.mute(on) if isinstance(on, bool) else f'mute: "on" is {on!r}, allowed: true or false'

    def status(self) -> dict[str, Any]:
        """What `harkd status` shows: plain JSON values, times in seconds or milliseconds as named."""
        now = self._loop.time()
        appliance, protocol = self.conductor.appliance, self.conductor.link.protocol
        ready = protocol.state is ProtocolState.READY
        last_period_at = self.mic_tap.last_period_at
        return {
            "phase": appliance.phase.value,
            "mode": appliance.settings.mode.value,
            "link": appliance.link.name.lower(),
            "link_reason": "" if ready else appliance.link_reason,
            "agent": self.agents.session.current_agent.name,
            "volume_percent": self.gain.percent,
            "session_age_s": round(protocol.session_age_s(now), 1) if ready else None,
            "microphone": {
                "running": self.devices.microphone.running,
                "muted": appliance.muted,
                "rate_hz": self.devices.microphone.format.rate_hz,
                "channels": self.devices.microphone.format.channels,
                "last_period_ms": None if last_period_at is None else round((now - last_period_at) * 1000),
                "overflows": self.devices.microphone.overflows,
                "dropped_periods": self.mic_tap.dropped,
            },
            "speaker": {
                "running": self.devices.speaker.running,
                "rate_hz": self.devices.speaker.format.rate_hz,
                "queued_ms": self.speaker_tap.queued_frames * 1000 // self.devices.speaker.format.rate_hz,
                "underflows": self.devices.speaker.underflows,
                "underruns": self.speaker_tap.underruns,
            },
            "waiting_calls": [call.tool for call in appliance.waiting_calls.calls],
            "timers": [
                f"{timer.label or 'timer'} ({timer.id}) in {left_s:.0f} s"
                for timer, left_s in self.alarms.remaining()
            ],
            "tokens": self.agents.session.usage.total_tokens,
            "exchanges": [exchange.summary() for exchange in self.conductor.exchanges.ended],
            "last_errors": list(self.conductor.last_errors),
        }


_REQUESTS: Mapping[str, Callable[[App, Mapping[str, Any]], str | None]] = {
    "press": lambda app, request: app.conductor.press(),
    "release": lambda app, request: app.conductor.release(),
    "stop": lambda app, request: app.stop_speaking(),
    "say": lambda app, request: app._step_with_text(Say, request),
    "ask": lambda app, request: app._step_with_text(Ask, request),
    "approve": lambda app, request: app.conductor.step(Consent()),
    "reject": lambda app, request: app.conductor.step(Dissent()),
    "mute": App._requested_mute,
    "volume": lambda app, request: app.set_volume(request.get("percent")),
}
