"""Devices that live by the loop's clock and keep nothing, so that a day of them costs no memory."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from hw.errors import DeviceError, Fault
from hw.ports import AudioFormat, Colour, Deliver, Pull

OPEN_S = 0.05
"""What opening and closing a device takes."""


class _Clocked:
    """Ticks once a period while it is open and plugged in."""

    def __init__(self, name: str, rate_hz: int, period_ms: int) -> None:
        self._name = name
        self._period_ms = period_ms
        self._format = self._plugged_format = AudioFormat(rate_hz, 1, rate_hz * period_ms // 1000)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._use: Any = None
        self._plugged, self._lost = True, False
        self.periods = 0

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def running(self) -> bool:
        return self._use is not None and not self._lost

    @property
    def holds_device(self) -> bool:
        return self._use is not None

    def start(self, use: Any) -> None:
        if self._use is not None:
            raise RuntimeError(f"the {self._name} is started already")
        if not self._plugged:
            raise DeviceError(Fault.NOT_FOUND, self._name, "it is not plugged in", "Plug it in.")
        self._format, self._lost, self._use = self._plugged_format, False, use
        self._begin()
        self._due = self._loop.time() + self._format.period_s
        self._timer = self._loop.call_at(self._due, self._tick)

    def _begin(self) -> None:
        pass

    def stop(self) -> None:
        self._use = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def unplug(self) -> None:
        self._plugged, self._lost = False, True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def plug(self, rate_hz: int) -> None:
        """Back again; what was running is not revived."""
        self._plugged = True
        self._plugged_format = AudioFormat(rate_hz, 1, rate_hz * self._period_ms // 1000)

    def _tick(self) -> None:
        self.periods += 1
        self._due += self._format.period_s
        self._timer = self._loop.call_at(self._due, self._tick)
        self._pass()

    def _pass(self) -> None:
        raise NotImplementedError


class DayMicrophone(_Clocked):
    """Hears `level` in every sample but one every 10 ms, or it would be no sound; a quiet room is 3."""

    def __init__(self, rate_hz: int = 24_000, period_ms: int = 20) -> None:
        super().__init__("microphone", rate_hz, period_ms)
        self.overflows = 0
        self.level = 3
        self._heard = (0, b"")

    def start(self, deliver: Deliver) -> None:
        super().start(deliver)

    def _pass(self) -> None:
        key = self.level * 100_000 + self._format.period_frames
        if self._heard[0] != key:
            heard = array("h", [self.level] * self._format.period_frames)
            for at in range(100, len(heard), 240):
                heard[at] = 0
            self._heard = (key, heard.tobytes())
        self._use(self._heard[1])


class DaySpeaker(_Clocked):
    """Lets out what it pulled two periods ago, and remembers when it last was not silence."""

    def __init__(self, rate_hz: int = 24_000, period_ms: int = 20) -> None:
        super().__init__("loudspeaker", rate_hz, period_ms)
        self.underflows = 0
        self.sounded_at = float("-inf")
        self._pulled_frames = self._pulled_before = 0
        self._silence = b""

    def start(self, pull: Pull) -> None:
        super().start(pull)

    def _begin(self) -> None:
        self._pulled_before = self._pulled_frames
        self._silence = bytes(self._format.period_bytes)

    def heard_frames(self) -> int:
        return max(self._pulled_before, self._pulled_frames - 2 * self._format.period_frames)

    def _pass(self) -> None:
        pcm = self._use(self._format.period_frames)
        self._pulled_frames += self._format.period_frames
        if pcm != self._silence:
            self.sounded_at = self._loop.time()


class DayLight:
    """A light that counts its frames."""

    pixels = 1
    dims = True

    def __init__(self) -> None:
        self.shown = 0

    def start(self) -> None:
        pass

    def show(self, colours: Sequence[Colour]) -> None:
        self.shown += 1

    def stop(self) -> None:
        pass


class DayVoiceDetector:
    """Speech is what is louder than the room, by the first sample of a window."""

    rate_hz = 24_000
    window_frames = 480

    def is_speech(self, window: bytes) -> bool:
        return abs(int.from_bytes(window[:2], "little", signed=True)) > 1000


def call_in_time(work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
    """Opens and closes a device after `OPEN_S`."""

    def do() -> None:
        error = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001  as the keeper's own thread does
            error = raised
        done(error)

    asyncio.get_running_loop().call_later(OPEN_S, do)
