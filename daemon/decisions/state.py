"""Where the box stands, and the moves that several decisions share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from daemon import events as ev
from daemon.events import Command, Phase, Trouble
from daemon.talk import Capture, TalkMode, TalkSettings
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
from daemon.waiting_calls import WaitingCalls

COMMIT_S = 3.0
"""How long the server may take from hearing the end of a turn to saying that it has it: usually no time."""

CHIME_PAUSE_S = 2.0
"""Between two chimes of an alarm: long enough for a hands-free box to hear somebody say stop."""

FLOOR = (Turn.OPEN, Turn.CLOSING)
"""The user is speaking, or has not quite ended."""


class BoxState:
    """What a decision reads and moves. `commands` collects what the step under way asks for."""

    def __init__(self, settings: TalkSettings, period_s: float) -> None:
        """`period_s`: the microphone's period, the longest a release normally waits for its audio."""
        self.settings = settings
        self.turn = Turn.IDLE
        self.answer = Answer.NONE
        self.speaker = Speaker.SILENT
        self.link = Link.DOWN
        self.alarm = Alarm.QUIET
        self.link_reason = "not connected yet"
        self.link_trouble = Trouble.OFFLINE
        self.muted = False
        self.microphone_lost: str | None = None  # why, or None while it works
        self.spending_capped: str | None = None  # why nothing may be asked, or None while it may
        self.echo_safe = True
        self.until_silence = False  # the turn ends when the user has finished speaking
        self.follow_until: float | None = None
        self.waiting_calls = WaitingCalls()
        self.period_s = period_s
        self.user_speaking = False
        self.commit_until: float | None = None  # hands-free: the server has heard the end, and will say so
        self.response_id: str | None = None
        self.answer_sounds = False  # the last to play was one, and not the box itself
        self.turn_ms = 0.0
        self.speech_ms = 0.0
        self.detector_heard = False
        self.tail_ends = 0.0
        self.turn_deadline: float | None = None
        self.hold_until: float | None = None  # set when a finished turn first finds no link
        self.hang_up_at: float | None = None  # nobody needs the link until then
        self.answer_deadline: float | None = None
        self.gate_opens = float("-inf")
        self.chime_after = float("-inf")
        self.phase_shown = Phase.OFFLINE
        self.commands: list[Command] = []

    @property
    def phase(self) -> Phase:
        if self.turn in FLOOR or self.user_speaking:
            return Phase.LISTENING
        sent = self.turn in (Turn.HELD, Turn.SENT) or self.commit_until is not None
        if self.alarm is Alarm.RINGING and not sent and not self.answer_under_way:
            return Phase.RINGING
        if self.speaker is Speaker.PLAYING:
            return Phase.SPEAKING
        if self.follow_until is not None:
            return Phase.FOLLOW_UP
        if sent or self.answer is not Answer.NONE:
            return Phase.THINKING
        if self.link in (Link.READY, Link.RENEWING, Link.RESTING):
            return Phase.IDLE
        return Phase.CONNECTING if self.link is Link.CONNECTING else Phase.OFFLINE

    @property
    def answering(self) -> bool:
        """Something is being generated or played that an interruption would cut."""
        return self.answer is not Answer.NONE or self.speaker is Speaker.PLAYING

    @property
    def answer_under_way(self) -> bool:
        """It is not merely a sound of the box's own that would be cut."""
        return self.answer is not Answer.NONE or (self.speaker is Speaker.PLAYING and self.answer_sounds)

    @property
    def is_at_rest(self) -> bool:
        """Nobody speaks or is about to, and nothing is asked, answered or rung for."""
        quiet = not self.answering and not self.user_speaking and self.turn in (Turn.IDLE, Turn.LIVE)
        waits = self.follow_until is not None or self.commit_until is not None or self.waiting_calls
        return quiet and not waits and self.alarm is Alarm.QUIET

    @property
    def needs_link(self) -> bool:
        """Somebody waits for it, or will not wait until it is opened."""
        warm = not self.settings.connect_on_demand and not self.settings.idle_hang_up_s
        asked = self.turn is not Turn.IDLE or self.answer is not Answer.NONE
        return warm or asked or (self.settings.mode is TalkMode.HANDS_FREE and self.hears)

    @property
    def hears(self) -> bool:
        """It might listen: not muted, with a microphone, and what it hears may be answered."""
        return not self.muted and self.microphone_lost is None and self.spending_capped is None

    @property
    def wants_microphone(self) -> bool:
        """It should be open: what the device layer is asked for after every step."""
        if self.muted:
            return False
        if self.settings.capture is Capture.ALWAYS:
            return True
        missed = self.settings.mode is TalkMode.HANDS_FREE and self.microphone_lost is not None
        return self.turn in (*FLOOR, Turn.LIVE) or self.follow_until is not None or missed

    @property
    def wants_speaker(self) -> bool:
        """It is heard, or will be soon."""
        return self.answering or self.turn in (*FLOOR, Turn.HELD, Turn.SENT) or self.alarm is not Alarm.QUIET

    @property
    def may_chime(self) -> bool:
        """A timer rings, and nobody is speaking or about to."""
        quiet = not self.answering and not self.user_speaking and self.turn in (Turn.IDLE, Turn.LIVE)
        return quiet and self.alarm is not Alarm.QUIET

    def cut(self, now: float) -> None:
        """The interruption: everything that is generated or played ends here."""
        if self.answering:
            self.do(ev.Interrupt())
            self.move(Signal.CUT)
            self.response_id = None
            self.answer_deadline = None
            self.gate_opens = now  # whoever interrupts is about to speak

    def talk(self, now: float, preroll_ms: float | None = None, until_silence: bool = False) -> None:
        """The user takes the floor, with so much from before; by default what is free of our own sound.

        `until_silence`: the turn ends when the user has finished speaking, not by the button.
        """
        before = self.turn
        if preroll_ms is None:
            preroll_ms = self.clean_preroll_ms(now)
        self.cut(now)
        if self.microphone_lost is not None:
            self.refuse_deaf()
            return
        if self.spending_capped is not None and before is not Turn.CLOSING:
            self.refuse_spending()
            return
        if self.link is Link.DOWN and before in (Turn.IDLE, Turn.HELD):
            self.refuse_offline()
            return
        if before is Turn.HELD:
            self.do(ev.ClearTurn("replaced by a new turn before it could be sent"))
        if not self.move(Signal.TALK):
            return
        self.turn_deadline = now + self.settings.max_turn_s
        self.until_silence = until_silence
        self.follow_until = None
        if before is not Turn.CLOSING:
            self.turn_ms = self.speech_ms = 0.0
            self.detector_heard = False
            self.hold_until = None
            self.do(ev.OpenTurn(preroll_ms))

    def clean_preroll_ms(self, now: float) -> float:
        """How far back the microphone has not heard our own loudspeaker."""
        if self.speaker is Speaker.PLAYING:
            return 0.0
        return min(max(0.0, (now - self.gate_opens) * 1000), self.settings.preroll_ms)

    def wake_link(self) -> None:
        """Open it again if it rests."""
        if self.link is Link.RESTING and self.move(Signal.CONNECTING):
            self.do(ev.ConnectNow())

    def refuse_spending(self) -> None:
        self.do(ev.Refuse(self.spending_capped or "", Trouble.SPENDING))

    def refuse_offline(self) -> None:
        self.do(ev.ConnectNow())
        self.do(ev.Refuse(f"not connected: {self.link_reason}", self.link_trouble))

    def refuse_deaf(self) -> None:
        self.do(ev.Refuse(f"no microphone: {self.microphone_lost}", Trouble.NO_MICROPHONE))

    def done(self, now: float) -> None:
        self.move(Signal.DONE)
        self.tail_ends = now + self.settings.release_tail_ms / 1000
        # The period that holds the release arrives within one period; after two the microphone has stopped.
        self.turn_deadline = self.tail_ends + 2 * self.period_s

    def close(self, now: float) -> None:
        """The turn's last audio is here, or will never come: send it, keep it or throw it away."""
        self.turn_deadline = None
        limits = self.settings
        if self.turn_ms < limits.min_turn_ms:
            self.clear(f"shorter than {limits.min_turn_ms:.0f} ms")
        elif self.detector_heard and self.speech_ms < limits.min_speech_ms:
            self.clear("no speech in it")
        elif self.spending_capped is not None:  # since this turn began
            self.clear("the spending limit is reached")
            self.refuse_spending()
        elif self.link is Link.READY:
            self.move(Signal.SPOKEN)
            self.commit(now)
        else:
            self.move(Signal.SPOKEN_OFFLINE)
            self.hold(now)

    def hold(self, now: float) -> None:
        """The finished turn waits for the link: hurried the first time only, and `hold_s` in all, or a server
        that fails at this very turn would get it again and again."""
        if self.hold_until is None:
            self.hold_until = now + self.settings.hold_s
            self.do(ev.ConnectNow())
        self.turn_deadline = self.hold_until

    def clear(self, reason: str) -> None:
        self.move(Signal.EMPTY)
        self.do(ev.ClearTurn(reason))

    def commit(self, now: float) -> None:
        self.turn_deadline = None
        self.do(ev.CommitTurn())
        self.request(now)

    def request(self, now: float) -> None:
        self.move(Signal.REQUESTED)
        if self.answer is Answer.EXPECTED:
            self.answer_deadline = now + self.settings.answer_s

    def stream(self) -> None:
        """Hands-free: listen from now on, if that is possible now."""
        hands_free = self.settings.mode is TalkMode.HANDS_FREE and self.link is Link.READY
        if hands_free and self.hears and self.move(Signal.STREAM):
            self.do(ev.StartStreaming())

    def follow_up(self, now: float) -> None:
        """After the answer to a turn that was not held: listen for a reply for a while."""
        if self.answering:
            return
        heard, self.answer_sounds = self.answer_sounds, False
        wanted = self.until_silence and self.settings.follow_up_s and heard
        if wanted and self.hears and self.turn is Turn.IDLE:
            self.follow_until = max(now, self.gate_opens) + self.settings.follow_up_s
            self.until_silence = False

    def dismiss_alarm(self, now: float) -> None:
        self.cut(now)
        self.move(Signal.HUSH)
        self.do(ev.DismissAlarm())

    def do(self, command: Command) -> None:
        self.commands.append(command)

    def move(self, signal: Signal) -> bool:
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


Handlers = Mapping[type, Callable[[BoxState, Any, float], None]]
