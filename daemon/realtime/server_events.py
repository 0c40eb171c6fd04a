"""What a Realtime server can say, one frozen class per message the machine acts on. Pure.

Fields keep the names of the wire. Everything the machine does not need is left out; audio is bytes, never
base64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from daemon.records import dataclass


class Placement(Enum):
    """Where an item goes when the server names no predecessor."""

    APPEND = "append"
    FRONT = "front"


@dataclass(frozen=True, slots=True)
class WireItem:
    """One conversation item without its audio; `parts` holds the text or transcript of each content part, ""
    if none."""

    item_id: str
    kind: str
    role: str | None = None
    status: str | None = None
    parts: tuple[str, ...] = ()
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class SessionCreated:
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServerError:
    """`event_id` is the id of our own event that caused it, if the server said so."""

    code: str | None
    message: str
    param: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """`conversation.item.added` or the older `.created`; `after` is an item id or a `Placement`."""

    item: WireItem
    after: str | Placement


@dataclass(frozen=True, slots=True)
class ItemDone:
    item: WireItem
    after: str | Placement


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class InputTranscriptDelta:
    item_id: str
    content_index: int
    delta: str


@dataclass(frozen=True, slots=True)
class InputTranscriptCompleted:
    item_id: str
    content_index: int
    transcript: str
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputTranscriptFailed:
    item_id: str
    message: str


@dataclass(frozen=True, slots=True)
class InputCommitted:
    item_id: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    item_id: str
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class InputTimeoutTriggered:
    item_id: str
    audio_start_ms: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    response_id: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """`detail` is the server's error message or reason, "" when it gave none."""

    response_id: str | None
    status: str
    detail: str
    usage: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutputItemAdded:
    response_id: str
    item: WireItem


@dataclass(frozen=True, slots=True)
class OutputItemDone:
    response_id: str
    item: WireItem


@dataclass(frozen=True, slots=True)
class AudioDelta:
    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """More of the answer's words: the transcript of its audio, or its text."""

    response_id: str
    item_id: str
    content_index: int
    delta: str


@dataclass(frozen=True, slots=True)
class TranscriptDone:
    response_id: str
    item_id: str
    content_index: int
    text: str


@dataclass(frozen=True, slots=True)
class RateLimits:
    limits: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class UnusedEvent:
    """An event we know and need nothing from, except that its response is alive."""

    type: str
    response_id: str | None


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A well-formed event of a type we have never heard of."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MalformedFrame:
    """A frame nothing can be done with. `sample` is its beginning, at most 200 characters."""

    reason: str
    sample: str


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ServerError
    | ItemAdded
    | ItemDone
    | ItemDeleted
    | ItemTruncated
    | InputTranscriptDelta
    | InputTranscriptCompleted
    | InputTranscriptFailed
    | InputCommitted
    | SpeechStarted
    | SpeechStopped
    | InputTimeoutTriggered
    | ResponseCreated
    | ResponseDone
    | OutputItemAdded
    | OutputItemDone
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | RateLimits
    | UnusedEvent
    | UnknownEvent
    | MalformedFrame
)

RESPONSE_CONTENT = (AudioDelta, TranscriptDelta, AudioDone, TranscriptDone, OutputItemAdded, OutputItemDone)
"""What only a response that runs can send."""
