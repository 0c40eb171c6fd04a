"""What comes of the link, and of time that passes. Pure."""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions.state import BoxState, Handlers
from daemon.transitions import Answer, Link, Signal, Turn


def _link_connecting(box: BoxState, event: ev.LinkConnecting, now: float) -> None:
    box.move(Signal.CONNECTING)


def _link_ready(box: BoxState, event: ev.LinkReady, now: float) -> None:
    was_held = box.turn is Turn.HELD
    box.move(Signal.UP)
    if was_held:
        box.commit(now)
    else:
        box.stream()


def _link_down(box: BoxState, event: ev.LinkDown, now: float) -> None:
    text_waits = box.link is Link.RENEWING and box.answer is Answer.EXPECTED
    if text_waits:  # an answer hours later would be meant for nobody
        box.do(ev.Interrupt())
    box.link_trouble = event.trouble
    box.follow_until = None
    _lose(box, Signal.DOWN, event.reason, now)
    if text_waits:
        box.do(ev.Refuse(f"not connected: {event.reason}", event.trouble))


def _link_renewing(box: BoxState, event: ev.LinkRenewing, now: float) -> None:
    box.link_trouble = ev.Trouble.OFFLINE
    _lose(box, Signal.RENEW, event.reason, now)


def _link_resting(box: BoxState, event: ev.LinkResting, now: float) -> None:
    box.link_trouble = ev.Trouble.OFFLINE
    _lose(box, Signal.REST, event.reason, now)


def _lose(box: BoxState, signal: Signal, reason: str, now: float) -> None:
    """Whatever of a turn was on the connection has to go up again."""
    before = box.turn
    box.link_reason = reason
    box.user_speaking = False
    box.response_id = None
    box.answer_deadline = None
    box.commit_until = None
    box.move(signal)
    if before is Turn.LIVE and box.turn is Turn.IDLE:
        box.do(ev.StopStreaming())
    elif before is Turn.LIVE:
        box.do(ev.RewindTurn())  # what is heard meanwhile goes up with what comes next
    elif before is Turn.SENT and box.muted and box.move(Signal.STOP):  # nothing leaves a muted box
        box.do(ev.ClearTurn("the connection was lost, and the microphone is muted"))
    elif before in (Turn.OPEN, Turn.CLOSING, Turn.SENT):
        box.do(ev.RewindTurn())
    if box.turn is Turn.HELD and before is Turn.SENT:
        box.hold(now)


def mind_link(box: BoxState, now: float) -> None:
    """After every step: whoever needs a link that rests wakes it; one that nobody needs for long rests."""
    if box.needs_link:
        box.wake_link()
    limit_s = box.settings.idle_hang_up_s
    if not limit_s or box.link is not Link.READY or box.needs_link or not box.is_at_rest:
        box.hang_up_at = None
    elif box.hang_up_at is None:
        box.hang_up_at = now + limit_s
    elif now >= box.hang_up_at:
        box.hang_up_at = now + limit_s
        box.do(ev.HangUp(f"at rest: nothing was asked for {limit_s:.0f} s"))


def _spending_capped(box: BoxState, event: ev.SpendingCapped, now: float) -> None:
    """What was asked is answered; what was not gets no answer."""
    box.spending_capped = event.reason
    box.follow_until = None
    box.user_speaking = False
    was_live = box.turn is Turn.LIVE
    if box.move(Signal.CAPPED):
        box.turn_deadline = None
        box.do(ev.StopStreaming() if was_live else ev.ClearTurn("the spending limit is reached"))


def _spending_freed(box: BoxState, event: ev.SpendingFreed, now: float) -> None:
    box.spending_capped = None
    box.stream()


def _tick(box: BoxState, event: ev.Tick, now: float) -> None:
    if box.answer_deadline is not None and now >= box.answer_deadline:
        box.answer_deadline = None
        was_sent = box.turn is Turn.SENT
        box.do(ev.Report(f"no answer began within {box.settings.answer_s:.0f} s"))
        box.cut(now)
        box.move(Signal.EXPIRED)
        if was_sent:
            box.do(ev.ForgetTurn())
    elif box.turn_deadline is not None and now >= box.turn_deadline:
        _turn_due(box, now)
    if box.commit_until is not None and now >= box.commit_until:
        box.commit_until = None
    if box.follow_until is not None and now >= box.follow_until:
        box.follow_until = None
    for call in box.waiting_calls.take_overdue(now):
        box.do(ev.Report(f"nobody approved {call.tool} within {box.settings.approve_s:.0f} s"))
        box.do(ev.Reject(call.call_id, "Nobody approved the call in time."))


def _turn_due(box: BoxState, now: float) -> None:
    box.turn_deadline = None
    if box.turn is Turn.OPEN:
        box.do(ev.Report(f"turn ended after {box.settings.max_turn_s:.0f} s: is the button stuck?"))
        box.done(now)
    elif box.turn is Turn.CLOSING:
        if box.microphone_lost is None:  # or it was told already
            box.do(ev.Report("the microphone delivered nothing after the release"))
        box.close(now)
    elif box.move(Signal.EXPIRED):
        box.do(ev.ClearTurn(f"no connection within {box.settings.hold_s:.0f} s"))
        box.do(ev.Refuse(f"not connected: {box.link_reason}", box.link_trouble))


HANDLERS: Handlers = {
    ev.LinkConnecting: _link_connecting,
    ev.LinkReady: _link_ready,
    ev.LinkDown: _link_down,
    ev.LinkRenewing: _link_renewing,
    ev.LinkResting: _link_resting,
    ev.SpendingCapped: _spending_capped,
    ev.SpendingFreed: _spending_freed,
    ev.Tick: _tick,
}
