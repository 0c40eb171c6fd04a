"""The shapes of the dicts that configure a session, for type checkers and readers. Pure.

Names and keys are the Agents SDK's. What each may hold, and what is refused, is in `settings_check`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from daemon.realtime.approvals import ToolErrorFormatter
    from daemon.realtime.guardrails import OutputGuardrail
    from daemon.realtime.handoffs import Handoff
    from daemon.realtime.hooks import RealtimeRunHooks
    from daemon.realtime.tools import Tool


class RealtimeCustomVoice(TypedDict):
    id: str


RealtimeVoice = str | RealtimeCustomVoice
RealtimeAudioFormat = str | Mapping[str, Any]


class RealtimeInputAudioTranscriptionConfig(TypedDict, total=False):
    model: str
    language: str | None
    languages: list[str]
    keywords: list[str]
    prompt: str
    delay: Literal["minimal", "low", "medium", "high", "xhigh"]


class RealtimeInputAudioNoiseReductionConfig(TypedDict, total=False):
    type: Literal["near_field", "far_field"]


class RealtimeTurnDetectionConfig(TypedDict, total=False):
    type: Literal["semantic_vad", "server_vad"]
    create_response: bool
    interrupt_response: bool
    eagerness: Literal["auto", "low", "medium", "high"]
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    idle_timeout_ms: int | None
    model_version: str


class RealtimeAudioInputConfig(TypedDict, total=False):
    format: RealtimeAudioFormat
    noise_reduction: RealtimeInputAudioNoiseReductionConfig | None
    transcription: RealtimeInputAudioTranscriptionConfig | None
    turn_detection: RealtimeTurnDetectionConfig | None


class RealtimeAudioOutputConfig(TypedDict, total=False):
    format: RealtimeAudioFormat
    voice: RealtimeVoice
    speed: float


class RealtimeAudioConfig(TypedDict, total=False):
    input: RealtimeAudioInputConfig | None
    output: RealtimeAudioOutputConfig | None


class RealtimeReasoningConfig(TypedDict, total=False):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"]


class RealtimeModelTracingConfig(TypedDict, total=False):
    workflow_name: str
    group_id: str
    metadata: Mapping[str, Any]


class RealtimeSessionModelSettings(TypedDict, total=False):
    """The session object, nested (`audio`) or with the older flat keys."""

    model_name: str
    instructions: str
    prompt: Mapping[str, Any]
    output_modalities: Sequence[Literal["text", "audio"]]
    modalities: Sequence[Literal["text", "audio"]]
    audio: RealtimeAudioConfig
    input_audio_format: RealtimeAudioFormat
    output_audio_format: RealtimeAudioFormat
    input_audio_transcription: RealtimeInputAudioTranscriptionConfig | None
    input_audio_noise_reduction: RealtimeInputAudioNoiseReductionConfig | None
    turn_detection: RealtimeTurnDetectionConfig | None
    voice: RealtimeVoice
    speed: float
    max_output_tokens: int | Literal["inf"]
    tool_choice: str | Mapping[str, Any]
    parallel_tool_calls: bool
    reasoning: RealtimeReasoningConfig
    truncation: str | Mapping[str, Any]
    include: list[str]
    tracing: Literal["auto"] | RealtimeModelTracingConfig | None
    tools: list[Tool]
    handoffs: list[Handoff]
    provider_data: Mapping[str, Any]


class RealtimeGuardrailsSettings(TypedDict, total=False):
    debounce_text_length: int


class RealtimeToolExecutionConfig(TypedDict, total=False):
    pre_approval_tool_input_guardrails: bool


class RealtimeRunConfig(TypedDict, total=False):
    """What `RealtimeRunner(config=...)` takes; see `run_config.RunConfig` for meanings and defaults."""

    model_settings: RealtimeSessionModelSettings
    output_guardrails: list[OutputGuardrail]
    guardrails_settings: RealtimeGuardrailsSettings
    tracing_disabled: bool
    async_tool_calls: bool
    tool_execution: RealtimeToolExecutionConfig
    tool_error_formatter: ToolErrorFormatter
    hooks: RealtimeRunHooks[Any]
    history_store_audio: bool
    automatically_trigger_response_for_mcp_tool_calls: bool
    tool_timeout_s: float | None
    approval_timeout_s: float | None
    barge_in: Literal["off", "button", "server_vad", "local_vad", "wake_word"] | None
    filler_after_s: float | None
    filler_instructions: str


class TransportConfig(TypedDict, total=False):
    """Seconds; `ping_interval` None sends no pings, `ping_timeout` None waits for ever."""

    ping_interval: float | None
    ping_timeout: float | None
    handshake_timeout: float
    max_size: int | None


class RealtimeModelConfig(TypedDict, total=False):
    """What `runner.run(model_config=...)` takes."""

    api_key: str | Callable[[], str | Awaitable[str]]
    url: str
    headers: Mapping[str, str]
    call_id: str
    initial_model_settings: RealtimeSessionModelSettings
    playback_tracker: Any
    wait_until_ready: bool
    transport_config: TransportConfig
