"""What the box does: one step from (state, event, now) to commands. Pure.

How the states move is in `daemon.transitions`. Here is decided which signal an event means, which depends on
the talk mode, and what each arrow asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon import events as ev
from daemon.events import Command, Event, Phase
from daemon.talk import BargeIn, TalkMode, TalkSettings
from daemon.transitions import (
    ALARM,
    ANSWER,
    LINK,
    SPEAKER,
    TURN,
    Alarm,
    Answer,
    Link,
    Signal,
    Speaker,
    Turn,
)
from daemon.waiting_calls import WaitingCall, WaitingCalls

CHIME_PAUSE_S = 2.0
"""Between two chimes of an alarm: long enough for a hands-free box to hear somebody say stop."""

MUTED = "the microphone is muted"
FLOOR = (Turn.OPEN, Turn.CLOSING)
"""The user is speaking, or has not quite ended."""


class Appliance:
    """The decisions of one box. Not thread-safe: one owner calls `step` for every event, in order."""

    def __init__(self, settings: TalkSettings, period_s: float) -> None:
        """`period_s`: the microphone's period, the longest a release normally waits for its audio."""
        self.settings = settings
        self.turn = Turn.IDLE
        self.answer = Answer.NONE
        self.speaker = Speaker.SILENT
        self.link = Link.DOWN
        self.alarm = Alarm.QUIET
        self.link_reason = "not connected yet"
        self.muted = False
        self.waiting_calls = WaitingCalls()
        self._period_s = period_s
        self._user_speaking = False
        self._response_id: str | None = None
        self._turn_ms = 0.0
        self._speech_ms = 0.0
        self._detector_heard = False
        self._tail_ends = 0.0
        self._turn_deadline: float | None = None
        self._hold_until: float | None = None  # set when a finished turn first finds no link
        self._answer_deadline: float | None = None
        self._gate_opens = float("-inf")
        self._chime_after = float("-inf")
        self._phase = Phase.OFFLINE
        self._commands: list[Command] = []

    def step(self, event: Event, now: float) -> list[Command]:
        """Take one event at monotonic time `now` (seconds); answer what to do, in order."""
        self._commands = []
        _HANDLERS[type(event)](self, event, now)
        chime = self._may_chime and now >= self._chime_after
        if chime:
            self._move(Signal.CHIMED)
            self._chime_after = now + CHIME_PAUSE_S
        if (phase := self.phase) is not self._phase:
            self._phase = phase
            self._do(ev.ShowPhase(phase))
        if chime:
            self._do(ev.PlayChime())  # last: the new phase ends the exchange that was heard before it
        return self._commands

    def next_deadline(self) -> float | None:
        """When `Tick` is due, or None."""
        chime_after = self._chime_after if self._may_chime else None
        approve_by = self.waiting_calls.next_deadline()
        deadlines = (self._turn_deadline, self._answer_deadline, chime_after, approve_by)
        return min((due for due in deadlines if due is not None), default=None)

    @property
    def phase(self) -> Phase:
        if self.turn in FLOOR or self._user_speaking:
            return Phase.LISTENING
        if self.alarm is Alarm.RINGING and self.answer is Answer.NONE:
            return Phase.RINGING
        if self.speaker is Speaker.PLAYING:
            return Phase.SPEAKING
        if self.turn in (Turn.HELD, Turn.SENT) or self.answer is not Answer.NONE:
            return Phase.THINKING
        if self.link is Link.READY:
            return Phase.IDLE
        return Phase.CONNECTING if self.link is Link.CONNECTING else Phase.OFFLINE

    @property
    def answering(self) -> bool:
        """Something is being generated or played that an interruption would cut."""
        return self.answer is not Answer.NONE or self.speaker is Speaker.PLAYING

    @property
    def judging(self) -> bool:
        """The voice detector's verdict on the next period matters."""
        return self.turn in FLOOR

    # ---- the person ------------------------------------------------------

    def _pressed(self, event: ev.Pressed, now: float) -> None:
        if self.alarm is Alarm.RINGING:
            self._dismiss_alarm(now)
        elif self.waiting_calls and self.turn not in FLOOR:
            self._consent(ev.Consent(), now)
        elif self.muted:
            self._cut(now)
            self._do(ev.Refuse(MUTED))
        elif self.settings.mode is TalkMode.HANDS_FREE:
            self._cut(now)
            if self.link is Link.DOWN:
                self._refuse_offline()
        elif self.settings.mode is TalkMode.TOGGLE and self.turn is Turn.OPEN:
            self._done(now)
        else:
            self._talk(now)

    def _released(self, event: ev.Released, now: float) -> None:
        if self.settings.mode is TalkMode.HOLD and self.turn is Turn.OPEN:
            self._done(now)

    def _talk(self, now: float) -> None:
        before = self.turn
        preroll_ms = self._clean_preroll_ms(now)
        self._cut(now)
        if self.link is Link.DOWN and before in (Turn.IDLE, Turn.HELD):
            self._refuse_offline()
            return
        if before is Turn.HELD:
            self._do(ev.ClearTurn("replaced by a new turn before it could be sent"))
        if not self._move(Signal.TALK):
            return
        self._turn_deadline = now + self.settings.max_turn_s
        if before is not Turn.CLOSING:
            self._turn_ms = self._speech_ms = 0.0
            self._detector_heard = False
            self._hold_until = None
            self._do(ev.OpenTurn(preroll_ms))

    def _clean_preroll_ms(self, now: float) -> float:
        """How far back the microphone has not heard our own loudspeaker."""
        if self.speaker is Speaker.PLAYING:
            return 0.0
        return min(max(0.0, (now - self._gate_opens) * 1000), self.settings.preroll_ms)

    def _refuse_offline(self) -> None:
        self._do(ev.ConnectNow())
        self._do(ev.Refuse(f"not connected: {self.link_reason}"))

    def _done(self, now: float) -> None:
        self._move(Signal.DONE)
        self._tail_ends = now + self.settings.release_tail_ms / 1000
        # The period that holds the release arrives within one period; after two the microphone has stopped.
        self._turn_deadline = self._tail_ends + 2 * self._period_s

    def _stop(self, event: ev.Stop, now: float) -> None:
        before = self.turn
        self._cut(now)
        if self._move(Signal.STOP):
            self._turn_deadline = None
            self._do(ev.ForgetTurn() if before is Turn.SENT else ev.ClearTurn("stopped"))
        if self.alarm is Alarm.RINGING:
            self._dismiss_alarm(now)
        for call in self.waiting_calls.take_all():
            self._do(ev.Reject(call.call_id, "A person stopped the box.", respond=False))

    def _ask(self, event: ev.Ask, now: float) -> None:
        if self._may_send_text():
            self._cut(now)
            if self._move(Signal.STOP):  # a spoken question still unanswered gives way to the typed one
                self._turn_deadline = None
                self._do(ev.ForgetTurn())
            self._do(ev.SendText(event.text))
            self._request(now)

    def _say(self, event: ev.Say, now: float) -> None:
        if self._may_send_text():
            self._do(ev.SpeakText(event.text))
            self._request(now)

    def _may_send_text(self) -> bool:
        if self.link is not Link.READY:
            self._do(ev.Refuse(f"not connected: {self.link_reason}"))
        elif self.turn in FLOOR:
            self._do(ev.Refuse("the user is talking"))
        else:
            return True
        return False

    # ---- mute ------------------------------------------------------------

    def _mute(self, event: ev.Mute, now: float) -> None:
        self.muted = True
        self._user_speaking = False
        was_live = self.turn is Turn.LIVE
        if self._move(Signal.MUTED):
            self._turn_deadline = None
            self._do(ev.StopStreaming() if was_live else ev.ClearTurn("muted"))

    def _unmute(self, event: ev.Unmute, now: float) -> None:
        self.muted = False
        self._stream()

    def _stream(self) -> None:
        """Hands-free: listen from now on, if that is possible now."""
        hands_free = self.settings.mode is TalkMode.HANDS_FREE and self.link is Link.READY
        if hands_free and not self.muted and self._move(Signal.STREAM):
            self._do(ev.StartStreaming())

    # ---- consent to tool calls -------------------------------------------

    def _approval_wanted(self, event: ev.ApprovalWanted, now: float) -> None:
        if not self.waiting_calls.add(event.call_id, event.tool, now + self.settings.approve_s):
            self._do(ev.Reject(event.call_id, "Too many calls are waiting for a person."))

    def _consent(self, event: ev.Consent, now: float) -> None:
        if call := self._first_waiting_call():
            self._do(ev.Approve(call.call_id))

    def _dissent(self, event: ev.Dissent, now: float) -> None:
        if call := self._first_waiting_call():
            self._do(ev.Reject(call.call_id, "A person rejected the call."))

    def _first_waiting_call(self) -> WaitingCall | None:
        call = self.waiting_calls.take_first()
        if call is None:
            self._do(ev.Refuse("nothing waits for approval"))
        return call

    # ---- the alarm -------------------------------------------------------

    @property
    def _may_chime(self) -> bool:
        """A timer rings, and nobody is speaking or about to."""
        quiet = not self.answering and not self._user_speaking and self.turn in (Turn.IDLE, Turn.LIVE)
        return quiet and self.alarm is not Alarm.QUIET

    def _alarm_due(self, event: ev.AlarmDue, now: float) -> None:
        if self._move(Signal.RING):
            self._chime_after = now

    def _alarm_over(self, event: ev.AlarmOver, now: float) -> None:
        self._move(Signal.HUSH)

    def _dismiss_alarm(self, now: float) -> None:
        self._cut(now)
        self._move(Signal.HUSH)
        self._do(ev.DismissAlarm())

    # ---- the microphone --------------------------------------------------

    def _mic_period(self, event: ev.MicPeriod, now: float) -> None:
        if self.turn is Turn.LIVE:
            if not self._half_duplex_closed(now):
                self._do(ev.UploadPeriod())
        elif self.turn in FLOOR:
            self._do(ev.UploadPeriod())
            self._turn_ms += event.duration_ms
            if event.speech is not None:
                self._detector_heard = True
                self._speech_ms += event.duration_ms * event.speech
            if self.turn is Turn.CLOSING and now >= self._tail_ends:
                self._close(now)

    def _half_duplex_closed(self, now: float) -> bool:
        if self.settings.barge_in is BargeIn.SERVER_VAD:
            return False
        return self.speaker is Speaker.PLAYING or now < self._gate_opens

    def _close(self, now: float) -> None:
        """The turn's last audio is here, or will never come: send it, keep it or throw it away."""
        self._turn_deadline = None
        limits = self.settings
        if self._turn_ms < limits.min_turn_ms:
            self._clear(f"shorter than {limits.min_turn_ms:.0f} ms")
        elif self._detector_heard and self._speech_ms < limits.min_speech_ms:
            self._clear("no speech in it")
        elif self.link is Link.READY:
            self._move(Signal.SPOKEN)
            self._commit(now)
        else:
            self._move(Signal.SPOKEN_OFFLINE)
            self._hold(now)

    def _hold(self, now: float) -> None:
        """The finished turn waits for the link: hurried the first time only, and `hold_s` in all, or a server
        that fails at this very turn would get it again and again."""
        if self._hold_until is None:
            self._hold_until = now + self.settings.hold_s
            self._do(ev.ConnectNow())
        self._turn_deadline = self._hold_until

    def _clear(self, reason: str) -> None:
        self._move(Signal.EMPTY)
        self._do(ev.ClearTurn(reason))

    def _commit(self, now: float) -> None:
        self._turn_deadline = None
        self._do(ev.CommitTurn())
        self._request(now)

    # ---- the answer ------------------------------------------------------

    def _request(self, now: float) -> None:
        self._move(Signal.REQUESTED)
        if self.answer is Answer.EXPECTED:
            self._answer_deadline = now + self.settings.answer_s

    def _answer_started(self, event: ev.AnswerStarted, now: float) -> None:
        was_sent = self.turn is Turn.SENT
        self._response_id = event.response_id
        self._answer_deadline = None
        self._move(Signal.STARTED)
        if was_sent:
            self._do(ev.ForgetTurn())

    def _answer_ended(self, event: ev.AnswerEnded, now: float) -> None:
        if event.status in ("failed", "incomplete", "lost"):
            self._do(ev.Report(f"answer {event.status}: {event.detail or 'no reason given'}"))
        expected = self._response_id if self.answer in (Answer.GENERATING, Answer.QUEUED) else None
        if event.response_id != expected or self.answer is Answer.NONE:
            return  # the end of a response that was interrupted, or of one we never followed
        was_sent = self.turn is Turn.SENT
        self._response_id = None
        self._move(Signal.ENDED)
        self._answer_deadline = now + self.settings.answer_s if self.answer is Answer.EXPECTED else None
        if was_sent:
            self._do(ev.ForgetTurn())

    def _answer_cut(self, event: ev.AnswerCut, now: float) -> None:
        was_sent = self.turn is Turn.SENT
        self._move(Signal.CUT)
        self._response_id = None
        self._answer_deadline = None
        self._gate_opens = now + self.settings.echo_tail_ms / 1000
        if was_sent and self._move(Signal.ENDED):
            self._do(ev.ForgetTurn())

    def _playback_started(self, event: ev.PlaybackStarted, now: float) -> None:
        self._move(Signal.QUEUED)

    def _playback_drained(self, event: ev.PlaybackDrained, now: float) -> None:
        if self._move(Signal.DRAINED):
            self._gate_opens = now + self.settings.echo_tail_ms / 1000
            if self.alarm is Alarm.RINGING:
                self._chime_after = now + CHIME_PAUSE_S

    def _cut(self, now: float) -> None:
        """The interruption: everything that is generated or played ends here."""
        if self.answering:
            self._do(ev.Interrupt())
            self._move(Signal.CUT)
            self._response_id = None
            self._answer_deadline = None
            self._gate_opens = now  # whoever interrupts is about to speak

    # ---- hands-free ------------------------------------------------------

    def _user_speech_started(self, event: ev.UserSpeechStarted, now: float) -> None:
        if self.turn is Turn.LIVE:
            self._user_speaking = True
            if self.settings.barge_in is BargeIn.SERVER_VAD:
                self._cut(now)

    def _user_speech_stopped(self, event: ev.UserSpeechStopped, now: float) -> None:
        self._user_speaking = False

    def _input_committed(self, event: ev.InputCommitted, now: float) -> None:
        if self.turn is Turn.LIVE and self.answer is Answer.NONE:
            self._request(now)

    # ---- the link --------------------------------------------------------

    def _link_connecting(self, event: ev.LinkConnecting, now: float) -> None:
        self._move(Signal.CONNECTING)

    def _link_ready(self, event: ev.LinkReady, now: float) -> None:
        was_held = self.turn is Turn.HELD
        self._move(Signal.UP)
        if was_held:
            self._commit(now)
        else:
            self._stream()

    def _link_down(self, event: ev.LinkDown, now: float) -> None:
        before = self.turn
        self.link_reason = event.reason
        self._user_speaking = False
        self._response_id = None
        self._answer_deadline = None
        self._move(Signal.DOWN)
        if before is Turn.LIVE:
            self._do(ev.StopStreaming())
        elif before in (Turn.OPEN, Turn.CLOSING, Turn.SENT):
            self._do(ev.RewindTurn())
        if before is Turn.SENT:
            self._hold(now)

    # ---- time ------------------------------------------------------------

    def _tick(self, event: ev.Tick, now: float) -> None:
        if self._answer_deadline is not None and now >= self._answer_deadline:
            self._answer_deadline = None
            was_sent = self.turn is Turn.SENT
            self._do(ev.Report(f"no answer began within {self.settings.answer_s:.0f} s"))
            self._cut(now)
            self._move(Signal.EXPIRED)
            if was_sent:
                self._do(ev.ForgetTurn())
        elif self._turn_deadline is not None and now >= self._turn_deadline:
            self._turn_due(now)
        for call in self.waiting_calls.take_overdue(now):
            self._do(ev.Report(f"nobody approved {call.tool} within {self.settings.approve_s:.0f} s"))
            self._do(ev.Reject(call.call_id, "Nobody approved the call in time."))

    def _turn_due(self, now: float) -> None:
        self._turn_deadline = None
        if self.turn is Turn.OPEN:
            self._do(ev.Report(f"turn ended after {self.settings.max_turn_s:.0f} s: is the button stuck?"))
            self._done(now)
        elif self.turn is Turn.CLOSING:
            self._do(ev.Report("the microphone delivered nothing after the release"))
            self._close(now)
        elif self._move(Signal.EXPIRED):
            self._do(ev.ClearTurn(f"no connection within {self.settings.hold_s:.0f} s"))

    # ---- movement --------------------------------------------------------

    def _do(self, command: Command) -> None:
        self._commands.append(command)

    def _move(self, signal: Signal) -> bool:
        """Move all states by one signal; True if any table has a row for it."""
        turn = TURN[self.turn].get(signal)
        answer = ANSWER[self.answer].get(signal)
        speaker = SPEAKER[self.speaker].get(signal)
        link = LINK[self.link].get(signal)
        alarm = ALARM[self.alarm].get(signal)
        self.turn = turn or self.turn
        self.answer = answer or self.answer
        self.speaker = speaker or self.speaker
        self.link = link or self.link
        self.alarm = alarm or self.alarm
        return any((turn, answer, speaker, link, alarm))


