"""What comes of the link, and of time that passes. Pure."""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions.state import BoxState, Handlers
from daemon.transitions import Signal, Turn


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
    before = box.turn
    box.link_reason = event.reason
    box.link_trouble = event.trouble
    box.user_speaking = False
    box.follow_until = None
    box.response_id = None
    box.answer_deadline = None
    box.move(Signal.DOWN)
    if before is Turn.LIVE:
        box.do(ev.StopStreaming())
    elif before is Turn.SENT and box.muted and box.move(Signal.STOP):  # nothing leaves a muted box
        box.do(ev.ClearTurn("the connection was lost, and the microphone is muted"))
    elif before in (Turn.OPEN, Turn.CLOSING, Turn.SENT):
        box.do(ev.RewindTurn())
    if box.turn is Turn.HELD and before is Turn.SENT:
        box.hold(now)


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


HANDLERS: Handlers = {
    ev.LinkConnecting: _link_connecting,
    ev.LinkReady: _link_ready,
    ev.LinkDown: _link_down,
    ev.SpendingCapped: _spending_capped,
    ev.SpendingFreed: _spending_freed,
    ev.Tick: _tick,
}
