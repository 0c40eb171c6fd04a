"""Conversations over the Realtime API: agents, tools, hand-offs, guardrails, and the protocol below them.

The names are loaded when they are first used: of all this the daemon itself needs little.
"""

from typing import TYPE_CHECKING

from daemon.realtime.names import load as __getattr__  # noqa: F401  asked by the interpreter

if TYPE_CHECKING:
    from daemon.realtime.agent import (
        RealtimeAgent,
    )
    from daemon.realtime.approvals import (
        ToolErrorFormatterArgs,
    )
    from daemon.realtime.context import (
        RunContextWrapper,
        ToolContext,
    )
    from daemon.realtime.errors import (
        ModelBehaviorError,
        ToolInputGuardrailTripwireTriggered,
        ToolOutputGuardrailTripwireTriggered,
        ToolTimeoutError,
        UserError,
    )
    from daemon.realtime.events import (
        RealtimeAgentEndEvent,
        RealtimeAgentStartEvent,
        RealtimeAudio,
        RealtimeAudioEnd,
        RealtimeAudioInterrupted,
        RealtimeConnection,
        RealtimeError,
        RealtimeEventInfo,
        RealtimeGuardrailTripped,
        RealtimeHandoffEvent,
        RealtimeHistoryAdded,
        RealtimeHistoryUpdated,
        RealtimeInputAudioTimeoutTriggered,
        RealtimeMcpToolCallCompleted,
        RealtimeMcpToolsChanged,
        RealtimePlaybackDrained,
        RealtimeRateLimits,
        RealtimeRawModelEvent,
        RealtimeResponseFailed,
        RealtimeSessionEvent,
        RealtimeSessionExpired,
        RealtimeSpeechStarted,
        RealtimeSpeechStopped,
        RealtimeToolApprovalRequired,
        RealtimeToolEnd,
        RealtimeToolStart,
        RealtimeUsage,
        RealtimeUserTranscriptDelta,
        RealtimeUserTranscriptFailed,
    )
    from daemon.realtime.guardrails import (
        GuardrailFunctionOutput,
        OutputGuardrail,
        OutputGuardrailResult,
        output_guardrail,
    )
    from daemon.realtime.handoffs import (
        Handoff,
        realtime_handoff,
    )
    from daemon.realtime.hooks import (
        RealtimeAgentHooks,
        RealtimeRunHooks,
    )
    from daemon.realtime.hosted_mcp import (
        HostedMCPTool,
        MCPApprovalRequest,
        hosted_mcp_tool,
    )
    from daemon.realtime.items import (
        AssistantAudio,
        AssistantMessageItem,
        AssistantText,
        InputAudio,
        InputImage,
        InputText,
        RealtimeItem,
        RealtimeMcpCallItem,
        RealtimeMessageItem,
        RealtimeToolCallItem,
        SystemMessageItem,
        UserMessageItem,
        item_from_dict,
    )
    from daemon.realtime.listeners import RealtimeModelListener
    from daemon.realtime.mcp_tools import (
        MCPConfig,
        MCPServer,
        MCPToolSpec,
    )
    from daemon.realtime.model import (
        OpenAIRealtimeWebSocketModel,
        RealtimeModel,
    )
    from daemon.realtime.model_events import (
        RealtimeModelAudioDoneEvent,
        RealtimeModelAudioEvent,
        RealtimeModelAudioInterruptedEvent,
        RealtimeModelConnectionStatusEvent,
        RealtimeModelEndOfStreamEvent,
        RealtimeModelErrorEvent,
        RealtimeModelEvent,
        RealtimeModelInputAudioTimeoutTriggeredEvent,
        RealtimeModelInputAudioTranscriptionCompletedEvent,
        RealtimeModelItemDeletedEvent,
        RealtimeModelItemUpdatedEvent,
        RealtimeModelRawServerEvent,
        RealtimeModelToolCallEvent,
        RealtimeModelTranscriptDeltaEvent,
        RealtimeModelTurnEndedEvent,
        RealtimeModelTurnStartedEvent,
    )
    from daemon.realtime.model_inputs import (
        RealtimeModelInputTextContent,
        RealtimeModelRawClientMessage,
        RealtimeModelSendAudio,
        RealtimeModelSendEvent,
        RealtimeModelSendInterrupt,
        RealtimeModelSendRawMessage,
        RealtimeModelSendSessionUpdate,
        RealtimeModelSendToolOutput,
        RealtimeModelSendUserInput,
        RealtimeModelUserInput,
        RealtimeModelUserInputMessage,
    )
    from daemon.realtime.playback_position import (
        RealtimePlaybackState,
        RealtimePlaybackTracker,
    )
    from daemon.realtime.runner import (
        RealtimeRunner,
    )
    from daemon.realtime.session import (
        RealtimeSession,
    )
    from daemon.realtime.settings_check import (
        SettingsError,
    )
    from daemon.realtime.settings_types import (
        RealtimeAudioConfig,
        RealtimeGuardrailsSettings,
        RealtimeInputAudioNoiseReductionConfig,
        RealtimeInputAudioTranscriptionConfig,
        RealtimeModelConfig,
        RealtimeModelTracingConfig,
        RealtimeRunConfig,
        RealtimeSessionModelSettings,
        RealtimeTurnDetectionConfig,
        TransportConfig,
    )
    from daemon.realtime.sip_model import (
        OpenAIRealtimeSIPModel,
    )
    from daemon.realtime.tool_guardrails import (
        ToolGuardrailFunctionOutput,
        ToolInputGuardrail,
        ToolInputGuardrailData,
        ToolOutputGuardrail,
        ToolOutputGuardrailData,
        tool_input_guardrail,
        tool_output_guardrail,
    )
    from daemon.realtime.tool_output import (
        BackgroundResult,
        background_result,
    )
    from daemon.realtime.tools import (
        FunctionTool,
        Tool,
        default_tool_error_function,
        function_tool,
    )
    from daemon.realtime.usage import (
        Usage,
    )

