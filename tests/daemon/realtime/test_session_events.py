"""Session events keep their published names."""

from __future__ import annotations

from typing import get_args

from daemon.realtime.events import RealtimeSessionEvent

SDK_TYPES = {
    "agent_start",
    "agent_end",
    "handoff",
    "tool_start",
    "tool_end",
    "tool_approval_required",
    "raw_model_event",
    "audio",
    "audio_end",
    "audio_interrupted",
    "error",
    "history_updated",
    "history_added",
    "guardrail_tripped",
    "input_audio_timeout_triggered",
}

OUR_TYPES = {
    "speech_started",
    "speech_stopped",
    "user_transcript_delta",
    "user_transcript_failed",
    "playback_drained",
    "response_failed",
    "rate_limits",
    "usage",
    "connection",
    "session_expired",
    "mcp_tools_changed",
    "mcp_tool_call_completed",
}


def test_event_types_are_the_published_ones() -> None:
    types = [event.type for event in get_args(RealtimeSessionEvent)]
    assert sorted(types) == sorted(SDK_TYPES | OUR_TYPES)


def test_every_event_carries_the_run_context() -> None:
    events = get_args(RealtimeSessionEvent)
    assert [event.__name__ for event in events if "info" not in event.__dataclass_fields__] == []
