"""Carries out what the appliance decides: events in, commands done, one at a time. Shell around the loop.

Everything here runs on the loop's thread. What crosses threads does so in `daemon.bridge`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from daemon import events as ev
from daemon import journal, notices
from daemon.alarms import Alarms
from daemon.appliance import Appliance
from daemon.audio.playback import AudioTag
from daemon.audio.uplink import Uplink
from daemon.bridge import SpeakerTap
from daemon.complaints import Complaints
from daemon.decisions.state import FLOOR
from daemon.ears import Ears
from daemon.exchanges import ExchangeLog
from daemon.link_events import link_event
from daemon.playing import Playing
from daemon.realtime import model_events as rt
from daemon.realtime.link import RealtimeLink
from daemon.realtime.truncation import HeardPosition
from daemon.sending import TurnSender
from daemon.sound import Sound
from daemon.talk import TalkSettings
from daemon.transitions import Link, Turn
from daemon.upload import TurnUpload
from daemon.upload_gate import GateSettings, GateStep, gate_for

log = logging.getLogger("harkd")

SESSION_RATE_HZ = 24_000
"""The only PCM rate the Realtime API takes and gives."""

SAY_INSTRUCTIONS = "Speak exactly the following text, word for word, and nothing else:\n\n"


class Conductor:
    """Between appliance, session and sound. `link` and `alarms` are set once, before the first event.

    `on_decision` is called with what a person, or time, decided on a tool call; whoever asked sets it.
    `on_own_sound` is called with what the box has to say of its own accord, `on_settled` after every event
    with all that it caused; `on_step` with every step the appliance took, `on_bug` with every error of ours.
    """

    alarms: Alarms
    on_decision: Callable[[ev.Approve | ev.Reject], None]
    on_own_sound: Callable[[ev.AskConsent | ev.PlayChime | ev.Refuse], None]
    on_settled: Callable[[], None]
    on_step: Callable[[ev.Event, float, list[ev.Command]], None]
    on_bug: Callable[[ev.Event, Exception], None]

    def __init__(
        self,
        talk: TalkSettings,
        sound: Sound,
        speaker: SpeakerTap,
        ears: Ears,
        onlookers: Iterable[Callable[[notices.Notice], None]],
        loop: asyncio.AbstractEventLoop,
        gate: GateSettings | None = None,
    ) -> None:
        """`gate`: hands-free, only what this side takes for speech goes up."""
        self.appliance = Appliance(talk, sound.mic_period_s)
        self.exchanges = ExchangeLog()
        self._complaints = Complaints()
        self.last_errors = self._complaints.last
        self.ears = ears
        self._gate_settings = gate
        self._gate = gate_for(gate, ears.rate_hz, ears.window_ms)
        self._windows: list[bool] = []  # of the captured period being decided on
        self._sound = sound
        self._onlookers = list(onlookers)
        self._loop = loop
        self.uplink = Uplink(sound.mic_rate_hz, SESSION_RATE_HZ, sound.append_ms, talk.longest_turn_s)
        upload = TurnUpload(self.uplink)
        self._sender = TurnSender(upload, self.exchanges, lambda: self._share_floor(loop.time()), loop)
        self.playing = Playing(
            speaker,
            SESSION_RATE_HZ,
            sound.speaker_rate_hz,
            lambda: self.step(ev.PlaybackStarted()),
            self._cut_short,
        )
        self.on_decision = lambda decision: None
        self.on_own_sound = lambda command: None
        self.on_settled = lambda: None
        self.on_step = lambda event, now, commands: None
        self.on_bug = lambda event, error: None
        self._inbox: deque[ev.Event] = deque()  # bounded by what one event can cause
        self._pumping = False
        self._period = b""  # the captured period being decided on
        self._refusal: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    def use(self, talk: TalkSettings, gate: GateSettings | None, append_ms: int) -> None:
        """From now on, talk by these, `append_ms` as in `Sound`; the ears were told before."""
        self._gate_settings = gate
        self._gate = gate_for(self._gate_settings, self.ears.rate_hz, self.ears.window_ms)
        self.uplink.use(append_ms, talk.longest_turn_s)
        self.step(ev.TalkSet(talk))

    def close(self) -> None:
        self._sender.close()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def link(self) -> RealtimeLink:
        return self._sender.link

    @link.setter
    def link(self, link: RealtimeLink) -> None:
        self._sender.link = link

    # ---- events in ------------------------------------------------------------------

    def step(self, event: ev.Event) -> str | None:
        """Give the appliance one event and do what it asks for; answers why it was refused, or None."""
        self._inbox.append(event)
        if self._pumping:  # caused by one under way, whose answer it must not take
            return None
        self._refusal = None
        self._pump()
        return self._refusal

    def _pump(self) -> None:
        """One event with all its commands before the next; what a command causes waits in the inbox."""
        self._pumping, moved = True, False
        try:
            while self._inbox:
                event = self._inbox.popleft()
                try:
                    moved = self._take(event) or moved
                except Exception as error:  # supervision point: a bug costs one event, not the box
                    log.exception("error of ours at %s", event)
                    self.on_bug(event, error)
                    self._rearm()
        finally:
            self._pumping = False
        if moved:
            self._rearm()
            self.on_settled()

    def _take(self, event: ev.Event) -> bool:
        """True unless it was one of the periods that come and change nothing."""
        now = self._loop.time()
        commands = self.appliance.step(event, now)
        self.on_step(event, now, commands)
        for command in commands:
            log.debug("%s -> %s", event, command)
            _DO[type(command)](self, command)
        if isinstance(event, ev.Stop):
            self._unask(now)
            self._end_exchange("interrupted")  # one that waited for a tool
        if self.appliance.turn is Turn.CLOSING:
            self.exchanges.released(now)
        self._share_floor(now)
        return not isinstance(event, ev.MicPeriod) or any(type(c) is not ev.UploadPeriod for c in commands)

    def _unask(self, now: float) -> None:
        """An answer that the agents asked for and that has not begun is not wanted any more."""
        if self.link.protocol.response_active:
            self.link.protocol.interrupt((), now)
            self.link.flush()

    def _share_floor(self, now: float) -> None:
        """While the user speaks, a tool's result must not make the model speak: it waits for the turn."""
        taken = self.appliance.turn in FLOOR or self._sender.finishing
        if self.link.protocol.floor_taken != taken:
            self.link.protocol.floor_taken = taken
            self.link.protocol.tick(now)
            self.link.flush()

    def _rearm(self) -> None:
        due = self.appliance.next_deadline()
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.step(ev.Tick())

    def mute(self) -> None:
        """The microphone is being closed: forget what it heard. Of a turn not wholly up no more goes up."""
        if self._sender.finishing:
            self.step(ev.Stop())
        self.step(ev.Mute())
        self.ears.forget()
        self._period = b""

    def unmute(self) -> None:
        self.step(ev.Unmute())

    def microphone_speaks(self, rate_hz: int, period_s: float) -> None:
        """From now on the microphone delivers at this rate, so many seconds at a time."""
        self.appliance.period_s = period_s
        self.ears.retune(rate_hz)
        self._gate = gate_for(self._gate_settings, self.ears.rate_hz, self.ears.window_ms)
        self.uplink.retune(rate_hz)

    def drained(self) -> None:
        """Everything queued has been heard."""
        self.exchanges.sounded(self.playing.first_audio_at)  # the next part of the answer begins it anew
        self.step(ev.PlaybackDrained())

    def on_period(self, mono: bytes) -> None:
        """Take one captured period, mono at the microphone's rate; nothing while muted."""
        if self.appliance.muted:
            return
        all_goes_up = self._gate is None and self.appliance.turn is Turn.LIVE
        heard = self.ears.hear(mono, asked=not all_goes_up)
        for event in heard.events:
            self.step(event)
        self._period, self._windows = mono, heard.windows
        self.step(ev.MicPeriod(heard.duration_ms, heard.speech))
        if self._period:
            self.ears.keep(self._period)  # no turn wanted it; the next may
            self._shut_gate()

    def _shut_gate(self) -> None:
        if self._gate is not None and self._gate.shut().closed:
            self._sender.pause()

    def _go_up(self, step: GateStep) -> None:
        if step.audio:
            self._sender.feed(step.audio)
        if step.closed:
            self._sender.pause()

    # ---- what the session says -------------------------------------------------------

    def on_model_event(self, event: rt.RealtimeModelEvent) -> None:
        handler = _ON_MODEL_EVENT.get(type(event))
        if handler is not None:
            handler(self, event)

    def _connection_status(self, event: rt.RealtimeModelConnectionStatusEvent) -> None:
        told, word = link_event(event, self.link.last_loss)
        if isinstance(told, ev.LinkDown):
            self.note_error(event.detail, "link")
        if told is not None:
            self.step(told)
        self._tell(notices.LinkChanged(word, event.detail))

    def _session_ready(self, event: rt.RealtimeModelSessionReadyEvent) -> None:
        self._complaints.over("link")
        self._sender.link_ready()
        self.step(ev.LinkReady())
        self._sender.send()
        self._tell(notices.LinkChanged("ready", ""))

    def _error(self, event: rt.RealtimeModelErrorEvent) -> None:
        self.note_error(f"server: {event.message} ({event.code})")

    def _frame_rejected(self, event: rt.RealtimeModelFrameRejectedEvent) -> None:
        self.note_error(f"server: a message that makes no sense: {event.reason}", "nonsense")

    def _audio(self, event: rt.RealtimeModelAudioEvent) -> None:
        self.playing.queue(AudioTag(event.response_id, event.item_id, event.content_index), event.data)

    def _audio_done(self, event: rt.RealtimeModelAudioDoneEvent) -> None:
        self.playing.finish(AudioTag(event.response_id, event.item_id, event.content_index))

    def _cut_short(self, response_id: str, position: HeardPosition) -> None:
        """The answer does not fit the ring: cancel the rest, tell the model how far it will be heard."""
        self.note_error(f"answer cut after {self._sound.ring_s:.0f} s: longer than playback.ring_s")
        self.link.protocol.interrupt([position], self._loop.time())
        self.link.flush()

    def _turn_started(self, event: rt.RealtimeModelTurnStartedEvent) -> None:
        if not event.out_of_band:
            self.exchanges.answered(event.response_id)
            self.step(ev.AnswerStarted(event.response_id))

    def _turn_ended(self, event: rt.RealtimeModelTurnEndedEvent) -> None:
        self.playing.finish_all(event.response_id or "")
        if event.out_of_band:
            return
        if event.status not in ("completed", "cancelled"):
            self.exchanges.note(f"{event.status}: {event.detail}" if event.detail else event.status)
        self.step(ev.AnswerEnded(event.response_id, event.status, event.detail))

    def _item_updated(self, event: rt.RealtimeModelItemUpdatedEvent) -> None:
        if self.exchanges.calls:
            item = self.link.protocol.history.get(event.item_id)
            if item is not None and item.kind == "function_call_output":
                self.exchanges.call_answered(item.call_id or "")

    def _transcript_delta(self, event: rt.RealtimeModelTranscriptDeltaEvent) -> None:
        self._tell(notices.AnswerText(event.response_id, event.delta))

    def _user_said(self, event: rt.RealtimeModelInputAudioTranscriptionCompletedEvent) -> None:
        self._tell(notices.UserSaid(event.transcript))

    def _speech_started(self, event: rt.RealtimeModelSpeechStartedEvent) -> None:
        begun_at = self._sender.captured_at(event.audio_start_ms)
        live = self.appliance.turn is Turn.LIVE
        self.step(ev.UserSpeechStarted())  # first: what it cuts is the exchange before
        if live:
            self._begin_exchange(begun_at, spoken=True)

    def _speech_stopped(self, event: rt.RealtimeModelSpeechStoppedEvent) -> None:
        if self.appliance.turn is Turn.LIVE:
            self.exchanges.released(self._sender.captured_at(event.audio_end_ms))
        self.step(ev.UserSpeechStopped())

    def _input_committed(self, event: rt.RealtimeModelInputCommittedEvent) -> None:
        if self.appliance.turn is Turn.SENT:
            self._sender.committed_as(event.item_id)
        elif self.appliance.turn is Turn.LIVE:
            self.exchanges.committed(self._loop.time())
        self.step(ev.InputCommitted())

    # ---- commands --------------------------------------------------------------------

    def _interrupt(self, command: ev.Interrupt) -> None:
        now = self._loop.time()
        if self._sender.finishing:  # what is cut was still on its way up
            self._sender.drop()
        positions = self._fall_silent(now)
        self.link.protocol.interrupt(positions, now)
        self.link.flush()

    @property
    def in_use(self) -> bool:
        return self.appliance.answering or self.appliance.turn not in (Turn.IDLE, Turn.LIVE)

    @property
    def waits_for_speech(self) -> bool:
        """What is heard goes nowhere until the gate opens, and nothing else waits for it."""
        gate, box = self._gate, self.appliance
        shut = gate is not None and not gate.is_open and not self.ears.hears_wake_word
        return shut and box.turn is Turn.LIVE and box.is_at_rest

    def speaks(self, response_id: str) -> bool:
        return self.playing.speaks(response_id)

    def silence(self) -> list[HeardPosition]:
        """The agents' side cuts the answer: fall silent, and say how much of each part was heard."""
        positions = self._fall_silent(self._loop.time())
        self.step(ev.AnswerCut())
        return positions

    def _fall_silent(self, now: float) -> list[HeardPosition]:
        parts, pulled_frames = self.playing.fall_silent()
        self._tell(notices.Interrupted(now, pulled_frames, tuple(parts)))
        self._end_exchange("interrupted")
        return [self.playing.position(part.tag, part.heard_frames) for part in parts]

    def _open_turn(self, command: ev.OpenTurn) -> None:
        now = self._loop.time()
        self._unask(now)
        self._begin_exchange(now, spoken=True)
        self.ears.await_speech()
        self._sender.open(self.ears.take_last(command.preroll_ms))

    def _upload_preroll(self, command: ev.UploadPreroll) -> None:
        before = self.ears.take_last(command.preroll_ms)
        self._go_up(GateStep(before) if self._gate is None else self._gate.open(before))

    def _upload_period(self, command: ev.UploadPeriod) -> None:
        period, self._period = self._period, b""
        gated = self._gate is not None and self.appliance.turn is Turn.LIVE
        self._go_up(self._gate.feed(period, self._windows) if gated and self._gate else GateStep(period))

    def _clear_turn(self, command: ev.ClearTurn) -> None:
        self._sender.drop()
        log.info("turn cleared: %s", command.reason)
        self._end_exchange("cleared", command.reason)

    def _start_streaming(self, command: ev.StartStreaming) -> None:
        self._shut_gate()
        self._sender.stream()

    def _send_text(self, command: ev.SendText) -> None:
        self._begin_exchange(self._loop.time(), spoken=False)
        self.link.protocol.send_message(command.text, self._loop.time())
        self.link.flush()

    def _speak_text(self, command: ev.SpeakText) -> None:
        self.link.protocol.request_response(
            self._loop.time(), {"instructions": SAY_INSTRUCTIONS + command.text}
        )
        self.link.flush()

    def _decided(self, command: ev.Approve | ev.Reject) -> None:
        log.info("%s", command)
        self.on_decision(command)

    def _ask_consent(self, command: ev.AskConsent) -> None:
        log.info("waiting for a person to approve %s", command.tool)
        self.on_own_sound(command)

    def _play_chime(self, command: ev.PlayChime) -> None:
        self.on_own_sound(command)

    def _hang_up(self, command: ev.HangUp) -> None:
        self.link.rest(command.reason)

    def _refuse(self, command: ev.Refuse) -> None:
        self._refusal = command.reason
        log.warning("refused: %s", command.reason)
        self.on_own_sound(command)
        self._tell(notices.Refused(command.reason))

    def _show_phase(self, command: ev.ShowPhase) -> None:
        busy = command.phase in (ev.Phase.LISTENING, ev.Phase.THINKING, ev.Phase.SPEAKING)
        # While a tool works the box rests, and the answer is still to come.
        asked = self.appliance.link is Link.READY and self.link.protocol.response_active
        if not busy and not asked and not self.exchanges.calls:
            self._end_exchange("heard", self._why_unheard())
        self._tell(notices.PhaseChanged(command.phase))

    def _why_unheard(self) -> str:
        if self.appliance.link is not Link.READY:
            return self.appliance.link_reason
        if self.exchanges.still_spoken:
            return "muted" if self.appliance.muted else self.appliance.microphone_lost or ""
        return "" if self.playing.audible else "no loudspeaker"

    # ---- small things ----------------------------------------------------------------

    def _tell(self, notice: notices.Notice) -> None:
        for onlooker in self._onlookers:
            try:
                onlooker(notice)
            except Exception:  # supervision point: who looks on must not disturb what is done
                log.exception("an onlooker failed at %s", notice)

    def note_error(self, message: str, kind: str = "") -> None:
        """For the status and the journal; without a `kind` it is what stands before the colon."""
        line = self._complaints.line(kind or message.partition(":")[0], message, self._loop.time())
        if line is not None:
            log.warning("%s", line, extra=journal.problem(kind or message))

    def _begin_exchange(self, now: float, *, spoken: bool) -> None:
        self._end_exchange("heard", "the next question came first")
        self.exchanges.begin(now, spoken=spoken)

    def _end_exchange(self, how: notices.Ending, reason: str = "") -> None:
        exchange = self.exchanges.end(self._loop.time(), how, reason, self.playing.first_audio_at)
        if exchange is not None:
            log.info("%s", exchange.summary(), extra=journal.turn(exchange))
            self._tell(notices.ExchangeEnded(exchange))