_HANDLERS: dict[type, Callable[[Appliance, Any, float], None]] = {
    ev.Pressed: Appliance._pressed,
    ev.Released: Appliance._released,
    ev.Stop: Appliance._stop,
    ev.Ask: Appliance._ask,
    ev.Say: Appliance._say,
    ev.Mute: Appliance._mute,
    ev.Unmute: Appliance._unmute,
    ev.ApprovalWanted: Appliance._approval_wanted,
    ev.Consent: Appliance._consent,
    ev.Dissent: Appliance._dissent,
    ev.AlarmDue: Appliance._alarm_due,
    ev.AlarmOver: Appliance._alarm_over,
    ev.MicPeriod: Appliance._mic_period,
    ev.LinkConnecting: Appliance._link_connecting,
    ev.LinkReady: Appliance._link_ready,
    ev.LinkDown: Appliance._link_down,
    ev.AnswerStarted: Appliance._answer_started,
    ev.AnswerEnded: Appliance._answer_ended,
    ev.AnswerCut: Appliance._answer_cut,
    ev.PlaybackStarted: Appliance._playback_started,
    ev.PlaybackDrained: Appliance._playback_drained,
    ev.UserSpeechStarted: Appliance._user_speech_started,
    ev.UserSpeechStopped: Appliance._user_speech_stopped,
    ev.InputCommitted: Appliance._input_committed,
    ev.Tick: Appliance._tick,
}
