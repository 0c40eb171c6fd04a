"""When a turn's audio may go up, when it is complete, and when the connection is too slow for it. Pure."""

from __future__ import annotations

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.audio.uplink import Uplink
from daemon.records import dataclass

BASE64_BYTES_PER_MS = 64
"""24 kHz 16-bit mono in base64, without the JSON around it."""

CATCH_UP_BYTES = 64_000
"""While a turn spoken offline goes up, so much may wait at the connection: half of what it takes at most."""

CATCH_UP_PAUSE_S = 0.02
CATCH_UP_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class UploadStep:
    """What to do now: append these batches, then commit, or give the connection up."""

    batches: list[bytes]
    commit: bool = False
    give_up: bool = False


class TurnUpload:
    """One turn's audio between microphone and server.

    What is spoken while the link is ready goes up as it comes. What was spoken without one goes up at the
    pace of the new connection: all of it at once would exceed what a connection may hold.
    """

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._catching_up_since: float | None = None
        self._next_at: float | None = None
        self.complete = False
        """The turn has ended, not all of it is up yet."""
        self.begun = False
        """The server's input buffer holds audio of this turn."""

    @property
    def unsent_s(self) -> float:
        """How much audio was fed and has not been handed up."""
        return self._uplink.unsent_bytes / SAMPLE_BYTES / self._uplink.session_rate_hz

    def open(self, preroll: bytes) -> None:
        """A turn begins; `preroll` as for `Uplink.open`."""
        self._reset()
        self._uplink.open(preroll)

    def stream(self) -> None:
        """Hands-free: a turn without an end begins."""
        self._reset()
        self._uplink.stream()

    def feed(self, period: bytes) -> None:
        """Mono PCM at the device's rate."""
        self._uplink.feed(period)

    def pause(self) -> None:
        """Hands-free: what comes next does not continue what was fed so far; all of that goes up."""
        self._uplink.pause()

    def finish(self) -> None:
        """The turn has ended: `step` commits it once everything is up."""
        self._uplink.finish()
        self.complete = True

    def drop(self) -> bool:
        """Forget the turn; True if the server's input buffer has to forget it, too."""
        begun = self.begun
        self._reset()
        self._uplink.discard()
        return begun

    def answered(self) -> None:
        """The answer has begun: the turn's audio is no longer needed."""
        self._uplink.committed()

    def link_ready(self, now: float) -> None:
        """A connection can take audio; what waits for it goes up at its pace."""
        self._catching_up_since = now if self._uplink.has_batches else None
        self._next_at = None

    def link_lost(self) -> None:
        """Everything of the turn has to go up again."""
        self.begun = self.complete = False
        self._catching_up_since = self._next_at = None
        self._uplink.rewind()

    def step(self, now: float, queued_bytes: int) -> UploadStep:
        """What may go up now, with so much waiting at the connection. Only while the link is ready."""
        if self._next_at is not None and now < self._next_at:
            return UploadStep([])
        self._next_at = None
        batches = self._uplink.batches(self._most(queued_bytes))
        self.begun = self.begun or bool(batches)
        if self._uplink.has_batches:
            self._next_at = now + CATCH_UP_PAUSE_S
            since = now if self._catching_up_since is None else self._catching_up_since
            return UploadStep(batches, give_up=now > since + CATCH_UP_LIMIT_S)
        self._catching_up_since = None
        commit, self.complete = self.complete, False
        return UploadStep(batches, commit=commit)

    def next_deadline(self) -> float | None:
        """When `step` has something to do without being fed."""
        return self._next_at

    def _most(self, queued_bytes: int) -> int | None:
        if self._catching_up_since is None:
            return None
        return max(0, CATCH_UP_BYTES - queued_bytes) // (self._uplink.append_ms * BASE64_BYTES_PER_MS)

    def _reset(self) -> None:
        self.begun = self.complete = False
        self._catching_up_since = self._next_at = None
