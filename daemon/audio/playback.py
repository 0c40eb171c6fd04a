"""The playback ring: queued answer audio, and how much of it has been heard. Pure.

Audio is mono signed 16-bit little-endian PCM; one frame is one sample, two bytes. The ring is not locked:
whoever lets a device thread `pull` while the loop pushes and flushes holds one lock around every call.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import NamedTuple

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.records import dataclass

REMEMBERED_TAGS = 32
"""How many ended parts are known, so that finishing one again is harmless; older ones are forgotten."""


OWN = ""
"""Takes the place of a response's id for what the box plays of its own accord."""


class AudioTag(NamedTuple):
    """Which part of which answer a frame belongs to."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class HeardPart:
    """One part not yet wholly heard: `heard_frames` of its `queued_frames` accepted have left the device."""

    tag: AudioTag
    heard_frames: int
    queued_frames: int


@dataclass(frozen=True, slots=True)
class PartHeard:
    """A finished part has been heard to its last frame."""

    tag: AudioTag


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing queued is left unheard and every part pushed so far is finished."""


@dataclass(slots=True, eq=False)
class _Part:
    tag: AudioTag
    queued_frames: int = 0
    heard_frames: int = 0
    finished: bool = False

    @property
    def wholly_heard(self) -> bool:
        return self.finished and self.heard_frames == self.queued_frames

    def so_far(self) -> HeardPart:
        return HeardPart(self.tag, self.heard_frames, self.queued_frames)


@dataclass(slots=True, eq=False)
class _Span:
    """Frames [start, end) of all frames pulled came from `part` and are not yet audible."""

    start: int
    end: int
    part: _Part


