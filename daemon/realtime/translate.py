"""Model events that mean the same to the application, whatever the session's state. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.realtime import events as ev
from daemon.realtime import model_events as rt


def plain_event(
    event: rt.RealtimeModelEvent, info: ev.RealtimeEventInfo, *, written: bool = False
) -> ev.RealtimeSessionEvent | None:
    """The session event for a model event that needs no more than its own fields; None for all others.

    `written`: answers are text, so one that is cut off without any part of it heard interrupts no audio.
    """
    if written and isinstance(event, rt.RealtimeModelAudioInterruptedEvent) and event.item_id is None:
        return None
    make = _PLAIN.get(type(event))
    return None if make is None else make(event, info)


def _error(event: rt.RealtimeModelErrorEvent, info: ev.RealtimeEventInfo) -> ev.RealtimeSessionEvent:
    return (
        ev.RealtimeSessionExpired(info) if event.code == "session_expired" else ev.RealtimeError(event, info)
    )


_PLAIN: dict[type, Callable[[Any, ev.RealtimeEventInfo], ev.RealtimeSessionEvent]] = {
    rt.RealtimeModelAudioEvent: lambda e, i: ev.RealtimeAudio(e, e.item_id, e.content_index, i),
    rt.RealtimeModelAudioDoneEvent: lambda e, i: ev.RealtimeAudioEnd(e.item_id, e.content_index, i),
    rt.RealtimeModelAudioInterruptedEvent: lambda e, i: ev.RealtimeAudioInterrupted(
        e.item_id or "", e.content_index, i
    ),
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
