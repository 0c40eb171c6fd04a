"""Whatever happens, in whatever order: the promises the appliance keeps after every step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.events import Phase
from daemon.talk import BargeIn, Capture, TalkMode, TalkSettings
from daemon.transitions import Alarm, Answer, Link, Speaker, Turn

FLOOR = (Turn.OPEN, Turn.CLOSING)
AT_REST = (Phase.IDLE, Phase.CONNECTING, Phase.OFFLINE, Phase.FOLLOW_UP)
PERIOD_S = 0.01


class Box(RuleBasedStateMachine):
    """Random interleavings of everything the world can do to the box."""

    @initialize(
        mode=st.sampled_from(TalkMode),
        barge_in=st.sampled_from(BargeIn),
        capture=st.sampled_from(Capture),
        follow_up_s=st.sampled_from([0.0, 8.0]),
        idle_hang_up_s=st.sampled_from([0.0, 5.0]),
    )
    def build(
        self, mode: TalkMode, barge_in: BargeIn, capture: Capture, follow_up_s: float, idle_hang_up_s: float
    ) -> None:
        talk = TalkSettings(
            mode=mode,
            barge_in=barge_in,
            capture=capture,
            follow_up_s=follow_up_s,
            idle_hang_up_s=idle_hang_up_s,
        )
        self.box = Appliance(talk, PERIOD_S)
        self.mode = mode
        self.deaf = False  # the microphone has gone
        self.now = 100.0
        self.turns_open = 0
        self.answers = 0
        self.link_up = False
        self.calls = 0
        self.waiting: set[str] = set()  # tool calls nobody has decided on
        self.due = False  # timers ring, as far as the alarm clock knows

    def tell(self, event: ev.Event) -> list[ev.Command]:
        was_answering = self.box.answering
        commands = self.box.step(event, self.now)
        for i, command in enumerate(commands):
            match command:
                case ev.Interrupt():
                    assert was_answering, "interrupted nothing"
                    assert all(isinstance(c, ev.Report) for c in commands[:i])
                case ev.OpenTurn(preroll_ms=preroll_ms):
                    assert not self.box.muted
                    assert self.turns_open == 0, "a turn inside a turn"
                    assert not self.deaf
                    assert 0 <= preroll_ms <= self.box.settings.preroll_ms + getattr(event, "onset_ms", 0.0)
                    self.turns_open = 1
                case ev.ClearTurn() | ev.ForgetTurn():
                    assert self.turns_open == 1, "the end of a turn that was never opened"
                    self.turns_open = 0
                case ev.CommitTurn():
                    assert self.turns_open == 1
                    assert self.link_up, "committed without a link"
                case ev.UploadPeriod():
                    assert isinstance(event, ev.MicPeriod)
                    assert not self.box.muted
                case ev.StartStreaming():
                    assert not self.box.muted
                    assert not self.deaf
                case ev.UploadPreroll():
                    assert self.box.turn is Turn.LIVE
                    assert self.box.settings.barge_in is BargeIn.LOCAL_VAD
                case ev.Approve(call_id) | ev.Reject(call_id):
                    assert call_id in self.waiting, "decided twice, or never asked"
                    self.waiting.discard(call_id)
                case ev.PlayChime():
                    assert self.due
                    assert self.box.turn in (Turn.IDLE, Turn.LIVE), "rang into a turn"
                    assert not self.box.answering, "rang into an answer"
                case ev.DismissAlarm():
                    assert isinstance(event, ev.Pressed | ev.Stop | ev.WakeWordHeard)
                    self.due = False
        if any(isinstance(c, ev.OpenTurn) for c in commands):
            assert self.box.turn is Turn.OPEN
        return commands

    @rule()
    def press(self) -> None:
        was, was_ringing = self.box.turn, self.box.alarm is Alarm.RINGING
        calls = len(self.waiting)
        talks = not was_ringing and not self.box.muted and (not calls or was in FLOOR)
        may_cut = self.box.settings.barge_in is not BargeIn.OFF or was in FLOOR
        talks = talks and (may_cut or not self.box.answer_under_way)
        ends = was is Turn.OPEN and (self.mode is TalkMode.TOGGLE or self.box.until_silence)
        talks = talks and (ends or not self.deaf)
        if talks and was is Turn.SENT and self.mode is not TalkMode.HANDS_FREE:
            self.turns_open = 0  # a committed turn is replaced, not forgotten first
        commands = self.tell(ev.Pressed())
        approved = [c for c in commands if isinstance(c, ev.Approve)]
        if not talks:
            assert self.box.turn is was
            assert not was_ringing or self.box.alarm is Alarm.QUIET
            assert len(approved) == (1 if calls and not was_ringing and was not in FLOOR else 0)
        elif self.box.link is not Link.DOWN and self.mode is not TalkMode.HANDS_FREE and was is not Turn.OPEN:
            assert not approved
            assert self.box.turn is Turn.OPEN
            assert self.box.answer is Answer.NONE
            assert self.box.speaker is Speaker.SILENT

    @rule()
    def release(self) -> None:
        self.tell(ev.Released())
        if self.mode is TalkMode.HOLD and not self.box.until_silence:
            assert self.box.turn is not Turn.OPEN, "a lost release"

    @rule()
    def tap(self) -> None:
        """The gesture is known after the press; whatever the box made of the press."""
        self.press()
        self.tell(ev.Tapped())

    @rule()
    def abandon(self) -> None:
        self.press()
        self.tell(ev.Abandoned())
        assert self.box.turn not in FLOOR

    @rule(over=st.booleans(), onset_ms=st.sampled_from([0.0, 250.0]))
    def voice(self, over: bool, onset_ms: float) -> None:
        was_sent = self.box.turn is Turn.SENT
        if over and was_sent and self.takes_the_floor:
            self.turns_open = 0  # a committed turn is replaced, not forgotten first
        commands = self.tell(ev.SpokenOver(onset_ms) if over else ev.SpeechStarted(onset_ms))
        if over and ev.Interrupt() in commands:
            assert self.box.settings.barge_in is BargeIn.LOCAL_VAD
        assert not (was_sent and not over and commands)

    @property
    def takes_the_floor(self) -> bool:
        """A voice over the answer would."""
        box = self.box
        wanted = box.settings.barge_in is BargeIn.LOCAL_VAD
        return wanted and not box.muted and not self.deaf and not self.waiting

    @rule(said=st.booleans())
    def silence(self, said: bool) -> None:
        self.tell(ev.SpeechEnded() if said else ev.NothingSaid())
        assert not (self.box.turn is Turn.OPEN and self.box.until_silence)

    @rule()
    def wake_word(self) -> None:
        box = self.box
        heard = self.mode is not TalkMode.HANDS_FREE and not box.muted and box.alarm is not Alarm.RINGING
        if heard and box.turn is Turn.SENT and box.settings.barge_in is BargeIn.WAKE_WORD and not self.deaf:
            self.turns_open = 0  # a committed turn is replaced, not forgotten first
        self.tell(ev.WakeWordHeard())

    @rule(safe=st.booleans())
    def echo_judged(self, safe: bool) -> None:
        assert self.tell(ev.EchoJudged(safe)) == []

    @rule()
    def microphone_lost(self) -> None:
        self.deaf = True
        self.tell(ev.MicrophoneLost("unplugged"))
        assert self.box.turn is not Turn.LIVE
        assert not (self.box.turn is Turn.OPEN and self.box.until_silence)

    @rule()
    def microphone_back(self) -> None:
        self.deaf = False
        self.tell(ev.MicrophoneBack())
        if self.mode is TalkMode.HANDS_FREE and self.box.link is Link.READY and not self.box.muted:
            assert self.box.turn is Turn.LIVE

    @rule()
    def speaker_lost(self) -> None:
        self.tell(ev.SpeakerLost())
        assert self.box.speaker is Speaker.SILENT

    @rule(n=st.integers(5, 40))
    def whole_turn(self, n: int) -> None:
        """Random steps alone rarely add up to a turn that is long enough."""
        self.press()
        self.microphone(True, n)
        if self.mode is TalkMode.TOGGLE and self.box.turn is Turn.OPEN:
            self.press()
        self.release()
        self.microphone(True, 1)
        assert self.box.turn not in FLOOR or self.mode is TalkMode.TOGGLE or self.box.until_silence

    @rule()
    def mute(self) -> None:
        self.tell(ev.Mute())
        assert self.box.turn not in (*FLOOR, Turn.LIVE)

    @rule()
    def unmute(self) -> None:
        self.tell(ev.Unmute())
        if self.mode is TalkMode.HANDS_FREE and self.box.link is Link.READY and not self.deaf:
            assert self.box.turn is Turn.LIVE

    @rule(again=st.booleans())
    def approval_wanted(self, again: bool) -> None:
        self.calls += not again
        call_id = f"c{self.calls}"
        self.waiting.add(call_id)
        self.tell(ev.ApprovalWanted(call_id, "unlock_door"))

    @rule(yes=st.booleans())
    def decide(self, yes: bool) -> None:
        calls = len(self.waiting)
        self.tell(ev.Consent() if yes else ev.Dissent())
        assert len(self.waiting) == max(0, calls - 1)

    @rule()
    def alarm_due(self) -> None:
        self.due = True
        self.tell(ev.AlarmDue())

    @rule()
    def alarm_over(self) -> None:
        self.due = False
        self.tell(ev.AlarmOver())

    @rule()
    def stop(self) -> None:
        self.tell(ev.Stop())
        assert not self.box.answering
        assert self.box.turn in (Turn.IDLE, Turn.LIVE)
        assert not self.waiting

    @rule(text=st.sampled_from(["a", "b"]), say=st.booleans())
    def text(self, text: str, say: bool) -> None:
        commands = self.tell(ev.Say(text) if say else ev.Ask(text))
        sent = [c for c in commands if isinstance(c, ev.SendText | ev.SpeakText)]
        refused = [c for c in commands if isinstance(c, ev.Refuse)]
        assert len(sent) + len(refused) == 1

    @rule(speech=st.sampled_from([True, False, None]), n=st.integers(1, 30))
    def microphone(self, speech: bool | None, n: int) -> None:
        for _ in range(n):
            self.now += PERIOD_S
            may = self.box.turn in (*FLOOR, Turn.LIVE)
            commands = self.tell(ev.MicPeriod(10.0, speech))
            assert may or ev.UploadPeriod() not in commands
            if may and self.box.settings.barge_in is BargeIn.BUTTON and self.box.turn is Turn.LIVE:
                assert self.box.speaker is Speaker.SILENT or ev.UploadPeriod() not in commands

    @precondition(lambda self: not self.link_up and self.box.link is Link.DOWN)
    @rule()
    def connecting(self) -> None:
        self.tell(ev.LinkConnecting())

    @precondition(lambda self: self.box.link in (Link.CONNECTING, Link.RENEWING))
    @rule()
    def connected(self) -> None:
        self.link_up = True
        self.tell(ev.LinkReady())
        assert self.box.turn is not Turn.HELD

    @precondition(lambda self: self.link_up)
    @rule(rests=st.booleans())
    def closed_on_purpose(self, rests: bool) -> None:
        """Wherever the box stands: what asks for it may have happened a moment before."""
        shown, was = self.box.phase, self.box.turn
        busy = self.box.answering or self.box.user_speaking or was is Turn.SENT
        busy = busy or self.box.commit_until is not None
        self.link_up = False
        commands = self.tell(ev.LinkResting("at rest") if rests else ev.LinkRenewing("old"))
        assert self.box.link in (Link.RENEWING, Link.RESTING)
        assert (self.box.link is Link.RENEWING) == (not rests or self.box.needs_link)
        assert (ev.ConnectNow() in commands) == (rests and self.box.needs_link)
        assert busy or (self.box.phase is shown and self.box.turn is was), "somebody would notice"

    @precondition(lambda self: self.box.link is Link.RESTING)
    @rule()
    def woken_by_somebody_else(self) -> None:
        self.tell(ev.LinkConnecting())
        assert self.box.link is Link.RENEWING

    @precondition(lambda self: self.box.link is not Link.DOWN)
    @rule()
    def link_lost(self) -> None:
        self.link_up = False
        self.tell(ev.LinkDown("lost"))
        assert self.box.answer is Answer.NONE
        assert self.box.turn is not Turn.SENT

    @precondition(lambda self: self.link_up)
    @rule()
    def answer_started(self) -> None:
        self.answers += 1
        self.tell(ev.AnswerStarted(f"r{self.answers}"))
        assert self.box.turn is not Turn.SENT

    @precondition(lambda self: self.link_up)
    @rule(which=st.integers(0, 3), status=st.sampled_from(["completed", "cancelled", "failed", "lost"]))
    def answer_ended(self, which: int, status: str) -> None:
        response_id = None if which == 0 else f"r{self.answers - which + 1}"
        self.tell(ev.AnswerEnded(response_id, status, ""))

    @rule(started=st.booleans())
    def playback(self, started: bool) -> None:
        self.tell(ev.PlaybackStarted() if started else ev.PlaybackDrained())

    @precondition(lambda self: self.link_up)
    @rule(event=st.sampled_from([ev.UserSpeechStarted(), ev.UserSpeechStopped(), ev.InputCommitted()]))
    def server_vad(self, event: ev.Event) -> None:
        self.tell(event)

    @rule(seconds=st.sampled_from([0.001, 0.02, 1.0, 20.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(8):
            due = self.box.next_deadline()
            if due is None or due > self.now:
                return
            self.tell(ev.Tick())
        raise AssertionError("deadlines never end")

    @invariant()
    def promises(self) -> None:
        box = self.box
        waiting = box.turn in (*FLOOR, Turn.HELD) or box.answer is Answer.EXPECTED
        chiming = (
            box.alarm is not Alarm.QUIET and box.phase in (*AT_REST, Phase.RINGING) and not box.answering
        )
        listening = box.follow_until is not None
        timed = box.commit_until is not None or box.hang_up_at is not None
        assert (box.next_deadline() is not None) == (
            waiting or chiming or listening or bool(self.waiting) or timed
        )
        assert box.commit_until is None or box.turn is Turn.LIVE
        assert not (listening and (box.muted or self.deaf or box.turn is not Turn.IDLE))
        assert (box.phase is Phase.FOLLOW_UP) <= listening
        on_demand = box.settings.capture is Capture.ON_DEMAND
        at_rest = box.turn in (Turn.IDLE, Turn.HELD, Turn.SENT) and not listening
        at_rest = at_rest and not (self.deaf and self.mode is TalkMode.HANDS_FREE)
        assert box.commit_until is None or box.turn is Turn.LIVE
        assert not (listening and box.answer in (Answer.GENERATING, Answer.QUEUED))
        assert box.wants_microphone == (not box.muted and not (on_demand and at_rest))
        assert {call.call_id for call in box.waiting_calls.calls} == self.waiting
        assert (box.alarm is not Alarm.QUIET) == self.due
        assert not (box.muted and box.turn in (*FLOOR, Turn.LIVE))
        assert (box.turn is Turn.LIVE) <= (self.mode is TalkMode.HANDS_FREE)
        assert (box.turn is Turn.SENT) <= (box.link is Link.READY)
        assert (box.turn is Turn.HELD) <= (box.link is not Link.READY)
        assert (box.answer is not Answer.NONE) <= (box.link in (Link.READY, Link.RENEWING))
        assert not (box.link is Link.RESTING and box.needs_link), "nobody would ever be connected"
        assert box.hang_up_at is None or (box.link is Link.READY and box.phase is Phase.IDLE)
        assert (self.turns_open == 1) == (box.turn in (*FLOOR, Turn.HELD, Turn.SENT))


TestBox = Box.TestCase
TestBox.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
