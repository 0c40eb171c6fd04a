"""What waits for a reader, and what goes when there is no room."""

from __future__ import annotations

from typing import Any

from daemon.realtime import events as ev
from daemon.realtime import model_events as rt
from daemon.realtime.context import RunContextWrapper
from daemon.realtime.event_queue import HISTORY_CHANGED, MAX_RAW_EVENTS, EventQueue

INFO = ev.RealtimeEventInfo(RunContextWrapper(None))
RAW = ev.RealtimeRawModelEvent(rt.RealtimeModelItemDeletedEvent("i"), INFO)


def end(item_id: str) -> ev.RealtimeAudioEnd:
    return ev.RealtimeAudioEnd(item_id, 0, INFO)


def everything(queue: EventQueue) -> list[Any]:
    return [queue.take() for _ in range(len(queue))]


def test_raw_events_go_before_audio_does() -> None:
    queue = EventQueue(limit=3)
    for event in (end("a"), RAW, end("b"), end("c"), end("d")):
        queue.put(event)
    assert everything(queue) == [end("b"), end("c"), end("d")]
    assert queue.dropped == {"raw_model_event": 1, "audio_end": 1}


def test_changes_of_the_history_in_a_row_are_one() -> None:
    queue = EventQueue()
    for event in (HISTORY_CHANGED, HISTORY_CHANGED, end("a"), HISTORY_CHANGED):
        queue.put(event)
    assert everything(queue) == [HISTORY_CHANGED, end("a"), HISTORY_CHANGED]


def test_the_last_change_of_the_history_is_not_lost() -> None:
    queue = EventQueue(limit=3)
    for event in (HISTORY_CHANGED, end("a"), HISTORY_CHANGED, end("b"), end("c")):
        queue.put(event)
    assert everything(queue) == [HISTORY_CHANGED, end("b"), end("c")]


def test_only_so_many_raw_events_wait() -> None:
    queue = EventQueue()
    for _ in range(MAX_RAW_EVENTS + 5):
        queue.put(RAW)
        queue.put(end("a"))
    kinds = [event.type for event in everything(queue)]
    assert (kinds.count("raw_model_event"), kinds.count("audio_end")) == (MAX_RAW_EVENTS, MAX_RAW_EVENTS + 5)
    assert queue.dropped == {"raw_model_event": 5}


def test_an_empty_queue_has_nothing_to_take() -> None:
    assert EventQueue().take() is None
