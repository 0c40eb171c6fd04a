"""What the microphone hears, and what this side's and the server's voice detection make of it. Pure."""

from __future__ import annotations

from daemon import events as ev
from daemon.decisions.state import COMMIT_S, FLOOR, BoxState, Handlers
from daemon.talk import BargeIn, TalkMode
from daemon.transitions import Alarm, Answer, Signal, Speaker, Turn


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
        return not box.echo_safe and box.speaker is Speaker.PLAYING
    return box.speaker is Speaker.PLAYING or now < box.gate_opens


def _microphone_lost(box: BoxState, event: ev.MicrophoneLost, now: float) -> None:
    box.microphone_lost = event.reason
    box.user_speaking = False
    box.follow_until = None
    if box.move(Signal.DEAF):
        box.do(ev.StopStreaming())
    elif box.turn in FLOOR and not box.turn_ms and box.move(Signal.STOP):  # it was to be opened for this
        box.turn_deadline = None
        box.do(ev.ClearTurn("no microphone"))
        box.refuse_deaf()
    elif box.turn is Turn.OPEN and box.until_silence:  # nobody will release it
        box.done(now)


def _microphone_back(box: BoxState, event: ev.MicrophoneBack, now: float) -> None:
    box.microphone_lost = None
    box.stream()


def _speaker_lost(box: BoxState, event: ev.SpeakerLost, now: float) -> None:
    if box.speaker is Speaker.PLAYING:  # the rest of the answer would be heard by nobody
        was_sent = box.turn is Turn.SENT
        box.cut(now)
        if was_sent and box.move(Signal.ENDED):
            box.do(ev.ForgetTurn())


def _speech_started(box: BoxState, event: ev.SpeechStarted, now: float) -> None:
    if box.follow_until is not None and box.turn is Turn.IDLE:
        clean_ms = max(0.0, (now - box.gate_opens) * 1000)
        box.talk(now, min(event.onset_ms + box.settings.preroll_ms, clean_ms), until_silence=True)


def _speech_ended(box: BoxState, event: ev.SpeechEnded, now: float) -> None:
    if box.turn is Turn.OPEN and box.until_silence:
        box.done(now)


def _nothing_said(box: BoxState, event: ev.NothingSaid, now: float) -> None:
    if box.turn is Turn.OPEN and box.until_silence and box.move(Signal.STOP):
        box.turn_deadline = None
        box.do(ev.ClearTurn("nothing was said"))


def _spoken_over(box: BoxState, event: ev.SpokenOver, now: float) -> None:
    wanted = box.settings.barge_in is BargeIn.LOCAL_VAD and not box.muted
    if not wanted or not box.answering:
        return
    preroll_ms = event.onset_ms + box.settings.preroll_ms
    if box.turn is Turn.LIVE:
        box.cut(now)
        box.do(ev.UploadPreroll(preroll_ms))
    elif box.turn in (Turn.IDLE, Turn.SENT) and not box.waiting_calls:
        box.talk(now, preroll_ms, until_silence=True)


def _wake_word_heard(box: BoxState, event: ev.WakeWordHeard, now: float) -> None:
    if box.settings.mode is TalkMode.HANDS_FREE or box.turn in FLOOR or box.muted:
        return
    if box.alarm is Alarm.RINGING:
        box.dismiss_alarm(now)
    elif not box.answering or box.settings.barge_in is BargeIn.WAKE_WORD:
        box.talk(now, until_silence=True)  # it is found late: who makes no pause has begun to ask by then


def _echo_judged(box: BoxState, event: ev.EchoJudged, now: float) -> None:
    box.echo_safe = event.safe


def _user_speech_started(box: BoxState, event: ev.UserSpeechStarted, now: float) -> None:
    if box.turn is Turn.LIVE:
        box.user_speaking = True
        box.commit_until = None
        if box.settings.barge_in is BargeIn.SERVER_VAD:
            box.cut(now)


def _user_speech_stopped(box: BoxState, event: ev.UserSpeechStopped, now: float) -> None:
    if box.user_speaking and box.turn is Turn.LIVE:
        box.commit_until = now + COMMIT_S
    box.user_speaking = False


def _input_committed(box: BoxState, event: ev.InputCommitted, now: float) -> None:
    box.commit_until = None
    if box.turn is Turn.LIVE and box.answer is Answer.NONE:
        box.request(now)


HANDLERS: Handlers = {
    ev.MicPeriod: _mic_period,
    ev.MicrophoneLost: _microphone_lost,
    ev.MicrophoneBack: _microphone_back,
    ev.SpeakerLost: _speaker_lost,
    ev.SpeechStarted: _speech_started,
    ev.SpeechEnded: _speech_ended,
    ev.NothingSaid: _nothing_said,
    ev.SpokenOver: _spoken_over,
    ev.WakeWordHeard: _wake_word_heard,
    ev.EchoJudged: _echo_judged,
    ev.UserSpeechStarted: _user_speech_started,
    ev.UserSpeechStopped: _user_speech_stopped,
    ev.InputCommitted: _input_committed,
}
