"""The input audio buffer: appended audio by absolute position, and the turns the server finds in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.simulator.conversation import BYTES_PER_MS, Refused
from daemon.simulator.pcm import from_wire
from daemon.simulator.vad import EnergyVad, SpeechStarted, SpeechStopped, settings_from

MIN_COMMIT_MS = 100  # API reference
MAX_BUFFER_MS = 10 * 60 * 1000


class InputBuffer:
    """Audio since the last commit or clear, at most ten minutes: beyond that the oldest is dropped.

    Positions count every millisecond ever appended, so they go on over commits and clears.
    """

    def __init__(self, audio_format: str, turn_detection: Mapping[str, Any] | None) -> None:
        self._audio = bytearray()
        self._begin_bytes = 0  # absolute position of the first byte kept
        self._format = audio_format
        self._turn_detection = turn_detection
        self._vad = self._new_vad()

    @property
    def speaking(self) -> bool:
        return self._vad is not None and self._vad.speaking

    @property
    def begin_ms(self) -> int:
        return self._begin_bytes // self._bytes_per_ms

    @property
    def end_ms(self) -> int:
        return (self._begin_bytes + len(self._audio)) // self._bytes_per_ms

    @property
    def _bytes_per_ms(self) -> int:
        return BYTES_PER_MS[self._format]

    def configure(self, audio_format: str, turn_detection: Mapping[str, Any] | None) -> None:
        """Apply a session.update. Another format empties the buffer, another detector starts afresh."""
        if audio_format != self._format:
            self._begin_bytes = self.end_ms * BYTES_PER_MS[audio_format]
            self._audio.clear()
            self._format = audio_format
            self._turn_detection, self._vad = turn_detection, None
        elif turn_detection == self._turn_detection:
            return
        self._turn_detection = turn_detection
        self._vad = self._new_vad()

    def append(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        self._audio += data
        excess = len(self._audio) - MAX_BUFFER_MS * self._bytes_per_ms
        if excess > 0:
            self._drop(excess + excess % 2)
        return self._vad.feed(from_wire(data, self._format)) if self._vad is not None else []

    def commit(self) -> bytes:
        """All of it. Raises `Refused` below 100 ms."""
        held_ms = len(self._audio) / self._bytes_per_ms
        if held_ms < MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS}ms of audio, but buffer only has {held_ms:.2f}ms of audio."
            )
            raise Refused("input_audio_buffer_commit_empty", message)
        return self.take_all()

    def take_all(self) -> bytes:
        """All of it, however little; the detector forgets a turn in progress."""
        audio = bytes(self._audio)
        self.clear()
        return audio

    def take_turn(self, start_ms: int, end_ms: int) -> bytes:
        """The audio of a turn the detector found; what came before it is dropped, what came after is kept."""
        first = max(0, start_ms * self._bytes_per_ms - self._begin_bytes)
        last = max(0, end_ms * self._bytes_per_ms - self._begin_bytes)
        audio = bytes(self._audio[first:last])
        self._drop(last)
        return audio

    def clear(self) -> None:
        self._drop(len(self._audio))
        self._vad = self._new_vad()

    def _drop(self, count: int) -> None:
        self._begin_bytes += min(count, len(self._audio))
        del self._audio[:count]

    def _new_vad(self) -> EnergyVad | None:
        if self._turn_detection is None:
            return None
        return EnergyVad(settings_from(self._turn_detection), self.end_ms)
