"""From how likely the wake word has just been said to saying so once. Pure."""

from __future__ import annotations


class Trigger:
    """True for the first likelihood above `threshold`, and again once `refractory_windows` in a row were not.

    A word is likely for many windows in a row, with gaps: engines that judge only some windows say 0.0 to the
    others.
    """

    def __init__(self, threshold: float, refractory_windows: int) -> None:
        self._threshold = threshold
        self._refractory_windows = refractory_windows
        self._quiet_windows = refractory_windows

    def feed(self, likelihood: float) -> bool:
        """`likelihood` from 0 to 1, of one window."""
        if likelihood <= self._threshold:
            self._quiet_windows += 1
            return False
        first = self._quiet_windows >= self._refractory_windows
        self._quiet_windows = 0
        return first

    def reset(self) -> None:
        """The next likelihood is the first of another utterance."""
        self._quiet_windows = self._refractory_windows
