"""The last minutes of the appliance, in bounded memory. Pure."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from daemon import events as ev
from daemon.decisions.state import BoxState
from daemon.flight import Entry, Note, Raised, Retuned, Snapshot, Steps, error_text, state_of
from daemon.records import dataclass

SEGMENT_S = 30.0
"""From one snapshot to the next: what is forgotten at a time."""

_WORDS = (ev.Ask, ev.Say, ev.SendText, ev.SpeakText)

# Measured with tracemalloc, see tests/daemon/test_flight_ring.py.
_SNAPSHOT_BYTES = 2000
_STEPS_BYTES = 420
_NOTE_BYTES = 420
_TIME_BYTES = 9  # eight, and an array's reserve


@dataclass(frozen=True, slots=True)
class RingSettings:
    """How much is remembered: `span_s`, or what fits into about `bound_bytes` of memory if that is less.

    `texts`: words that are typed or spoken are recorded; else dots, one a character.
    """

    span_s: float = 600.0
    bound_bytes: int = 2_000_000
    texts: bool = False


@dataclass(slots=True, eq=False)
class _Segment:
    began_at: float
    entries: list[Entry] = field(default_factory=list)
    size_bytes: int = _SNAPSHOT_BYTES


class FlightRing:
    """What the appliance saw and answered, and notes of what happened around it.

    Bound: `RingSettings`. Policy at the bound: the oldest segment is forgotten whole, so that what is left
    begins with a snapshot. The segment being written is never forgotten; it ends after `SEGMENT_S` or a
    sixteenth of the bound.
    """

    def __init__(self, box: BoxState, now: float, settings: RingSettings | None = None) -> None:
        """`box` has not been told anything that `took` is not told."""
        self._box = box
        self._settings = settings or RingSettings()
        self._segments: deque[_Segment] = deque()
        self._run: Steps | None = None  # the last steps, which the next may continue
        self._last: ev.Event | None = None  # which event that was, itself
        self._period_s = box.period_s
        self._talk = box.settings
        self._begin(now)

    @property
    def size_bytes(self) -> int:
        """About how much memory the recording takes."""
        return sum(segment.size_bytes for segment in self._segments)

    def took(self, event: ev.Event, now: float, commands: list[ev.Command]) -> None:
        """The appliance has just been told `event` at `now`, and answered."""
        self._last = event
        box, run, segment = self._box, self._run, self._segment
        if box.period_s != self._period_s or box.settings is not self._talk:
            self._retuned(now)
            run = None
        if run is not None and event == run.event and commands == run.commands:
            run.times.append(now)
            segment.size_bytes += _TIME_BYTES
        else:
            if isinstance(event, ev.MicPeriod):
                self._run = Steps(event, commands[:], array("d", (now,)))
                self._add(self._run, _STEPS_BYTES)
            else:
                self._took_news(event, now, commands)
        if now >= self._segment_ends or segment.size_bytes >= self._segment_bound_bytes:
            self._begin(now)

    def raised(self, event: ev.Event, now: float, error: Exception) -> None:
        """Dealing with `event` raised: deciding on it, or, after `took` was told, carrying that out."""
        in_step = event is not self._last
        sentence = error_text(error)
        self._add(Raised(now, self._unsaid(event), sentence, in_step), _NOTE_BYTES + len(sentence))
        if in_step:
            self._begin(now)  # whatever the error left behind is what comes next begins with

    def note(self, now: float, kind: str, values: Mapping[str, Any]) -> None:
        """Something happened around the appliance. `values`: numbers, texts and None, by name."""
        texts_bytes = sum(len(value) for value in values.values() if isinstance(value, str))
        self._add(Note(now, kind, values), _NOTE_BYTES + texts_bytes)

    def entries(self) -> list[Entry]:
        """All that is remembered; it does not change any more, and may be given to another thread."""
        entries = [entry for segment in self._segments for entry in segment.entries]
        run = self._run
        return [replace(run, times=run.times[:]) if entry is run and run else entry for entry in entries]

    def _took_news(self, event: ev.Event, now: float, commands: list[ev.Command]) -> None:
        """Anything but a captured period: rare enough to be looked at."""
        self._run = None
        entry = Steps(self._unsaid(event), [self._unsaid(c) for c in commands], array("d", (now,)))
        self._add(entry, _STEPS_BYTES + len(repr(entry.event)) + len(repr(entry.commands)))

    def _unsaid(self, value: Any) -> Any:
        """The same with dots for its words: what is decided does not depend on them."""
        if self._settings.texts or not isinstance(value, _WORDS):
            return value
        return replace(value, text="·" * len(value.text))

    def _retuned(self, now: float) -> None:
        self._run = None
        self._period_s, self._talk = self._box.period_s, self._box.settings
        self._add(Retuned(now, self._period_s, self._talk), _NOTE_BYTES)

    def _add(self, entry: Entry, size_bytes: int) -> None:
        self._segment.entries.append(entry)
        self._segment.size_bytes += size_bytes

    def _begin(self, now: float) -> None:
        self._run = None
        self._segment = _Segment(now, [Snapshot(now, state_of(self._box))])
        self._segment_ends = now + SEGMENT_S
        self._segment_bound_bytes = self._settings.bound_bytes // 16
        segments = self._segments
        segments.append(self._segment)
        horizon = now - self._settings.span_s
        size_bytes = self.size_bytes
        while len(segments) > 1 and (
            segments[1].began_at < horizon or size_bytes > self._settings.bound_bytes
        ):
            size_bytes -= segments.popleft().size_bytes
