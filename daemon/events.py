"""What the appliance can be told and what it can ask for. Pure.

Events come from the button, the microphone, the loudspeaker, the link and the control socket; commands are
carried out by `daemon.app`. All are plain values, so that any history of the box can be written down and
replayed.
"""

from __future__ import annotations

from enum import Enum

from daemon.records import dataclass
from daemon.talk import TalkSettings


class Phase(Enum):
    """What the box is doing, as a person standing before it would say it."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    RINGING = "ringing"
    FOLLOW_UP = "follow-up"  # listening for a reply: no button, no wake word needed


class Trouble(Enum):
    """Why something cannot be done: what the person hears and sees depends on it."""

    MUTED = "muted"
    OFFLINE = "offline"
    KEY = "key"
    QUOTA = "quota"
    MODEL = "model"
    SPENDING = "spending"  # the owner's limit for the day or the month is reached
    NO_MICROPHONE = "no microphone"
    BUSY = "busy"  # somebody is speaking
    NOTHING = "nothing"  # there is nothing to be done


# ---- events ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pressed:
    """The talk button went down, or `harkd press`."""


@dataclass(frozen=True, slots=True)
class Released:
    """The talk button came up, or `harkd release`."""


@dataclass(frozen=True, slots=True)
class Tapped:
    """The press before it was a short one: the turn goes on until the user has finished speaking."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The press before it meant something else: what it opened is no turn."""


@dataclass(frozen=True, slots=True)
class Stop:
    """An explicit stop: be silent, forget the turn."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A typed question, answered as if it had been spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """A text to be spoken as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Mute:
    """The microphone has been closed by a person; nothing is captured until `Unmute`."""


@dataclass(frozen=True, slots=True)
class Unmute:
    """The microphone is open again."""


@dataclass(frozen=True, slots=True)
class TalkSet:
    """The owner has other wishes about talking from now on."""

    settings: TalkSettings


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """A tool call waits for a person's consent."""

    call_id: str
    tool: str


@dataclass(frozen=True, slots=True)
class Consent:
    """`harkd approve`: the call that has waited longest may be made."""


@dataclass(frozen=True, slots=True)
class Dissent:
    """`harkd reject`: the call that has waited longest must not be made."""


@dataclass(frozen=True, slots=True)
class SpendingCapped:
    """Nothing new may be asked until `SpendingFreed`. `reason` is a sentence for the owner."""

    reason: str


@dataclass(frozen=True, slots=True)
class SpendingFreed:
    """The limit no longer holds."""


@dataclass(frozen=True, slots=True)
class AlarmDue:
    """A timer has begun to ring."""


@dataclass(frozen=True, slots=True)
class AlarmOver:
    """The last timer that rang does so no more, without anybody having dismissed it."""


@dataclass(frozen=True, slots=True)
class MicPeriod:
    """One captured period has arrived. `speech` is None when no voice detector is running."""

    duration_ms: float
    speech: bool | None


@dataclass(frozen=True, slots=True)
class MicrophoneLost:
    """The microphone has gone, or delivers nothing. `reason` is a sentence for the owner."""

    reason: str


@dataclass(frozen=True, slots=True)
class MicrophoneBack:
    """It delivers again."""


@dataclass(frozen=True, slots=True)
class SpeakerLost:
    """The loudspeaker has gone: nothing is heard any more."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Our own voice detection heard the user begin; `onset_ms` ago."""

    onset_ms: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Our own voice detection heard the user end."""


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """A turn that waits for speech has waited long enough."""


@dataclass(frozen=True, slots=True)
class SpokenOver:
    """The user speaks over the answer; `onset_ms` ago."""

    onset_ms: float


@dataclass(frozen=True, slots=True)
class WakeWordHeard:
    """Somebody called the box."""


@dataclass(frozen=True, slots=True)
class EchoJudged:
    """Whether the microphone may be listened to while the loudspeaker plays."""

    safe: bool


@dataclass(frozen=True, slots=True)
class LinkConnecting:
    """A connection attempt has begun."""


@dataclass(frozen=True, slots=True)
class LinkReady:
    """The server has confirmed our session: audio may go up."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """No connection, and none being attempted right now. `reason` is a sentence for the owner."""

    reason: str
    trouble: Trouble = Trouble.OFFLINE


@dataclass(frozen=True, slots=True)
class LinkRenewing:
    """The connection is closed on purpose, and opened again at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class LinkResting:
    """The connection is closed on purpose, until `ConnectNow`."""

    reason: str


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    response_id: str


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The server has finished with a response; what it queued may still be playing.

    `response_id` is None for a request that never became a response.
    """

    response_id: str | None
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class AnswerCut:
    """The agents' side cut the answer, a guardrail for one; the loudspeaker is silent already."""


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """Answer audio was queued while the loudspeaker had nothing to play."""


