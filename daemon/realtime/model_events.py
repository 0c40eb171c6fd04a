"""What a Realtime connection tells its owner. Pure.

Names and `type` strings follow the OpenAI Agents SDK where it has the event; the rest is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar

from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class RealtimeModelConnectionStatusEvent:
    """The connection changed. `status`: connecting, connected (not yet configured) or disconnected.

    When disconnected, `detail` says why in a sentence and `retry_in_s` when the next attempt begins.
    """

    status: str
    detail: str = ""
    retry_in_s: float | None = None
    type: ClassVar[str] = "connection_status"


@dataclass(frozen=True, slots=True)
class RealtimeModelSessionReadyEvent:
    """`session.updated` has confirmed our configuration: audio may be sent."""

    session: Mapping[str, Any]
    type: ClassVar[str] = "session_ready"


@dataclass(frozen=True, slots=True)
class RealtimeModelSessionRefusedEvent:
    """The server refused our session configuration, or did not answer it in time (`answered` is False)."""

    message: str
    answered: bool = True
    type: ClassVar[str] = "session_refused"


@dataclass(frozen=True, slots=True)
class RealtimeModelErrorEvent:
    """An error the server reported. `event_id` names our event that caused it, if the server said so."""

    code: str | None
    message: str
    event_id: str | None = None
    param: str | None = None
    type: ClassVar[str] = "error"


@dataclass(frozen=True, slots=True)
class RealtimeModelAudioEvent:
    """Audio of the current response: `data` is mono PCM16 at the session's output rate (24 kHz)."""

    data: bytes
    response_id: str
    item_id: str
    content_index: int
    type: ClassVar[str] = "audio"


@dataclass(frozen=True, slots=True)
class RealtimeModelAudioDoneEvent:
    """Generation of one audio part has ended; it may still be playing for a long time."""

    response_id: str
    item_id: str
    content_index: int
    type: ClassVar[str] = "audio_done"


@dataclass(frozen=True, slots=True)
class RealtimeModelAudioInterruptedEvent:
    """Something that was playing or being generated was cut off; `audio_end_ms` of this item was heard."""

    item_id: str | None
    content_index: int
    audio_end_ms: int
    type: ClassVar[str] = "audio_interrupted"


@dataclass(frozen=True, slots=True)
class RealtimeModelTurnStartedEvent:
    """The server began a response, ours or its own. One `out_of_band` runs beside the conversation."""

    response_id: str
    out_of_band: bool = False
    type: ClassVar[str] = "turn_started"


@dataclass(frozen=True, slots=True)
class RealtimeModelTurnEndedEvent:
    """A response is over. `status`: completed, cancelled, failed, incomplete, or lost (link gone or deadline
    passed).

    `detail` is the server's reason or error message, "" when there is none. `usage` is the server's object,
    {} if absent. `response_id` is None for a request that never became a response.
    """

    response_id: str | None
    status: str
    detail: str
    usage: Mapping[str, Any]
    out_of_band: bool = False
    type: ClassVar[str] = "turn_ended"


@dataclass(frozen=True, slots=True)
class RealtimeModelTranscriptDeltaEvent:
    """More text of the answer, spoken or written."""

    item_id: str
    delta: str
    response_id: str
    type: ClassVar[str] = "transcript_delta"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputTranscriptDeltaEvent:
    """More text of what the user is taken to have said."""

    item_id: str
    delta: str
    type: ClassVar[str] = "input_audio_transcription_delta"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputAudioTranscriptionCompletedEvent:
    """`usage` is the server's object, {} if absent: tokens, or seconds, of the transcription model."""

    item_id: str
    transcript: str
    usage: Mapping[str, Any] = field(default_factory=dict)
    type: ClassVar[str] = "input_audio_transcription_completed"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputAudioTranscriptionFailedEvent:
    item_id: str
    message: str
    type: ClassVar[str] = "input_audio_transcription_failed"