__all__ = [
    "AssistantAudio",
    "AssistantMessageItem",
    "AssistantText",
    "BackgroundResult",
    "FunctionTool",
    "GuardrailFunctionOutput",
    "Handoff",
    "HostedMCPTool",
    "InputAudio",
    "InputImage",
    "InputText",
    "MCPApprovalRequest",
    "MCPConfig",
    "MCPServer",
    "MCPToolSpec",
    "ModelBehaviorError",
    "OpenAIRealtimeSIPModel",
    "OpenAIRealtimeWebSocketModel",
    "OutputGuardrail",
    "OutputGuardrailResult",
    "RealtimeAgent",
    "RealtimeAgentEndEvent",
    "RealtimeAgentHooks",
    "RealtimeAgentStartEvent",
    "RealtimeAudio",
    "RealtimeAudioConfig",
    "RealtimeAudioEnd",
    "RealtimeAudioInterrupted",
    "RealtimeConnection",
    "RealtimeError",
    "RealtimeEventInfo",
    "RealtimeGuardrailTripped",
    "RealtimeGuardrailsSettings",
    "RealtimeHandoffEvent",
    "RealtimeHistoryAdded",
    "RealtimeHistoryUpdated",
    "RealtimeInputAudioNoiseReductionConfig",
    "RealtimeInputAudioTimeoutTriggered",
    "RealtimeInputAudioTranscriptionConfig",
    "RealtimeItem",
    "RealtimeMcpCallItem",
    "RealtimeMcpToolCallCompleted",
    "RealtimeMcpToolsChanged",
    "RealtimeMessageItem",
    "RealtimeModel",
    "RealtimeModelAudioDoneEvent",
    "RealtimeModelAudioEvent",
    "RealtimeModelAudioInterruptedEvent",
    "RealtimeModelConfig",
    "RealtimeModelConnectionStatusEvent",
    "RealtimeModelEndOfStreamEvent",
    "RealtimeModelErrorEvent",
    "RealtimeModelEvent",
    "RealtimeModelInputAudioTimeoutTriggeredEvent",
    "RealtimeModelInputAudioTranscriptionCompletedEvent",
    "RealtimeModelInputTextContent",
    "RealtimeModelItemDeletedEvent",
    "RealtimeModelItemUpdatedEvent",
    "RealtimeModelListener",
    "RealtimeModelRawClientMessage",
    "RealtimeModelRawServerEvent",
    "RealtimeModelSendAudio",
    "RealtimeModelSendEvent",
    "RealtimeModelSendInterrupt",
    "RealtimeModelSendRawMessage",
    "RealtimeModelSendSessionUpdate",
    "RealtimeModelSendToolOutput",
    "RealtimeModelSendUserInput",
    "RealtimeModelToolCallEvent",
    "RealtimeModelTracingConfig",
    "RealtimeModelTranscriptDeltaEvent",
    "RealtimeModelTurnEndedEvent",
    "RealtimeModelTurnStartedEvent",
    "RealtimeModelUserInput",
    "RealtimeModelUserInputMessage",
    "RealtimePlaybackDrained",
    "RealtimePlaybackState",
    "RealtimePlaybackTracker",
    "RealtimeRateLimits",
    "RealtimeRawModelEvent",
    "RealtimeResponseFailed",
    "RealtimeRunConfig",
    "RealtimeRunHooks",
    "RealtimeRunner",
    "RealtimeSession",
    "RealtimeSessionEvent",
    "RealtimeSessionExpired",
    "RealtimeSessionModelSettings",
    "RealtimeSpeechStarted",
    "RealtimeSpeechStopped",
    "RealtimeToolApprovalRequired",
    "RealtimeToolCallItem",
    "RealtimeToolEnd",
    "RealtimeToolStart",
    "RealtimeTurnDetectionConfig",
    "RealtimeUsage",
    "RealtimeUserTranscriptDelta",
    "RealtimeUserTranscriptFailed",
    "RunContextWrapper",
    "SettingsError",
    "SystemMessageItem",
    "Tool",
    "ToolContext",
    "ToolErrorFormatterArgs",
    "ToolGuardrailFunctionOutput",
    "ToolInputGuardrail",
    "ToolInputGuardrailData",
    "ToolInputGuardrailTripwireTriggered",
    "ToolOutputGuardrail",
    "ToolOutputGuardrailData",
    "ToolOutputGuardrailTripwireTriggered",
    "ToolTimeoutError",
    "TransportConfig",
    "Usage",
    "UserError",
    "UserMessageItem",
    "background_result",
    "default_tool_error_function",
    "function_tool",
    "hosted_mcp_tool",
    "item_from_dict",
    "output_guardrail",
    "realtime_handoff",
    "tool_input_guardrail",
    "tool_output_guardrail",
]
