"""How much of the answer has been heard: by the clock, or by what a player reports. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

from daemon.realtime.truncation import HeardPosition, PartKey
from daemon.records import dataclass

MAX_PARTS = 256
"""Parts not yet wholly heard; the oldest is forgotten first. An answer has one to three."""

PCM_BYTES_PER_MS = 48.0
G711_BYTES_PER_MS = 8.0


def bytes_per_ms(audio_format: Any) -> float:
    """Of an API audio format or one of its short names; 24 kHz 16-bit mono if it is not G.711."""
    kind = audio_format.get("type") if isinstance(audio_format, dict) else audio_format
    g711 = isinstance(kind, str) and (
        kind.startswith("g711") or kind.removeprefix("audio/") in ("pcmu", "pcma")
    )
    return G711_BYTES_PER_MS if g711 else PCM_BYTES_PER_MS


class RealtimePlaybackState(TypedDict):
    """What is being played; `elapsed_ms` of this part have been."""

    current_item_id: str | None
    current_item_content_index: int | None
    elapsed_ms: float | None


class _Played(NamedTuple):
    item_id: str | None = None
    content_index: int = 0
    elapsed_ms: float | None = None


class RealtimePlaybackTracker:
    """A player reports here what it has really played, from any one thread.

    Without one, the time since audio arrived counts as played, as far as there was audio.
    """

    def __init__(self) -> None:
        self._bytes_per_ms = PCM_BYTES_PER_MS
        self._played = _Played()  # replaced as a whole: reader and writer may be different threads
        self.on_change: Callable[[], None] | None = None  # of the model, which wants to know

    def on_play_bytes(self, item_id: str, item_content_index: int, bytes: bytes) -> None:
        """More of this part was played, in the session's output format."""
        self.on_play_ms(item_id, item_content_index, len(bytes) / self._bytes_per_ms)

    def on_play_ms(self, item_id: str, item_content_index: int, ms: float) -> None:
        """`ms` more of this part were played."""
        before = self._played
        same = (before.item_id, before.content_index) == (item_id, item_content_index)
        played = (before.elapsed_ms or 0.0) if same else 0.0
        self._played = _Played(item_id, item_content_index, played + ms)
        if self.on_change is not None:
            self.on_change()

    def on_interrupted(self) -> None:
        """Nothing is being played any more."""
        self._played = _Played()

    def set_audio_format(self, audio_format: Any) -> None:
        """Called by the model once the session's output format is known."""
        self._bytes_per_ms = bytes_per_ms(audio_format)

    def get_state(self) -> RealtimePlaybackState:
        item_id, content_index, elapsed_ms = self._played
        return {
            "current_item_id": item_id,
            "current_item_content_index": None if item_id is None else content_index,
            "elapsed_ms": elapsed_ms,
        }


@dataclass(slots=True)
class _Part:
    response_id: str
    received_ms: float = 0.0
    finished: bool = False


class PlaybackPosition:
    """The parts that were received and not wholly heard yet, in order of arrival.

    By the clock a part begins to be heard when it arrives and everything before it has been heard; a pause in
    the arrival is a pause in the hearing.
    """

    def __init__(self, tracker: RealtimePlaybackTracker | None = None) -> None:
        self._tracker = tracker
        self._bytes_per_ms = PCM_BYTES_PER_MS
        self._parts: dict[PartKey, _Part] = {}
        self._heard_at = 0.0  # by the clock: when everything received so far will have been heard
        self._last: PartKey | None = None  # of what was received since the last time all had been heard

    def set_audio_format(self, audio_format: Any) -> None:
        self._bytes_per_ms = bytes_per_ms(audio_format)
        if self._tracker is not None:
            self._tracker.set_audio_format(audio_format)

    def received(self, key: PartKey, response_id: str, n_bytes: int, now: float) -> None:
        part = self._parts.get(key)
        if part is None:
            self._trim(now)
            part = self._parts[key] = _Part(response_id)
        ms = n_bytes / self._bytes_per_ms
        part.received_ms += ms
        self._heard_at = max(self._heard_at, now) + ms / 1000
        self._last = key
        if len(self._parts) > MAX_PARTS:
            del self._parts[next(iter(self._parts))]

    def finished(self, key: PartKey) -> None:
        """All of this part has been received."""
        if key in self._parts:
            self._parts[key].finished = True

    def response_finished(self, response_id: str | None) -> None:
        """All of this response (None: of all of them) has been received."""
        for part in self._parts.values():
            if response_id in (None, part.response_id):
                part.finished = True

    def interrupted(self) -> None:
        """The player was silenced and has forgotten what it had."""
        self._parts.clear()
        self._heard_at = 0.0
        self._last = None
        if self._tracker is not None:
            self._tracker.on_interrupted()

    def heard(self, now: float) -> list[HeardPosition]:
        """Every part not wholly heard or received yet, the one playing first. Milliseconds, floored."""
        self._trim(now)
        heard = self._heard_ms(now)
        return [
            HeardPosition(*key, int(min(heard[key], part.received_ms))) for key, part in self._parts.items()
        ]

    def speaks(self, response_id: str, now: float) -> bool:
        """Whether something of this response is still to be heard."""
        self._trim(now)
        return any(part.response_id == response_id for part in self._parts.values())

    def drained(self, now: float) -> PartKey | None:
        """The part that was heard last, once after everything has been heard."""
        self._trim(now)
        if self._parts or self._last is None:
            return None
        last, self._last = self._last, None
        return last

    def next_deadline(self, now: float) -> float | None:
        """When `drained` may have something to say by the clock; a tracker says so itself."""
        waiting = self._last is not None and self._tracker is None and self._heard_at > now
        complete = all(part.finished for part in self._parts.values())
        return self._heard_at if waiting and complete else None

    def _trim(self, now: float) -> None:
        """Forget what was wholly received and heard, and what a player has left behind."""
        heard = self._heard_ms(now)
        for key in list(self._parts):
            part = self._parts[key]
            if heard[key] + 0.5 < part.received_ms or not part.finished:
                break
            del self._parts[key]

    def _heard_ms(self, now: float) -> dict[PartKey, float]:
        return self._by_clock(now) if self._tracker is None else self._by_tracker(self._tracker)

    def _by_clock(self, now: float) -> dict[PartKey, float]:
        unheard_ms = max(0.0, self._heard_at - now) * 1000
        heard = {}
        for key, part in reversed(self._parts.items()):
            missing = min(part.received_ms, unheard_ms)
            heard[key] = part.received_ms - missing
            unheard_ms -= missing
        return heard

    def _by_tracker(self, tracker: RealtimePlaybackTracker) -> dict[PartKey, float]:
        state = tracker.get_state()
        current = PartKey(state["current_item_id"] or "", state["current_item_content_index"] or 0)
        heard = dict.fromkeys(self._parts, 0.0)
        if current not in self._parts:
            return heard
        for key, part in self._parts.items():
            if key == current:
                heard[key] = state["elapsed_ms"] or 0.0
                break
            heard[key] = part.received_ms
            part.finished = True  # the player went on to the next
        return heard
