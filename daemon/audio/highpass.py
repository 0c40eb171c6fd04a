"""Takes out of captured sound what is below speech: offset, hum, rumble, knocks on the case. Pure."""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BLOCK_DECAYS = 40.0
"""Within a block the powers of the pole span e^40, for which floats have room: 100 ms at a 90 Hz corner."""


class HighPass:
    """A Butterworth high-pass of second order over a stream of mono samples, however it is cut.

    -3 dB at the corner, 12 dB less per octave below (22 dB down at 25 Hz for a corner of 90 Hz), within
    0.3 dB from twice the corner up. It holds no sample back, and delays 300 Hz by a quarter of a millisecond.

    The recursion runs as sums: the biquad is `K x + 2 Re(r s)` with one complex state `s[n] = p s[n-1] +
    x[n]`, and that is `p^n` times the running sum of `x[k] p^-k`, which numpy adds up without a loop in
    Python. For 20 ms at 48 kHz on a server core (a Pi Zero 2 W is some 20 to 30 times slower): 13 us; with
    complex arrays 9, but twice the instructions for 100 ms, the pieces in which silence comes. A loop
    in Python takes 76, the recursion as one matrix 65 (and 3.7 MB), as matrices of 32 samples 8 (with twice
    the code), an FIR filter that is as steep 37 by FFT and 330 without, and delays.
    """

    def __init__(self, corner_hz: float, rate_hz: int) -> None:
        """Raises `ValueError` unless 0 < `corner_hz` < `rate_hz` / 4, `ImportError` without numpy."""
        if not 0 < corner_hz < rate_hz / 4:
            raise ValueError(
                f"high-pass: corner_hz {corner_hz:g} must be above 0 and below a quarter of {rate_hz} Hz"
            )
        try:
            import numpy as np
        except ImportError as error:
            raise ImportError(
                "the high-pass needs numpy: pip install 'harkd[resample]', or set high_pass_hz to 0",
                name=error.name,
            ) from error
        self._np = np
        gain, self._pole = _design(corner_hz, rate_hz)
        self._direct = gain / abs(self._pole) ** 2
        residue = gain * (1 - 1 / self._pole) ** 2 / (1 - self._pole.conjugate() / self._pole)
        self._block_frames = max(1, int(-_BLOCK_DECAYS / math.log(abs(self._pole))))
        powers = self._pole ** np.arange(self._block_frames)
        grow, shrink = 1 / powers, 2 * residue * powers
        self._grow = np.vstack([grow.real, grow.imag])
        self._shrink = np.vstack([shrink.real, -shrink.imag])
        self._state: complex | None = None

    def reset(self) -> None:
        """Begin a new stream: there is a gap before the next sample."""
        self._state = None

    def process(self, samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """As many samples as went in. The first one is taken to have been there for ever: no click."""
        size = self._block_frames
        if len(samples) <= size:
            return self._block(samples) if len(samples) else samples
        blocks = [self._block(samples[at : at + size]) for at in range(0, len(samples), size)]
        return self._np.concatenate(blocks)

    def _block(self, samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        count = len(samples)
        if self._state is None:
            self._state = float(samples[0]) / (1 - self._pole)
        before = self._pole * self._state
        sums = self._grow[:, :count] * samples  # real and imaginary parts: half the work of complex numbers
        sums[0, 0] += before.real
        sums[1, 0] += before.imag
        self._np.add.accumulate(sums, axis=1, out=sums)
        last = complex(sums[0, -1], sums[1, -1])
        self._state = last * self._pole ** (count - 1)
        sums *= self._shrink[:, :count]
        filtered: npt.NDArray[np.float64] = samples * self._direct
        filtered += sums[0]
        filtered += sums[1]
        return filtered


def _design(corner_hz: float, rate_hz: int) -> tuple[float, complex]:
    """Gain and upper pole of the biquad `gain (1 - z^-1)^2 / ((1 - p z^-1)(1 - p* z^-1))`.

    By the bilinear transform, with the corner where it should be.
    """
    corner = math.tan(math.pi * corner_hz / rate_hz)
    analogue = corner * cmath.exp(0.75j * math.pi)
    pole = (1 + analogue) / (1 - analogue)
    return abs(1 + pole) ** 2 / 4, pole