@dataclass(frozen=True, slots=True)
class PlaybackDrained:
    """Everything queued has been heard."""


@dataclass(frozen=True, slots=True)
class UserSpeechStarted:
    """The server's voice detection heard the user begin (hands-free)."""


@dataclass(frozen=True, slots=True)
class UserSpeechStopped:
    """The server's voice detection heard the user end (hands-free)."""


@dataclass(frozen=True, slots=True)
class InputCommitted:
    """The server turned the input buffer into a user message."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; sent when `next_deadline` is due."""


Event = (
    Pressed
    | Released
    | Tapped
    | Abandoned
    | Stop
    | Ask
    | Say
    | Mute
    | Unmute
    | TalkSet
    | ApprovalWanted
    | Consent
    | Dissent
    | AlarmDue
    | AlarmOver
    | MicPeriod
    | MicrophoneLost
    | MicrophoneBack
    | SpeakerLost
    | SpeechStarted
    | SpeechEnded
    | NothingSaid
    | SpokenOver
    | WakeWordHeard
    | EchoJudged
    | LinkConnecting
    | LinkReady
    | LinkDown
    | LinkRenewing
    | LinkResting
    | AnswerStarted
    | AnswerEnded
    | AnswerCut
    | PlaybackStarted
    | PlaybackDrained
    | UserSpeechStarted
    | UserSpeechStopped
    | InputCommitted
    | Tick
    | SpendingCapped
    | SpendingFreed
)


# ---- commands --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Silence the loudspeaker, cancel the response, truncate what was not heard: always first in its step."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Begin the user's turn with what was captured in the last `preroll_ms` before it."""

    preroll_ms: float


@dataclass(frozen=True, slots=True)
class UploadPreroll:
    """Hands-free: the last `preroll_ms` before this step belong to what goes up now."""

    preroll_ms: float


@dataclass(frozen=True, slots=True)
class UploadPeriod:
    """The captured period of this step belongs to the turn: send it up."""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The turn is complete: send what is left of it and ask for an answer."""


@dataclass(frozen=True, slots=True)
class ClearTurn:
    """The turn comes to nothing: forget its audio here and on the server. `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class RewindTurn:
    """The link was lost before the turn was answered: its audio has to go up again."""


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    """The answer has begun: the turn's audio is no longer needed."""


@dataclass(frozen=True, slots=True)
class StartStreaming:
    """Hands-free: from now on captured periods go up as they come."""


@dataclass(frozen=True, slots=True)
class StopStreaming:
    """Hands-free: nothing goes up any more."""


@dataclass(frozen=True, slots=True)
class SendText:
    """Send a typed user message and ask for an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class SpeakText:
    """Ask for an answer that speaks exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Approve:
    """A person agreed: make the tool call."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The tool call must not be made; `reason` is a sentence for the model, which answers if `respond`."""

    call_id: str
    reason: str
    respond: bool = True


@dataclass(frozen=True, slots=True)
class AskConsent:
    """A tool call waits for a person: let them know."""

    tool: str


@dataclass(frozen=True, slots=True)
class PlayChime:
    """Ring once; the loudspeaker has nothing else to play."""


@dataclass(frozen=True, slots=True)
class DismissAlarm:
    """Somebody came: the timers that ring have done their work."""


@dataclass(frozen=True, slots=True)
class ConnectNow:
    """Someone is waiting: end the back-off and try to connect at once."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Nobody has needed the connection for long: close it until `ConnectNow`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """What was asked for cannot be done now; `reason` is a sentence for the person asking."""

    reason: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Report:
    """Something the owner should find in the journal."""

    message: str


@dataclass(frozen=True, slots=True)
class ShowPhase:
    """The phase has changed."""

    phase: Phase


Command = (
    Interrupt
    | OpenTurn
    | UploadPreroll
    | UploadPeriod
    | CommitTurn
    | ClearTurn
    | RewindTurn
    | ForgetTurn
    | StartStreaming
    | StopStreaming
    | SendText
    | SpeakText
    | Approve
    | Reject
    | AskConsent
    | PlayChime
    | DismissAlarm
    | ConnectNow
    | HangUp
    | Refuse
    | Report
    | ShowPhase
)
