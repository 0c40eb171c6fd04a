"""The conversation as text, in the server's order. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from daemon.realtime.server_events import Placement, WireItem
from daemon.records import dataclass

MAX_ITEMS = 2_000
"""About ten hours of talk at three items a minute; the oldest is dropped first."""

MAX_PARTS_PER_ITEM = 32
MAX_TEXT_CHARS = 100_000
"""Per part, argument or output text; an hour of speech is about 60,000 characters. The rest is cut off."""

MAX_EARLY_ITEMS = 64
"""Items whose words are kept although the item itself is not known yet; the oldest is dropped first."""


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One item as it is known now.

    `kind` is the wire's item type (`message`, `function_call`, `function_call_output`, ...). `text` is what
    was said or written, "" if unknown. `truncated_ms` is set once an answer was cut off: `text` then still
    holds every word that had arrived by the interruption, heard or not, and no longer changes, while the
    server has deleted its own transcript; 0 means that nothing of it was heard.
    """

    item_id: str
    kind: str
    role: str | None = None
    text: str = ""
    status: str | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None
    truncated_ms: int | None = None


@dataclass(slots=True)
class _Entry:
    item_id: str
    kind: str
    role: str | None = None
    status: str | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None
    truncated_ms: int | None = None
    truncated_part: int = 0
    after: str | None = None
    parts: dict[int, str] = field(default_factory=dict)
    known: HistoryItem | None = None  # made of the above; whoever changes anything forgets it

    def snapshot(self) -> HistoryItem:
        if self.known is None:
            self.known = self._made()
        return self.known

    def _made(self) -> HistoryItem:
        return HistoryItem(
            item_id=self.item_id,
            kind=self.kind,
            role=self.role,
            text="\n".join(text for _, text in sorted(self.parts.items()) if text),
            status=self.status,
            name=self.name,
            call_id=self.call_id,
            arguments=self.arguments,
            output=self.output,
            truncated_ms=self.truncated_ms,
        )


class History:
    """Items in server order; words are added, never replaced by nothing; audio is never kept.

    At most `MAX_ITEMS`: the oldest is dropped and counted in `dropped`.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._order: list[str] = []
        self._early: dict[str, dict[int, str]] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[HistoryItem]:
        return iter([self._entries[item_id].snapshot() for item_id in self._order])

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._entries

    def newest(self, count: int) -> list[HistoryItem]:
        """The last `count` items, in order."""
        return [self._entries[item_id].snapshot() for item_id in self._order[-count:]]

    def get(self, item_id: str) -> HistoryItem | None:
        entry = self._entries.get(item_id)
        return entry.snapshot() if entry is not None else None

    def put(self, item: WireItem, after: str | Placement = Placement.APPEND) -> bool:
        """Add the item, or bring what is known of it up to date; True if it is new.

        `after` places a new item, and a known one that was not placed by name before. An unknown predecessor
        means the end for now: the item moves behind it, with what followed it, when the predecessor shows up.
        """
        entry = self._entries.get(item.item_id)
        added = entry is None
        if entry is None:
            entry = _Entry(item.item_id, item.kind, parts=self._early.pop(item.item_id, {}))
            self._entries[item.item_id] = entry
            self._place(entry, after)
            self._adopt_waiting(item.item_id)
            self._drop_oldest()
        elif entry.after is None and isinstance(after, str):
            self._order.remove(item.item_id)
            self._place(entry, after)
        self._update(entry, item)
        return added

    def add_text(self, item_id: str, content_index: int, delta: str) -> None:
        """More words of a part. Words of an item that is not known yet are kept for it."""
        parts = self._open_parts(item_id)
        if parts is not None:
            _store(parts, content_index, parts.get(content_index, "") + delta)

    def set_text(self, item_id: str, content_index: int, text: str) -> bool:
        """The final words of a part; nothing ("") changes nothing. True if the item is known."""
        parts = self._open_parts(item_id) if text else None
        if parts is not None:
            _store(parts, content_index, text)
        return item_id in self._entries

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> bool:
        """Mark the item as cut off after `audio_end_ms` of this part; its text stays as it is from now on.

        The part marked first is the one that was playing: a later mark counts if it is further back in that
        part. True if the item is known.
        """
        entry = self._entries.get(item_id)
        if entry is None:
            return False
        entry.known = None
        if entry.truncated_ms is None:
            entry.truncated_ms, entry.truncated_part = audio_end_ms, content_index
        elif content_index == entry.truncated_part:
            entry.truncated_ms = min(entry.truncated_ms, audio_end_ms)
        return True

    def delete(self, item_id: str) -> bool:
        """True if the item was known."""
        self._early.pop(item_id, None)
        if self._entries.pop(item_id, None) is None:
            return False
        self._order.remove(item_id)
        return True

    def _update(self, entry: _Entry, item: WireItem) -> None:
        entry.known = None
        entry.kind = item.kind
        entry.role = item.role or entry.role
        entry.status = item.status or entry.status
        entry.name = item.name or entry.name
        entry.call_id = item.call_id or entry.call_id
        entry.arguments = _clipped(item.arguments) or entry.arguments
        entry.output = _clipped(item.output) or entry.output
        if entry.truncated_ms is None:
            for index, text in enumerate(item.parts[:MAX_PARTS_PER_ITEM]):
                if text:
                    _store(entry.parts, index, text)

    def _place(self, entry: _Entry, after: str | Placement) -> None:
        if isinstance(after, str):
            entry.after = after
        if after is Placement.FRONT:
            self._order.insert(0, entry.item_id)
        elif isinstance(after, str) and after != entry.item_id and after in self._entries:
            self._order.insert(self._order.index(after) + 1, entry.item_id)
        else:
            self._order.append(entry.item_id)

    def _adopt_waiting(self, item_id: str) -> None:
        """Items that named this one as their predecessor before it was known come behind it, newest first."""
        waiting = [
            other for other in self._order if self._entries[other].after == item_id and other != item_id
        ]
        for other in waiting:
            run = self._run_from(other)
            if item_id in run:
                continue
            self._order = [known for known in self._order if known not in run]
            behind = self._order.index(item_id) + 1
            self._order[behind:behind] = run

    def _run_from(self, item_id: str) -> list[str]:
        """The item and the unbroken chain of items placed behind it by name."""
        start = self._order.index(item_id)
        end = start + 1
        while end < len(self._order) and self._entries[self._order[end]].after == self._order[end - 1]:
            end += 1
        return self._order[start:end]

    def _drop_oldest(self) -> None:
        if len(self._order) > MAX_ITEMS:
            del self._entries[self._order.pop(0)]
            self.dropped += 1

    def _open_parts(self, item_id: str) -> dict[int, str] | None:
        """Where the item's words go, to be changed; None if they are closed because it was cut off."""
        entry = self._entries.get(item_id)
        if entry is not None:
            entry.known = None
            return entry.parts if entry.truncated_ms is None else None
        parts = self._early.setdefault(item_id, {})
        if len(self._early) > MAX_EARLY_ITEMS:
            del self._early[next(iter(self._early))]
        return parts


def _store(parts: dict[int, str], content_index: int, text: str) -> None:
    if content_index in parts or len(parts) < MAX_PARTS_PER_ITEM:
        parts[content_index] = text[:MAX_TEXT_CHARS]


def _clipped(text: str | None) -> str | None:
    return text[:MAX_TEXT_CHARS] if text else text
