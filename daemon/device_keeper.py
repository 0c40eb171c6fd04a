"""Keeps microphone and loudspeaker open and working. Shell around the thread that calls their drivers."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.bridge import call_soon
from daemon.health import Changed, Close, DeviceHealth, Open, OpenFailure, Port, PortState
from daemon.journal import DEVICE
from daemon.records import dataclass

log = logging.getLogger("harkd")

STOP_S = 2.0
"""How long `stop` waits for devices to close: a service manager waits longer, a person hardly."""

LOG_LINES = 6
LOG_WINDOW_S = 600.0
"""A loose plug changes a port's state twice a second; the journal gets this many lines in this time."""

SOUND_DEVICES = "/dev/snd"


class Device(Protocol):
    """What both ports have in common; `hw.ports` says what it means."""

    @property
    def format(self) -> object: ...

    @property
    def running(self) -> bool: ...

    @property
    def holds_device(self) -> bool: ...

    def stop(self) -> None: ...


class Microphone(Device, Protocol):
    def start(self, deliver: Callable[[bytes], None]) -> None: ...


class Speaker(Device, Protocol):
    def start(self, pull: Callable[[int], bytes]) -> None: ...


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A port is in another state, or talks in another format from now on.

    `new_format`: read the device's format and rebuild what depends on it; nothing in the new format is passed
    on before `on_change` has returned.
    """

    port: Port
    state: PortState
    reason: str
    new_format: bool = False


CallDevice = Callable[[Callable[[], None], Callable[[Exception | None], None]], None]
"""Does the first without holding up the loop, then calls the second on a later turn of it, with what the
first raised."""


class DeviceKeeper:
    """Owns the two devices: nobody else starts or stops them. On the loop's thread only.

    Devices are opened and closed on one thread of their own, for that takes 20 to 100 ms and may hang.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        microphone: Microphone,
        speaker: Speaker,
        *,
        deliver: Callable[[bytes], None],
        pull: Callable[[int], bytes],
        on_change: Callable[[DeviceChange], None],
        failure_of: Callable[[Exception], OpenFailure | None],
        in_use: Callable[[], bool],
        health: DeviceHealth | None = None,
        call: CallDevice | None = None,
        cards: Callable[[], int | None] | None = None,
    ) -> None:
        """`deliver` and `pull` are called on the devices' threads, as in `hw.ports`.

        `failure_of` says what an error of a driver means, None for one that no waiting will mend. `in_use`:
        as in `DeviceHealth.step`. `call` and `cards` are for tests: how a device is called, and what tells
        that other sound cards are there.
        """
        self._loop = loop
        self._health = health or DeviceHealth()
        self._ears = _Ears(microphone, deliver, loop.time)
        self._mouth = _Mouth(speaker, pull, loop.time)
        self._sides: dict[Port, _Ears | _Mouth] = {Port.MICROPHONE: self._ears, Port.SPEAKER: self._mouth}
        self._on_change = on_change
        self._failure_of = failure_of
        self._in_use = in_use
        self._worker = _DeviceThread(loop)
        self._call: CallDevice = call or self._worker
        self._cards = cards or sound_cards_seen
        self._timer: asyncio.TimerHandle | None = None
        self._news: deque[DeviceChange] = deque()  # a few: each turn adds at most three and empties it
        self._telling = False
        self._moved = asyncio.Event()
        self._journal = {port: _Journal(port) for port in Port}
        self._beyond_waiting: Exception | None = None
        self._successors: dict[Port, tuple[Any, Callable[[], None]]] = {}  # devices to go on with
        self._started = False
        self._stopped = False

    # ---- for the box -------------------------------------------------------------------

    def want(self, port: Port, on: bool) -> None:
        """Have it open from now on, or closed. Of a microphone not wanted nothing is passed on from here.

        Costs nothing when it is wanted so already: it may be said after every step of the box.
        """
        if self._sides[port].wanted is on:
            return
        if port not in self._successors:
            self._health.want(port, on, self._loop.time())
        self._sides[port].wanted = on
        self._turn()

    def exchange(self, port: Port, successor: Any, on_exchanged: Callable[[], None]) -> None:
        """Go on with another device in place of this one, a `Microphone` or a `Speaker` as it is.

        As soon as this one is closed `on_exchanged` is called, and the other one is opened, if wanted; what
        it talks is new to the box, even if it is the same. One that hangs is not exchanged.
        """
        self._successors[port] = (successor, on_exchanged)
        self._health.want(port, False, self._loop.time())
        self._turn()

    async def switch(self, port: Port, on: bool) -> str | None:
        """`want`, and wait until the device is really open or closed; answers why it is not, or None.

        A device that cannot be opened now is tried again and again all the same. Takes at most some seconds,
        if the driver hangs. Not before `start`.
        """
        self.want(port, on)
        about = self._health[port]
        await self._until(lambda: about.wanted is not on or self._health.settled(port))
        if about.wanted is not on:
            return f"somebody has {'closed' if on else 'opened'} the {port.value} meanwhile"
        if not on and self._sides[port].device.holds_device:
            return self._health.obstacle(port) or f"the driver of the {port.value} does not let go of it"
        return self._health.obstacle(port) or None

    async def start(self) -> None:
        """Begin to keep what is wanted open; returns when each has been tried once.

        A device that is missing or busy is waited for. Raises what a driver raised, if waiting will not mend
        it: call `stop` then, too.
        """
        self._started = True
        self._turn()
        await self._until(lambda: all(self._health.settled(port) for port in Port))
        if self._beyond_waiting is not None:
            raise self._beyond_waiting

    async def stop(self) -> bool:
        """Close both and answer whether they are closed; at most `STOP_S`.

        If not, a driver hangs, and would hang the interpreter's exit as well: end with `os._exit`.
        """
        self._successors.clear()
        for port in Port:
            self._health.want(port, False, self._loop.time())
            self._sides[port].wanted = False
        self._turn()
        try:
            async with asyncio.timeout(STOP_S):
                await self._until(lambda: all(self._health.settled(port) for port in Port))
        except TimeoutError:
            log.warning("a sound device does not close; leaving it")
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        closed = not any(self._health[port].held or self._health.calls(port) for port in Port)
        self._worker.stop(wait=closed)
        return closed

    def healthy(self) -> bool:
        """False when only a new process helps; what the watchdog must be told by."""
        return self._health.healthy(self._loop.time())

    def state(self, port: Port) -> PortState:
        return self._health[port].state

    def status(self, port: Port) -> dict[str, Any]:
        """Plain JSON values. `holds_device` is the driver's own word."""
        about, side, now = self._health[port], self._sides[port], self._loop.time()
        last_period_at = side.last_period_at
        return {
            "state": about.state.value,
            "for_s": round(now - about.since, 1),
            "reason": about.reason,
            "reopened": about.reopened,
            "last_period_ms": round((now - last_period_at) * 1000) if about.held and last_period_at else None,
            "holds_device": side.device.holds_device,
        }

    # ---- the turns ---------------------------------------------------------------------

    def _turn(self, due: float = 0.0) -> None:
        """Look, decide, begin what is to be done, and look again in time."""
        if not self._started or self._stopped:
            return
        now = max(self._loop.time(), due)  # a timer may fire a clock's tick too soon
        for port, side in self._sides.items():
            if self._health.looks_at(port):
                self._health.look(
                    port,
                    now,
                    running=side.device.running,
                    last_period_at=side.last_period_at,
                    zeros_since=side.zeros_since,
                )
        if self._health.seeking:
            self._health.cards(self._cards(), now)
        for journal in self._journal.values():
            journal.catch_up(now)
        for command in self._health.step(now, self._in_use()):
            if isinstance(command, Changed):
                self._journal[command.port].note(command, now)
                self._news.append(DeviceChange(command.port, command.state, command.reason))
            else:
                self._begin(command)
        if self._exchange_closed(now):
            self._turn()
            return
        self._set_timer()
        self._moved.set()
        self._moved = asyncio.Event()
        self._tell()

    def _exchange_closed(self, now: float) -> bool:
        closed = [port for port in self._successors if self._is_closed(port)]
        for port in closed:
            successor, on_exchanged = self._successors.pop(port)
            self._sides[port].use(successor)
            on_exchanged()
            self._health.want(port, self._sides[port].wanted, now)
        return bool(closed)

    def _is_closed(self, port: Port) -> bool:
        return self._health[port].state is PortState.CLOSED and not self._health.calls(port)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._health.next_deadline()
        self._timer = None if due is None else self._loop.call_at(due, self._turn, due)

    def _tell(self) -> None:
        """Pass the news on, in order even if the one told wants something else at once."""
        if self._telling:
            return
        self._telling = True
        try:
            while self._news:
                change = self._news.popleft()
                try:
                    self._on_change(change)
                except Exception:  # supervision point: the other device, and the next change, must not suffer
                    log.exception("error of ours at %s", change)
                    continue
                if change.new_format:
                    self._sides[change.port].accept_format()
        finally:
            self._telling = False

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            await self._moved.wait()

    # ---- device calls ------------------------------------------------------------------

    def _begin(self, command: Open | Close) -> None:
        side = self._sides[command.port]
        if isinstance(command, Open):
            side.last_period_at = side.zeros_since = None
            self._call(side.start, lambda error: self._opened(command.port, error))
        else:
            self._call(side.device.stop, lambda error: self._closed(command.port, error))

    def _opened(self, port: Port, error: Exception | None) -> None:
        now, side = self._loop.time(), self._sides[port]
        if error is None:
            self._health.opened(port, now)
            if not side.format_accepted:
                about = self._health[port]
                self._news.append(DeviceChange(port, about.state, about.reason, new_format=True))
        else:
            self._health.open_failed(port, self._meaning(port, error), str(error), now)
        self._turn()

    def _closed(self, port: Port, error: Exception | None) -> None:
        if error is not None:
            log.error("closing the %s failed", port.value, exc_info=error)
        self._health.closed(port, self._loop.time())
        self._turn()

    def _meaning(self, port: Port, error: Exception) -> OpenFailure:
        failure = self._failure_of(error)
        if failure is None:
            if self._beyond_waiting is None:
                log.error("the %s does not open", port.value, exc_info=error)
            self._beyond_waiting = self._beyond_waiting or error
        return failure or OpenFailure.AWAY


