"""Keeps the words of the conversation for the process that comes after a crash. Shell around a file in /run.

/run is memory: no word reaches a disk, and what is written does not outlive the machine's boot.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from daemon.journal import UNSAVED
from daemon.realtime import model_events as rt
from daemon.realtime.history import HistoryItem
from daemon.realtime.replay import MAX_REPLAY_ITEMS, replay_items
from daemon.realtime.server_events import WireItem
from daemon.realtime.wire import read_item
from daemon.redaction import Redactor
from daemon.state_file import StateFile

log = logging.getLogger("harkd")

FILE_BOUND_BYTES = 1_000_000
"""Many times what is written: `replay_items` answers 40,000 characters and 200 items at most."""

FORGOTTEN_AFTER_S = 3600.0
"""As long as the longest session of the API. A box that was down for longer begins anew."""

GATHER_S = 0.2
"""The end of a turn is several events: the answer's end, the words of the question, how much was heard."""

CHANGES = frozenset(
    {
        rt.RealtimeModelTurnEndedEvent,
        rt.RealtimeModelInputAudioTranscriptionCompletedEvent,
        rt.RealtimeModelAudioInterruptedEvent,
        rt.RealtimeModelItemDeletedEvent,
        rt.RealtimeModelSessionReadyEvent,
    }
)
"""After these it is written: when words have come to their end, and when a session has begun with them."""


class ConversationFile:
    """`{"at": 1234.5, "items": [...]}`, the items as `conversation.item.create` takes them; 0600.

    `at`, the end of the last turn, counts seconds since this machine's boot, which no clock that is set can
    change.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._redactor = redactor
        self._file = StateFile(path, "words of the conversation", FILE_BOUND_BYTES, mode=0o600)

    def take(self, now: float) -> tuple[float, list[WireItem]]:
        """When and what was said before a crash; `now` and [] if nothing was, or too long ago. Never raises.

        The file is gone then: should these words be what the crash came from, they bring no second one.
        Damaged, it is set aside with a warning.
        """
        nothing: tuple[float, list[WireItem]] = (now, [])
        at, items = self._file.load(_read, absent=nothing, unknown=nothing)
        self.forget()
        return (at, items) if 0 <= now - at <= FORGOTTEN_AFTER_S else nothing

    def save(self, items: Sequence[HistoryItem], at: float) -> None:
        """Replace the file, without what is secret. Any thread may. Raises `OSError`."""
        content = self._redactor.value({"at": at, "items": replay_items(items)})
        self._file.write(json.dumps(content, ensure_ascii=False).encode(errors="replace") + b"\n")

    def forget(self) -> None:
        """Nobody goes on with it. Never raises."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: cannot be deleted: %s", self._path, error.strerror)


def _read(content: bytes) -> tuple[float, list[WireItem]]:
    """Raises `ValueError` for anything `save` does not write."""
    match json.loads(content):
        case {"at": int(at) | float(at), "items": list(items)} if all(isinstance(one, dict) for one in items):
            return at, _answered([read_item(one) for one in items])
    raise ValueError("no conversation in it")


def _answered(items: Sequence[WireItem]) -> list[WireItem]:
    """Without the calls whose tools died with the process: the model would wait for them."""
    answered = {item.call_id for item in items if item.kind == "function_call_output"}
    return [item for item in items if item.kind != "function_call" or item.call_id in answered]


class ConversationKeeper:
    """Writes the conversation down after every turn, off the loop. On the loop's thread only.

    One write at a time; what changes meanwhile is written by the next. If `file` raises `OSError` the box
    goes on, and the journal is told once until it works again.
    """

    def __init__(self, file: ConversationFile, newest: Callable[[int], Sequence[HistoryItem]]) -> None:
        """`newest` answers the last items of the history, at most so many."""
        self._file = file
        self._newest = newest
        self._loop = asyncio.get_running_loop()
        self._said_at = self._loop.time()
        self._gathering: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failing = False

    def take(self) -> list[WireItem]:
        """To begin with; says so in the journal."""
        self._said_at, items = self._file.take(self._loop.time())
        if items:
            log.info("the conversation from before the restart goes on: %d items", len(items))
        return items

    def on_model_event(self, event: rt.RealtimeModelEvent) -> None:
        """The model's listener."""
        if type(event) not in CHANGES:
            return
        if not isinstance(event, rt.RealtimeModelSessionReadyEvent):  # which says nothing new
            self._said_at = self._loop.time()
        if self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_S, self._write_soon)

    async def stop(self) -> None:
        """Write what waits, and wait for it."""
        if self._writer is not None:
            await self._writer
        if self._gathering is not None:
            self._write_soon()
        if self._writer is not None:
            await self._writer

    def forget(self) -> None:
        """The box was told to stop: the next one begins anew. After `stop`."""
        self._file.forget()

    def _write_soon(self) -> None:
        if self._writer is not None:  # it is slow; the next one has what this one has not
            self._gathering = self._loop.call_later(GATHER_S, self._write_soon)
            return
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._writer = self._loop.create_task(self._write(), name="conversation file")

    async def _write(self) -> None:
        items, at = self._newest(MAX_REPLAY_ITEMS), self._said_at
        try:
            await asyncio.to_thread(self._file.save, items, at)
            self._failing = False
        except OSError as error:
            if not self._failing:  # once, not with every turn
                what = "the conversation cannot be saved, a crash will lose it"
                log.warning("%s: %s", what, error, extra=UNSAVED())
            self._failing = True
        finally:
            self._writer = None
