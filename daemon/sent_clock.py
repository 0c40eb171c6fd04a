"""When was that captured? From the server's clock, which counts audio, to this box's. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from daemon.records import dataclass

STRETCHES = 64
JITTER_S = 0.1
"""Periods come in bursts: what is this near to its place in a stretch belongs there."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Audio sent without a gap: `first_frame` of all that was sent was captured at `began_at`."""

    first_frame: int
    began_at: float


class SentClock:
    """Maps positions in what was sent to the moments of its capture.

    The server counts the audio of a session in milliseconds from its first, in `audio_start_ms` and
    `audio_end_ms`, and knows of no gap: where a silence was not sent its clock stands still, and this map
    jumps. Nothing is inserted for the silence, so nothing has to be paid for it, and the server's own silence
    detection has had its time before the gap begins (`daemon.upload_gate`).

    Bound: the last `STRETCHES`; for what was sent before them there is no answer.
    """

    def __init__(self, session_rate_hz: int = 24000) -> None:
        self._rate_hz = session_rate_hz
        self.restart()

    def restart(self) -> None:
        """A new session: its clock begins at 0."""
        self._sent_frames = 0
        self._stretches: deque[_Stretch] = deque(maxlen=STRETCHES)

    @property
    def sent_ms(self) -> float:
        """All that was sent, as the server counts it."""
        return 1000 * self._sent_frames / self._rate_hz

    def note_sent(self, frames: int, ended_at: float) -> None:
        """The next `frames` at the session's rate were sent, without a gap; the last of them was captured at
        `ended_at`, in monotonic seconds.
        """
        began_at = ended_at - frames / self._rate_hz
        expected = self._captured_at(self._stretches[-1], self._sent_frames) if self._stretches else None
        if expected is None or abs(began_at - expected) > JITTER_S:
            self._stretches.append(_Stretch(self._sent_frames, began_at))
        self._sent_frames += frames

    def capture_time(self, sent_ms: float) -> float | None:
        """When what stands at `sent_ms` was captured; at the edge of a gap, what comes after it.

        None for what was sent too long ago, or not yet.
        """
        frame = sent_ms * self._rate_hz / 1000
        if not 0 <= frame <= self._sent_frames:
            return None
        index = bisect_right(self._stretches, frame, key=lambda stretch: stretch.first_frame)
        return self._captured_at(self._stretches[index - 1], frame) if index else None

    def _captured_at(self, stretch: _Stretch, frame: float) -> float:
        return stretch.began_at + (frame - stretch.first_frame) / self._rate_hz
