"""What a person does: press, speak, type, mute, consent. Pure."""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions.state import FLOOR, BoxState, Handlers
from daemon.events import Trouble
from daemon.talk import BargeIn, TalkMode
from daemon.transitions import Alarm, Link, Signal, Turn
from daemon.waiting_calls import WaitingCall

MUTED = "the microphone is muted"


def _pressed(box: BoxState, event: ev.Pressed, now: float) -> None:
    if box.alarm is Alarm.RINGING:
        box.dismiss_alarm(now)
    elif box.waiting_calls and box.turn not in FLOOR:
        _consent(box, ev.Consent(), now)
    elif box.muted:
        box.cut(now)
        box.do(ev.Refuse(MUTED, Trouble.MUTED))
    elif box.answer_under_way and box.settings.barge_in is BargeIn.OFF and box.turn not in FLOOR:
        box.do(ev.Refuse("the answer is played to its end", Trouble.BUSY))
    elif box.settings.mode is TalkMode.HANDS_FREE:
        box.cut(now)
        if box.spending_capped is not None:
            box.refuse_spending()
        elif box.link is Link.DOWN:
            box.refuse_offline()
    elif box.turn is Turn.OPEN and (box.until_silence or box.settings.mode is TalkMode.TOGGLE):
        box.done(now)
    else:
        box.talk(now)


def _released(box: BoxState, event: ev.Released, now: float) -> None:
    if box.settings.mode is TalkMode.HOLD and box.turn is Turn.OPEN and not box.until_silence:
        box.done(now)


def _tapped(box: BoxState, event: ev.Tapped, now: float) -> None:
    if box.settings.mode is TalkMode.HOLD and box.turn is Turn.OPEN:
        box.until_silence = True


def _abandoned(box: BoxState, event: ev.Abandoned, now: float) -> None:
    if box.turn in FLOOR and box.move(Signal.STOP):
        box.turn_deadline = None
        box.do(ev.ClearTurn("the press meant something else"))


def _stop(box: BoxState, event: ev.Stop, now: float) -> None:
    before = box.turn
    box.cut(now)
    box.follow_until = None
    if box.move(Signal.STOP):
        box.turn_deadline = None
        box.do(ev.ForgetTurn() if before is Turn.SENT else ev.ClearTurn("stopped"))
    if box.alarm is Alarm.RINGING:
        box.dismiss_alarm(now)
    for call in box.waiting_calls.take_all():
        box.do(ev.Reject(call.call_id, "A person stopped the box.", respond=False))


def _ask(box: BoxState, event: ev.Ask, now: float) -> None:
    if _may_send_text(box):
        box.cut(now)
        was_held = box.turn is Turn.HELD
        if box.move(Signal.STOP):  # a spoken question still unanswered gives way to the typed one
            box.turn_deadline = None
            box.do(ev.ClearTurn("a typed question came after it") if was_held else ev.ForgetTurn())
        box.do(ev.SendText(event.text))
        box.request(now)


def _say(box: BoxState, event: ev.Say, now: float) -> None:
    if _may_send_text(box):
        box.do(ev.SpeakText(event.text))
        box.request(now)


def _may_send_text(box: BoxState) -> bool:
    if box.spending_capped is not None:
        box.refuse_spending()
    elif box.link in (Link.DOWN, Link.CONNECTING):
        box.do(ev.Refuse(f"not connected: {box.link_reason}", box.link_trouble))
    elif box.turn in FLOOR:
        box.do(ev.Refuse("the user is talking", Trouble.BUSY))
    else:
        return True
    return False


def _mute(box: BoxState, event: ev.Mute, now: float) -> None:
    box.muted = True
    box.user_speaking = False
    box.follow_until = None
    was_live = box.turn is Turn.LIVE
    if box.move(Signal.MUTED) or (box.turn is Turn.HELD and box.move(Signal.STOP)):
        box.turn_deadline = None
        box.do(ev.StopStreaming() if was_live else ev.ClearTurn("muted"))


def _unmute(box: BoxState, event: ev.Unmute, now: float) -> None:
    box.muted = False
    box.wake_link()  # whoever unmutes a box is about to speak
    box.stream()


def _talk_set(box: BoxState, event: ev.TalkSet, now: float) -> None:
    box.settings = event.settings
    if event.settings.mode is not TalkMode.HANDS_FREE and box.move(Signal.UNSTREAM):
        box.user_speaking = False
        box.do(ev.StopStreaming())
    box.stream()


def _approval_wanted(box: BoxState, event: ev.ApprovalWanted, now: float) -> None:
    if not box.waiting_calls.add(event.call_id, event.tool, now + box.settings.approve_s):
        box.do(ev.Reject(event.call_id, "Too many calls are waiting for a person."))
    elif any(call.call_id == event.call_id for call in box.waiting_calls.calls):
        box.do(ev.AskConsent(event.tool))


def _consent(box: BoxState, event: ev.Consent, now: float) -> None:
    if call := _first_waiting_call(box):
        box.do(ev.Approve(call.call_id))


def _dissent(box: BoxState, event: ev.Dissent, now: float) -> None:
    if call := _first_waiting_call(box):
        box.do(ev.Reject(call.call_id, "A person rejected the call."))


def _first_waiting_call(box: BoxState) -> WaitingCall | None:
    call = box.waiting_calls.take_first()
    if call is None:
        box.do(ev.Refuse("nothing waits for approval", Trouble.NOTHING))
    return call


HANDLERS: Handlers = {
    ev.Pressed: _pressed,
    ev.Released: _released,
    ev.Tapped: _tapped,
    ev.Abandoned: _abandoned,
    ev.Stop: _stop,
    ev.Ask: _ask,
    ev.Say: _say,
    ev.Mute: _mute,
    ev.Unmute: _unmute,
    ev.TalkSet: _talk_set,
    ev.ApprovalWanted: _approval_wanted,
    ev.Consent: _consent,
    ev.Dissent: _dissent,
}