class PlaybackRing:
    """A bounded queue between answers, pushed faster than real time, and a device pulling in real time.

    Bound: `capacity_frames` waiting; a push beyond it is cut short and the cut counted in
    `rejected_frames`. Memory is the queued chunks themselves, kept without copying, and goes as they are
    pulled. What was pulled but is not yet audible is remembered as one span per run of the same part, until
    the next `heard`, `poll` or `flush`.

    A *part* begins with the first push of its tag and ends when `poll` reports it or `flush` drops it; its
    tag may then begin another, counted from 0. `audible_frame` arguments count pulled frames that have left
    the device; one lower than an earlier one, or higher than `pulled_frames`, is taken as the nearest
    possible.
    """

    def __init__(self, rate_hz: int, capacity_frames: int, fade_frames: int) -> None:
        """`fade_frames` is the length of a flush's fade: 0 or more, at most one device period to be silent
        within it.
        """
        if rate_hz <= 0 or capacity_frames <= 0 or fade_frames < 0:
            raise ValueError(
                f"playback ring: rate_hz {rate_hz} and capacity_frames {capacity_frames} must be above 0, "
                f"fade_frames {fade_frames} must not be negative"
            )
        self.rate_hz = rate_hz
        self.capacity_frames = capacity_frames
        self.fade_frames = fade_frames
        self.pulled_frames = 0  # since construction
        self.queued_frames = 0  # waiting now
        self.rejected_frames = 0  # refused because the ring was full
        self.underruns = 0  # gaps inside unfinished parts
        self.underrun_frames = 0  # zeros played in those gaps
        self._queue: deque[tuple[_Part, bytes]] = deque()
        self._head_byte = 0  # where the first queued chunk goes on
        self._fade = b""
        self._parts: dict[AudioTag, _Part] = {}  # in play order
        self._pulled: deque[_Span] = deque()
        self._sounding = False  # the last frame pulled was queued audio
        self._starving = False
        self._dropped = False  # parts were, since the last push
        self._ended: deque[AudioTag] = deque(maxlen=REMEMBERED_TAGS)

    @property
    def next_tag(self) -> AudioTag | None:
        """Whose audio is pulled next."""
        return self._queue[0][0].tag if self._queue else None

    @property
    def playing(self) -> bool:
        """Something pushed is unheard, as far as the last `audible_frame` told, or a part is unfinished."""
        return any(not part.wholly_heard for part in self._parts.values())

    def push(self, tag: AudioTag, pcm: bytes) -> int:
        """Queue `pcm` behind everything else; returns the frames accepted, fewer than given when full.

        A push to a finished part opens it again: it needs another `finish`. A part of which nothing was
        accepted still exists. An empty push does nothing. Raises `ValueError` for half a sample.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"playback ring: {len(pcm)} bytes are not whole 16-bit frames")
        if not pcm:
            return 0
        part = self._part(tag)
        part.finished = False
        self._dropped = False
        given = len(pcm) // SAMPLE_BYTES
        accepted = min(given, self.capacity_frames - self.queued_frames)
        if accepted:
            self._queue.append((part, pcm if accepted == given else pcm[: accepted * SAMPLE_BYTES]))
            part.queued_frames += accepted
            self.queued_frames += accepted
        self.rejected_frames += given - accepted
        return accepted

    def finish(self, tag: AudioTag) -> None:
        """No more audio for this part. Without any push it is an empty part, wholly heard at once.

        Harmless for a part that was reported or flushed (of which the last `REMEMBERED_TAGS` are known).
        """
        if tag in self._parts or tag not in self._ended:
            self._part(tag).finished = True

    def flush(self, audible_frame: int) -> list[HeardPart]:
        """Drop everything queued; returns the parts not wholly heard, in play order, and how far each was.

        If the device is in the middle of sound, the next frames (at most `fade_frames`) are still pulled,
        faded out, so that it does not click; then zeros, or what is pushed from now on. The fade is
        nobody's: it is not counted as heard, nor are frames the device had taken but not made audible. A
        fade under way is finished, not begun anew. An unfinished part counts as not wholly heard even when
        all of it so far was. No `Drained` follows for parts that were dropped.
        """
        self._advance(audible_frame)
        if self._sounding and not self._fade:
            self._fade = _faded(self._take(self.fade_frames))
        self._queue.clear()
        self._head_byte = 0
        self.queued_frames = 0
        self._pulled.clear()
        dropped = [part for part in self._parts.values() if not part.wholly_heard]
        for part in dropped:
            self._end(part.tag)
        if dropped:
            self._dropped = True
        return [part.so_far() for part in dropped]

    def pull(self, n_frames: int) -> bytes:
        """The next `n_frames` (0 or more): what is left of a fade, then queued audio, then zeros.

        Zeros while a part is unfinished are an underrun, counted once until audio flows again.
        """
        pieces = []
        missing = n_frames
        if self._fade:
            pieces.append(self._fade[: missing * SAMPLE_BYTES])
            self._fade = self._fade[missing * SAMPLE_BYTES :]
            missing -= len(pieces[0]) // SAMPLE_BYTES
            self._sounding = False
        self.pulled_frames += n_frames - missing
        while missing and self._queue:
            part, piece = self._next_piece(missing)
            frames = len(piece) // SAMPLE_BYTES
            self._note_pulled(part, frames)
            pieces.append(piece)
            missing -= frames
            self._sounding, self._starving = True, False
        if missing:
            self._count_silence(missing)
            pieces.append(bytes(missing * SAMPLE_BYTES))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def heard(self, audible_frame: int) -> list[HeardPart]:
        """The parts not wholly heard, in play order (of their first push), and how far each is."""
        self._advance(audible_frame)
        return [part.so_far() for part in self._parts.values() if not part.wholly_heard]

    def poll(self, audible_frame: int) -> list[PartHeard | Drained]:
        """What was completed since the last poll: `PartHeard` once a part, then `Drained` once if all is."""
        if not self._parts:
            return []
        self._advance(audible_frame)
        whole = [tag for tag, part in self._parts.items() if part.wholly_heard]
        if not whole:
            return []
        for tag in whole:
            self._end(tag)
        events: list[PartHeard | Drained] = [PartHeard(tag) for tag in whole]
        if not self._parts and not self._dropped:
            events.append(Drained())
        return events

    def _part(self, tag: AudioTag) -> _Part:
        part = self._parts.get(tag)
        if part is None:
            part = self._parts[tag] = _Part(tag)
            self._dropped = False
        return part

    def _end(self, tag: AudioTag) -> None:
        del self._parts[tag]
        if tag not in self._ended:
            self._ended.append(tag)

    def _next_piece(self, max_frames: int) -> tuple[_Part, bytes]:
        """Up to `max_frames` from the first chunk queued."""
        part, chunk = self._queue[0]
        start = self._head_byte
        end = start + max_frames * SAMPLE_BYTES
        if end < len(chunk):
            self._head_byte = end
            self.queued_frames -= max_frames
            return part, chunk[start:end]
        self._queue.popleft()
        self._head_byte = 0
        self.queued_frames -= (len(chunk) - start) // SAMPLE_BYTES
        return part, chunk[start:] if start else chunk

    def _take(self, max_frames: int) -> bytes:
        pieces = []
        while max_frames and self._queue:
            _, piece = self._next_piece(max_frames)
            pieces.append(piece)
            max_frames -= len(piece) // SAMPLE_BYTES
        return b"".join(pieces)

    def _note_pulled(self, part: _Part, frames: int) -> None:
        start = self.pulled_frames
        self.pulled_frames = end = start + frames
        if self._pulled:
            last = self._pulled[-1]
            if last.part is part and last.end == start:
                last.end = end
                return
        self._pulled.append(_Span(start, end, part))

    def _count_silence(self, frames: int) -> None:
        self.pulled_frames += frames
        self._sounding = False
        if all(part.finished for part in self._parts.values()):
            return
        self.underrun_frames += frames
        if not self._starving:
            self._starving = True
            self.underruns += 1

    def _advance(self, audible_frame: int) -> None:
        """Move the heard position on, and forget the spans behind it."""
        while self._pulled and self._pulled[0].start < audible_frame:
            span = self._pulled[0]
            until = min(span.end, audible_frame)
            span.part.heard_frames += until - span.start
            span.start = until
            if until == span.end:
                self._pulled.popleft()


def _faded(pcm: bytes) -> bytes:
    """`pcm` with a gain falling linearly from just below 1 to just above 0."""
    frames = len(pcm) // SAMPLE_BYTES
    layout = f"<{frames}h"
    samples = struct.unpack(layout, pcm)
    return struct.pack(layout, *(int(samples[i] * (frames - i) / (frames + 1)) for i in range(frames)))
