"""How short the device's periods are: quick against robust. Pure.

PortAudio holds about three periods, so the period alone decides how long sound takes through the device and
how late the processor may be. Measured on a virtual card on a machine that was kept busy, in 10 runs of 6 s:

    period   dry loudspeaker   sound to ear   silence after the last sound
    10 ms    20 times          30 to 40 ms    25 ms
    20 ms    3 times           60 ms          45 ms
    40 ms    never             120 ms         85 ms (reckoned)

And from a press to silence at the card, over 20 interruptions each, median and longest: 35 and 40 ms with
10 ms, 50 and 50 ms with 15 ms (40 and 55 on a busy machine), 60 and 70 ms with 20 ms. 60 ms are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from daemon.records import dataclass

ProfileName = Literal["low_latency", "balanced", "safe"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Of both devices, in milliseconds."""

    capture_period_ms: int
    playback_period_ms: int


PROFILES: Mapping[ProfileName, Profile] = MappingProxyType(
    {
        "low_latency": Profile(capture_period_ms=10, playback_period_ms=10),
        "balanced": Profile(capture_period_ms=20, playback_period_ms=15),
        "safe": Profile(capture_period_ms=40, playback_period_ms=40),
    }
)
"""`balanced` is silent within 60 ms of an interruption and leaves room for a busy board; `low_latency` is for
one that does nothing else; `safe` for one that clicks with `balanced`: an interruption then takes longer.
"""
