"""Devices that do what their owner says, for tests and simulations. Pure.

Honest ones: they pass the same contract suites as the drivers, and refuse callers that break the contract.
Everything happens within the call that causes it.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Sequence

from hw.audio.channels import spread
from hw.errors import DeviceError, Fault
from hw.leds.colours import BLACK, require_colours
from hw.ports import SAMPLE_BYTES, AudioFormat, Colour, Deliver, OnEdge, Pull
from hw.wake.trigger import Trigger

MAX_FRAMES = 10_000


class FakeMicrophone:
    """Captures what its owner feeds it."""

    def __init__(self, *, rate_hz: int = 48000, channels: int = 1, period_ms: int = 10) -> None:
        self._period_ms = period_ms
        self._format = _format(rate_hz, channels, period_ms)
        self._plugged_format = self._format
        self._deliver: Deliver | None = None
        self._rest = bytearray()
        self._plugged = True
        self._lost = False
        self._overflows = 0
        self._periods_to_lose = 0

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def running(self) -> bool:
        return self._deliver is not None and not self._lost

    @property
    def holds_device(self) -> bool:
        return self._deliver is not None

    @property
    def overflows(self) -> int:
        return self._overflows

    def start(self, deliver: Deliver) -> None:
        if self._deliver is not None:
            raise RuntimeError("the fake microphone is started already")
        _require_plugged(self._plugged, "fake microphone")
        self._format = self._plugged_format
        self._rest.clear()
        self._lost = False
        self._deliver = deliver

    def stop(self) -> None:
        self._deliver = None

    def feed(self, pcm: bytes) -> None:
        """Sound at the microphone: delivered in whole periods, the rest with the next feed.

        Sound while it is not running is lost, as it is with a real one.
        """
        if not self.running:
            return
        self._rest += pcm
        period_bytes = self._format.period_bytes
        while len(self._rest) >= period_bytes and self._deliver is not None and not self._lost:
            period = bytes(self._rest[:period_bytes])
            del self._rest[:period_bytes]
            if self._periods_to_lose:
                self._periods_to_lose -= 1
            else:
                self._deliver(period)

    def overflow(self) -> None:
        """The device was not read in time: the next period is lost and the loss counted."""
        self._overflows += 1
        self._periods_to_lose += 1

    def unplug(self) -> None:
        self._plugged = False
        self._lost = True

    def plug(self, *, rate_hz: int | None = None, channels: int | None = None) -> None:
        """Back again, or another one that talks differently. What was running is not revived: `stop`, then
        `start`.
        """
        self._plugged = True
        self._plugged_format = _changed(self._plugged_format, rate_hz, channels, self._period_ms)


class FakeSpeaker:
    """Plays when its owner lets time pass, through a device buffer of `buffer_periods`."""

    def __init__(
        self, *, rate_hz: int = 48000, channels: int = 1, period_ms: int = 10, buffer_periods: int = 2
    ) -> None:
        self._period_ms = period_ms
        self._format = _format(rate_hz, channels, period_ms)
        self._plugged_format = self._format
        self._buffer_periods = buffer_periods
        self._pull: Pull | None = None
        self._buffer: deque[bytes] = deque()  # never more than buffer_periods
        self._played = bytearray()
        self._heard_frames = 0
        self._pulled_frames = 0
        self._underflows = 0
        self._plugged = True
        self._lost = False

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def running(self) -> bool:
        return self._pull is not None and not self._lost

    @property
    def holds_device(self) -> bool:
        return self._pull is not None

    @property
    def underflows(self) -> int:
        return self._underflows

    @property
    def pulled_frames(self) -> int:
        """Frames taken from `pull` since construction."""
        return self._pulled_frames

    @property
    def played(self) -> bytes:
        """Everything that has left the device since construction: it grows as long as it plays."""
        return bytes(self._played)

    def heard_frames(self) -> int:
        return self._heard_frames

    def start(self, pull: Pull) -> None:
        if self._pull is not None:
            raise RuntimeError("the fake speaker is started already")
        _require_plugged(self._plugged, "fake speaker")
        self._format = self._plugged_format
        self._heard_frames = self._pulled_frames
        self._lost = False
        self._pull = pull

    def stop(self) -> None:
        self._pull = None
        self._buffer.clear()

    def play(self, periods: int = 1) -> None:
        """Let `periods` pass: each is pulled, and pushes one out of the device's full buffer.

        Raises `ValueError` when `pull` does not answer exactly what it was asked for.
        """
        for _ in range(periods):
            if self._pull is None or self._lost:
                return
            pcm = self._pull(self._format.period_frames)
            wanted = self._format.period_frames * SAMPLE_BYTES
            if len(pcm) != wanted:
                raise ValueError(f"pull answered {len(pcm)} bytes, a period is {wanted}")
            self._pulled_frames += self._format.period_frames
            self._buffer.append(spread(bytes(pcm), self._format.channels))
            if len(self._buffer) > self._buffer_periods:
                self._played += self._buffer.popleft()
                self._heard_frames += self._format.period_frames

    def underflow(self) -> None:
        """The device ran dry: a period of silence nobody pulled leaves it, and is counted."""
        self._underflows += 1
        self._played += bytes(self._format.period_bytes)

    def unplug(self) -> None:
        self._plugged = False
        self._lost = True
        self._buffer.clear()

    def plug(self, *, rate_hz: int | None = None, channels: int | None = None) -> None:
        """Back again, or another one that talks differently. What was running is not revived: `stop`, then
        `start`.
        """
        self._plugged = True
        self._plugged_format = _changed(self._plugged_format, rate_hz, channels, self._period_ms)


class FakeButton:
    """A button under its owner's finger."""

    def __init__(self) -> None:
        self._on_edge: OnEdge | None = None
        self._down = False

    def start(self, on_edge: OnEdge) -> None:
        if self._on_edge is not None:
            raise RuntimeError("the fake button is started already")
        self._on_edge = on_edge

    def stop(self) -> None:
        self._on_edge = None

    def is_pressed(self) -> bool:
        return self._down and self._on_edge is not None

    def press(self, *, edge_lost: bool = False) -> None:
        """Push it down; `edge_lost`: the level changes, but nobody is told."""
        self._move(True, edge_lost)

    def release(self, *, edge_lost: bool = False) -> None:
        """Let it go; `edge_lost`: the level changes, but nobody is told."""
        self._move(False, edge_lost)

    def bounce(self, times: int) -> None:
        """A worn contact: away from the present level and back, `times` times, every edge reported."""
        for _ in range(times):
            self._move(not self._down, edge_lost=False)
            self._move(not self._down, edge_lost=False)

    def _move(self, down: bool, edge_lost: bool) -> None:
        if down == self._down:
            return
        self._down = down
        if self._on_edge is not None and not edge_lost:
            self._on_edge(down)


