"""How sound comes to the box and leaves it. Pure."""

from __future__ import annotations

from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class Sound:
    """How sound comes and goes at first; devices that are opened may turn out to be different.

    Rates in Hz, mono. `append_ms`: audio per frame on the wire. `ring_s`: the longest answer that can wait to
    be heard.
    """

    mic_rate_hz: int
    mic_period_s: float
    speaker_rate_hz: int
    append_ms: int = 20
    ring_s: float = 120.0
