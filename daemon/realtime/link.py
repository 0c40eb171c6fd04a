"""Keeps one Realtime session alive: connects, feeds the protocol, reconnects.

Shell around a transport and the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from daemon.realtime.backoff import Backoff
from daemon.realtime.losses import NetworkCame, SessionRefused, SessionRenewed, SessionRested
from daemon.realtime.model_events import (
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEvent,
    RealtimeModelSessionReadyEvent,
    RealtimeModelSessionRefusedEvent,
)
from daemon.realtime.protocol import RealtimeProtocol
from daemon.realtime.transports.port import (
    ProbedTransport,
    Refusal,
    Transport,
    TransportClosed,
    TransportRefused,
    UplinkCongested,
)

log = logging.getLogger("harkd.link")

SLOW_REFUSALS = frozenset({Refusal.KEY, Refusal.FORBIDDEN, Refusal.MODEL, Refusal.QUOTA})
"""Trying again soon cannot help: someone has to change a key, a name or a bill first."""


STEADY_S = 10.0
"""A session that was ready for this long was a success; one lost sooner may be lost the same way again."""


STALE_ATTEMPT_S = 3.0
"""An attempt that has taken so long when the network changes is begun anew; most are done by then."""

STALE_APART_S = 15.0
"""Not sooner after the last one: a network that comes and goes must not keep every attempt from its end."""


class RealtimeLink:
    """Owns the connection. The owner calls verbs on `protocol`, then `flush`; events come back to `on_event`.

    Everything runs on one loop and `on_event` is called from there, never from within itself. A frame that
    cannot be sent in time ends the connection, not the caller.
    """

    def __init__(
        self,
        protocol: RealtimeProtocol,
        open_transport: Callable[[], Transport],
        on_event: Callable[[RealtimeModelEvent], None],
        backoff: Backoff,
        *,
        at_rest: bool = False,
    ) -> None:
        """`at_rest`: the first connection is not opened before `connect_now`."""
        self.protocol = protocol
        self._open_transport = open_transport
        self._on_event = on_event
        self._backoff = backoff
        self._transport: Transport | None = None
        self._session: asyncio.Task[None] | None = None
        self._broken: Exception | None = None
        self.last_loss: Exception | None = None  # why the latest connection, or attempt, ended
        self._ready_at: float | None = None
        self._hurry = asyncio.Event()
        self._at_rest = at_rest
        self._attempt_at = 0.0
        self._anew_at = float("-inf")  # when an attempt was last begun anew for the network
        self._soon: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: float | None = None
        self._flushing = False
        self._told = ""  # the last loss that the journal was told of: a night without a network is one

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
        try:
            if self._at_rest:
                await self._pause(self._tell_lost(SessionRested("connects when it is needed")))
            while True:
                self._on_event(RealtimeModelConnectionStatusEvent("connecting"))
                transport = self._open_transport()
                try:
                    retry_in_s = self._tell_lost(await self._one_connection(transport))
                finally:
                    self._transport = None
                    await transport.close()
                await self._pause(retry_in_s)
        finally:
            for timer in (self._timer, self._soon):
                if timer is not None:
                    timer.cancel()

    def _tell_lost(self, reason: Exception) -> float | None:
        """The owner learns of the loss first, then of what is lost with it; answers the seconds to wait, None
        for until somebody asks."""
        self._transport = None
        self.last_loss = reason
        retry_in_s = self._retry_in_s(reason)
        again = str(reason) == self._told
        self._told = str(reason)
        log.log(
            logging.DEBUG if again else logging.INFO,
            "no connection: %s; next attempt %s",
            reason,
            "when it is needed" if retry_in_s is None else f"in {retry_in_s:.1f} s",
        )
        self._on_event(RealtimeModelConnectionStatusEvent("disconnected", str(reason), retry_in_s))
        self.protocol.connection_lost(asyncio.get_running_loop().time())
        self.flush()
        return retry_in_s

    def connect_now(self) -> None:
        """End the back-off, or the rest: somebody is waiting."""
        self._hurry.set()

    @property
    def connected(self) -> bool:
        """There is a connection, if perhaps not yet a session."""
        return self._transport is not None

    @property
    def resting(self) -> bool:
        """There is no connection because nobody needs one."""
        return self._pausing and isinstance(self.last_loss, SessionRested)

    @property
    def blocked(self) -> bool:
        """Somebody has to change a key, a name or a bill before there can be a connection."""
        return self._transport is None and _needs_somebody(self.last_loss)

    @property
    def queued_bytes(self) -> int:
        """What was given to the connection and has not left it; 0 without one."""
        return 0 if self._transport is None else self._transport.queued_bytes

    def give_up(self, reason: str) -> None:
        """The owner finds the connection too slow to be of use: open another one."""
        self._break(UplinkCongested(reason))

    def use(self, open_transport: Callable[[], Transport]) -> None:
        """Make the transports of later connections in this way."""
        self._open_transport = open_transport

    def renew(self, reason: str) -> None:
        """Close the connection, or the attempt at one, and open another at once; the conversation goes on.

        Harmless at rest: the next connection is another one anyway.
        """
        if self.resting:
            return
        self._close_on_purpose(SessionRenewed(reason))
        if self._pausing:
            self.connect_now()

    def rest(self, reason: str) -> None:
        """Close the connection until `connect_now`, or until the protocol wants an answer.

        Without a connection there is nothing to close, and whoever tries to open one goes on.
        """
        if self._transport is not None and not self.protocol.response_active:
            self._close_on_purpose(SessionRested(reason))

    def network_changed(self, *, came: bool) -> None:
        """An address, a route or a carrier has gone, or, if `came`, there is a new one.

        What is connected is tried at once: it may have survived. What waits does so no longer, unless for
        something that a network does not change.
        """
        if isinstance(self._transport, ProbedTransport):
            self._transport.probe()
        if not came or self._transport is not None or self.resting or self.blocked:
            return
        loop = asyncio.get_running_loop()
        if self._pausing:
            if self._soon is not None:
                self._soon.cancel()
            self._soon = loop.call_later(self._backoff.network_came(), self._hurry.set)
        elif loop.time() > max(self._attempt_at + STALE_ATTEMPT_S, self._anew_at + STALE_APART_S):
            self._anew_at = loop.time()
            self._break(NetworkCame("the network has changed"))
        else:
            self._hurry.set()  # should this attempt fail, too

    @property
    def _pausing(self) -> bool:
        return self._session is None or self._session.done()

    def _close_on_purpose(self, why: Exception) -> None:
        """What the owner wants said from here on waits for the next session."""
        self._break(why)
        if not self.protocol.response_active:  # else it is told that its answer is lost
            self.protocol.connection_lost(asyncio.get_running_loop().time())

    def flush(self) -> None:
        """Send what the protocol wants sent and tell the owner what it has to tell, until both are done."""
        if not self._flushing:  # else called from `on_event`: whoever told it takes it along
            self._flush(sending=True)

    def _flush(self, *, sending: bool) -> None:
        self._flushing = True
        try:
            going_on = True
            while going_on:
                sent = sending and self._send_frames()
                going_on = self._tell_events() or sent
        finally:
            self._flushing = False
        if self._transport is None and self.resting and self.protocol.response_active:
            self.connect_now()
        self._rearm()

    def _send_frames(self) -> bool:
        """Whether there were any."""
        frames = self.protocol.frames_to_send()
        for frame in frames:
            if self._transport is None or self._broken is not None:
                break
            try:
                self._transport.send(frame)
            except (UplinkCongested, TransportClosed) as error:
                self._break(error)
        return bool(frames)

    def _tell_events(self) -> bool:
        """Whether there were any."""
        events = self.protocol.events()
        for event in events:
            if isinstance(event, RealtimeModelSessionReadyEvent):
                self._ready_at = asyncio.get_running_loop().time()
            elif isinstance(event, RealtimeModelSessionRefusedEvent):
                # A server that does not answer is in trouble; one that refuses will do so again.
                error = (
                    SessionRefused(event.message) if event.answered else TransportClosed(1006, event.message)
                )
                self._break(error)
            self._on_event(event)
        return bool(events)

    def _break(self, error: Exception) -> None:
        """End the connection from outside the task that reads it."""
        if self._broken is None and self._session is not None and not self._session.done():
            self._broken = error
            self._session.cancel()

    async def _one_connection(self, transport: Transport) -> Exception:
        """One connection from first to last; answers why it ended."""
        self._broken = self._ready_at = None
        self._hurry.clear()
        if self._soon is not None:
            self._soon.cancel()
        self._attempt_at = asyncio.get_running_loop().time()
        self._session = asyncio.create_task(self._converse(transport), name="realtime session")
        try:
            await self._session
        except (TransportRefused, TransportClosed, UplinkCongested) as error:
            return error
        except asyncio.CancelledError:
            stopped = asyncio.current_task()
            if self._broken is None or (stopped and stopped.cancelling()):  # from above, not only by `_break`
                self._session.cancel()
                await asyncio.gather(self._session, return_exceptions=True)
                raise
            return self._broken
        except Exception as error:  # supervision point: a bug costs the connection, not the box
            log.exception("the session ended on an error of ours")
            return error
        raise AssertionError("a session never ends by itself")

    async def _converse(self, transport: Transport) -> None:
        loop = asyncio.get_running_loop()
        await transport.connect()
        self._transport = transport
        self._hurry.clear()  # whoever was in a hurry got what they wanted
        log.info("connected")
        self._told = ""
        self._on_event(RealtimeModelConnectionStatusEvent("connected"))
        self.protocol.connection_made(loop.time())
        self.flush()
        await transport.receive_into(self._received)

    def _received(self, frame: str | bytes) -> None:
        """What it means is told now; what is to be sent for it goes out in the next turn of the loop, after
        those who were told: a loudspeaker falls silent before the server hears of it.
        """
        if self._broken is not None:
            return
        loop = asyncio.get_running_loop()
        self.protocol.receive(frame, loop.time())
        self._flush(sending=False)
        if self.protocol.has_output:
            loop.call_soon(self.flush)

    def _retry_in_s(self, reason: Exception) -> float | None:
        if isinstance(reason, SessionRested):
            return None
        if isinstance(reason, SessionRenewed):
            return 0.0
        if isinstance(reason, NetworkCame):
            return self._backoff.network_came()
        if self._ready_at is not None and asyncio.get_running_loop().time() >= self._ready_at + STEADY_S:
            self._backoff.succeeded()
        return self._backoff.refused() if _needs_somebody(reason) else self._backoff.failed()

    async def _pause(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _rearm(self) -> None:
        """A deadline that has moved away is looked at when it would have been: it moves with every delta."""
        due, armed = self.protocol.next_deadline(), self._timer_due
        if due == armed or (due is not None and armed is not None and due > armed):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = self._timer_due = None
        self.protocol.tick(asyncio.get_running_loop().time())
        self.flush()


def _needs_somebody(loss: Exception | None) -> bool:
    refused = isinstance(loss, TransportRefused) and loss.refusal in SLOW_REFUSALS
    return refused or isinstance(loss, SessionRefused)