class FakeVoiceDetector:
    """Answers what `script` says, window by window; after its end, whether a sample reaches `threshold`."""

    def __init__(
        self,
        *,
        rate_hz: int = 16000,
        window_ms: int = 20,
        script: Iterable[bool] = (),
        threshold: int = 1000,
    ) -> None:
        self._rate_hz = rate_hz
        self._window_frames = rate_hz * window_ms // 1000
        self._script = deque(script)
        self._threshold = threshold

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    def is_speech(self, window: bytes) -> bool:
        if len(window) != self._window_frames * SAMPLE_BYTES:
            raise ValueError(f"a window is {self._window_frames} frames of mono PCM, got {len(window)} bytes")
        if self._script:
            return self._script.popleft()
        return max(abs(sample) for sample in memoryview(window).cast("h")) >= self._threshold


class FakeWakeWordDetector:
    """Takes any sound that reaches `threshold`, close to full scale, for its word."""

    def __init__(self, *, rate_hz: int = 16000, window_ms: int = 10, threshold: int = 32_000) -> None:
        self._rate_hz = rate_hz
        self._window_frames = rate_hz * window_ms // 1000
        self._trigger = Trigger((threshold - 1) / 32768, 1000 // window_ms)
        self.resets = 0

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    def hears(self, window: bytes) -> bool:
        if len(window) != self._window_frames * SAMPLE_BYTES:
            raise ValueError(f"a window is {self._window_frames} frames of mono PCM, got {len(window)} bytes")
        loudest = max(abs(sample) for sample in memoryview(window).cast("h"))
        return self._trigger.feed(loudest / 32768)

    def reset(self) -> None:
        self._trigger.reset()
        self.resets += 1


class FakeVoiceProcessor:
    """Takes what the loudspeaker lets out off what the microphone heard, sample by sample, if it cancels.

    That is right in a room without delay and walls. `agc` doubles what is left.
    """

    def __init__(self, *, rate_hz: int = 16000, echo_cancellation: bool = True, agc: bool = False) -> None:
        self._rate_hz = rate_hz
        self._window_frames = rate_hz // 100
        self._cancels = echo_cancellation
        self._factor = 2 if agc else 1
        self._far: bytes | None = None
        self._errors_to_come = 0
        self.resets = 0

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    @property
    def gain_db(self) -> float:
        return 20 * math.log10(self._factor)

    def far(self, window: bytes) -> None:
        self._require_whole(window)
        self._far = window

    def near(self, window: bytes) -> bytes:
        self._require_whole(window)
        if self._errors_to_come:
            self._errors_to_come -= 1
            raise OSError("the fake voice processor was told to fail")
        far, self._far = self._far, None
        if far is None:
            raise RuntimeError("the fake voice processor got a near window without its far window")
        echo = array("h", far if self._cancels else bytes(len(far)))
        left = (
            self._factor * (heard - played) for heard, played in zip(array("h", window), echo, strict=True)
        )
        return array("h", (max(-32768, min(32767, sample)) for sample in left)).tobytes()

    def reset(self) -> None:
        self._far = None
        self.resets += 1

    def fail(self, windows: int) -> None:
        """The next `windows` near windows raise `OSError`."""
        self._errors_to_come = windows

    def _require_whole(self, window: bytes) -> None:
        if len(window) != self._window_frames * SAMPLE_BYTES:
            raise ValueError(f"a window is {self._window_frames} frames of mono PCM, got {len(window)} bytes")


class FakeLight:
    """Lamps that remember what they showed."""

    def __init__(self, *, pixels: int = 1, dims: bool = True) -> None:
        self._pixels = pixels
        self._dims = dims
        self._colours: tuple[Colour, ...] | None = None
        self._plugged = True
        self._lost = False
        self._frames: deque[tuple[Colour, ...]] = deque(maxlen=MAX_FRAMES)

    @property
    def pixels(self) -> int:
        return self._pixels

    @property
    def dims(self) -> bool:
        return self._dims

    @property
    def running(self) -> bool:
        return self._colours is not None

    @property
    def colours(self) -> tuple[Colour, ...]:
        """What shines now."""
        return self._colours or (BLACK,) * self._pixels

    @property
    def frames(self) -> list[tuple[Colour, ...]]:
        """What was shown, the last `MAX_FRAMES` of it, oldest first."""
        return list(self._frames)

    def start(self) -> None:
        if self._colours is not None:
            raise RuntimeError("the fake light is started already")
        _require_plugged(self._plugged, "fake light")
        self._lost = False
        self._colours = (BLACK,) * self._pixels

    def show(self, colours: Sequence[Colour]) -> None:
        if self._colours is None:
            raise RuntimeError("the fake light is not started")
        require_colours(colours, self._pixels)
        if self._lost:
            raise DeviceError(Fault.LOST, "fake light", "it was unplugged", "Plug it in.")
        self._colours = tuple(colours)
        self._frames.append(self._colours)

    def stop(self) -> None:
        self._colours = None

    def unplug(self) -> None:
        self._plugged = False
        self._lost = True

    def plug(self) -> None:
        """Back again. What was running is not revived: `stop`, then `start`."""
        self._plugged = True


def _format(rate_hz: int, channels: int, period_ms: int) -> AudioFormat:
    return AudioFormat(rate_hz, channels, rate_hz * period_ms // 1000)


def _changed(now: AudioFormat, rate_hz: int | None, channels: int | None, period_ms: int) -> AudioFormat:
    return _format(rate_hz or now.rate_hz, channels or now.channels, period_ms)


def _require_plugged(plugged: bool, device: str) -> None:
    if not plugged:
        raise DeviceError(Fault.NOT_FOUND, device, "it is not plugged in", "Plug it in.")
