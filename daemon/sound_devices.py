"""Microphone and loudspeaker as the box uses them: kept open as wanted, in whatever format they come.

Shell around the keeper, the taps and the voice processor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import field, replace
from typing import Protocol

from daemon import events as ev
from daemon.audio.capture import CapturePath, CaptureSettings
from daemon.audio.gain import Gain
from daemon.audio.lull import Lull
from daemon.audio.pcm import ms_to_frames
from daemon.audio.playback import PlaybackRing
from daemon.bridge import MicTap, SpeakerTap
from daemon.conductor import Conductor
from daemon.device_keeper import CallDevice, DeviceChange, DeviceKeeper
from daemon.duplex import Duplex, Listened
from daemon.health import FAILED, DeviceHealth, OpenFailure, Port, PortState
from daemon.own_voice import OwnVoice
from daemon.prompts import Prompt
from daemon.records import dataclass

log = logging.getLogger("harkd")

MIC_BOUND_S = 2.0
FADE_MS = 5
"""A cut without a fade clicks; five milliseconds are enough not to, and fit any period."""

VOICE_FOUND_AFTER_MS = 400.0
"""A voice over the answer began at most so long before it is found, but for one in twenty."""

JUDGE_ECHO_S = 0.5
"""How often it is asked how well echo is cancelled."""

SPEAKER_LINGERS_S = 10.0
"""A loudspeaker that is open only while it is used is closed so long after."""


class Format(Protocol):
    """Of `hw.ports.AudioFormat` what is needed here."""

    @property
    def rate_hz(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def period_frames(self) -> int: ...
    @property
    def period_s(self) -> float: ...


class Device(Protocol):
    @property
    def format(self) -> Format: ...
    @property
    def running(self) -> bool: ...
    @property
    def holds_device(self) -> bool: ...
    def stop(self) -> None: ...


class Microphone(Device, Protocol):
    def start(self, deliver: Callable[[bytes], None]) -> None: ...


class Speaker(Device, Protocol):
    def heard_frames(self) -> int: ...
    def start(self, pull: Callable[[int], bytes]) -> None: ...


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """`ring_s` is the longest answer that can wait to be heard. `speaker_always_open`: silence is played
    between answers; `lead_in_ms` of it go before the first sound of a loudspeaker just opened.
    """

    capture: CaptureSettings = field(default_factory=lambda: CaptureSettings(high_pass_hz=0))
    speaker_always_open: bool = True
    lead_in_ms: int = 0
    ring_s: float = 120.0


class SoundDevices:
    """Owns both devices. On the loop's thread, but for what is said to run on a device's.

    `conductor` and `voice` are set once, before `start`.
    """

    conductor: Conductor
    voice: OwnVoice

    def __init__(
        self,
        microphone: Microphone,
        speaker: Speaker,
        settings: SoundSettings,
        gain: Gain,
        *,
        failure_of: Callable[[Exception], OpenFailure | None],
        on_speaker_rate: Callable[[int], None],
        call: CallDevice | None,
        health: DeviceHealth | None,
    ) -> None:
        """`on_speaker_rate` is told of another rate of the loudspeaker; the rest as in `DeviceKeeper`."""
        self._loop = loop = asyncio.get_running_loop()
        self._microphone = microphone
        self._speaker = speaker
        self._heard_before_frames = 0  # by loudspeakers that were exchanged
        self._settings = settings
        self._gain = gain
        self._on_speaker_rate = on_speaker_rate
        self.speaker_tap = SpeakerTap(
            loop, self._ring(), self._heard_frames, lambda: self.conductor.drained(), gain
        )
        mic = microphone.format
        self.mic_tap: MicTap[Listened] = MicTap(loop, self._listened, round(MIC_BOUND_S / mic.period_s))
        self._capture = CapturePath(_fitting(settings.capture, mic.channels), mic.rate_hz, mic.channels)
        self.duplex: Duplex | None = None
        self.keeper = DeviceKeeper(
            loop,
            microphone,
            speaker,
            deliver=self._captured,
            pull=self.speaker_tap.pull,
            on_change=self._changed,
            failure_of=failure_of,
            in_use=lambda: self.conductor.in_use,
            health=health,
            call=call,
        )
        self._linger: asyncio.TimerHandle | None = None
        self._echo_timer: asyncio.TimerHandle | None = None
        self._unhurried = False  # nobody waits for the next period
        self._lull: Lull | None = None  # of the microphone's thread, while nobody does
        self._interrupted = False
        self._started = False
        self.hangs = False
        """A device could not be closed: the process must not wait for it."""

    def use(self, settings: SoundSettings) -> None:
        """From now on, by these; a ring of another length is that of the next loudspeaker."""
        before, self._settings = self._settings, settings
        if settings.capture == before.capture:
            return
        mic = self._microphone.format
        self._capture = CapturePath(_fitting(settings.capture, mic.channels), mic.rate_hz, mic.channels)
        self._lull = None  # it listens to the channel of before

    def use_duplex(self, duplex: Duplex | None) -> None:
        """What is captured passes through there, beside what is played; None for as it is captured."""
        before, self.duplex = self.duplex, duplex
        self.speaker_tap.on_played = duplex.played if duplex else None
        if before is not None:
            before.stop()
        if self._started:
            self._tune_duplex()

    def exchange_microphone(self, microphone: Microphone) -> None:
        """Go on with another one, as soon as this one is closed."""

        def exchanged() -> None:
            self._microphone = microphone

        self.keeper.exchange(Port.MICROPHONE, microphone, exchanged)

    def exchange_speaker(self, speaker: Speaker) -> None:
        def exchanged() -> None:
            self._heard_before_frames = self.speaker_tap.pulled_frames
            self._speaker = speaker

        self.keeper.exchange(Port.SPEAKER, speaker, exchanged)

    async def start(self) -> None:
        """Open what is wanted; a device that is missing is waited for. Raises as `DeviceKeeper.start`."""
        self._started = True
        self._tune_duplex()
        self.want()
        # One that rests, too: how it talks is known only when it was open, and the first answer needs that.
        self.keeper.want(Port.SPEAKER, True)
        await self.keeper.start()

    async def stop(self) -> None:
        for timer in (self._linger, self._echo_timer):
            if timer is not None:
                timer.cancel()
        self.hangs = not await self.keeper.stop()
        if self.duplex is not None:
            self.duplex.stop()

    def forget_captured(self) -> None:
        """What was captured and has not been listened to yet never will be."""
        self._discard()
        if self.duplex is not None:
            self.duplex.forget()

    def _discard(self) -> None:
        self._unhurried, self._lull = False, None
        self.mic_tap.discard()

    @property
    def clipped_samples(self) -> int:
        """Captured samples that the configured gain made too large, since the device was found."""
        return self._capture.clipped_samples

    def want(self) -> None:
        """Have open what the box needs now; asked after every step, so it costs next to nothing."""
        self._unhurried = self.duplex is None and self.conductor.waits_for_speech
        box = self.conductor.appliance
        if not box.answering or not box.wants_microphone or box.microphone_lost is not None:
            self._gain.duck(False)  # for nobody: no period will say so
        self.keeper.want(Port.MICROPHONE, box.wants_microphone)
        if self._settings.speaker_always_open or box.wants_speaker:
            if self._linger is not None:
                self._linger.cancel()
                self._linger = None
            self.keeper.want(Port.SPEAKER, True)
        elif self._linger is None:
            self._linger = self._loop.call_later(SPEAKER_LINGERS_S, self._rest_speaker)

    def _rest_speaker(self) -> None:
        if not self.conductor.appliance.wants_speaker:
            self.keeper.want(Port.SPEAKER, False)

    # ---- what is captured ------------------------------------------------------------

    def _captured(self, period: bytes) -> None:
        """Microphone's thread."""
        if self._unhurried or self._lull is not None:
            for burst in self._lulled(period):
                self._goes_on(burst)
        else:
            self._goes_on(period)

    def _goes_on(self, captured: bytes) -> None:
        mono = self._capture.feed(captured)
        if (duplex := self.duplex) is not None:
            duplex.captured(mono)
        else:
            self.mic_tap.deliver(Listened(mono))

    def _lulled(self, period: bytes) -> list[bytes]:
        """Microphone's thread: what of it and of those before goes on now."""
        lull, unhurried = self._lull, self._unhurried  # once: the loop may set them meanwhile
        if lull is None:
            mic = self._microphone.format
            lull = Lull(mic.rate_hz, mic.channels, self._capture.channel, mic.period_s)
        self._lull = lull if unhurried else None
        return lull.feed(period, hurry=not unhurried)

    def _listened(self, period: Listened) -> None:
        box = self.conductor.appliance
        if box.muted:
            return
        self._gain.duck(period.suspected and box.answering)
        if period.interrupted and not self._interrupted:
            self.conductor.step(ev.SpokenOver(VOICE_FOUND_AFTER_MS))
        self._interrupted = period.interrupted
        self.conductor.on_period(period.pcm)
        self._unhurried = self.duplex is None and self.conductor.waits_for_speech

    # ---- echo ------------------------------------------------------------------------

    def _tune_duplex(self) -> None:
        if self.duplex is not None:
            self.duplex.tune(self._microphone.format.rate_hz, self._speaker.format.rate_hz)
            if self._echo_timer is None:
                self._echo_timer = self._loop.call_later(JUDGE_ECHO_S, self._judge_echo)
        self.conductor.step(ev.EchoJudged(self.duplex is None or self.duplex.safe))

    def _judge_echo(self) -> None:
        self._echo_timer = None
        if self.duplex is None:
            return
        self._echo_timer = self._loop.call_later(JUDGE_ECHO_S, self._judge_echo)
        if self.duplex.judge(self._loop.time()):
            log.info("%s", self.duplex.reason)
            self.conductor.step(ev.EchoJudged(self.duplex.safe))

    def _heard_frames(self) -> int:
        """Any thread."""
        return self._heard_before_frames + self._speaker.heard_frames()

    # ---- devices that come and go ----------------------------------------------------

    def _ring(self) -> PlaybackRing:
        speaker = self._speaker.format
        return PlaybackRing(
            speaker.rate_hz,
            capacity_frames=int(self._settings.ring_s * speaker.rate_hz),
            fade_frames=min(ms_to_frames(FADE_MS, speaker.rate_hz), speaker.period_frames),
        )

    def _changed(self, change: DeviceChange) -> None:
        if change.new_format:
            self._adopt_format(change.port)
        if change.port is Port.MICROPHONE:
            self._microphone_changed(change)
        else:
            self._speaker_changed(change)
        self.conductor.on_settled()

    def _adopt_format(self, port: Port) -> None:
        if port is Port.MICROPHONE:
            mic = self._microphone.format
            self._capture = CapturePath(
                _fitting(self._settings.capture, mic.channels), mic.rate_hz, mic.channels
            )
            self._discard()
            self.conductor.microphone_speaks(mic.rate_hz, mic.period_s)
        else:
            self._adopt_speaker(self._speaker.format.rate_hz)
        self._tune_duplex()

    def _adopt_speaker(self, rate_hz: int) -> None:
        """What waits is for the other rate. It ends here, and what that causes must not wait either."""
        playing = self.conductor.playing
        was_audible, playing.audible = playing.audible, False
        self.conductor.step(ev.SpeakerLost())
        self.speaker_tap.use(self._ring())
        playing.retune(rate_hz)
        self._on_speaker_rate(rate_hz)
        playing.audible = was_audible

    def _microphone_changed(self, change: DeviceChange) -> None:
        box = self.conductor.appliance
        if change.state in (*FAILED, PortState.CLOSED):
            self._discard()
            self.conductor.ears.forget()  # a turn does not begin with what was said before a gap
        if change.state in FAILED:
            if box.microphone_lost is None:
                self._note(f"microphone: {change.reason}")
                self.voice.went_wrong(Prompt.NO_MICROPHONE)
            self.conductor.step(ev.MicrophoneLost(change.reason))
        elif change.state is PortState.OPENING:
            self._capture.reset()
            self._lull = None  # its thread may have kept a period while it was stopped
        elif change.state is PortState.CLOSED and box.microphone_lost is not None:
            self.conductor.step(ev.MicrophoneBack())  # nobody knows: the next turn opens it, and will tell
        elif change.state is PortState.SILENT:
            self.voice.went_wrong(Prompt.MICROPHONE_SILENT)
        elif box.microphone_lost is not None and change.state is PortState.WORKING:
            self.conductor.step(ev.MicrophoneBack())

    def _note(self, error: str) -> None:
        """For the status; the journal has it from the keeper."""
        if error not in list(self.conductor.last_errors)[-1:]:
            self.conductor.last_errors.append(error)

    def _speaker_changed(self, change: DeviceChange) -> None:
        playing = self.conductor.playing
        if change.state in FAILED:
            if playing.audible:
                self._note(f"loudspeaker: {change.reason}")
            playing.audible = False
            self.conductor.step(ev.SpeakerLost())
        elif change.state is PortState.OPENING:
            self.speaker_tap.lead_in(self._settings.lead_in_ms)
        elif change.state in (PortState.WORKING, PortState.CLOSED):  # at rest: the next sound will tell
            playing.audible = True


def _fitting(capture: CaptureSettings, channels: int) -> CaptureSettings:
    """A microphone that is missing or was exchanged may have fewer channels than configured: better heard on
    another one than deaf.
    """
    if capture.channel is None or capture.channel < channels:
        return capture
    log.warning(
        "capture.channel is %d, but the microphone has %d: listening to channel 0", capture.channel, channels
    )
    return replace(capture, channel=0)
