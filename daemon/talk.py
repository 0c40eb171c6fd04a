"""How turns are taken: the modes of a conversation and their limits. Pure."""

from __future__ import annotations

from enum import Enum

from daemon.records import dataclass


class TalkMode(Enum):
    HOLD = "hold"  # push-to-talk: press, speak, release
    TOGGLE = "toggle"  # tap, speak, tap
    HANDS_FREE = "hands_free"  # the server's voice detection decides


class BargeIn(Enum):
    """What may interrupt an answer. `stop` always may, and the button in all cases but one."""

    OFF = "off"  # every answer is played to its end
    BUTTON = "button"  # half duplex: nothing is listened to while the loudspeaker plays
    SERVER_VAD = "server_vad"  # hands-free with a headset or an echo-cancelled device
    LOCAL_VAD = "local_vad"  # a voice over the answer, found on this side
    WAKE_WORD = "wake_word"  # the wake word over the answer


class Capture(Enum):
    """When the microphone is open, unless it is muted."""

    ALWAYS = "always"
    ON_DEMAND = "on_demand"  # only while the box has been asked to listen


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """How turns are taken.

    - `preroll_ms`: how much from before the press belongs to the turn; 0 sends nothing from before it.
    - `min_turn_ms`: shorter turns are cleared; the API refuses commits under 100 ms.
    - `min_speech_ms`: turns in which the voice detector heard less are cleared, too.
    - `release_tail_ms`: how much is still captured after the release.
    - `max_turn_s`: a turn this long ends by itself, so that a stuck button cannot listen for ever.
    - `hold_s`: how long a finished turn waits for the link.
    - `answer_s`: how long an answer may take to begin.
    - `approve_s`: how long a tool call waits for a person's consent before it is rejected.
    - `echo_tail_ms`: how long after the loudspeaker's last sample the microphone may still hear it.
    - `follow_up_s`: how long after an answer to a turn begun by tap or wake word a reply needs neither.
    - `connect_on_demand`: the first connection is opened for the first turn, not before.
    - `idle_hang_up_s`: how long a connection that nobody needs is kept open; 0 for ever.
    """

    mode: TalkMode = TalkMode.HOLD
    barge_in: BargeIn = BargeIn.BUTTON
    capture: Capture = Capture.ALWAYS
    preroll_ms: float = 300.0
    min_turn_ms: float = 100.0
    min_speech_ms: float = 60.0
    release_tail_ms: float = 0.0
    max_turn_s: float = 60.0
    hold_s: float = 15.0
    answer_s: float = 30.0
    approve_s: float = 30.0
    echo_tail_ms: float = 300.0
    follow_up_s: float = 0.0
    connect_on_demand: bool = False
    idle_hang_up_s: float = 0.0

    @property
    def longest_turn_s(self) -> float:
        """With a second for its last periods: a link lost then must not cost its start."""
        return self.max_turn_s + (self.preroll_ms + self.release_tail_ms) / 1000 + 1
