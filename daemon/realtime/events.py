"""What a session tells the application. Pure.

Names, fields and `type` strings are the Agents SDK's where it has the event; the rest is ours and marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.guardrails import OutputGuardrailResult
from daemon.realtime.items import RealtimeItem, RealtimeMcpCallItem
from daemon.realtime.model_events import RealtimeModelAudioEvent, RealtimeModelEvent
from daemon.realtime.tools import Tool
from daemon.realtime.usage import Usage
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent


@dataclass(frozen=True, slots=True)
class RealtimeEventInfo:
    """Comes with every event."""

    context: RunContextWrapper[Any]


# ---- the SDK's events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RealtimeAgentStartEvent:
    """A response began."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: ClassVar[Literal["agent_start"]] = "agent_start"


@dataclass(frozen=True, slots=True)
class RealtimeAgentEndEvent:
    """A response is over, however it ended; `agent` is the one that began it."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: ClassVar[Literal["agent_end"]] = "agent_end"


@dataclass(frozen=True, slots=True)
class RealtimeHandoffEvent:
    from_agent: RealtimeAgent[Any]
    to_agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: ClassVar[Literal["handoff"]] = "handoff"


@dataclass(frozen=True, slots=True)
class RealtimeToolStart:
    agent: RealtimeAgent[Any]
    tool: Tool
    arguments: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_start"]] = "tool_start"


@dataclass(frozen=True, slots=True)
class RealtimeToolEnd:
    """The model has `output`: what the tool returned, or the text it was given in place of it."""

    agent: RealtimeAgent[Any]
    tool: Tool
    arguments: str
    output: Any
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_end"]] = "tool_end"


@dataclass(frozen=True, slots=True)
class RealtimeToolApprovalRequired:
    """The call waits for `approve_tool_call` or `reject_tool_call` with this `call_id`."""

    agent: RealtimeAgent[Any]
    tool: Tool
    call_id: str
    arguments: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["tool_approval_required"]] = "tool_approval_required"


@dataclass(frozen=True, slots=True)
class RealtimeRawModelEvent:
    data: RealtimeModelEvent
    info: RealtimeEventInfo
    type: ClassVar[Literal["raw_model_event"]] = "raw_model_event"


@dataclass(frozen=True, slots=True)
class RealtimeAudio:
    """Audio to play; `audio.data` is mono PCM16 at 24 kHz. Never of a response that was interrupted."""

    audio: RealtimeModelAudioEvent
    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["audio"]] = "audio"


@dataclass(frozen=True, slots=True)
class RealtimeAudioEnd:
    """Everything of this part has been generated; it may still be playing, see `RealtimePlaybackDrained`."""

    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["audio_end"]] = "audio_end"


@dataclass(frozen=True, slots=True)
class RealtimeAudioInterrupted:
    """Stop playing and forget what is queued. `item_id` is the item being played, "" if none was."""

    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["audio_interrupted"]] = "audio_interrupted"


@dataclass(frozen=True, slots=True)
class RealtimeError:
    """Something failed and the session goes on: an exception, or the server's error."""

    error: Any
    info: RealtimeEventInfo
    type: ClassVar[Literal["error"]] = "error"


@dataclass(frozen=True, slots=True)
class RealtimeHistoryUpdated:
    """`history` is the whole conversation, as it is when it is looked at: nobody else pays for it."""

    read_history: Callable[[], list[RealtimeItem]]
    info: RealtimeEventInfo
    type: ClassVar[Literal["history_updated"]] = "history_updated"

    @property
    def history(self) -> list[RealtimeItem]:
        return self.read_history()


@dataclass(frozen=True, slots=True)
class RealtimeHistoryAdded:
    item: RealtimeItem
    info: RealtimeEventInfo
    type: ClassVar[Literal["history_added"]] = "history_added"


@dataclass(frozen=True, slots=True)
class RealtimeGuardrailTripped:
    """`message` is the text that tripped; the answer has been cut off."""

    guardrail_results: list[OutputGuardrailResult]
    message: str
    info: RealtimeEventInfo
    item_id: str = ""
    type: ClassVar[Literal["guardrail_tripped"]] = "guardrail_tripped"


@dataclass(frozen=True, slots=True)
class RealtimeInputAudioTimeoutTriggered:
    info: RealtimeEventInfo
    type: ClassVar[Literal["input_audio_timeout_triggered"]] = "input_audio_timeout_triggered"


