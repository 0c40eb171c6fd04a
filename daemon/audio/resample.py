"""Streaming sample rate conversion of mono PCM. Pure.

A polyphase FIR filter, designed for each pair of rates: level to 7/8 of half the lower rate (7 kHz at 16 kHz,
10.5 kHz at 24 kHz, 3.5 kHz at 8 kHz), 60 dB down from that half on.

What decides between recipes is how much sound one keeps to itself while periods run through: every answer
and every interruption waits for it. The most that each held back in 2 s of 20 ms periods, in ms; its level at
the end of that band (or at 7 kHz); ms of a desktop core per second of sound. This filter's is older than its
float32, with which a Cortex-A53 takes 109 thousand instructions for 20 ms from 48 to 24 kHz, 172 before, and
60 from 24 to 48 in pieces of 250 ms, 131 before:

    from, to (kHz)  this filter      soxr LQ           soxr MQ, HQ       soxr vr
    48, 24          1.2   0 dB 1.1   20.4   0 dB 0.2   38.3   0 dB 0.2    5.0   0 dB 0.8
    44.1, 24        1.2   0 dB 1.5   20.0   0 dB 0.3   38.3   0 dB 0.4    5.5   0 dB 0.9
    32, 24          1.2   0 dB 0.9    9.8   0 dB 0.4   38.2   0 dB 0.3    7.5   0 dB 0.9
    16, 24          1.8   0 dB 1.0   20.0 -13 dB 0.2   36.6   0 dB 0.3   15.0   0 dB 0.7
    8, 24           3.6   0 dB 1.2   40.0 -13 dB 0.2   73.2   0 dB 0.2   30.0   0 dB 0.6
    24, 48          1.2   0 dB 1.2   20.4   0 dB 0.2   38.3   0 dB 0.3   10.0   0 dB 1.1
    48, 16          1.8   0 dB 1.4   20.0 -13 dB 0.2   36.6   0 dB 0.3   12.5   0 dB 1.9

soxr works in blocks: what it holds back swings between nearly nothing and these figures, at any period.
libsamplerate holds back 0.8 to 1.2 ms (fastest, -14 dB at 7 kHz of 16) or 1.9 to 2.9 (medium), for 2 to 5 ms.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PASS_BAND = 7 / 8  # of half the lower rate, which is where the stop band begins
STOP_BAND_DB = 60.0
MAX_PHASES = 640  # 11.025 to 48 kHz; table and effort grow with it
_SCALE = 2**24  # a coefficient of 1
_GROUPS = 10
"""In a block. It is always multiplied as a whole, and a group always as the same row of the same matrix: its
frames are the same to the last bit however a stream is cut, though a float32 does not hold them exactly."""

_AT_ONCE_S = 0.3  # an answer comes in pieces of a quarter of a second


def can_convert(from_hz: int, to_hz: int) -> bool:
    """There is a filter for these rates: all usual ones have enough in common."""
    return from_hz > 0 and to_hz > 0 and to_hz // math.gcd(from_hz, to_hz) <= MAX_PHASES


class Resampler:
    """Converts a stream of mono 16-bit PCM from `from_hz` to `to_hz`, however it is cut into pieces.

    The samples depend only on the stream, not on the pieces (a sample may even be cut in two), and there
    are `round(frames in * to_hz / from_hz)` of them, halves up, once it is flushed. It holds back what 29
    frames of the lower rate last. Equal rates pass through and need no library.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Raises `ValueError` for rates not above 0 or with too little in common (48000 and 44101 Hz),
        `ImportError` if rates differ and numpy is missing.
        """
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"resampler: rates must be above 0, not {from_hz} and {to_hz} Hz")
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._split_sample = b""
        self._stream = None if from_hz == to_hz else _PolyphaseStream(from_hz, to_hz)

    def feed(self, pcm: bytes) -> bytes:
        """What `pcm` makes available; may be empty while the filter fills."""
        if self._split_sample or len(pcm) % SAMPLE_BYTES:
            pcm = self._split_sample + pcm
            whole = len(pcm) - len(pcm) % SAMPLE_BYTES
            pcm, self._split_sample = pcm[:whole], pcm[whole:]
        return self._stream.feed(pcm) if self._stream and pcm else pcm

    def flush(self) -> bytes:
        """The rest of the stream; half a sample left at its end is dropped. The next `feed` begins a new
        stream.
        """
        self._split_sample = b""
        return self._stream.flush() if self._stream else b""


class _PolyphaseStream:
    """The filter and the frames it has not done with."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        try:
            import numpy as np
        except ImportError as error:
            raise ImportError(
                f"converting audio from {from_hz} to {to_hz} Hz needs numpy: "
                "pip install 'harkd[resample]', or choose equal rates",
                name=error.name,
            ) from error
        self._np = np
        self._filter = rate = _designed(from_hz, to_hz)
        blocks = max(3, round(_AT_ONCE_S * from_hz / rate.block_in))
        self._recent = np.zeros(blocks * rate.block_in + 2 * rate.half_taps, np.float32)
        self._windows = [part.windows(self._recent, blocks, rate.block_in) for part in rate.parts]
        left_over = rate.block_in + rate.early
        self._at_once = (blocks * rate.block_in - left_over) * SAMPLE_BYTES
        self._low, self._high = np.array(-32768, np.float32), np.array(32767, np.float32)
        self._restart()

    def feed(self, pcm: bytes) -> bytes:
        at_once = self._at_once
        if len(pcm) <= at_once:
            return self._filtered(pcm)
        return b"".join(self._filtered(pcm[at : at + at_once]) for at in range(0, len(pcm), at_once))

    def flush(self) -> bytes:
        """The last frames see silence after them."""
        frames_out = self._frames_out
        rate = self._filter
        total = (2 * self._frames_in * rate.up + rate.down) // (2 * rate.down)
        tail = self._filtered(bytes(rate.half_taps * SAMPLE_BYTES))
        self._restart()
        return tail[: (total - frames_out) * SAMPLE_BYTES]

    def _restart(self) -> None:
        rate = self._filter
        self._frames_in = 0
        self._frames_out = 0
        # Blocks lie so that they end where a usual period does, and none is computed twice: before the first
        # frame is silence, of which more frames out are made than are wanted.
        self._block_out = rate.early * rate.up // rate.down  # frames out of the block that begins `_recent`
        self._here = rate.half_taps - 1 + rate.early  # frames in `_recent`; what is beyond them is left over
        self._recent[: self._here] = 0

    def _filtered(self, pcm: bytes) -> bytes:
        """Whole blocks are computed, and of the last one what has all its input: the rest comes again."""
        rate, recent = self._filter, self._recent
        frames = len(pcm) // SAMPLE_BYTES
        here = self._here + frames
        recent[self._here : here] = self._np.frombuffer(pcm, self._np.int16)
        self._frames_in += frames
        self._here = here
        complete = here - (2 * rate.half_taps - 1)  # frames in whose whole surrounding is here
        first, ready = self._block_out, -(-complete * rate.up // rate.down)
        if ready <= first:
            return b""
        filtered = self._rounded(self._product(-(-ready // rate.block_out))[first:ready])
        done = ready // rate.block_out * rate.block_in
        self._here = here - done
        recent[: here - done] = recent[done:here]
        self._block_out = ready % rate.block_out
        self._frames_out += ready - first
        return filtered

    def _product(self, blocks: int) -> npt.NDArray[np.float32]:
        """All their frames out; what has not all its input is made of what is left over."""
        numpy = self._np
        products: list[npt.NDArray[np.float32]] = [
            numpy.matmul(numpy.ascontiguousarray(windows[:blocks]), part.coefficients)
            for windows, part in zip(self._windows, self._filter.parts, strict=True)
        ]
        whole = products[0] if len(products) == 1 else numpy.concatenate(products, axis=2)
        return whole.ravel()

    def _rounded(self, samples: npt.NDArray[np.float32]) -> bytes:
        np = self._np
        np.rint(samples, out=samples)
        samples.clip(self._low, self._high, out=samples)  # which would first make arrays of plain numbers
        pcm: bytes = samples.astype(np.int16).tobytes()
        return pcm


@dataclass(frozen=True, slots=True)
class _Part:
    """Neighbouring frames of a group: so many frames in, from `first_in` on, times a matrix."""

    first_in: int
    coefficients: npt.NDArray[np.float32]  # frames in x frames out

    def windows(self, recent: npt.NDArray[np.float32], blocks: int, block_in: int) -> npt.NDArray[np.float32]:
        """Blocks x groups x the frames in of each group: they overlap, and change with `recent`."""
        import numpy as np

        frame = recent.itemsize
        strides = (block_in * frame, block_in // _GROUPS * frame, frame)
        shape = (blocks, _GROUPS, len(self.coefficients))
        return np.ndarray(shape, np.float32, recent, self.first_in * frame, strides)


@dataclass(frozen=True, slots=True)
class _Filter:
    """`up` frames out for `down` in; a block of `block_in` frames, and the taps around them, make
    `block_out`.
    """

    up: int
    down: int
    half_taps: int  # a frame out is made of so many in before it, and as many after it
    block_in: int
    block_out: int
    parts: tuple[_Part, ...]  # side by side they are a group

    @property
    def early(self) -> int:
        """Frames in of silence before the first one."""
        return -(-self.half_taps // self.down) * self.down


@lru_cache(maxsize=8)
def _designed(from_hz: int, to_hz: int) -> _Filter:
    """The filter as matrices of some hundred frames each: a product makes many frames at once, and there is
    little but zeros beside the taps.
    """
    shared = math.gcd(from_hz, to_hz)
    up, down = to_hz // shared, from_hz // shared
    if not can_convert(from_hz, to_hz):
        raise ValueError(
            f"resampler: {from_hz} and {to_hz} Hz have too little in common; choose a usual rate like 48000"
        )
    stop = min(from_hz, to_hz) / 2 / from_hz
    half_taps = math.ceil((STOP_BAND_DB - 7.95) / (14.36 * stop * (1 - PASS_BAND)) / 2)
    group_in = _group_in(from_hz, down, half_taps)
    group_out = group_in // down * up
    part_out = math.ceil(group_out / max(1, round(group_in / (2 * half_taps))))
    parts = tuple(
        _part(range(first, min(first + part_out, group_out)), up, down, half_taps, stop)
        for first in range(0, group_out, part_out)
    )
    return _Filter(up, down, half_taps, _GROUPS * group_in, _GROUPS * group_out, parts)


def _group_in(from_hz: int, down: int, half_taps: int) -> int:
    """So many frames in that a block lasts 10 ms, which is about as many as there are taps on one side.

    Longer groups are multiplied by more zeros, shorter ones are more of them.
    """
    group, rest = divmod(from_hz, 100 * _GROUPS)
    return max(1, round(2 * half_taps / down)) * down if rest or group % down else group


def _part(outs: range, up: int, down: int, half_taps: int, stop: float) -> _Part:
    """A sinc under a Kaiser window: its width and its beta from attenuation and transition (Kaiser 1974).

    The coefficients are whole numbers over 2^24 whose sum is 2^24. `stop` is in cycles per frame in.
    """
    import numpy as np

    columns = np.arange(len(outs))[:, np.newaxis]
    before, phase = np.divmod(np.array(outs)[:, np.newaxis] * down, up)
    first_in = int(before[0, 0])
    distance = phase / up - np.arange(1 - half_taps, half_taps + 1)
    beta = 0.1102 * (STOP_BAND_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.maximum(0, 1 - (distance / half_taps) ** 2)))
    taps = window * np.sinc(stop * (1 + PASS_BAND) * distance)
    whole = np.rint(taps / taps.sum(axis=1, keepdims=True) * _SCALE)
    largest = np.argmax(whole, axis=1, keepdims=True)
    whole[columns, largest] += _SCALE - whole.sum(axis=1, keepdims=True)  # a steady level stays what it is
    coefficients = np.zeros((int(before[-1, 0]) - first_in + 2 * half_taps, len(outs)))
    coefficients[before - first_in + np.arange(2 * half_taps), columns] = whole / _SCALE
    return _Part(first_in, coefficients.astype(np.float32))
