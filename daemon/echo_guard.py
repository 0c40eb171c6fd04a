"""May the microphone be listened to while the loudspeaker plays? Pure."""

from __future__ import annotations

from enum import Enum, auto

from daemon.audio.erle import MAX_DB, SPAN_S, EchoMeasure
from daemon.records import dataclass

NO_ECHO_DB = 3.0
"""An echo that raises the room's noise by less is none: headphones, or a volume near 0."""


_NOT_YET = f"echo cancellation has not been measured yet: {SPAN_S:.0f} s of sound are needed"


class Verdict(Enum):
    """What is known of the echo."""

    UNKNOWN = auto()  # the loudspeaker has not spoken alone for long enough
    CANCELLED = auto()
    HEARD = auto()  # by the microphone, and by whoever listens to it
    BYPASSED = auto()  # nothing is cancelled


@dataclass(frozen=True, slots=True)
class EchoGuardSettings:
    """When echo counts as cancelled.

    - `min_erle_db`: with less taken away it does not. A canceller that works takes 20 to 50 dB.
    - `again_db`: so much more than `min_erle_db` it takes to be believed again, so that the box does not
      change its manners with every sentence,
    - `again_after_s`: so long after too little was measured last.
    """

    min_erle_db: float = 6.0
    again_db: float = 3.0
    again_after_s: float = 30.0


class EchoGuard:
    """Full duplex once echo is proven to be cancelled, half duplex before and without, with a reason.

    Fed with the latest measure, as often as anybody likes. Half duplex is not for ever: what is captured is
    still processed and measured, and a good measure is believed after `again_after_s`.
    """

    def __init__(self, settings: EchoGuardSettings | None = None) -> None:
        self._settings = settings or EchoGuardSettings()
        self._verdict = Verdict.UNKNOWN
        self._reason = _NOT_YET
        self._failed_at: float | None = None
        self._latest: EchoMeasure | None = None

    @property
    def verdict(self) -> Verdict:
        return self._verdict

    @property
    def listens_while_playing(self) -> bool:
        """May the microphone be listened to while the loudspeaker plays?"""
        return self._verdict is Verdict.CANCELLED

    @property
    def reason(self) -> str:
        """Of the verdict, for the status: "echo is cancelled by 34 dB"."""
        return self._reason

    def measured(self, measure: EchoMeasure | None, now: float) -> bool:
        """The latest `measure`, None while there is none. True if `listens_while_playing` changed by it.

        The same object again is the same measure, and tells nothing new.
        """
        before = self.listens_while_playing
        if self._verdict is Verdict.BYPASSED:
            self._verdict, self._reason = Verdict.UNKNOWN, _NOT_YET
        if measure is not None and measure is not self._latest:
            self._latest = measure
            self._judge(measure, now)
        return self.listens_while_playing != before

    def bypassed(self, why: str) -> bool:
        """Nothing is cancelled, because `why`; until the next `measured`. True as `measured`."""
        before = self.listens_while_playing
        self._verdict, self._reason = Verdict.BYPASSED, f"echo is not being cancelled: {why}"
        return before

    def forget(self) -> None:
        """Another device, another room: what was known says nothing about it."""
        self._verdict, self._reason, self._failed_at = Verdict.UNKNOWN, _NOT_YET, None

    def _judge(self, measure: EchoMeasure, now: float) -> None:
        if measure.echo_db < NO_ECHO_DB:
            self._verdict, self._reason = Verdict.CANCELLED, "no echo is heard"
        elif measure.erle_db < self._settings.min_erle_db:
            self._failed_at = now
            self._verdict = Verdict.HEARD
            self._reason = f"echo is not being cancelled: {int(measure.erle_db)} dB over {SPAN_S:.0f} s"
        elif self._is_trusted(measure, now):
            more = " or more" if measure.erle_db >= MAX_DB else ""
            self._verdict = Verdict.CANCELLED
            self._reason = f"echo is cancelled by {int(measure.erle_db)} dB{more}"

    def _is_trusted(self, measure: EchoMeasure, now: float) -> bool:
        settings = self._settings
        if self._verdict is Verdict.CANCELLED or self._failed_at is None:
            return True
        waited = now - self._failed_at >= settings.again_after_s
        return waited and measure.erle_db >= settings.min_erle_db + settings.again_db
