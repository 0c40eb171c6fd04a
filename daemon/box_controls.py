"""The box as its tools see it. Shell around the loop's thread and the clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Protocol, TypeVar

from daemon.alarms import Alarms
from daemon.realtime.device import DeviceRefusal, RunningTimer
from daemon.timers import TimerError

CALL_S = 5.0
"""How long a tool on another thread waits for the loop, which is never busy for so long."""

T = TypeVar("T")


class Box(Protocol):
    """What of the daemon tools may reach; each call answers why it was refused, or None."""

    @property
    def alarms(self) -> Alarms: ...
    @property
    def volume_percent(self) -> int: ...
    def set_volume(self, percent: object) -> str | None: ...
    def change_volume(self, by_percent: int) -> int: ...
    def mute(self, on: bool) -> str | None: ...
    def stop_speaking(self) -> str | None: ...
    def status(self) -> dict[str, Any]: ...


class BoxControls:
    """A `daemon.realtime.device.DeviceControls`. Made on the loop's thread, called on any.

    What another thread asks for is done on the loop's, which is where everything else happens, too.
    """

    def __init__(self, box: Box, wall_clock: Callable[[], float]) -> None:
        self._box = box
        self._wall_clock = wall_clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def now_local(self) -> str:
        now = datetime.fromtimestamp(self._wall_clock()).astimezone()
        return f"{now:%A %Y-%m-%d %H:%M:%S %Z} (UTC{now:%z})"

    @property
    def volume_percent(self) -> int:
        return self._on_loop(lambda: self._box.volume_percent)

    def set_volume(self, percent: int) -> None:
        self._done(lambda: self._box.set_volume(percent))

    def change_volume(self, by_percent: int) -> int:
        return self._on_loop(lambda: self._box.change_volume(by_percent))

    def mute(self, on: bool) -> None:
        self._done(lambda: self._box.mute(on))

    def stop(self) -> None:
        self._done(lambda: self._box.stop_speaking())

    def set_timer(self, seconds: float, label: str) -> RunningTimer:
        return self._on_loop(lambda: self._set_timer(seconds, label))

    def timers(self) -> list[RunningTimer]:
        return self._on_loop(self._timers)

    def cancel_timer(self, timer_id: int) -> RunningTimer:
        return self._on_loop(lambda: self._cancel_timer(timer_id))

    def status(self) -> dict[str, Any]:
        status = self._on_loop(lambda: self._box.status())
        microphone = status["microphone"]
        return {
            "link": status["link"],
            "link_reason": status["link_reason"],
            "volume_percent": status["volume_percent"],
            "microphone": "muted" if microphone["muted"] else microphone["state"],
            "speaker": status["speaker"]["state"],
            "timers": status["timers"],
            "last_errors": status["last_errors"][-2:],
        }

    def _done(self, act: Callable[[], str | None]) -> None:
        refusal = self._on_loop(act)
        if refusal is not None:
            raise DeviceRefusal(refusal)

    # ---- on the loop's thread --------------------------------------------------------

    def _set_timer(self, seconds: float, label: str) -> RunningTimer:
        try:
            timer = self._box.alarms.set(seconds, label)
        except TimerError as error:
            raise DeviceRefusal(str(error)) from None
        return RunningTimer(timer.id, timer.label, seconds)

    def _timers(self) -> list[RunningTimer]:
        return [RunningTimer(t.id, t.label, left_s) for t, left_s in self._box.alarms.remaining()]

    def _cancel_timer(self, timer_id: int) -> RunningTimer:
        known = {timer.id: timer for timer in self._timers()}
        try:
            self._box.alarms.cancel(timer_id)
        except TimerError as error:
            raise DeviceRefusal(str(error)) from None
        return known[timer_id]

    def _on_loop(self, act: Callable[[], T]) -> T:
        """Raises what `act` raises, `DeviceRefusal` if the loop does not come to it."""
        if threading.get_ident() == self._thread:
            return act()
        done: Future[T] = Future()
        try:
            self._loop.call_soon_threadsafe(_carry_out, act, done)
            return done.result(CALL_S)
        except TimeoutError:
            done.cancel()  # nobody waits any more: do not do it later
            raise DeviceRefusal("the box is busy") from None
        except RuntimeError as error:
            if self._loop.is_closed():
                raise DeviceRefusal("the box is being switched off") from error
            raise


def _carry_out(act: Callable[[], T], done: Future[T]) -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(act())
    except Exception as error:  # noqa: BLE001  # it goes to whoever asked, on the other thread
        done.set_exception(error)