_DO: dict[type, Callable[[Conductor, Any], None]] = {
    ev.Interrupt: Conductor._interrupt,
    ev.OpenTurn: Conductor._open_turn,
    ev.UploadPreroll: Conductor._upload_preroll,
    ev.UploadPeriod: Conductor._upload_period,
    ev.CommitTurn: lambda conductor, _: conductor._sender.finish(),
    ev.ClearTurn: Conductor._clear_turn,
    ev.RewindTurn: lambda conductor, _: conductor._sender.link_lost(),
    ev.ForgetTurn: lambda conductor, _: conductor._sender.answered(),
    ev.StartStreaming: Conductor._start_streaming,
    ev.StopStreaming: lambda conductor, _: conductor._sender.drop(),
    ev.SendText: Conductor._send_text,
    ev.SpeakText: Conductor._speak_text,
    ev.Approve: Conductor._decided,
    ev.Reject: Conductor._decided,
    ev.AskConsent: Conductor._ask_consent,
    ev.PlayChime: Conductor._play_chime,
    ev.DismissAlarm: lambda conductor, _: conductor.alarms.dismiss(),
    ev.ConnectNow: lambda conductor, _: conductor.link.connect_now(),
    ev.HangUp: Conductor._hang_up,
    ev.Refuse: Conductor._refuse,
    ev.Report: lambda conductor, command: conductor.note_error(command.message),
    ev.ShowPhase: Conductor._show_phase,
}

