"""The pre-roll: the last moments before a press, so that a turn begins with its first syllable. Pure."""

from __future__ import annotations

from daemon.audio.pcm import SAMPLE_BYTES, ms_to_frames


class PreRoll:
    """The last `max_ms` of mono 16-bit PCM. At that bound the oldest goes, uncounted: that is its use."""

    def __init__(self, max_ms: int, rate_hz: int) -> None:
        """`max_ms` 0 keeps nothing."""
        if max_ms < 0 or rate_hz <= 0:
            raise ValueError(
                f"pre-roll: max_ms {max_ms} must not be negative, rate_hz {rate_hz} must be above 0"
            )
        self.max_bytes = ms_to_frames(max_ms, rate_hz) * SAMPLE_BYTES
        self._audio = bytearray()

    def push(self, pcm: bytes) -> None:
        """Takes whole samples."""
        self._audio += pcm
        excess = len(self._audio) - self.max_bytes
        if excess > 0:
            del self._audio[:excess]

    def take(self) -> bytes:
        """All that is kept, oldest first; empties the pre-roll."""
        audio = bytes(self._audio)
        self.clear()
        return audio

    def clear(self) -> None:
        """Forget everything, as muting must."""
        self._audio.clear()
