"""What the microphone and the server's voice detection hear. Pure."""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions.state import FLOOR, BoxState, Handlers
from daemon.talk import BargeIn
from daemon.transitions import Answer, Speaker, Turn


def _mic_period(box: BoxState, event: ev.MicPeriod, now: float) -> None:
    if box.turn is Turn.LIVE:
        if not _half_duplex_closed(box, now):
            box.do(ev.UploadPeriod())
    elif box.turn in FLOOR:
        box.do(ev.UploadPeriod())
        box.turn_ms += event.duration_ms
        if event.speech is not None:
            box.detector_heard = True
            box.speech_ms += event.duration_ms * event.speech
        if box.turn is Turn.CLOSING and now >= box.tail_ends:
            box.close(now)


def _half_duplex_closed(box: BoxState, now: float) -> bool:
    if box.settings.barge_in is BargeIn.SERVER_VAD:
        return False
    return box.speaker is Speaker.PLAYING or now < box.gate_opens


def _user_speech_started(box: BoxState, event: ev.UserSpeechStarted, now: float) -> None:
    if box.turn is Turn.LIVE:
        box.user_speaking = True
        if box.settings.barge_in is BargeIn.SERVER_VAD:
            box.cut(now)


def _user_speech_stopped(box: BoxState, event: ev.UserSpeechStopped, now: float) -> None:
    box.user_speaking = False


def _input_committed(box: BoxState, event: ev.InputCommitted, now: float) -> None:
    if box.turn is Turn.LIVE and box.answer is Answer.NONE:
        box.request(now)


HANDLERS: Handlers = {
    ev.MicPeriod: _mic_period,
    ev.UserSpeechStarted: _user_speech_started,
    ev.UserSpeechStopped: _user_speech_stopped,
    ev.InputCommitted: _input_committed,
}
