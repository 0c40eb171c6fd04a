"""The package's public names and the modules they live in, loaded at first use. Shell around importlib."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

HOMES = {
    "agent": """RealtimeAgent""",
    "approvals": """ToolErrorFormatterArgs""",
    "context": """RunContextWrapper ToolContext""",
    "errors": """
        ModelBehaviorError ToolInputGuardrailTripwireTriggered ToolOutputGuardrailTripwireTriggered
        ToolTimeoutError UserError
    """,
    "events": """
        RealtimeAgentEndEvent RealtimeAgentStartEvent RealtimeAudio RealtimeAudioEnd
        RealtimeAudioInterrupted RealtimeConnection RealtimeError RealtimeEventInfo
        RealtimeGuardrailTripped RealtimeHandoffEvent RealtimeHistoryAdded RealtimeHistoryUpdated
        RealtimeInputAudioTimeoutTriggered RealtimeMcpToolCallCompleted RealtimeMcpToolsChanged
        RealtimePlaybackDrained RealtimeRateLimits RealtimeRawModelEvent RealtimeResponseFailed
        RealtimeSessionEvent RealtimeSessionExpired RealtimeSpeechStarted RealtimeSpeechStopped
        RealtimeToolApprovalRequired RealtimeToolEnd RealtimeToolStart RealtimeUsage
        RealtimeUserTranscriptDelta RealtimeUserTranscriptFailed
    """,
    "guardrails": """GuardrailFunctionOutput OutputGuardrail OutputGuardrailResult output_guardrail""",
    "handoffs": """Handoff realtime_handoff""",
    "hooks": """RealtimeAgentHooks RealtimeRunHooks""",
    "hosted_mcp": """HostedMCPTool MCPApprovalRequest hosted_mcp_tool""",
    "items": """
        AssistantAudio AssistantMessageItem AssistantText InputAudio InputImage InputText RealtimeItem
        RealtimeMcpCallItem RealtimeMessageItem RealtimeToolCallItem SystemMessageItem UserMessageItem
        item_from_dict
    """,
    "mcp_tools": """MCPConfig MCPServer MCPToolSpec""",
    "listeners": "RealtimeModelListener",
    "model": "OpenAIRealtimeWebSocketModel RealtimeModel",
    "model_events": """
        RealtimeModelAudioDoneEvent RealtimeModelAudioEvent RealtimeModelAudioInterruptedEvent
        RealtimeModelConnectionStatusEvent RealtimeModelEndOfStreamEvent RealtimeModelErrorEvent
        RealtimeModelEvent RealtimeModelInputAudioTimeoutTriggeredEvent
        RealtimeModelInputAudioTranscriptionCompletedEvent RealtimeModelItemDeletedEvent
        RealtimeModelItemUpdatedEvent RealtimeModelRawServerEvent RealtimeModelToolCallEvent
        RealtimeModelTranscriptDeltaEvent RealtimeModelTurnEndedEvent RealtimeModelTurnStartedEvent
    """,
    "model_inputs": """
        RealtimeModelInputTextContent RealtimeModelRawClientMessage RealtimeModelSendAudio
        RealtimeModelSendEvent RealtimeModelSendInterrupt RealtimeModelSendRawMessage
        RealtimeModelSendSessionUpdate RealtimeModelSendToolOutput RealtimeModelSendUserInput
        RealtimeModelUserInput RealtimeModelUserInputMessage
    """,
    "playback_position": """RealtimePlaybackState RealtimePlaybackTracker""",
    "runner": """RealtimeRunner""",
    "session": """RealtimeSession""",
    "settings_check": """SettingsError""",
    "settings_types": """
        RealtimeAudioConfig RealtimeGuardrailsSettings RealtimeInputAudioNoiseReductionConfig
        RealtimeInputAudioTranscriptionConfig RealtimeModelConfig RealtimeModelTracingConfig
        RealtimeRunConfig RealtimeSessionModelSettings RealtimeTurnDetectionConfig TransportConfig
    """,
    "sip_model": """OpenAIRealtimeSIPModel""",
    "tool_guardrails": """
        ToolGuardrailFunctionOutput ToolInputGuardrail ToolInputGuardrailData ToolOutputGuardrail
        ToolOutputGuardrailData tool_input_guardrail tool_output_guardrail
    """,
    "tool_output": """BackgroundResult background_result""",
    "tools": """FunctionTool Tool default_tool_error_function function_tool""",
    "usage": """Usage""",
}


def load(name: str) -> Any:
    """`__getattr__` of the package: the object of this public name."""
    for home, names in HOMES.items():
        if name in names.split():
            value = getattr(import_module(f"{__package__}.{home}"), name)
            setattr(sys.modules[__package__ or ""], name, value)
            return value
    raise AttributeError(f"module {__package__!r} has no attribute {name!r}")
