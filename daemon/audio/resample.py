"""Streaming sample rate conversion of mono PCM. Pure.

A polyphase FIR filter, designed for each pair of rates: level to 7/8 of half the lower rate (7 kHz at 16 kHz,
10.5 kHz at 24 kHz, 3.5 kHz at 8 kHz), 60 dB down from that half on.

What decides between recipes is how much sound one keeps to itself while periods run through: every answer
and every interruption waits for it. The most that each held back in 2 s of 20 ms periods, in ms; its level at
the end of that band (or at 7 kHz); ms of a desktop core per second of sound, this filter's before its groups
were cut to periods, which took 48 to 24 kHz from 238 to 145 thousand instructions a period:

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
MAX_PHASES = 640  # 11.025 to 48 kHz; table and effort grow with it, to 0.5 MB and 3 ms a second there
_SCALE = 2**24  # a coefficient of 1
_BYTES = 8  # of a float64
_BYTES = 8  # of a float64
_PRODUCT_MAX = 2**18  # multiplications at once, beyond which OpenBLAS wakes threads that then spin


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
        self._filter = _designed(from_hz, to_hz)
        self._restart()

    def feed(self, pcm: bytes) -> bytes:
        np, at_once = self._np, self._filter.frames_at_once * SAMPLE_BYTES
        return b"".join(
            self._filtered(np.frombuffer(pcm[at : at + at_once], np.int16))
            for at in range(0, len(pcm), at_once)
        )

    def flush(self) -> bytes:
        """The last frames see silence after them."""
        frames_out = self._frames_out
        rate = self._filter
        total = (2 * self._frames_in * rate.up + rate.down) // (2 * rate.down)
        tail = self._filtered(self._np.zeros(rate.half_taps, self._np.int16))
        self._restart()
        return tail[: (total - frames_out) * SAMPLE_BYTES]

    def _restart(self) -> None:
        rate = self._filter
        self._frames_in = 0
        self._frames_out = 0
        # Groups lie so that they end where a usual period does, and none is computed twice: before the first
        # frame is silence, of which more frames out are made than are wanted.
        early = -(-rate.half_taps // rate.down) * rate.down
        self._group_out = early * rate.up // rate.down  # frames out of the group that begins `_recent`
        self._here = rate.half_taps - 1 + early  # frames in `_recent`; what is beyond them is left over
        self._recent = self._np.zeros(self._here)

    def _filtered(self, samples: npt.NDArray[np.int16]) -> bytes:
        """Whole groups are computed, and of the last one what has all its input: the rest comes again."""
        rate = self._filter
        self._frames_in += len(samples)
        before, here = self._here, self._here + len(samples)
        complete = here - (2 * rate.half_taps - 1)  # frames in whose whole surrounding is here
        first, ready = self._group_out, -(-complete * rate.up // rate.down)
        groups = max(0, -(-ready // rate.group_out))
        recent = self._with_room_for(max(here, (groups - 1) * rate.group_in + rate.span))
        recent[before:here] = samples
        self._here = here
        if ready <= first:
            return b""
        pcm = self._rounded(rate.product(recent, groups)[first:ready])
        done = ready // rate.group_out * rate.group_in
        self._here = here - done
        recent[: here - done] = recent[done:here]
        self._group_out = ready % rate.group_out
        self._frames_out += ready - first
        return pcm

    def _with_room_for(self, frames: int) -> npt.NDArray[np.float64]:
        if len(self._recent) < frames:
            self._recent = self._np.concatenate((self._recent, self._np.zeros(frames - len(self._recent))))
        return self._recent

    def _rounded(self, samples: npt.NDArray[np.float64]) -> bytes:
        np = self._np
        np.rint(samples, out=samples)
        np.minimum(samples, 32767.0, out=samples)
        np.maximum(samples, -32768.0, out=samples)
        pcm: bytes = samples.astype(np.int16).tobytes()
        return pcm


@dataclass(frozen=True, slots=True)
class _Part:
    """Neighbouring frames of a group: so many frames in, from `first_in` on, times a matrix."""

    first_in: int
    stride: int  # frames in from one group to the next
    coefficients: npt.NDArray[np.float64]  # frames in x frames out

    def of(self, recent: npt.NDArray[np.float64], groups: int) -> npt.NDArray[np.float64]:
        """One row per group; `recent` must hold all of them and what surrounds them.

        What it holds beyond a group that is not complete may be anything: nothing wanted is made of it.
        """
        import numpy as np

        shape = (groups, len(self.coefficients))
        windows: npt.NDArray[np.float64] = np.ndarray(
            shape, np.float64, recent, self.first_in * _BYTES, (self.stride * _BYTES, _BYTES)
        )
        product: npt.NDArray[np.float64] = np.ascontiguousarray(windows) @ self.coefficients
        return product


@dataclass(frozen=True, slots=True)
class _Filter:
    """`up` frames out for `down` in; `group_in` frames, and the taps around them, make `group_out`."""

    up: int
    down: int
    half_taps: int  # a frame out is made of so many in before it, and as many after it
    group_in: int
    group_out: int
    parts: tuple[_Part, ...]  # side by side they are the group

    @property
    def span(self) -> int:
        return self.group_in + 2 * self.half_taps

    def product(self, recent: npt.NDArray[np.float64], groups: int) -> npt.NDArray[np.float64]:
        """`groups` times `group_out` frames."""
        import numpy as np

        products = [part.of(recent, groups) for part in self.parts]
        return (products[0] if len(products) == 1 else np.hstack(products)).ravel()

    @property
    def frames_at_once(self) -> int:
        largest = max(part.coefficients.size for part in self.parts)
        return max(1, _PRODUCT_MAX // largest - 1) * self.group_in


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
        _part(range(first, min(first + part_out, group_out)), up, down, half_taps, stop, group_in)
        for first in range(0, group_out, part_out)
    )
    return _Filter(up, down, half_taps, group_in, group_out, parts)


def _group_in(from_hz: int, down: int, half_taps: int) -> int:
    """As many frames in as there are taps on one side, or as few fewer as make a part of 10 ms.

    Longer groups are multiplied by more zeros, shorter ones are more of them.
    """
    period = from_hz // 100
    fitting = [g for g in range(down, half_taps + 1, down) if period % g == 0]
    return max(fitting, default=max(1, round(2 * half_taps / down)) * down)


def _part(outs: range, up: int, down: int, half_taps: int, stop: float, stride: int) -> _Part:
    """A sinc under a Kaiser window: its width and its beta from attenuation and transition (Kaiser 1974).

    The coefficients are whole numbers of 24 bits over 2^24: with 16-bit samples every product and every
    sum of them is exact in a float64, in any order. `stop` is in cycles per frame in.
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
    return _Part(first_in, stride, coefficients)
