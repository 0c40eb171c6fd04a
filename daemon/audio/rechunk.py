"""Cuts a stream of bytes into chunks of one size. Pure."""

from __future__ import annotations


class Rechunker:
    """Holds back less than one chunk; needed wherever the next stage takes an exact window."""

    def __init__(self, chunk_bytes: int) -> None:
        if chunk_bytes <= 0:
            raise ValueError(f"rechunker: chunk_bytes {chunk_bytes} must be above 0")
        self.chunk_bytes = chunk_bytes
        self._rest = b""

    @property
    def pending_bytes(self) -> int:
        """What is held back, below `chunk_bytes`."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The chunks that `data` completes, each of exactly `chunk_bytes`."""
        data = self._rest + data
        size = self.chunk_bytes
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        return [data[start : start + size] for start in range(0, whole, size)]

    def flush(self) -> bytes:
        """What is held back, possibly nothing; the next `feed` begins a new stream."""
        rest, self._rest = self._rest, b""
        return rest
