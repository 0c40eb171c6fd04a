"""The composition root: starts the parts in order, stops them in reverse. Shell around all of them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from daemon import events as ev
from daemon import requests
from daemon.agent_host import AgentHost
from daemon.alarms import Alarms
from daemon.audio.earcons import Earcon
from daemon.audio.gain import Gain
from daemon.bindings import Act, Talk, TalkAbandoned, TalkPressed, TalkReleased, tool_of
from daemon.bookkeeper import Bookkeeper
from daemon.box import AppSettings, Devices
from daemon.box_controls import BoxControls
from daemon.box_state import BoxStateFile, SetByHand, StateKeeper
from daemon.button_board import ButtonBoard
from daemon.conductor import Conductor
from daemon.control_server import ControlServer
from daemon.conversation_file import ConversationFile, ConversationKeeper
from daemon.cues import BoxView, LinkBlock, PortHealth
from daemon.device_keeper import CallDevice
from daemon.duplex import Duplex
from daemon.ears import Ears
from daemon.hand_controls import HandControls
from daemon.health import FAILED, DeviceHealth, OpenFailure, Port, PortState
from daemon.journal import LINK
from daemon.lamp import Lamp
from daemon.ledger_file import LedgerFile
from daemon.metrics_tally import Tally
from daemon.money.budget import Allowed, Capped
from daemon.money.ledger import LedgerState
from daemon.notices import LinkChanged, Notice
from daemon.own_voice import OwnVoice
from daemon.prompts import Prompt
from daemon.realtime.device import DeviceControls
from daemon.realtime.transports.port import Transport
from daemon.recorder import FlightRecorder
from daemon.redaction import Redactor
from daemon.sound import Sound
from daemon.sound_bank import SoundBank
from daemon.sound_devices import SoundDevices
from daemon.status import status
from daemon.talk import BargeIn
from daemon.timer_file import TimerFile
from daemon.timers import Timer
from daemon.transitions import Link, Turn
from daemon.volume import Volume
from hw.audio.kernel import open_substreams
from hw.audio.selection import Direction
from hw.errors import DeviceError, Fault

log = logging.getLogger("harkd")


class App:
    """One box, from start to stop, on the loop it is made on.

    `config_revision` and `on_reload` are those of whoever follows the configuration's files.
    """

    config_revision = ""
    config_problems: Sequence[str] = ()
    on_reload: Callable[[], Awaitable[str | None]] | None = None

    def __init__(
        self,
        settings: AppSettings,
        devices: Devices,
        open_transport: Callable[[], Transport],
        onlookers: Iterable[Callable[[Notice], None]] = (),
        wall_clock: Callable[[], float] = time.time,
        call_device: CallDevice | None = None,
        health: DeviceHealth | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        """`call_device` and `health` are for tests: as in `DeviceKeeper`. `redactor` knows what is secret."""
        self._loop = loop = asyncio.get_running_loop()
        self._redactor = redactor or Redactor()
        self.settings = settings
        self.devices = devices
        mic, speaker = devices.microphone.format, devices.speaker.format
        self._state_file = BoxStateFile(settings.state_path) if settings.state_path else None
        restored = self._state_file.load() if self._state_file else SetByHand()
        self.state = StateKeeper(restored, self._save_state)
        self.volume = Volume(settings.volume, restored.volume_percent)
        self.gain = Gain(self.volume.percent, speaker.rate_hz)
        self._bank = self._sound_bank(speaker.rate_hz)
        self.sound = SoundDevices(
            devices.microphone,
            devices.speaker,
            settings.sound,
            self.gain,
            failure_of=_failure_of,
            on_speaker_rate=self.use_speaker_rate,
            call=call_device,
            health=health,
        )
        self.conductor = Conductor(
            settings.talk,
            Sound(mic.rate_hz, mic.period_s, speaker.rate_hz, settings.append_ms, settings.sound.ring_s),
            self.sound.speaker_tap,
            Ears(settings.ears, devices.detector, devices.wake_word, mic.rate_hz),
            [*onlookers, self._on_notice],
            loop,
            settings.gate,
        )
        self._make_device_side()
        self._ledger_file = LedgerFile(settings.spending_path) if settings.spending_path else None
        self.books = Bookkeeper(
            settings.accounts,
            wall_clock,
            self._on_verdict,
            lambda warning: self.conductor.note_error(warning.reason),
            self._save_ledger if self._ledger_file else None,
        )
        self._timer_file = TimerFile(settings.timers_path) if settings.timers_path else None
        self.conductor.alarms = self.alarms = Alarms(
            wall_clock,
            lambda: self.conductor.step(ev.AlarmDue()),
            lambda: self.conductor.step(ev.AlarmOver()),
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
        self.conversation = self._conversation_keeper(settings.conversation_path)
        self._record(wall_clock)
        self._started = self._stopping = False

    def _conversation_keeper(self, path: Path | None) -> ConversationKeeper | None:
        if path is None:
            return None
        file = ConversationFile(path, self._redactor)
        return ConversationKeeper(file, lambda count: self.conductor.link.protocol.history.newest(count))

    def _record(self, wall_clock: Callable[[], float]) -> None:
        box, playing, secrets = self.conductor.appliance, self.conductor.playing, self._redactor.known
        self.recorder = FlightRecorder(box, playing, self._loop, self.settings.recorder, secrets, wall_clock)
        self.conductor.on_step, self.conductor.on_bug = self.recorder.took, self.recorder.failed
        self.agents.listen(self.recorder.on_model_event)
        self.tally = Tally()
        self.agents.listen(lambda event: self.tally.on_model_event(event, self._loop.time()))

    def _make_device_side(self) -> None:
        loop = self._loop
        self.board = self.make_board()
        self.voice = OwnVoice(
            self.conductor.appliance,
            lambda: self._bank,
            self.conductor.playing.play_own,
            self.volume,
            self.gain,
            loop.time,
        )
        self.hand = HandControls(
            self.conductor,
            self.sound.keeper,
            self.sound.forget_captured,
            lambda: self.board.mute_reason(),
            self.volume,
            self.gain,
            self.state,
            self.voice.sound,
            loop.time,
        )
        self.lamp = self.make_lamp()
        self.sound.conductor, self.sound.voice = self.conductor, self.voice
        self.sound.use_duplex(self.make_duplex())
        self.conductor.on_own_sound = self.voice.on_command
        self.conductor.on_settled = self.settled

    def make_board(self) -> ButtonBoard:
        return ButtonBoard(
            self.devices.buttons,
            self.devices.switches,
            self.settings.gestures,
            on_talk=self._talk,
            act=self._act,
            on_switch=lambda name, on: self.hand.switch_turned(name, on),
            on_trouble=lambda name, sentence: self.conductor.note_error(sentence),
            device_error=DeviceError,
        )

    def make_lamp(self) -> Lamp | None:
        light, percent = self.devices.light, self.settings.brightness_percent
        return Lamp(light, self.view, DeviceError, brightness_percent=percent) if light else None

    def make_duplex(self) -> Duplex | None:
        make_processor = self.devices.make_processor
        if make_processor is None:
            return None
        find_voices = self.settings.talk.barge_in is BargeIn.LOCAL_VAD
        return Duplex(make_processor, find_voices, DeviceError, self.sound.mic_tap.deliver)

    # ---- start and stop --------------------------------------------------------------

    async def run(self, stopping: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start light, control socket, buttons, sound devices and timers, call `on_ready`, keep the link up.

        A sound device that is missing is waited for. Returns when `stopping` is set. Raises
        `hw.errors.DeviceError` for what waiting will not mend and `daemon.control.ControlError` if the socket
        cannot be had; whatever was started is stopped again.
        """
        async with AsyncExitStack() as stack:
            stack.push(self.recorder.leave)
            stack.callback(self.conductor.close)
            # First: where another box is running already, its devices must be left alone.
            if self.settings.control_path is not None:
                control = ControlServer(self.settings.control_path, self.handle_request)
                await control.start()
                stack.push_async_callback(control.stop)
            stack.callback(self._stop_lamp)
            if self.lamp is not None:
                self.lamp.start()
            stack.push_async_callback(self.agents.stop)
            if self.conversation is not None:
                self.agents.begin_with(self.conversation.take())
                self.agents.listen(self.conversation.on_model_event)
                stack.push_async_callback(self.conversation.stop)
            await self.agents.start()
            stack.push_async_callback(self.books.stop)
            self.books.start(self._ledger_file.load() if self._ledger_file else LedgerState())
            self.agents.listen(self.books.on_model_event)
            stack.push_async_callback(self.state.stop)
            stack.callback(lambda: self.board.stop())
            self.board.start()  # before the microphone: a switch may say that it must not be opened
            self.hand.begin()
            stack.push_async_callback(self.sound.stop)
            await self.sound.start()
            self._started = True
            stack.push_async_callback(self.alarms.stop)
            self.alarms.start(self._timer_file.load() if self._timer_file else [])
            if self.settings.prompts != "off":
                # A small board takes a while over the first one, and a press must be answered at once.
                first = threading.Thread(target=self._bank.prompt, args=(Prompt.NO_CONNECTION,), daemon=True)
                first.start()
            self.voice.sound(Earcon.STARTUP)
            self.settled()
            on_ready()
            stack.push_async_callback(self.agents.stop)  # before the devices; once is enough
            await self._until(stopping)
            self._stopping = True
            self.settled()

    def end_conversation(self) -> None:
        """After `run`: this was no crash, and the next box begins anew."""
        if self.conversation is not None:
            self.conversation.forget()

    def _stop_lamp(self) -> None:
        if self.lamp is not None:
            self.lamp.stop()

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

    async def _save_state(self, state: SetByHand) -> None:
        if self._state_file is not None:
            await asyncio.to_thread(self._state_file.save, state)

    async def _save_timers(self, timers: Sequence[Timer]) -> None:
        if self._timer_file is not None:  # a disk takes its time, and the loop has none
            await asyncio.to_thread(self._timer_file.save, timers)

    async def _save_ledger(self, state: LedgerState) -> None:
        if self._ledger_file is not None:
            await asyncio.to_thread(self._ledger_file.save, state)

    def _on_verdict(self, verdict: Allowed | Capped) -> None:
        if isinstance(verdict, Capped):
            self.conductor.step(ev.SpendingCapped(verdict.reason))
            self.voice.went_wrong(Prompt.SPENDING_LIMIT)
        else:
            self.conductor.step(ev.SpendingFreed())
            self.voice.mended(Prompt.SPENDING_LIMIT)

    def _sound_bank(self, speaker_rate_hz: int) -> SoundBank:
        return SoundBank(self.settings.prompts, self.settings.earcons, speaker_rate_hz)

    def use_speaker_rate(self, rate_hz: int) -> None:
        self.gain.retune(rate_hz)
        self._bank = self._sound_bank(rate_hz)

    def _on_notice(self, notice: Notice) -> None:
        self.recorder.on_notice(notice)
        self.tally.on_notice(notice)
        if isinstance(notice, LinkChanged):
            if notice.status == "ready":
                log.info("the session is ready", extra=LINK(link="ready"))
            self.voice.link_changed(notice.status)

    # ---- a changed configuration ------------------------------------------------------

    @property
    def is_between_turns(self) -> bool:
        """What is exchanged now is missed by nobody."""
        return self.conductor.appliance.is_at_rest

    async def reload(self) -> str | None:
        """Read the configuration now; answers what is wrong with it, or None."""
        if self.on_reload is None:
            return "this box was started without configuration files"
        return await self.on_reload()

    def on_config_problems(self, problems: Sequence[object]) -> None:
        """The configuration that was meant cannot be used, or, without any, can again."""
        self.config_problems = [str(problem) for problem in problems]
        if problems:
            self.conductor.note_error(f"config: {problems[0]}")
            self.voice.went_wrong(Prompt.CONFIG_BROKEN)
        else:
            log.info("config: without mistakes again")
            self.voice.mended(Prompt.CONFIG_BROKEN)
        self.settled()

    # ---- buttons and light -----------------------------------------------------------

    def _talk(self, talk: Talk) -> None:
        if isinstance(talk, TalkPressed):
            self.conductor.step(ev.Pressed())
        elif isinstance(talk, TalkReleased):
            self.conductor.step(ev.Released())
        elif isinstance(talk, TalkAbandoned):
            self.conductor.step(ev.Abandoned())
        else:
            self.conductor.step(ev.Tapped())

    def _act(self, act: Act) -> None:
        tool = tool_of(act.action)
        refusal = self.agents.button_tools.call(tool) if tool else _ACTS[act.action](self)
        if refusal is not None:
            self.conductor.note_error(f"button {act.button}: {refusal}")
            if tool:  # the others say so themselves
                self.voice.sound(Earcon.REFUSED)

    def view(self) -> BoxView:
        """The box as its light shows it."""
        box = self.conductor.appliance
        return BoxView(
            phase=box.phase,
            muted=self.hand.muted,
            live=box.turn is Turn.LIVE,
            microphone=_health_of(self.sound.keeper.state(Port.MICROPHONE)),
            speaker=_health_of(self.sound.keeper.state(Port.SPEAKER)),
            link_blocked=self._link_block(),
            starting=not self._started,
            stopping=self._stopping,
            consent_waiting=bool(box.waiting_calls),
            timer_running=bool(self.alarms.remaining()),
            volume_flash=self.hand.flash,
            config_error=bool(self.config_problems),
        )

    def _link_block(self) -> LinkBlock:
        box = self.conductor.appliance
        if box.spending_capped is not None:
            return "quota"
        return _BLOCKED.get(box.link_trouble, "") if box.link is Link.DOWN else ""

    def settled(self) -> None:
        """After every step: devices, volume and light follow what was decided."""
        if self._started and not self._stopping:
            self.sound.want()
        self.voice.settle()
        if self.lamp is not None:
            self.lamp.refresh()

    # ---- what a person or a tool may do ----------------------------------------------

    def step(self, event: ev.Event) -> str | None:
        """Tell the box what a person did; answers why that was refused, or None."""
        return self.conductor.step(event)

    def mute(self, on: bool) -> str | None:
        """Close the microphone, or open it again; answers why that could not be done, or None.

        Nothing is captured from here on, and what was is forgotten, on the server too.
        """
        return self._settle_after(self.hand.mute(on))

    async def mute_surely(self, on: bool) -> str | None:
        """The same; when it answers, the device layer has done it."""
        return self._settle_after(await self.hand.mute_surely(on))

    def set_volume(self, percent: object) -> str | None:
        """How loud the box is from the next period on; answers why that could not be done, or None."""
        return self._settle_after(self.hand.set_volume(percent))

    def change_volume(self, by_percent: int) -> int:
        """Louder, or softer below 0, as far as the limits allow; answers the new volume."""
        self.hand.change_volume(by_percent)
        self.settled()
        return self.volume.percent

    def _settle_after(self, refusal: str | None) -> str | None:
        self.settled()
        return refusal

    @property
    def volume_percent(self) -> int:
        return self.volume.percent

    def stop_speaking(self) -> str | None:
        """Be silent and forget the turn; answers why that was refused, or None."""
        return self.conductor.step(ev.Stop())

    async def handle_request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request of the control socket: `{"command": ...}` and what belongs to it."""
        if not self._started:
            return {"ok": False, "error": "harkd is still starting"}
        answer: dict[str, Any] = self._redactor.value(await requests.answer(self, request))
        return answer

    async def save_flight(self) -> Path:
        """Write down what the box did in the last minutes; answers where. Raises `OSError`."""
        return await self.recorder.save("demand")

    def healthy(self) -> bool:
        """False when only a new process helps."""
        return self.sound.keeper.healthy()

    def recording_programs(self) -> list[str] | None:
        """Who has a capture device open, by the kernel's word; None where it does not say."""
        found = open_substreams(Direction.CAPTURE)
        return None if found is None else [str(substream) for substream in found]

    def status(self) -> dict[str, Any]:
        """What `harkd status` shows."""
        return status(self, self._loop.time())


_ACTS: Mapping[str, Callable[[App], str | None]] = {
    "stop": lambda app: app.stop_speaking(),
    "mute": lambda app: app._settle_after(app.hand.toggle_mute()),
    "volume_up": lambda app: app._settle_after(app.hand.louder()),
    "volume_down": lambda app: app._settle_after(app.hand.softer()),
    "approve": lambda app: app.conductor.step(ev.Consent()),
    "reject": lambda app: app.conductor.step(ev.Dissent()),
}


_BLOCKED: Mapping[ev.Trouble, LinkBlock] = {
    ev.Trouble.KEY: "key",
    ev.Trouble.QUOTA: "quota",
    ev.Trouble.MODEL: "model",
}


def _failure_of(error: Exception) -> OpenFailure | None:
    """What a driver's error means to who keeps the device open; None for what no waiting will mend."""
    if not isinstance(error, DeviceError) or error.fault is Fault.LIBRARY_MISSING:
        return None
    return OpenFailure.BUSY if error.fault is Fault.BUSY else OpenFailure.AWAY


def _health_of(state: PortState) -> PortHealth:
    if state in FAILED:
        return "lost"
    return "silent" if state is PortState.SILENT else "ok"
