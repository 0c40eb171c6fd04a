"""How the appliance's states move. Pure.

Five small states move together: the user's turn, the answer being generated, the loudspeaker, the link and
the alarm.
Everything that affects their movement is in these tables; a signal without a row changes nothing. What an
event means as a signal, and what an arrow asks for, is `daemon.appliance`'s business.
"""

from __future__ import annotations

from enum import Enum, auto


class Turn(Enum):
    IDLE = auto()
    OPEN = auto()  # the user has the floor
    CLOSING = auto()  # released; the period that holds the release is still to come
    HELD = auto()  # complete, but there is no link to send it over
    SENT = auto()  # committed; no answer has begun
    LIVE = auto()  # hands-free: streaming, the server decides where turns begin and end


class Answer(Enum):
    NONE = auto()
    EXPECTED = auto()  # asked for
    GENERATING = auto()
    QUEUED = auto()  # generating, and another one asked for


class Speaker(Enum):
    SILENT = auto()
    PLAYING = auto()


class Link(Enum):
    DOWN = auto()
    CONNECTING = auto()
    READY = auto()
    RENEWING = auto()  # on its way back after it was closed on purpose: nobody need know
    RESTING = auto()  # closed on purpose, until somebody needs it


class Alarm(Enum):
    QUIET = auto()
    DUE = auto()  # a timer is due, and waits until the box has nothing better to say
    RINGING = auto()  # heard at least once, until somebody comes


class Signal(Enum):
    TALK = auto()  # the user takes the floor
    DONE = auto()  # the user gives it back
    SPOKEN = auto()  # the turn is all here and holds speech; the link is ready
    SPOKEN_OFFLINE = auto()  # the same without a link
    EMPTY = auto()  # the turn is all here and holds nothing
    STOP = auto()
    EXPIRED = auto()  # waited long enough
    STREAM = auto()  # hands-free and ready
    UNSTREAM = auto()  # not hands-free any more
    UP = auto()
    DOWN = auto()
    REQUESTED = auto()
    STARTED = auto()
    ENDED = auto()
    CUT = auto()
    QUEUED = auto()
    DRAINED = auto()
    CONNECTING = auto()
    RENEW = auto()  # one session is replaced by the next
    REST = auto()  # nobody needs a session for now
    MUTED = auto()
    DEAF = auto()  # the microphone has gone
    CAPPED = auto()  # the spending limit is reached
    RING = auto()  # a timer is due
    CHIMED = auto()
    HUSH = auto()  # somebody came, or no timer rings any more


TURN: dict[Turn, dict[Signal, Turn]] = {
    Turn.IDLE: {Signal.TALK: Turn.OPEN, Signal.STREAM: Turn.LIVE},
    Turn.OPEN: {
        Signal.DONE: Turn.CLOSING,
        Signal.STOP: Turn.IDLE,
        Signal.MUTED: Turn.IDLE,
        Signal.DOWN: Turn.OPEN,
    },
    Turn.CLOSING: {
        Signal.TALK: Turn.OPEN,  # a bounce, or second thoughts: the same turn goes on
        Signal.SPOKEN: Turn.SENT,
        Signal.SPOKEN_OFFLINE: Turn.HELD,
        Signal.EMPTY: Turn.IDLE,
        Signal.STOP: Turn.IDLE,
        Signal.MUTED: Turn.IDLE,
        Signal.DOWN: Turn.CLOSING,
    },
    Turn.HELD: {
        Signal.TALK: Turn.OPEN,
        Signal.UP: Turn.SENT,
        Signal.STOP: Turn.IDLE,
        Signal.EXPIRED: Turn.IDLE,
        Signal.CAPPED: Turn.IDLE,
    },
    Turn.SENT: {
        Signal.TALK: Turn.OPEN,
        Signal.STARTED: Turn.IDLE,
        Signal.ENDED: Turn.IDLE,
        Signal.STOP: Turn.IDLE,
        Signal.EXPIRED: Turn.IDLE,
        Signal.DOWN: Turn.HELD,
        Signal.RENEW: Turn.HELD,
        Signal.REST: Turn.HELD,
    },
    Turn.LIVE: {
        Signal.UNSTREAM: Turn.IDLE,
        Signal.DOWN: Turn.IDLE,
        Signal.MUTED: Turn.IDLE,
        Signal.DEAF: Turn.IDLE,
        Signal.CAPPED: Turn.IDLE,
    },
}

ANSWER: dict[Answer, dict[Signal, Answer]] = {
    Answer.NONE: {Signal.REQUESTED: Answer.EXPECTED, Signal.STARTED: Answer.GENERATING},
    Answer.EXPECTED: {
        Signal.STARTED: Answer.GENERATING,
        Signal.ENDED: Answer.NONE,
        Signal.CUT: Answer.NONE,
        Signal.DOWN: Answer.NONE,
        Signal.RENEW: Answer.NONE,
        Signal.REST: Answer.NONE,
    },
    Answer.GENERATING: {
        Signal.REQUESTED: Answer.QUEUED,
        Signal.ENDED: Answer.NONE,
        Signal.CUT: Answer.NONE,
        Signal.DOWN: Answer.NONE,
        Signal.RENEW: Answer.NONE,
        Signal.REST: Answer.NONE,
    },
    Answer.QUEUED: {
        Signal.ENDED: Answer.EXPECTED,
        Signal.CUT: Answer.NONE,
        Signal.DOWN: Answer.NONE,
        Signal.RENEW: Answer.NONE,
        Signal.REST: Answer.NONE,
    },
}

SPEAKER: dict[Speaker, dict[Signal, Speaker]] = {
    Speaker.SILENT: {Signal.QUEUED: Speaker.PLAYING},
    Speaker.PLAYING: {Signal.DRAINED: Speaker.SILENT, Signal.CUT: Speaker.SILENT},
}

LINK: dict[Link, dict[Signal, Link]] = {
    Link.DOWN: {Signal.CONNECTING: Link.CONNECTING, Signal.REST: Link.RESTING},
    Link.CONNECTING: {Signal.UP: Link.READY, Signal.DOWN: Link.DOWN},
    Link.READY: {Signal.DOWN: Link.DOWN, Signal.RENEW: Link.RENEWING, Signal.REST: Link.RESTING},
    Link.RENEWING: {Signal.UP: Link.READY, Signal.DOWN: Link.DOWN},
    Link.RESTING: {Signal.CONNECTING: Link.RENEWING, Signal.DOWN: Link.DOWN},
}

ALARM: dict[Alarm, dict[Signal, Alarm]] = {
    Alarm.QUIET: {Signal.RING: Alarm.DUE},
    Alarm.DUE: {Signal.CHIMED: Alarm.RINGING, Signal.HUSH: Alarm.QUIET},
    Alarm.RINGING: {Signal.HUSH: Alarm.QUIET},
}
