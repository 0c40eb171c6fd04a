"""How long to wait before the next connection attempt: full-jitter exponential. Pure."""

from __future__ import annotations

from random import Random

FIRST_S = 0.5
LARGEST_S = 30.0
REFUSED_S = 300.0
"""A key or model that was refused rarely becomes right by asking again; a new key is tried at once by the
owner."""


class Backoff:
    """Full jitter: attempt n waits a uniform random time in [0, min(30, 0.5 * 2**n)] seconds, so that a
    fleet which lost the same access point does not come back in step."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._attempts = 0

    @property
    def attempts(self) -> int:
        """Failures since the last success."""
        return self._attempts

    def failed(self) -> float:
        """Note a failed attempt or a lost link; seconds to wait, 0 to 30."""
        # 2**6 already reaches the limit; the exponent must not grow over a week without network.
        limit_s = min(LARGEST_S, FIRST_S * 2 ** min(self._attempts, 6))
        self._attempts += 1
        return self._random.uniform(0.0, limit_s)

    def refused(self) -> float:
        """Note that key or model was refused; seconds to wait, 300 to 330."""
        self._attempts += 1
        return REFUSED_S + self._random.uniform(0.0, REFUSED_S / 10)

    def network_came(self) -> float:
        """What the failures were about has changed: start small again; seconds to wait, 0 to 0.5."""
        self._attempts = 0
        return self._random.uniform(0.0, FIRST_S)

    def succeeded(self) -> None:
        """Start small again after the next failure."""
        self._attempts = 0
