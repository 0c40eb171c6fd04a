"""Answer audio from the session to the loudspeaker, and how much of it was heard. Shell around the tap."""

from __future__ import annotations

import logging
from collections.abc import Callable

from daemon.audio.downlink import Downlink
from daemon.audio.pcm import SAMPLE_BYTES, frames_to_ms
from daemon.audio.playback import OWN, AudioTag, HeardPart
from daemon.bridge import SpeakerTap
from daemon.realtime.truncation import HeardPosition

log = logging.getLogger("harkd")


class Playing:
    """What is queued for the loudspeaker, told apart by response, item and content part.

    `on_started` is called when something is queued while the loudspeaker had nothing to play; `on_overfull`
    when the end of an answer does not fit: with its response and how far it will be heard.
    """

    def __init__(
        self,
        tap: SpeakerTap,
        session_rate_hz: int,
        rate_hz: int,
        on_started: Callable[[], object],
        on_overfull: Callable[[str, HeardPosition], None],
    ) -> None:
        self._tap = tap
        self._session_rate_hz = session_rate_hz
        self._rate_hz = rate_hz
        self._on_started = on_started
        self._on_overfull = on_overfull
        self._downlink = Downlink(session_rate_hz, rate_hz)
        self._overfull: str | None = None  # the response whose end did not fit the ring
        self._own_sounds = 0
        self.audible = True
        """False while there is no loudspeaker: what comes is dropped, or the box would wait for its end."""

    def retune(self, rate_hz: int) -> None:
        """The loudspeaker has another rate from now on; nothing may be queued."""
        self._rate_hz = rate_hz
        self._downlink = Downlink(self._session_rate_hz, rate_hz)

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def first_audio_at(self) -> float | None:
        """Loop time at which the current playback first reached the device."""
        return self._tap.first_audio_at

    def so_far(self) -> list[HeardPart]:
        """What is not wholly heard yet, in play order: own sounds, too."""
        return self._tap.so_far()

    def speaks(self, response_id: str) -> bool:
        """Something of this response is still to be heard."""
        return any(part.tag.response_id == response_id for part in self._tap.so_far())

    def queue(self, tag: AudioTag, pcm: bytes) -> None:
        """More of an answer, mono PCM at the session's rate."""
        self._queue(tag, self._downlink.feed(tag, pcm))

    def finish(self, tag: AudioTag) -> None:
        """No more audio for this part."""
        self._queue(tag, self._downlink.finish(tag))
        self._tap.finish(tag)

    def finish_all(self, response_id: str) -> None:
        """No more audio for this response: not every server says so of its parts."""
        for tag in self._downlink.unfinished(response_id):
            self.finish(tag)

    def play_own(self, pcm: bytes) -> None:
        """A sound of the box itself, mono PCM at the loudspeaker's rate, behind what is queued.

        What does not fit is not heard: it is worth less than the answer it waits for.
        """
        if not pcm or not self.audible:
            return
        self._own_sounds += 1
        tag = AudioTag(OWN, str(self._own_sounds), 0)
        _, started = self._tap.push(tag, pcm)
        self._tap.finish(tag)
        if started:
            self._on_started()

    def fall_silent(self) -> tuple[list[HeardPart], int]:
        """Fade out at once and drop the rest: parts of answers not wholly heard, and the frames pulled."""
        silenced, pulled_frames = self._tap.silence()
        self._downlink.reset()
        return [part for part in silenced if part.tag.response_id != OWN], pulled_frames

    def position(self, tag: AudioTag, frames: int) -> HeardPosition:
        return HeardPosition(tag.item_id, tag.content_index, frames_to_ms(frames, self._rate_hz))

    def _queue(self, tag: AudioTag, pcm: bytes) -> None:
        if not pcm or not self.audible or tag.response_id == self._overfull:
            return
        accepted, started = self._tap.push(tag, pcm)
        if started:
            self._on_started()
        if accepted * SAMPLE_BYTES < len(pcm):
            self._cut_short(tag)

    def _cut_short(self, tag: AudioTag) -> None:
        """The answer does not fit the ring: the rest is not wanted."""
        self._overfull = tag.response_id
        queued = next(p.queued_frames for p in self._tap.so_far() if p.tag == tag)
        self._on_overfull(tag.response_id, self.position(tag, queued))
        self._tap.finish(tag)