# ---- ours ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RealtimeSpeechStarted:
    """Ours: the server's VAD heard the user begin, `audio_start_ms` after the first audio of this session."""

    item_id: str
    audio_start_ms: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["speech_started"]] = "speech_started"


@dataclass(frozen=True, slots=True)
class RealtimeSpeechStopped:
    """Ours: the server's VAD heard the user end."""

    item_id: str
    audio_end_ms: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["speech_stopped"]] = "speech_stopped"


@dataclass(frozen=True, slots=True)
class RealtimeUserTranscriptDelta:
    """Ours: more of what the user is taken to have said."""

    item_id: str
    delta: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_transcript_delta"]] = "user_transcript_delta"


@dataclass(frozen=True, slots=True)
class RealtimeUserTranscriptFailed:
    """Ours: there will be no transcript of this item."""

    item_id: str
    message: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["user_transcript_failed"]] = "user_transcript_failed"


@dataclass(frozen=True, slots=True)
class RealtimePlaybackDrained:
    """Ours: the last of the answer has been heard, not only generated."""

    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: ClassVar[Literal["playback_drained"]] = "playback_drained"


@dataclass(frozen=True, slots=True)
class RealtimeResponseFailed:
    """Ours: a response ended `failed`, `incomplete` or `lost`; `detail` says why, "" if unknown."""

    response_id: str | None
    status: str
    detail: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["response_failed"]] = "response_failed"


@dataclass(frozen=True, slots=True)
class RealtimeRateLimits:
    """Ours: the server's figures (`name`, `limit`, `remaining`, `reset_seconds`)."""

    limits: Sequence[Mapping[str, Any]]
    info: RealtimeEventInfo
    type: ClassVar[Literal["rate_limits"]] = "rate_limits"


@dataclass(frozen=True, slots=True)
class RealtimeUsage:
    """Ours: what one response consumed; the sum is in `info.context.usage`."""

    response_id: str | None
    usage: Usage
    info: RealtimeEventInfo
    type: ClassVar[Literal["usage"]] = "usage"


@dataclass(frozen=True, slots=True)
class RealtimeConnection:
    """Ours: the link is `connecting`, `connected`, or `disconnected` because of `detail`."""

    status: str
    detail: str
    info: RealtimeEventInfo
    type: ClassVar[Literal["connection"]] = "connection"


@dataclass(frozen=True, slots=True)
class RealtimeSessionExpired:
    """Ours: the server's age limit for a session was reached; a new one carries on."""

    info: RealtimeEventInfo
    type: ClassVar[Literal["session_expired"]] = "session_expired"


@dataclass(frozen=True, slots=True)
class RealtimeMcpToolsChanged:
    """Ours: the hosted MCP tools the current agent may use, after its `allowed_tools`."""

    tools: Sequence[Mapping[str, Any]]
    info: RealtimeEventInfo
    type: ClassVar[Literal["mcp_tools_changed"]] = "mcp_tools_changed"


@dataclass(frozen=True, slots=True)
class RealtimeMcpToolCallCompleted:
    """Ours: the server has called a hosted MCP tool."""

    agent: RealtimeAgent[Any]
    call: RealtimeMcpCallItem
    info: RealtimeEventInfo
    type: ClassVar[Literal["mcp_tool_call_completed"]] = "mcp_tool_call_completed"


RealtimeSessionEvent = (
    RealtimeAgentStartEvent
    | RealtimeAgentEndEvent
    | RealtimeHandoffEvent
    | RealtimeToolStart
    | RealtimeToolEnd
    | RealtimeToolApprovalRequired
    | RealtimeRawModelEvent
    | RealtimeAudio
    | RealtimeAudioEnd
    | RealtimeAudioInterrupted
    | RealtimeError
    | RealtimeHistoryUpdated
    | RealtimeHistoryAdded
    | RealtimeGuardrailTripped
    | RealtimeInputAudioTimeoutTriggered
    | RealtimeSpeechStarted
    | RealtimeSpeechStopped
    | RealtimeUserTranscriptDelta
    | RealtimeUserTranscriptFailed
    | RealtimePlaybackDrained
    | RealtimeResponseFailed
    | RealtimeRateLimits
    | RealtimeUsage
    | RealtimeConnection
    | RealtimeSessionExpired
    | RealtimeMcpToolsChanged
    | RealtimeMcpToolCallCompleted
)
