"""The sound card, through PyAudio in callback mode. Shell around PortAudio.

Callback mode only: closing a blocking stream while another thread reads or writes it corrupts the heap.

A device plugged in later is found once every stream here has been stopped, see `portaudio_library`.

A wedged device (no callbacks, yet `running`) makes `stop` hang; there is no cure within the process. Whoever
watches the age of the last period must end the process instead of calling `stop`. A device behind a sound
server that goes before its first period is such a one: PortAudio 19.6 then waits for frames in an endless
loop. So it does with every card that goes; but there the kernel tells, `running` is false, and `stop` ends
the loop.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hw.audio.callbacks import guarded_deliver, guarded_pull
from hw.audio.channels import spread
from hw.audio.heard import HeardPosition
from hw.audio.hush import hushed
from hw.audio.kernel import held_here, is_held, taken_cards
from hw.audio.negotiation import Combination, Wish, combinations, guess
from hw.audio.portaudio_library import (
    DEVICE_UNAVAILABLE,
    Refused,
    acquire,
    bindings,
    default_device,
    devices,
    list_devices,
    lock,
    offers,
    refuse_unless_it_takes,
    release,
)
from hw.audio.selection import AudioDevice, Direction, choose
from hw.errors import DeviceError, Fault
from hw.ports import SAMPLE_BYTES, AudioFormat, Deliver, Pull

if TYPE_CHECKING:
    import pyaudio

__all__ = ["DEFAULT_DEVICE", "PortAudioMicrophone", "PortAudioSpeaker", "list_devices"]

_log = logging.getLogger(__name__)

DEFAULT_DEVICE = "default"

# PaStreamCallbackFlags, portaudio.h
_INPUT_OVERFLOW = 2
_OUTPUT_UNDERFLOW = 4
_CONTINUE = 0  # paContinue

_Callback = Callable[[bytes | None, int, Mapping[str, float], int], tuple[bytes | None, int]]


class PortAudioMicrophone:
    """Captures from the device that `device` names: its whole name, a card (`hw:CARD=id`, `usb:2886:0018`), a
    part of its name, or a regular expression.

    `rate_hz` is tried first and others after it, see `negotiation`; `channels` is a demand. None: found out
    by the first `start`, and again when another device answers to the name. `channel` is the one that will be
    listened to, from 0, or "mix" for all: so many are opened. 20 ms is the shortest period that a busy board
    keeps up with.
    """

    def __init__(
        self,
        device: str = DEFAULT_DEVICE,
        *,
        rate_hz: int | None = None,
        channels: int | None = None,
        channel: int | Literal["mix"] = 0,
        period_ms: int = 20,
    ) -> None:
        self._stream = _Stream(device, Wish(rate_hz, channels, channel), period_ms, Direction.CAPTURE)
        self._deliver: Deliver | None = None
        self._overflows = 0

    @property
    def format(self) -> AudioFormat:
        return self._stream.format

    @property
    def running(self) -> bool:
        return self._stream.active

    @property
    def holds_device(self) -> bool:
        return self._stream.is_open

    @property
    def overflows(self) -> int:
        return self._overflows

    def start(self, deliver: Deliver) -> None:
        self._stream.refuse_if_open()
        self._deliver = guarded_deliver(deliver, self._stream.device)
        self._stream.open(self._captured)

    def stop(self) -> None:
        self._deliver = None
        self._stream.close()

    def _captured(
        self, pcm: bytes | None, frames: int, times: Mapping[str, float], flags: int
    ) -> tuple[bytes | None, int]:
        if flags & _INPUT_OVERFLOW:
            self._overflows += 1
        deliver = self._deliver
        if deliver is not None and pcm is not None:
            deliver(pcm)
        return None, _CONTINUE


class PortAudioSpeaker:
    """Plays to the device that `device` names, see `PortAudioMicrophone`, the same on all its channels.

    The device holds about three periods: 20 ms each survive a busy machine, 40 ms a very busy one.
    """

    def __init__(
        self,
        device: str = DEFAULT_DEVICE,
        *,
        rate_hz: int | None = None,
        channels: int | None = None,
        period_ms: int = 20,
    ) -> None:
        self._stream = _Stream(device, Wish(rate_hz, channels), period_ms, Direction.PLAYBACK)
        self._pull: Pull | None = None
        self._underflows = 0
        self._position = HeardPosition(self.format.rate_hz)
        self._position_lock = threading.Lock()  # device thread against whoever asks
        self._first_period = True

    @property
    def format(self) -> AudioFormat:
        return self._stream.format

    @property
    def running(self) -> bool:
        return self._stream.active

    @property
    def holds_device(self) -> bool:
        return self._stream.is_open

    @property
    def underflows(self) -> int:
        return self._underflows

    def heard_frames(self) -> int:
        with self._position_lock:
            return self._position.at(time.monotonic())

    def start(self, pull: Pull) -> None:
        self._stream.refuse_if_open()
        self._pull = guarded_pull(pull, SAMPLE_BYTES, self._stream.device)
        self._first_period = True
        self._stream.open(self._wanted, self._restarted)

    def stop(self) -> None:
        self._pull = None
        now = time.monotonic()
        self._stream.close()
        with self._position_lock:
            self._position.stopped(now)

    def _restarted(self, audio: AudioFormat) -> None:
        with self._position_lock:
            self._position.restarted(audio.rate_hz)

    def _wanted(
        self, pcm: bytes | None, frames: int, times: Mapping[str, float], flags: int
    ) -> tuple[bytes | None, int]:
        now = time.monotonic()
        if flags & _OUTPUT_UNDERFLOW and not self._first_period:  # before the first there was nothing to lose
            self._underflows += 1
        self._first_period = False
        pull = self._pull
        if pull is None:
            return bytes(frames * self.format.frame_bytes), _CONTINUE
        # PortAudio's clock is not ours: only the difference of its two times means something here.
        lead_s = times["output_buffer_dac_time"] - times["current_time"]
        if not 0 <= lead_s < 2 or times["output_buffer_dac_time"] <= 0:  # some drivers leave them empty
            lead_s = self._stream.output_latency_s
        played = pull(frames)
        with self._position_lock:
            self._position.buffer_pulled(frames, lead_s, now)
        return spread(played, self.format.channels), _CONTINUE


class _Stream:
    """One open stream, or none."""

    def __init__(self, device: str, wish: Wish, period_ms: int, direction: Direction) -> None:
        self.device = device
        self.output_latency_s = 0.0
        self._wish = wish
        self._period_ms = period_ms
        self._direction = direction
        self.format = self._format(guess(wish, direction))
        self._worked: tuple[AudioDevice, Combination] | None = None
        self._stream: pyaudio._Stream | None = None
        self._held: tuple[Path, ...] = ()
        # PyAudio gives no protection against a question to a stream that is just being closed.
        self._asking = threading.Lock()

    @property
    def active(self) -> bool:
        with self._asking:
            return self._stream is not None and self._stream.is_active() and all(map(is_held, self._held))

    @property
    def is_open(self) -> bool:
        return self._stream is not None

    def refuse_if_open(self) -> None:
        if self.is_open:
            raise RuntimeError(f"{self.device}: the {self._direction.value} is started already")

    def open(self, callback: _Callback, settled: Callable[[AudioFormat], None] = lambda audio: None) -> None:
        """`settled` is called with the format before the first callback, perhaps several times."""
        before = self.format
        with lock, hushed():
            library = acquire()
            try:
                found = self._find(library)
                stream = self._negotiate(library, found, callback, settled)
            except BaseException:
                self.format = before
                release()
                raise
        held = held_here(self._direction)
        with self._asking:
            self._stream, self._held = stream, held
        # A callback while the interpreter is going down ends in a segmentation fault.
        atexit.register(self.close)

    def close(self) -> None:
        with self._asking:
            stream, self._stream = self._stream, None
        if stream is None:
            return
        atexit.unregister(self.close)
        with lock, hushed():
            try:
                stream.close()  # drops what the device holds; stop_stream would play it first
            finally:
                release()

    def _find(self, library: pyaudio.PyAudio) -> AudioDevice:
        listed = devices(library)
        default = default_device(library, self._direction, listed) if self.device == DEFAULT_DEVICE else None
        return default or choose(listed, self.device, self._direction, taken_cards(self._direction))

    def _negotiate(
        self,
        library: pyaudio.PyAudio,
        found: AudioDevice,
        callback: _Callback,
        settled: Callable[[AudioFormat], None],
    ) -> pyaudio._Stream:
        """What worked last time needs one question; a device met for the first time some more."""
        worked = self._worked[1] if self._worked and self._worked[0].is_same_as(found) else None
        tried = combinations(self._wish, found, self._direction, worked)
        for combination in tried:
            try:
                refuse_unless_it_takes(library, found, self._direction, combination)
                self.format = self._format(combination)
                settled(self.format)
                stream = self._open(library, found, callback)
            except Refused as refused:
                if not refused.is_about_the_format:
                    raise self._unavailable(found, refused) from refused
            else:
                self._remember(found, combination)
                return stream
        raise self._unsupported(library, found, tried)

    def _format(self, combination: Combination) -> AudioFormat:
        rate_hz = combination.rate_hz
        return AudioFormat(rate_hz, combination.channels, max(1, rate_hz * self._period_ms // 1000))

    def _open(self, library: pyaudio.PyAudio, found: AudioDevice, callback: _Callback) -> pyaudio._Stream:
        capture = self._direction is Direction.CAPTURE
        try:
            stream = library.open(
                rate=self.format.rate_hz,
                channels=self.format.channels,
                format=bindings().paInt16,
                input=capture,
                output=not capture,
                input_device_index=found.index if capture else None,
                output_device_index=None if capture else found.index,
                frames_per_buffer=self.format.period_frames,
                stream_callback=callback,
                start=False,
            )
            self.output_latency_s = stream.get_output_latency()
            stream.start_stream()  # closes the stream itself when it fails
        except OSError as error:
            code, text = error.args if len(error.args) == 2 else (0, str(error))
            raise Refused(code, text) from error
        return stream

    def _remember(self, found: AudioDevice, combination: Combination) -> None:
        known = self._worked and self._worked[0].is_same_as(found) and self._worked[1] == combination
        if self._wish.rate_hz not in (None, combination.rate_hz) and not known:
            _log.warning(
                "%s: the %s does not do %d Hz; opened at %s",
                self._name(found),
                self._direction.value,
                self._wish.rate_hz,
                combination,
            )
        self._worked = (found, combination)

    def _name(self, found: AudioDevice) -> str:
        return found.name if self.device == DEFAULT_DEVICE else self.device

    def _unavailable(self, found: AudioDevice, refused: Refused) -> DeviceError:
        name = self._name(found)
        if refused.code == DEVICE_UNAVAILABLE:
            held = {card.id: who for card, who in taken_cards(self._direction).items()}
            who = held.get(found.card_id, "another program")
            remedy = "End the other program, or name a device that can be shared, such as 'default'."
            return DeviceError(Fault.BUSY, name, f"{who} is using it ({refused.text})", remedy)
        detail = f"it does not open ({refused.text})"
        return DeviceError(Fault.LOST, name, detail, "Check that it is plugged in.")

    def _unsupported(
        self, library: pyaudio.PyAudio, found: AudioDevice, tried: Sequence[Combination]
    ) -> DeviceError:
        rates = ", ".join(map(str, dict.fromkeys(combination.rate_hz for combination in tried)))
        counts = ", ".join(map(str, dict.fromkeys(combination.channels for combination in tried)))
        most = found.channels(self._direction)
        if tried:
            detail = f"it does none of what was tried, {rates} Hz with {counts} ch"
        elif self._wish.channels:
            detail = f"it does not do {self._wish.channels} ch, it has {most}"
        else:
            detail = f"it has no channel {self._wish.channel} (they count from 0), it has {most}"
        offered = offers(library, found, self._direction)
        if offered:
            detail += f"; it does {'; '.join(map(str, offered))}"
        remedy = "Set rate and channels to one of these." if offered else "Name another device."
        return DeviceError(Fault.UNSUPPORTED, self._name(found), detail, remedy)
