"""What was said: turns the server's content events into history, audio and words for the owner. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any

from daemon.realtime import model_events as out
from daemon.realtime import server_events as ev
from daemon.realtime.history import History
from daemon.realtime.recent import RecentSet
from daemon.realtime.truncation import AudioLedger, Cut, PartKey
from daemon.records import dataclass

MAX_CALL_IDS = 256
"""Tool calls remembered so that none is reported twice."""


@dataclass(slots=True)
class ProtocolCounters:
    """What was seen since construction; never reset. `recent` holds (reason or type, sample) of the last 16
    frames that meant nothing to us, at most 200 characters each."""

    frames_in: int = 0
    frames_after_loss: int = 0
    malformed: int = 0
    unknown: int = 0
    stale_deltas: int = 0
    stale_tool_calls: int = 0
    repeated_tool_calls: int = 0
    gated_appends: int = 0
    gated_commits: int = 0
    gated_raw: int = 0
    dropped_requests: int = 0
    retried_creates: int = 0
    late_cancels: int = 0
    refused_truncations: int = 0
    empty_commits: int = 0
    recent: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=16))


class Conversation:
    """Reacts to items, words, audio and tool calls. Audio and words of a stale response are dropped and
    counted.

    `emit` takes what the owner is told; `cut` takes the parts the server must be told to shorten.
    """

    def __init__(
        self,
        counters: ProtocolCounters,
        emit: Callable[[out.RealtimeModelEvent], None],
        cut: Callable[[Cut], None],
    ) -> None:
        self.history = History()
        self.audio = AudioLedger()
        self._counters = counters
        self._emit = emit
        self._tell_cut = cut
        self._call_ids: RecentSet[str] = RecentSet(MAX_CALL_IDS)
        self._reactions: dict[type, Callable[[Any], None]] = {
            ev.AudioDelta: self._audio_delta,
            ev.AudioDone: self._audio_done,
            ev.TranscriptDelta: self._transcript_delta,
            ev.TranscriptDone: self._transcript_done,
            ev.ItemAdded: self._item,
            ev.ItemDone: self._item,
            ev.ItemDeleted: self._item_deleted,
            ev.ItemTruncated: self._item_truncated,
            ev.OutputItemAdded: self._output_item,
            ev.OutputItemDone: self._output_item_done,
            ev.InputTranscriptDelta: self._input_transcript_delta,
            ev.InputTranscriptCompleted: self._input_transcript_completed,
            ev.InputTranscriptFailed: self._input_transcript_failed,
            ev.InputCommitted: self._input_committed,
            ev.SpeechStarted: self._speech_started,
            ev.SpeechStopped: self._speech_stopped,
            ev.InputTimeoutTriggered: self._input_timeout,
            ev.RateLimits: self._rate_limits,
            ev.UnknownEvent: self._unknown,
            ev.MalformedFrame: self._malformed,
        }

    def receive(self, event: ev.ServerEvent) -> None:
        """React to a content event; others are none of our business."""
        reaction = self._reactions.get(type(event))
        if reaction is not None:
            reaction(event)

    def interrupt(self, heard: Iterable[tuple[PartKey, float]]) -> list[Cut]:
        """Cut what is playing or queued (see `AudioLedger.interrupt`), marking it in the history."""
        cuts = self.audio.interrupt(heard)
        for cut in cuts:
            self._apply(cut)
        return cuts

    def connection_lost(self) -> None:
        """Forget what belonged to the connection; the history stays."""
        self.audio.clear()
        self._call_ids.clear()

    def _apply(self, cut: Cut) -> None:
        known = self.audio.get(cut.key)
        if known is None or known.cut_ms is not None:
            self.history.truncate(cut.key.item_id, cut.key.content_index, cut.audio_end_ms)
        if cut.tell_server:
            self._tell_cut(cut)

    # --- the answer -------------------------------------------------------------------------------

    def _audio_delta(self, event: ev.AudioDelta) -> None:
        key = PartKey(event.item_id, event.content_index)
        if event.response_id in self.audio.stale or event.response_id in self.audio.ended:
            self._counters.stale_deltas += 1
            cut = self.audio.receive_late(key, event.response_id, len(event.pcm))
            if cut is not None:
                self._apply(cut)
        elif event.pcm:
            self.audio.receive(key, event.response_id, len(event.pcm))
            self._emit(
                out.RealtimeModelAudioEvent(event.pcm, event.response_id, event.item_id, event.content_index)
            )

    def _audio_done(self, event: ev.AudioDone) -> None:
        self.audio.finish(PartKey(event.item_id, event.content_index))
        if not self._stale(event.response_id):
            self._emit(out.RealtimeModelAudioDoneEvent(event.response_id, event.item_id, event.content_index))

    def _transcript_delta(self, event: ev.TranscriptDelta) -> None:
        if self._stale(event.response_id):
            return
        if event.response_id not in self.audio.out_of_band:
            self.history.add_text(event.item_id, event.content_index, event.delta)
        self._emit(out.RealtimeModelTranscriptDeltaEvent(event.item_id, event.delta, event.response_id))

    def _transcript_done(self, event: ev.TranscriptDone) -> None:
        if self._stale(event.response_id) or event.response_id in self.audio.out_of_band:
            return
        if self.history.set_text(event.item_id, event.content_index, event.text):
            self._emit(out.RealtimeModelItemUpdatedEvent(event.item_id, added=False))

    def _output_item(self, event: ev.OutputItemAdded | ev.OutputItemDone) -> None:
        if event.response_id not in self.audio.out_of_band:
            self._put(event.item, ev.Placement.APPEND)

    def _output_item_done(self, event: ev.OutputItemDone) -> None:
        self._output_item(event)
        if event.item.kind == "function_call" and event.item.status in (None, "completed"):
            self._tool_call(event.item, event.response_id)

    def _tool_call(self, item: ev.WireItem, response_id: str) -> None:
        """A call the user cut off is not made: a stop must also stop what the answer was about to do."""
        if not item.call_id or not item.name:
            self._malformed(ev.MalformedFrame("function_call without call_id or name", item.item_id[:200]))
        elif item.call_id in self._call_ids:
            self._counters.repeated_tool_calls += 1
        elif response_id in self.audio.stale:
            self._counters.stale_tool_calls += 1
        else:
            self._call_ids.add(item.call_id)
            self._emit(
                out.RealtimeModelToolCallEvent(
                    item.name, item.call_id, item.arguments or "", item.item_id, response_id
                )
            )

    def _stale(self, response_id: str) -> bool:
        if response_id not in self.audio.stale:
            return False
        self._counters.stale_deltas += 1
        return True

    # --- items ------------------------------------------------------------------------------------

    def _item(self, event: ev.ItemAdded | ev.ItemDone) -> None:
        self._put(event.item, event.after)

    def _put(self, item: ev.WireItem, after: str | ev.Placement) -> None:
        added = self.history.put(item, after)
        self._emit(out.RealtimeModelItemUpdatedEvent(item.item_id, added))

    def _item_deleted(self, event: ev.ItemDeleted) -> None:
        self.history.delete(event.item_id)
        self._emit(out.RealtimeModelItemDeletedEvent(event.item_id))

    def _item_truncated(self, event: ev.ItemTruncated) -> None:
        if self.history.truncate(event.item_id, event.content_index, event.audio_end_ms):
            self._emit(out.RealtimeModelItemUpdatedEvent(event.item_id, added=False))

    # --- the user ---------------------------------------------------------------------------------

    def _input_transcript_delta(self, event: ev.InputTranscriptDelta) -> None:
        self.history.add_text(event.item_id, event.content_index, event.delta)
        self._emit(out.RealtimeModelInputTranscriptDeltaEvent(event.item_id, event.delta))

    def _input_transcript_completed(self, event: ev.InputTranscriptCompleted) -> None:
        known = self.history.set_text(event.item_id, event.content_index, event.transcript)
        self._emit(
            out.RealtimeModelInputAudioTranscriptionCompletedEvent(
                event.item_id, event.transcript, event.usage
            )
        )
        if known:
            self._emit(out.RealtimeModelItemUpdatedEvent(event.item_id, added=False))

    def _input_transcript_failed(self, event: ev.InputTranscriptFailed) -> None:
        self._emit(out.RealtimeModelInputAudioTranscriptionFailedEvent(event.item_id, event.message))

    def _input_committed(self, event: ev.InputCommitted) -> None:
        self._emit(out.RealtimeModelInputCommittedEvent(event.item_id))

    def _speech_started(self, event: ev.SpeechStarted) -> None:
        self._emit(out.RealtimeModelSpeechStartedEvent(event.item_id, event.audio_start_ms))

    def _speech_stopped(self, event: ev.SpeechStopped) -> None:
        self._emit(out.RealtimeModelSpeechStoppedEvent(event.item_id, event.audio_end_ms))

    def _input_timeout(self, event: ev.InputTimeoutTriggered) -> None:
        self._emit(
            out.RealtimeModelInputAudioTimeoutTriggeredEvent(
                event.item_id, event.audio_start_ms, event.audio_end_ms
            )
        )

    # --- the rest ---------------------------------------------------------------------------------

    def _rate_limits(self, event: ev.RateLimits) -> None:
        self._emit(out.RealtimeModelRateLimitsEvent(event.limits))

    def _unknown(self, event: ev.UnknownEvent) -> None:
        self._counters.unknown += 1
        self._counters.recent.append((event.type[:200], ""))
        self._emit(out.RealtimeModelRawServerEvent(event.data))

    def _malformed(self, frame: ev.MalformedFrame) -> None:
        self._counters.malformed += 1
        self._counters.recent.append((frame.reason[:200], frame.sample))
        self._emit(out.RealtimeModelFrameRejectedEvent(frame.reason, frame.sample))
