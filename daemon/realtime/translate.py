"""Model events that mean the same to the application, whatever the session's state. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.realtime import events as ev
from daemon.realtime import model_events as rt


def _error(event: rt.RealtimeModelErrorEvent, info: ev.RealtimeEventInfo) -> ev.RealtimeSessionEvent:
    return (
        ev.RealtimeSessionExpired(info) if event.code == "session_expired" else ev.RealtimeError(event, info)
    )


PLAIN: dict[type, Callable[[Any, ev.RealtimeEventInfo], ev.RealtimeSessionEvent]] = {
    rt.RealtimeModelAudioEvent: lambda e, i: ev.RealtimeAudio(e, e.item_id, e.content_index, i),
    rt.RealtimeModelAudioDoneEvent: lambda e, i: ev.RealtimeAudioEnd(e.item_id, e.content_index, i),
    rt.RealtimeModelSpeechStartedEvent: lambda e, i: ev.RealtimeSpeechStarted(e.item_id, e.audio_start_ms, i),
    rt.RealtimeModelSpeechStoppedEvent: lambda e, i: ev.RealtimeSpeechStopped(e.item_id, e.audio_end_ms, i),
    rt.RealtimeModelInputTranscriptDeltaEvent: lambda e, i: ev.RealtimeUserTranscriptDelta(
        e.item_id, e.delta, i
    ),
    rt.RealtimeModelInputAudioTranscriptionFailedEvent: lambda e, i: ev.RealtimeUserTranscriptFailed(
        e.item_id, e.message, i
    ),
    rt.RealtimeModelInputAudioTimeoutTriggeredEvent: lambda e, i: ev.RealtimeInputAudioTimeoutTriggered(i),
    rt.RealtimeModelRateLimitsEvent: lambda e, i: ev.RealtimeRateLimits(e.limits, i),
    rt.RealtimeModelConnectionStatusEvent: lambda e, i: ev.RealtimeConnection(e.status, e.detail, i),
    rt.RealtimeModelPlaybackDrainedEvent: lambda e, i: ev.RealtimePlaybackDrained(
        e.item_id, e.content_index, i
    ),
    rt.RealtimeModelErrorEvent: _error,
    rt.RealtimeModelSessionRefusedEvent: lambda e, i: ev.RealtimeError(e, i),
    rt.RealtimeModelFrameRejectedEvent: lambda e, i: ev.RealtimeError(e, i),
}
"""The session event for a model event that needs no more than its own fields; all others are not here."""