@dataclass(frozen=True, slots=True)
class RealtimeModelToolCallEvent:
    """The model asks for a function; `arguments` is the JSON text as received."""

    name: str
    call_id: str
    arguments: str
    id: str
    response_id: str
    type: ClassVar[str] = "function_call"


@dataclass(frozen=True, slots=True)
class RealtimeModelSpeechStartedEvent:
    """The server's VAD heard speech begin; `audio_start_ms` counts from the first sample appended in this
    session."""

    item_id: str
    audio_start_ms: int
    type: ClassVar[str] = "speech_started"


@dataclass(frozen=True, slots=True)
class RealtimeModelSpeechStoppedEvent:
    item_id: str
    audio_end_ms: int
    type: ClassVar[str] = "speech_stopped"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputCommittedEvent:
    """The input buffer became a user item, by our commit or by the server's VAD."""

    item_id: str
    type: ClassVar[str] = "input_committed"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputAudioTimeoutTriggeredEvent:
    item_id: str
    audio_start_ms: int
    audio_end_ms: int
    type: ClassVar[str] = "input_audio_timeout_triggered"


@dataclass(frozen=True, slots=True)
class RealtimeModelItemUpdatedEvent:
    """An item of the history is new or has changed; read it from `RealtimeProtocol.history`."""

    item_id: str
    added: bool
    type: ClassVar[str] = "item_updated"


@dataclass(frozen=True, slots=True)
class RealtimeModelItemDeletedEvent:
    item_id: str
    type: ClassVar[str] = "item_deleted"


@dataclass(frozen=True, slots=True)
class RealtimeModelRateLimitsEvent:
    limits: tuple[Mapping[str, Any], ...]
    type: ClassVar[str] = "rate_limits"


@dataclass(frozen=True, slots=True)
class RealtimeModelFrameRejectedEvent:
    """A frame that could not be used: not JSON, not an object, fields missing. Counted; nothing else
    happens."""

    reason: str
    sample: str
    type: ClassVar[str] = "frame_rejected"


@dataclass(frozen=True, slots=True)
class RealtimeModelPlaybackDrainedEvent:
    """The last of an answer has been heard; this part was its end."""

    item_id: str
    content_index: int
    type: ClassVar[str] = "playback_drained"


@dataclass(frozen=True, slots=True)
class RealtimeModelEndOfStreamEvent:
    """The model will not say anything any more: the call it was attached to is over."""

    reason: str
    type: ClassVar[str] = "end_of_stream"


@dataclass(frozen=True, slots=True)
class RealtimeModelRawServerEvent:
    """A server event as it came: one whose type we do not know, or every one if the protocol was asked to."""

    data: Mapping[str, Any]
    type: ClassVar[str] = "raw_server_event"


RealtimeModelEvent = (
    RealtimeModelConnectionStatusEvent
    | RealtimeModelSessionReadyEvent
    | RealtimeModelSessionRefusedEvent
    | RealtimeModelErrorEvent
    | RealtimeModelAudioEvent
    | RealtimeModelAudioDoneEvent
    | RealtimeModelAudioInterruptedEvent
    | RealtimeModelTurnStartedEvent
    | RealtimeModelTurnEndedEvent
    | RealtimeModelTranscriptDeltaEvent
    | RealtimeModelInputTranscriptDeltaEvent
    | RealtimeModelInputAudioTranscriptionCompletedEvent
    | RealtimeModelInputAudioTranscriptionFailedEvent
    | RealtimeModelToolCallEvent
    | RealtimeModelSpeechStartedEvent
    | RealtimeModelSpeechStoppedEvent
    | RealtimeModelInputCommittedEvent
    | RealtimeModelInputAudioTimeoutTriggeredEvent
    | RealtimeModelItemUpdatedEvent
    | RealtimeModelItemDeletedEvent
    | RealtimeModelRateLimitsEvent
    | RealtimeModelFrameRejectedEvent
    | RealtimeModelPlaybackDrainedEvent
    | RealtimeModelEndOfStreamEvent
    | RealtimeModelRawServerEvent
)
