"""How much of each audio part was received, and where to cut it after an interruption. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daemon.realtime.recent import RecentSet
from daemon.records import dataclass

PCM_BYTES_PER_MS = 48
"""24,000 samples per second of 2 bytes, mono."""

MAX_PARTS = 256
"""Parts remembered per connection; the oldest is forgotten first. An answer has one to three."""

MAX_STALE = 64
"""Response ids remembered as interrupted, or as out of band; the server sends nothing of one so long ago."""


def received_ms(received_bytes: int) -> int:
    """Whole milliseconds in `received_bytes` of audio, floored: the server refuses a cut beyond what it
    sent."""
    return received_bytes // PCM_BYTES_PER_MS


def audio_end_ms(heard_ms: float, received_bytes: int) -> int:
    """Where to cut: what was heard, floored, at least 0 and never more than was received."""
    return max(0, min(int(heard_ms), received_ms(received_bytes)))


def cut_needed(heard_ms: float, received_bytes: int, finished: bool) -> bool:
    """False only if the part was heard to its end and no more of it can come."""
    return not finished or int(heard_ms) < received_ms(received_bytes)


@dataclass(frozen=True, slots=True)
class HeardPosition:
    """How much of one audio part has left the loudspeaker, for truncation. `heard_ms` is floored."""

    item_id: str
    content_index: int
    heard_ms: int


class PartKey(NamedTuple):
    item_id: str
    content_index: int


@dataclass(slots=True)
class ReceivedPart:
    """One audio part as far as it arrived; `finished` once its generation is over; `cut_ms` is where the
    server was told to end it."""

    response_id: str
    received_bytes: int = 0
    finished: bool = False
    cut_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A part is over after `audio_end_ms`; `tell_server` if the server still believes that more of it was
    said."""

    key: PartKey
    audio_end_ms: int
    tell_server: bool


class AudioLedger:
    """Every audio part of this connection in order of arrival, and which responses must not be heard any
    more.

    At most `MAX_PARTS` parts and `MAX_STALE` responses; the oldest is forgotten first.
    """

    def __init__(self) -> None:
        self.stale: RecentSet[str] = RecentSet(MAX_STALE)
        self.out_of_band: RecentSet[str] = RecentSet(MAX_STALE)
        self.ended: RecentSet[str] = RecentSet(MAX_STALE)
        self._seen: RecentSet[str] = RecentSet(MAX_STALE)  # current ones, ended or not
        self._parts: dict[PartKey, ReceivedPart] = {}
        self._ends_ms: dict[PartKey, int] = {}  # where interruptions have ended parts so far

    def get(self, key: PartKey) -> ReceivedPart | None:
        return self._parts.get(key)

    def begin(self, response_id: str) -> None:
        """A response runs, or has run: whatever still comes of it is over with the next interruption."""
        self._seen.add(response_id)

    def receive(self, key: PartKey, response_id: str, n_bytes: int) -> None:
        """Note audio of a response that is still current."""
        self._part(key, response_id).received_bytes += n_bytes

    def receive_late(self, key: PartKey, response_id: str, n_bytes: int) -> Cut | None:
        """Note audio of a stale or ended response. The first of a part that was not cut yet cuts it where it
        stood when the response became so: at 0 if nothing of it had arrived."""
        if not n_bytes or response_id in self.out_of_band:
            return None
        part = self._part(key, response_id)
        if part.cut_ms is not None:
            return None
        part.cut_ms = received_ms(part.received_bytes)
        return Cut(key, part.cut_ms, tell_server=True)

    def finish(self, key: PartKey) -> None:
        """This part will not grow any more."""
        part = self._parts.get(key)
        if part is not None:
            part.finished = True

    def finish_response(self, response_id: str) -> None:
        """No part of this response will grow any more. What still came of it would have no end."""
        self.ended.add(response_id)
        for part in self._parts.values():
            if part.response_id == response_id:
                part.finished = True

    def speaking_responses(self) -> list[str]:
        """Current responses that have delivered audio and may deliver more."""
        ids = {part.response_id: None for part in self._parts.values() if not part.finished}
        return [response_id for response_id in ids if response_id not in self.stale]

    def interrupt(self, heard: Iterable[tuple[PartKey, float]]) -> list[Cut]:
        """Cut each part at its heard position (ms), the one playing first. Left out is what an earlier
        interruption has ended there or before: only a position further back is news.

        Every response seen so far is stale afterwards, except silent ones out of band.
        """
        cuts = []
        for key, heard_ms in heard:
            cut = self._cut(key, heard_ms)
            if key not in self._ends_ms or cut.audio_end_ms < self._ends_ms[key]:
                self._note_end(cut)
                cuts.append(cut)
        for response_id in (*self._seen, *self.speaking_responses()):
            self.stale.add(response_id)
        self._seen.clear()
        return cuts

    def clear(self) -> None:
        self.stale.clear()
        self.out_of_band.clear()
        self.ended.clear()
        self._seen.clear()
        self._parts.clear()
        self._ends_ms.clear()

    def _cut(self, key: PartKey, heard_ms: float) -> Cut:
        part = self._parts.get(key)
        if part is None:  # from an earlier connection: the server we talk to knows nothing of it
            return Cut(key, max(0, int(heard_ms)), tell_server=False)
        self.stale.add(part.response_id)
        end_ms = audio_end_ms(heard_ms, part.received_bytes)
        further_back = part.cut_ms is None or end_ms < part.cut_ms
        needed = further_back and cut_needed(heard_ms, part.received_bytes, part.finished)
        if needed:
            part.cut_ms = end_ms
        return Cut(key, end_ms, tell_server=needed and part.response_id not in self.out_of_band)

    def _note_end(self, cut: Cut) -> None:
        self._ends_ms[cut.key] = cut.audio_end_ms
        if len(self._ends_ms) > MAX_PARTS:
            del self._ends_ms[next(iter(self._ends_ms))]

    def _part(self, key: PartKey, response_id: str) -> ReceivedPart:
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = ReceivedPart(response_id)
            if len(self._parts) > MAX_PARTS:
                del self._parts[next(iter(self._parts))]
        return part
