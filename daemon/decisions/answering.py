"""What becomes of an answer, and of the alarm that waits for its end. Pure."""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions.state import CHIME_PAUSE_S, BoxState, Handlers
from daemon.transitions import Alarm, Answer, Signal, Speaker, Turn


def _answer_started(box: BoxState, event: ev.AnswerStarted, now: float) -> None:
    was_sent = box.turn is Turn.SENT
    box.response_id = event.response_id
    box.answer_deadline = None
    box.answer_sounds = box.speaker is Speaker.PLAYING  # what comes is queued behind that
    if box.follow_until is not None:  # a tool was called: what was heard was not the whole answer
        box.follow_until = None
        box.until_silence = True
    box.move(Signal.STARTED)
    if was_sent:
        box.do(ev.ForgetTurn())


def _answer_ended(box: BoxState, event: ev.AnswerEnded, now: float) -> None:
    if event.status in ("failed", "incomplete", "lost"):
        box.do(ev.Report(f"answer {event.status}: {event.detail or 'no reason given'}"))
    expected = box.response_id if box.answer in (Answer.GENERATING, Answer.QUEUED) else None
    if event.response_id != expected or box.answer is Answer.NONE:
        return  # the end of a response that was interrupted, or of one we never followed
    was_sent = box.turn is Turn.SENT
    box.response_id = None
    box.move(Signal.ENDED)
    box.answer_deadline = now + box.settings.answer_s if box.answer is Answer.EXPECTED else None
    if was_sent:
        box.do(ev.ForgetTurn())
    if event.status == "completed":
        box.follow_up(now)


def _answer_cut(box: BoxState, event: ev.AnswerCut, now: float) -> None:
    was_sent = box.turn is Turn.SENT
    box.move(Signal.CUT)
    box.response_id = None
    box.answer_deadline = None
    box.gate_opens = now + box.settings.echo_tail_ms / 1000
    if was_sent and box.move(Signal.ENDED):
        box.do(ev.ForgetTurn())


def _playback_started(box: BoxState, event: ev.PlaybackStarted, now: float) -> None:
    if box.move(Signal.QUEUED):
        box.answer_sounds = box.answer in (Answer.GENERATING, Answer.QUEUED)


def _playback_drained(box: BoxState, event: ev.PlaybackDrained, now: float) -> None:
    if box.move(Signal.DRAINED):
        box.gate_opens = now + box.settings.echo_tail_ms / 1000
        box.follow_up(now)
        if box.alarm is Alarm.RINGING:
            box.chime_after = now + CHIME_PAUSE_S


def _alarm_due(box: BoxState, event: ev.AlarmDue, now: float) -> None:
    if box.move(Signal.RING):
        box.chime_after = now


def _alarm_over(box: BoxState, event: ev.AlarmOver, now: float) -> None:
    box.move(Signal.HUSH)


HANDLERS: Handlers = {
    ev.AnswerStarted: _answer_started,
    ev.AnswerEnded: _answer_ended,
    ev.AnswerCut: _answer_cut,
    ev.PlaybackStarted: _playback_started,
    ev.PlaybackDrained: _playback_drained,
    ev.AlarmDue: _alarm_due,
    ev.AlarmOver: _alarm_over,
}
