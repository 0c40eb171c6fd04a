"""One turn's audio on its way to the server: paced, committed, kept until answered. Shell around the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.exchanges import ExchangeLog
from daemon.realtime.link import RealtimeLink
from daemon.realtime.protocol import ProtocolState
from daemon.sent_clock import SentClock
from daemon.upload import TurnUpload


class TurnSender:
    """`link` is set once, before the first turn. `on_progress` is called when audio went up by itself."""

    link: RealtimeLink

    def __init__(
        self,
        upload: TurnUpload,
        exchanges: ExchangeLog,
        on_progress: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._upload = upload
        self._exchanges = exchanges
        self._on_progress = on_progress
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._clock = SentClock()
        self._streaming = False
        self._item: str | None = None  # what the server made of the turn that waits for its answer

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def finishing(self) -> bool:
        """The turn is complete, and not all of it has gone up."""
        return self._upload.complete

    def open(self, preroll: bytes) -> None:
        """Begin a turn with mono PCM from before it."""
        self._item = None
        self._streaming = False
        self._upload.open(preroll)
        self.send()

    def stream(self) -> None:
        """Hands-free: from now on everything fed goes up and is forgotten."""
        self._streaming = True
        self._upload.stream()

    def pause(self) -> None:
        """Hands-free: what is fed next does not continue what was fed so far."""
        self._upload.pause()
        self.send()

    def captured_at(self, sent_ms: float) -> float:
        """Loop time of what the server counts as `sent_ms`; now for what it cannot be told of any more."""
        captured_at = self._clock.capture_time(sent_ms)
        return self._loop.time() if captured_at is None else captured_at

    def feed(self, period: bytes) -> None:
        self._upload.feed(period)
        self.send()

    def finish(self) -> None:
        """The turn is complete: what is left of it goes up, then it is committed and an answer asked for."""
        self._upload.finish()
        self.send()

    def drop(self) -> None:
        """Forget the turn's audio, here and in the server's input buffer."""
        if self._upload.drop() and self.link.protocol.state is ProtocolState.READY:
            self.link.protocol.clear_audio()
            self.link.flush()

    def committed_as(self, item_id: str) -> None:
        """The server says what it made of the turn that was sent."""
        self._item = item_id

    def answered(self) -> None:
        """The turn's audio is not needed any more."""
        self._upload.answered()
        self._item = None

    def link_ready(self) -> None:
        self._clock.restart()
        self._upload.link_ready(self._loop.time())

    def link_lost(self) -> None:
        """Everything of the turn has to go up again."""
        self._upload.link_lost()
        if self._item is not None:  # it goes up again as audio: the replay must not ask it, too
            self.link.protocol.history.delete(self._item)
            self._item = None

    def send(self) -> None:
        """Hand up what may go up of the turn, and commit it when it is complete."""
        if self.link.protocol.state is not ProtocolState.READY:
            return
        now = self._loop.time()
        step = self._upload.step(now, self.link.queued_bytes)
        for batch in step.batches:
            self.link.protocol.append_audio(batch)
        if step.batches:
            self.link.flush()
            frames = sum(map(len, step.batches)) // SAMPLE_BYTES
            self._clock.note_sent(frames, now - self._upload.unsent_s)
            if not self._streaming:
                self._exchanges.appended(now)
        if step.commit:
            self.link.protocol.commit_audio()
            self.link.protocol.request_response(now)
            self.link.flush()
            self._exchanges.committed(now)
        if step.give_up:
            self.link.give_up("the uplink is slower than real time")
        due = self._upload.next_deadline()
        if due is not None and self._timer is None:
            self._timer = self._loop.call_at(due, self._send_more)

    def _send_more(self) -> None:
        self._timer = None
        self.send()
        self._on_progress()