_ON_MODEL_EVENT: dict[type, Callable[[Conductor, Any], None]] = {
    rt.RealtimeModelConnectionStatusEvent: Conductor._connection_status,
    rt.RealtimeModelSessionReadyEvent: Conductor._session_ready,
    rt.RealtimeModelErrorEvent: Conductor._error,
    rt.RealtimeModelFrameRejectedEvent: Conductor._frame_rejected,
    rt.RealtimeModelAudioEvent: Conductor._audio,
    rt.RealtimeModelAudioDoneEvent: Conductor._audio_done,
    rt.RealtimeModelTurnStartedEvent: Conductor._turn_started,
    rt.RealtimeModelTurnEndedEvent: Conductor._turn_ended,
    rt.RealtimeModelTranscriptDeltaEvent: Conductor._transcript_delta,
    rt.RealtimeModelToolCallEvent: lambda conductor, event: conductor.exchanges.called(event.call_id),
    rt.RealtimeModelItemUpdatedEvent: Conductor._item_updated,
    rt.RealtimeModelInputAudioTranscriptionCompletedEvent: Conductor._user_said,
    rt.RealtimeModelSpeechStartedEvent: Conductor._speech_started,
    rt.RealtimeModelSpeechStoppedEvent: Conductor._speech_stopped,
    rt.RealtimeModelInputCommittedEvent: Conductor._input_committed,
}