class _Side:
    """One port, between its device's thread and the loop. Each attribute is written by one of them only,
    except when the device is closed."""

    def __init__(self, device: Device, clock: Callable[[], float]) -> None:
        self.device = device
        self.wanted = False
        self.last_period_at: float | None = None
        self.zeros_since: float | None = None
        self._clock = clock
        self._accepted: object = device.format

    @property
    def format_accepted(self) -> bool:
        """What the device talks now is what the box was told last."""
        now = self.device.format
        return now is self._accepted or now == self._accepted

    def accept_format(self) -> None:
        self._accepted = self.device.format

    def use(self, device: Any) -> None:
        """Another device, closed, in place of this one, which is closed, too."""
        self.device = device
        self._accepted = None


class _Ears(_Side):
    def __init__(
        self, microphone: Microphone, deliver: Callable[[bytes], None], clock: Callable[[], float]
    ) -> None:
        super().__init__(microphone, clock)
        self.device: Microphone
        self._deliver = deliver
        self._zeros = b""

    def start(self) -> None:
        self.device.start(self._captured)

    def _captured(self, pcm: bytes) -> None:
        """Device thread."""
        now = self._clock()
        self.last_period_at = now
        if len(self._zeros) != len(pcm):
            self._zeros = bytes(len(pcm))
        if pcm != self._zeros:  # ends at the first sample that is none, so sound costs nothing
            self.zeros_since = None
        elif self.zeros_since is None:
            self.zeros_since = now
        if self.wanted and self.format_accepted:
            self._deliver(pcm)


