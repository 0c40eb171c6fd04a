"""The pre-roll: the last moments before a press, so that a turn begins with its first syllable. Pure."""

from __future__ import annotations

from collections import deque

from daemon.audio.pcm import SAMPLE_BYTES, ms_to_frames


class PreRoll:
    """The last `max_ms` of mono 16-bit PCM. At that bound the oldest goes, uncounted: that is its use.

    Periods are kept as they come, so that one costs nothing but its place in a list (0.3 us); the oldest may
    be there in part too much until `take` cuts it. With 0 ms nothing is ever kept.
    """

    def __init__(self, max_ms: int, rate_hz: int) -> None:
        """`max_ms` 0 keeps nothing."""
        if max_ms < 0 or rate_hz <= 0:
            raise ValueError(
                f"pre-roll: max_ms {max_ms} must not be negative, rate_hz {rate_hz} must be above 0"
            )
        self.max_bytes = ms_to_frames(max_ms, rate_hz) * SAMPLE_BYTES
        self._periods: deque[bytes] = deque()
        self._kept_bytes = 0

    def push(self, pcm: bytes) -> None:
        """Takes whole samples."""
        self._periods.append(pcm)
        self._kept_bytes += len(pcm)
        while self._periods and self._kept_bytes - len(self._periods[0]) >= self.max_bytes:
            self._kept_bytes -= len(self._periods.popleft())

    def take(self) -> bytes:
        """All that is kept, oldest first; empties the pre-roll."""
        audio = b"".join(self._periods)
        self.clear()
        return audio[max(0, len(audio) - self.max_bytes) :]

    def clear(self) -> None:
        """Forget everything, as muting must."""
        self._periods.clear()
        self._kept_bytes = 0
