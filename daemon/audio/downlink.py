"""Answer audio on its way from the session's rate to the device's, part by part. Pure."""

from __future__ import annotations

from daemon.audio.playback import AudioTag
from daemon.audio.resample import Resampler


class Downlink:
    """Resamples each part of an answer by itself, so that no sample of one part lands in another.

    Bound: one resampler per unfinished part; `reset` forgets them all, which an interruption does.
    """

    def __init__(self, session_rate_hz: int, device_rate_hz: int) -> None:
        """Raises `ImportError` if the rates differ and there is nothing to convert with, as `Resampler`."""
        self._rates = (session_rate_hz, device_rate_hz)
        Resampler(*self._rates)  # what is missing must show now and not in mid-answer
        self._resamplers: dict[AudioTag, Resampler] = {}

    def feed(self, tag: AudioTag, pcm: bytes) -> bytes:
        """Mono PCM16 at the session's rate in, the same sound at the device's rate out."""
        resampler = self._resamplers.get(tag)
        if resampler is None:
            resampler = self._resamplers[tag] = Resampler(*self._rates)
        return resampler.feed(pcm)

    def finish(self, tag: AudioTag) -> bytes:
        """What the resampler still holds of this part; empty for a part never fed."""
        resampler = self._resamplers.pop(tag, None)
        return resampler.flush() if resampler else b""

    def unfinished(self, response_id: str) -> list[AudioTag]:
        """The parts of a response that were fed but not finished."""
        return [tag for tag in self._resamplers if tag.response_id == response_id]

    def reset(self) -> None:
        self._resamplers.clear()