class _Mouth(_Side):
    def __init__(self, speaker: Speaker, pull: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        super().__init__(speaker, clock)
        self.device: Speaker
        self._pull = pull

    def start(self) -> None:
        self.device.start(self._wanted_frames)

    def _wanted_frames(self, frames: int) -> bytes:
        """Device thread."""
        self.last_period_at = self._clock()
        return self._pull(frames) if self.format_accepted else bytes(frames * SAMPLE_BYTES)


class _DeviceThread:
    """Does device calls one after the other. Bound: one; `DeviceHealth` begins none before the last ended.

    A daemon thread, so that one that hangs does not keep the process.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: queue.SimpleQueue[
            tuple[Callable[[], None], Callable[[Exception | None], None]] | None
        ] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def __call__(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sound devices", daemon=True)
            self._thread.start()
        self._calls.put((work, done))

    def stop(self, *, wait: bool) -> None:
        self._calls.put(None)
        if wait and self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            work, done = call
            error: Exception | None = None
            try:
                work()
            except Exception as raised:  # noqa: BLE001 - supervision point: whoever asked logs or raises it
                error = raised
            call_soon(self._loop, done, error)


class _Journal:
    """One line for each trouble and one for its end, at most `LOG_LINES` in `LOG_WINDOW_S`.

    Of those beyond only the last is kept, and written when there is room again.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self._written_at: deque[float] = deque(maxlen=LOG_LINES)
        self._troubled = False
        self._waiting: Changed | None = None
        self._left_out = 0

    def note(self, change: Changed, now: float) -> None:
        if change.reason or (self._troubled and change.state is PortState.WORKING):
            self._troubled = bool(change.reason)
            self._left_out += self._waiting is not None
            self._waiting = change
            self.catch_up(now)

    def catch_up(self, now: float) -> None:
        full = len(self._written_at) == LOG_LINES and now - self._written_at[0] < LOG_WINDOW_S
        if self._waiting is None or full:
            return
        change, self._waiting = self._waiting, None
        left_out, self._left_out = self._left_out, 0
        self._written_at.append(now)
        also = f" ({left_out} changes before were not logged)" if left_out else ""
        if change.reason:
            told = DEVICE(device=self._port.value, state=change.state.value, reason=change.reason)
            log.warning("%s %s: %s%s", self._port.value, change.state.value, change.reason, also, extra=told)
        else:
            told = DEVICE(device=self._port.value, state=change.state.value)
            log.info("%s works again%s", self._port.value, also, extra=told)


def sound_cards_seen(directory: str = SOUND_DEVICES) -> int | None:
    """Another number after a sound card came or went; None on a machine whose kernel has none at all."""
    try:
        return os.stat(directory).st_mtime_ns  # a device node was made or taken away
    except OSError:
        return None
