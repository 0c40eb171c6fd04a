"""A turn's way up: captured audio at the session's rate, in batches, kept until committed. Pure."""

from __future__ import annotations

from collections import deque
from itertools import islice

from daemon.audio.pcm import SAMPLE_BYTES, ms_to_frames
from daemon.audio.rechunk import Rechunker
from daemon.audio.resample import Resampler

FIRST_MS = 2
"""A turn begins with a batch as short as this, so that a press is answered with a frame on the wire by the
end of the period after it. With less, a frame of JSON would carry next to nothing."""


class Uplink:
    """One turn at a time, from `open` (or `stream`) to `finish` and `committed`; ignores audio outside it.

    What goes up is in batches of `append_ms`, but for the first of a turn, which leaves with the first audio
    that is there, and the last, which is the rest.

    Bound: at most `retain_s` of the turn is kept, sent or not; beyond it the oldest batches go. They count
    in `dropped_frames` once they can no longer reach the server: unsent ones at once, sent ones when a
    `rewind` wants them back.
    """

    def __init__(
        self, device_rate_hz: int, session_rate_hz: int = 24000, append_ms: int = 40, retain_s: float = 15.0
    ) -> None:
        """Raises `ValueError` if `retain_s` does not hold one batch of `append_ms`; else as `Resampler`."""
        self.session_rate_hz = session_rate_hz
        self._rechunker = Rechunker(1)  # with nothing in it
        self._kept: deque[bytes] = deque()  # the sent ones first
        self._kept_bytes = 0
        self.use(append_ms, retain_s)
        self.turn_frames = 0  # at the session's rate, pre-roll included
        self.dropped_frames = 0  # of this turn
        self.lost_frames = 0  # the same of all turns
        self._resampler = Resampler(device_rate_hz, session_rate_hz)
        self._at_start = True  # of a turn, or of what follows a pause
        self._sent_batches = 0
        self._sent_bytes = 0
        self._gone_sent_frames = 0  # sent, then too old to keep
        self._open = False
        self._retaining = False

    def use(self, append_ms: int, retain_s: float) -> None:
        """From the next audio on, batches are so long and so much is kept; what waits for its batch stays.

        Raises `ValueError` if `retain_s` does not hold one batch.
        """
        batch_frames = ms_to_frames(append_ms, self.session_rate_hz)
        retain_frames = int(retain_s * self.session_rate_hz)
        if not 0 < batch_frames <= retain_frames:
            raise ValueError(
                f"uplink: append_ms {append_ms} must give at least one frame and fit into retain_s {retain_s}"
            )
        self.append_ms = append_ms
        self._retain_bytes = retain_frames * SAMPLE_BYTES
        self._first_bytes = min(batch_frames, ms_to_frames(FIRST_MS, self.session_rate_hz)) * SAMPLE_BYTES
        waiting, self._rechunker = self._rechunker.flush(), Rechunker(batch_frames * SAMPLE_BYTES)
        for batch in self._rechunker.feed(waiting):
            self._keep(batch)

    @property
    def unsent_bytes(self) -> int:
        """Audio not handed out yet, the incomplete batch included; at most `retain_s`."""
        return self._kept_bytes - self._sent_bytes + self._rechunker.pending_bytes

    def open(self, preroll: bytes) -> None:
        """Begin a turn with `preroll`, mono PCM at the device's rate; drops what was left of the one
        before.
        """
        self._begin(retaining=True)
        self.feed(preroll)

    def stream(self) -> None:
        """Begin a hands-free turn: batches once handed out are forgotten, unsent ones kept as in `open`."""
        self._begin(retaining=False)

    def feed(self, pcm: bytes) -> None:
        """Mono PCM at the device's rate."""
        if self._open:
            self._add(self._resampler.feed(pcm))

    def retune(self, device_rate_hz: int) -> None:
        """What is fed from now on has another rate; what was fed stays. Raises as `Resampler`."""
        if self._open:
            self._add(self._resampler.flush())
        self._resampler = Resampler(device_rate_hz, self.session_rate_hz)

    def pause(self) -> None:
        """A stretch ends here, the turn does not: all of it goes up, and what is fed next begins anew."""
        if not self._open:
            return
        self._add(self._resampler.flush())
        self._keep(self._rechunker.flush())
        self._at_start = True

    def finish(self) -> None:
        """End the turn's audio: what the resampler holds back follows, and a last batch that may be short."""
        self.pause()
        self._open = False

    def discard(self) -> None:
        """Drop everything and close; the turn's counters stay until the next one."""
        self._resampler.flush()
        self._rechunker.flush()
        self._forget_kept()
        self._open = False

    @property
    def has_batches(self) -> bool:
        """`batches` has something to hand out."""
        return len(self._kept) > self._sent_batches

    def batches(self, most: int | None = None) -> list[bytes]:
        """What may be sent now, in order, at most `most` of them; counts as sent from here.

        Call it only while the link is ready.
        """
        if most is None and not self._retaining:
            ready = list(self._kept)
            self._forget_kept()
            return ready
        end = len(self._kept) if most is None else min(len(self._kept), self._sent_batches + most)
        ready = list(islice(self._kept, self._sent_batches, end))
        self._sent_batches = end
        self._sent_bytes += sum(map(len, ready))
        if not self._retaining:
            for _ in ready:
                self._drop_oldest()
        return ready

    def rewind(self) -> None:
        """The link was lost: all that is kept of the turn, open or finished, is unsent again."""
        self._sent_batches = 0
        self._sent_bytes = 0
        self._lose(self._gone_sent_frames)
        self._gone_sent_frames = 0

    def committed(self) -> None:
        """A finished turn is on the server: what was sent of it goes. Without effect while a turn is open.

        (The answer to one turn's commit may come when the next turn has begun; that one is still needed.)
        """
        if self._open:
            return
        for _ in range(self._sent_batches):
            self._drop_oldest()
        self._gone_sent_frames = 0

    def _begin(self, retaining: bool) -> None:
        self.discard()
        self.turn_frames = 0
        self.dropped_frames = 0
        self._retaining = retaining
        self._open = self._at_start = True

    def _add(self, audio: bytes) -> None:
        self.turn_frames += len(audio) // SAMPLE_BYTES
        for batch in self._rechunker.feed(audio):
            self._at_start = False
            self._keep(batch)
        if self._at_start and self._rechunker.pending_bytes >= self._first_bytes:
            self._at_start = False
            self._keep(self._rechunker.flush())
        while self._kept and self._kept_bytes + self._rechunker.pending_bytes > self._retain_bytes:
            was_sent = self._sent_batches > 0
            frames = self._drop_oldest()
            if was_sent:
                self._gone_sent_frames += frames
            else:
                self._lose(frames)

    def _lose(self, frames: int) -> None:
        self.dropped_frames += frames
        self.lost_frames += frames

    def _keep(self, batch: bytes) -> None:
        if batch:
            self._kept.append(batch)
            self._kept_bytes += len(batch)

    def _drop_oldest(self) -> int:
        batch = self._kept.popleft()
        self._kept_bytes -= len(batch)
        if self._sent_batches:
            self._sent_batches -= 1
            self._sent_bytes -= len(batch)
        return len(batch) // SAMPLE_BYTES

    def _forget_kept(self) -> None:
        self._kept.clear()
        self._kept_bytes = self._sent_batches = self._sent_bytes = self._gone_sent_frames = 0
