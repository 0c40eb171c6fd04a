"""How sound comes to the box and leaves it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sound:
    """How sound comes and goes. Rates in Hz; `channel` is the microphone channel used, None for their mean.

    `append_ms`: audio per frame on the wire. `ring_s`: the longest answer that can wait to be heard.
    """

    mic_rate_hz: int
    mic_channels: int
    mic_period_s: float
    speaker_rate_hz: int
    channel: int | None = 0
    append_ms: int = 20
    ring_s: float = 120.0
