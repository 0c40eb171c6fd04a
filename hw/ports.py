"""The seams between the appliance and its devices. Pure.

Audio is signed 16-bit little-endian PCM, interleaved, in `bytes`. A *frame* is one sample per channel;
a *period* is what a device hands over at once. Every driver of a port passes the suite of that port in
`tests/contract/`, the fakes in `hw/fakes.py` included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How a device talks: `rate_hz` frames per second of `channels` samples, `period_frames` at a time."""

    rate_hz: int
    channels: int
    period_frames: int

    @property
    def frame_bytes(self) -> int:
        return SAMPLE_BYTES * self.channels

    @property
    def period_bytes(self) -> int:
        return self.period_frames * self.frame_bytes

    @property
    def period_s(self) -> float:
        return self.period_frames / self.rate_hz


Deliver = Callable[[bytes], None]
"""Takes one captured period. Called on the device's thread: must not block or raise."""

Pull = Callable[[int], bytes]
"""Given a number of frames, answers exactly that many. Called on the device's thread: must not block or
raise."""

OnEdge = Callable[[bool], None]
"""Takes True for pressed, False for released. May be called on any thread: must not block or raise."""


class Microphone(Protocol):
    """Delivers captured periods, gapless and in order, from `start` until `stop` returns."""

    @property
    def format(self) -> AudioFormat:
        """What is delivered: settled by `start`; before the first, the driver's best guess.

        A device that comes back as another one may talk differently: read it again after every `start`.
        """

    @property
    def holds_device(self) -> bool:
        """True from a `start` that succeeded until `stop` returns, whether anything is delivered or not.

        Asked of what holds the device, not remembered: it is the box's proof that it cannot listen.
        """

    @property
    def running(self) -> bool:
        """True while periods can be expected; False after `stop`, or once the device has gone."""

    @property
    def overflows(self) -> int:
        """How often the device lost input because it was not read in time."""

    def start(self, deliver: Deliver) -> None:
        """Open the device. Raises `DeviceError`; raises `RuntimeError` if already started."""

    def stop(self) -> None:
        """Close the device. No `deliver` begins after this returns. Harmless when not started."""


class Speaker(Protocol):
    """Pulls one period at a time and makes it sound.

    `pull` gives mono: a driver with more `channels` plays the same on all of them.
    """

    @property
    def format(self) -> AudioFormat:
        """How the device talks: settled by `start`; before the first, the driver's best guess."""

    @property
    def holds_device(self) -> bool:
        """True from a `start` that succeeded until `stop` returns."""

    @property
    def running(self) -> bool:
        """True while `pull` can be expected; False after `stop`, or once the device has gone."""

    @property
    def underflows(self) -> int:
        """How often the device ran dry because `pull` came too late."""

    def heard_frames(self) -> int:
        """Frames that have left the device by now: pulled since construction, minus what it still holds.

        Never decreases, never exceeds what was pulled; 0 before the first `start`. A new `start` counts what
        the last `stop` dropped as past, so that the position stays in step with whoever feeds `pull`.
        Callable from any thread.
        """

    def start(self, pull: Pull) -> None:
        """Open the device. Raises `DeviceError`; raises `RuntimeError` if already started."""

    def stop(self) -> None:
        """Close the device, dropping what it still holds. No `pull` begins after this returns.

        Harmless when not started.
        """


class Button(Protocol):
    """A push button, or anything that can be pressed and released."""

    def start(self, on_edge: OnEdge) -> None:
        """Begin to report edges. Raises `DeviceError`; raises `RuntimeError` if already started."""

    def stop(self) -> None:
        """Release the device. No `on_edge` begins after this returns. Harmless when not started."""

    def is_pressed(self) -> bool:
        """The level right now, read from the device; False when not started."""


class VoiceDetector(Protocol):
    """Says of one frame of mono audio whether it holds speech."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_frames(self) -> int:
        """Exactly how many frames `is_speech` takes."""

    def is_speech(self, window: bytes) -> bool:
        """Raises `ValueError` unless `window` is `window_frames` of mono PCM."""


class WakeWordDetector(Protocol):
    """Listens for the box's name."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_frames(self) -> int:
        """Exactly how many frames `hears` takes."""

    def hears(self, window: bytes) -> bool:
        """True once per utterance, with the window in which the word is complete.

        Raises `ValueError` unless `window` is `window_frames` of mono PCM.
        """

    def reset(self) -> None:
        """Forget what was heard: there is a gap before the next window."""


class VoiceProcessor(Protocol):
    """Makes a microphone's sound fit to be understood: echo cancelled, noise suppressed, level evened out.

    Every `near` is preceded by one `far`, silence included, so that both go on in step; `near` raises
    `RuntimeError` if it is not. Used by one thread.
    """

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_frames(self) -> int:
        """Exactly how many frames `far` and `near` take: 10 ms."""

    @property
    def gain_db(self) -> float:
        """How much louder the latest window was made to even out the level; 0 where that is not done.

        Whoever compares what went in with what came out must take it off.
        """

    def far(self, window: bytes) -> None:
        """What the loudspeaker lets out. Raises `ValueError` unless it is `window_frames` of mono PCM."""

    def near(self, window: bytes) -> bytes:
        """What the microphone heard in; the same length out. Raises `ValueError` as `far`."""

    def reset(self) -> None:
        """Forget the room: there is a gap before the next window."""


Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255 as the eye takes it: drivers correct for their lamps."""


class Light(Protocol):
    """One or more lamps that shine until told otherwise."""

    @property
    def pixels(self) -> int:
        """How many there are, at least 1."""

    @property
    def dims(self) -> bool:
        """False for lamps that are on or off: there any colour but black is on, and fading is wasted work."""

    def start(self) -> None:
        """Open the device, dark. Raises `DeviceError`; raises `RuntimeError` if already started."""

    def show(self, colours: Sequence[Colour]) -> None:
        """One colour per pixel, from now on; a lamp without colours shines as bright as its brightest.

        Never blocks for long. Raises `DeviceError` when the device has gone, `ValueError` for a wrong number
        of colours or values out of range, `RuntimeError` when not started.
        """

    def stop(self) -> None:
        """Dark, and closed. Harmless when not started."""
