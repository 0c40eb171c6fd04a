"""Streaming sample rate conversion of mono PCM. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daemon.audio.pcm import SAMPLE_BYTES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

QUALITY = "LQ"
"""soxr's low quality: it holds back 1.2 ms at 24<->48 kHz and 6.2 ms at 16<->24 or 48->16, where MQ and HQ
hold back 15 to 32 ms, which every answer and every interruption would pay. The price is the top of the
band (-6 dB at 0.42 of the lower rate, 10 kHz at 24 kHz); speech does not miss it. Aliases are 81 dB down
in all three.
"""


class Resampler:
    """Converts a stream of mono 16-bit PCM from `from_hz` to `to_hz`, however it is cut into pieces.

    The samples depend only on the stream, not on the pieces (a sample may even be cut in two), and there
    are `round(frames in * to_hz / from_hz)` of them, halves up, once it is flushed. Memory is what soxr
    holds back. Equal rates pass through and need no library.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Raises `ValueError` for rates not above 0, `ImportError` if rates differ and soxr is missing."""
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"resampler: rates must be above 0, not {from_hz} and {to_hz} Hz")
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._split_sample = b""
        self._soxr = None if from_hz == to_hz else _SoxrStream(from_hz, to_hz)

    def feed(self, pcm: bytes) -> bytes:
        """What `pcm` makes available; may be empty while the filter fills."""
        if self._split_sample or len(pcm) % SAMPLE_BYTES:
            pcm = self._split_sample + pcm
            whole = len(pcm) - len(pcm) % SAMPLE_BYTES
            pcm, self._split_sample = pcm[:whole], pcm[whole:]
        return self._soxr.feed(pcm) if self._soxr and pcm else pcm

    def flush(self) -> bytes:
        """The rest of the stream; half a sample left at its end is dropped. The next `feed` begins a new
        stream.
        """
        self._split_sample = b""
        return self._soxr.flush() if self._soxr else b""


class _SoxrStream:
    """soxr between bytes and bytes.

    It runs in float and is rounded here: soxr's own 16-bit output is dithered from a random seed, so that
    the same audio gives other samples each time and no test or replay could compare them (6.4 against 3.9
    us for 20 ms).
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        try:
            import numpy as np
            import soxr
        except ImportError as error:
            raise ImportError(
                f"converting audio from {from_hz} to {to_hz} Hz needs soxr and numpy: "
                "pip install 'harkd[resample]', or choose equal rates",
                name=error.name,
            ) from error
        self._np = np
        self._stream: Any = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=QUALITY)
        self._from_hz = from_hz
        self._to_hz = to_hz
        self._frames_in = 0
        self._frames_out = 0

    def feed(self, pcm: bytes) -> bytes:
        samples = self._np.frombuffer(pcm, self._np.int16).astype(self._np.float32)
        self._frames_in += len(samples)
        out = self._stream.resample_chunk(samples)
        self._frames_out += len(out)
        return self._rounded(out)

    def flush(self) -> bytes:
        """The filter's tail, brought to the exact count: soxr rounds halves either way (24 to 44.1 kHz)."""
        tail = self._stream.resample_chunk(self._np.zeros(0, self._np.float32), last=True)
        total = (2 * self._frames_in * self._to_hz + self._from_hz) // (2 * self._from_hz)
        missing = total - self._frames_out - len(tail)
        if missing > 0:
            tail = self._np.pad(tail, (0, missing), mode="edge" if len(tail) else "constant")
        self._stream.clear()
        exact = tail[: max(0, total - self._frames_out)]
        self._frames_in = self._frames_out = 0
        return self._rounded(exact)

    def _rounded(self, samples: npt.NDArray[np.float32]) -> bytes:
        np = self._np
        np.rint(samples, out=samples)
        np.minimum(samples, 32767, out=samples)
        np.maximum(samples, -32768, out=samples)
        return samples.astype(np.int16).tobytes()
