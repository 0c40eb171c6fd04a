"""While nobody speaks, captured periods are handed on several at a time. Pure."""

from __future__ import annotations

import math

BURST_S = 0.1
"""Whoever begins faintly is heard so much later at most; the pre-roll is longer."""

_STANDS_OUT = 2.0  # 3 dB, well below what a voice detector takes for speech
_RISE = 1.01  # of the floor, a period: a louder noise is the new silence within seconds

_SILENCE = 16.0  # the power of samples of 4, -78 dBFS: of what is fainter nothing stands out


class Lull:
    """Keeps periods back until they are a burst, or one of them stands out of those before.

    Each step from the device to the detector then costs once per burst: a box that only listens for speech,
    at 48 kHz, takes a third of the instructions it takes with a step for every 20 ms. What a burst holds is
    what its periods hold, so that a sound that does not stand out here is late, never lost. Bound:
    `BURST_S`. On the device's thread.
    """

    def __init__(self, period_s: float) -> None:
        """Without numpy nothing is kept back: to look at each sample would cost what is saved."""
        try:
            import numpy as np
        except ImportError:
            self._burst_periods = 1
        else:
            self._np = np
            self._burst_periods = max(1, round(BURST_S / period_s))
        self._held: list[bytes] = []
        self._floors = (math.inf, math.inf)

    def feed(self, period: bytes, *, hurry: bool) -> bytes:
        """All that is to go on now, perhaps nothing; with `hurry`, everything."""
        held = self._held
        held.append(period)
        if len(held) < self._burst_periods and not hurry and not self._stands_out(period):
            return b""
        self._held = []
        return b"".join(held) if len(held) > 1 else period

    def _stands_out(self, period: bytes) -> bool:
        """By its power, which a hum can hide a voice from, or by that of its differences, which it cannot."""
        samples = self._np.frombuffer(period, self._np.int16).astype(self._np.float32)
        silence = _SILENCE * len(samples)
        power = float(samples.dot(samples)) + silence
        steps = power - float(samples[1:].dot(samples[:-1]))
        plain, bright = self._floors
        self._floors = min(power, plain * _RISE), min(steps, bright * _RISE)
        return power > plain * _STANDS_OUT or steps > bright * _STANDS_OUT
