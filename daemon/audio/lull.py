"""While nobody speaks, most of what is captured is kept back and forgotten unheard. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BURST_S = 0.2
"""How often it is looked whether something stands out: a voice is heard so much later at most."""

KEPT_S = 1.0
"""So much from before it goes on with what stands out: the gate's pre-roll, and what detectors settle by."""

SAMPLED = 20
"""Of what is forgotten, one burst of so many goes on all the same: detectors learn the noise from it."""

LEARNT_S = 3.0
"""The floor is the lowest level in so much of what went on: detectors remember as long."""

_PLAIN = 2.5  # 4 dB: what a voice detector takes for speech is 6 to 8 dB above the noise
_BRIGHT = 2.2  # 3.4 dB, where it takes 5 to 6
_SILENCE = 1.0  # the power of samples of 1, -90 dBFS: of what is fainter nothing stands out
_BAND_HZ = 16000  # detectors hear no finer
_RUMBLE_HZ = 200  # means of 5 ms are taken out: 3 dB at 90 Hz, 15 at 20
_PARTS = 10  # of a burst: an "s" may last 40 ms

Level = tuple[float, float, float]
"""Mean powers of a burst: of its samples, of their differences, and of these in its two loudest parts."""


class Lull:
    """Hands captured sound on in bursts, and only some of them while none stands out of those before.

    Whatever stands out goes on with all that is still kept: what comes after this hears the second before
    and the beginning, without a gap. So does everything while the floor is not known: for `LEARNT_S` at
    first, and after the noise has risen; and what is never steady, as music. Bound: `KEPT_S`. On
    the device's thread.

    A voice so faint that it does not stand out is late, or lost. Of 32 recorded words at the edge of being
    heard, in six kinds of noise, 28 runs, the upload gate opened for 451 with everything listened to and for
    447 with this, of which 8 were others; one that both found came 340 ms later, the rest no more than 220.
    Of the words in 16 rooms where they can be heard well, with 'webrtc', none was lost, and none later than
    180 ms.

    The whole daemon with a WAV file of a quiet room at 48 kHz took 9.7 M instructions a second when all of it
    was listened to in bursts of 100 ms, and takes 2.7 to 3.0.
    """

    def __init__(self, rate_hz: int, channels: int, channel: int | None, period_s: float) -> None:
        """Listens to `channel` of interleaved periods, None for all of them.

        Without numpy every period goes on: to look at each sample would cost what is saved.
        """
        try:
            import numpy as np
        except ImportError:
            self._burst_periods = 0
        else:
            self._np = np
            self._ones = np.ones(rate_hz, np.float32)
            self._burst_periods = max(1, round(BURST_S / period_s))
        burst_s = max(1, self._burst_periods) * period_s
        self._channels = channels
        self._picked = range(channels) if channel is None else (channel,)
        self._smooth = max(1, rate_hz // _BAND_HZ)
        self._block = max(1, rate_hz // _RUMBLE_HZ)
        self._kept_bursts = round(KEPT_S / burst_s)
        self._held: list[bytes] = []  # periods of the next burst
        self._kept: deque[tuple[bytes, Level]] = deque()
        self._learnt_bursts = round(LEARNT_S / burst_s)
        self._learnt: deque[Level] = deque(maxlen=self._learnt_bursts)  # of what went on
        self._floor = (0.0, 0.0)
        self._forgotten = 0

    def feed(self, period: bytes, *, hurry: bool) -> list[bytes]:
        """What is to go on now, in order, perhaps nothing; with `hurry`, everything."""
        held = self._held
        held.append(period)
        if len(held) < self._burst_periods and not hurry:
            return []
        burst = b"".join(held)
        held.clear()
        if hurry or not self._burst_periods:
            return [*self._let_go(), burst]
        level = self._level(burst)
        self._kept.append((burst, level))
        if self._stands_out(level):
            return self._let_go()
        plain, bright = self._floor
        self._floor = min(plain, level[0]), min(bright, level[1])
        return self._oldest() if len(self._kept) > self._kept_bursts else []

    def _stands_out(self, level: Level) -> bool:
        """By its power, which a hum can hide a voice from, or by that of its differences, which it cannot."""
        plain, bright = self._floor
        known = len(self._learnt) == self._learnt_bursts
        return not known or level[0] > plain * _PLAIN or level[2] > bright * _BRIGHT

    def _let_go(self) -> list[bytes]:
        bursts = [burst for burst, _ in self._kept]
        self._learnt.extend(level for _, level in self._kept)
        self._kept.clear()
        self._find_floor()
        return bursts

    def _oldest(self) -> list[bytes]:
        burst, level = self._kept.popleft()
        self._forgotten += 1
        if self._forgotten % SAMPLED:
            return []
        self._learnt.append(level)
        self._find_floor()
        return [burst]

    def _find_floor(self) -> None:
        levels = [*self._learnt, *(level for _, level in self._kept)]
        if levels:
            self._floor = min(level[0] for level in levels), min(level[1] for level in levels)

    def _level(self, burst: bytes) -> Level:
        """Without rumble, and without what is too high for a detector."""
        smooth, block = self._smooth, self._block
        samples = self._picked_samples(burst)
        part = max(0, len(samples) - 2 * smooth) // _PARTS
        count, blocks = _PARTS * part, _PARTS * part // block
        if not blocks:
            return 0.0, 0.0, 0.0
        smoothed = samples[: count + smooth]
        for at in range(1, smooth):
            smoothed = smoothed + samples[at : at + count + smooth]
        heard = smoothed[: blocks * block]
        means = heard.reshape(blocks, block).dot(self._ones[:block])
        plain = (float(heard.dot(heard)) - float(means.dot(means)) / block) / (blocks * block)
        steps = smoothed[smooth:] - smoothed[:count]
        steps *= steps
        parts = sorted(steps.reshape(_PARTS, part).dot(self._ones[:part]).tolist())
        bright, brightest = sum(parts) / count, sum(parts[-2:]) / (2 * part)
        unit = smooth * smooth  # each sample is the sum of `smooth`
        return plain / unit + _SILENCE, bright / unit + _SILENCE, brightest / unit + _SILENCE

    def _picked_samples(self, burst: bytes) -> npt.NDArray[np.float32]:
        samples = self._np.frombuffer(burst, self._np.int16)
        if self._channels == 1:
            return samples.astype(self._np.float32)
        picked: npt.NDArray[np.float32] = samples.reshape(-1, self._channels)[:, self._picked].sum(
            axis=1, dtype=self._np.float32
        )
        return picked
