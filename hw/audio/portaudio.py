"""The sound card, through PyAudio in callback mode. Shell around PortAudio.

Callback mode only: closing a blocking stream while another thread reads or writes it corrupts the heap.

PortAudio lists devices when its first user in the process arrives and keeps that list until its last user has
gone: a device plugged in later is found once every stream here has been stopped.

A wedged device (no callbacks, yet `running`) makes `stop` hang; there is no cure within the process. Whoever
watches the age of the last period must end the process instead of calling `stop`. A device that goes before
its first period is such a one: PortAudio 19.6 then waits for frames in an endless loop.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from hw.audio.callbacks import guarded_deliver, guarded_pull
from hw.audio.heard import HeardPosition
from hw.audio.selection import AudioDevice, Direction, choose
from hw.errors import DeviceError, Fault
from hw.ports import AudioFormat, Deliver, Pull

if TYPE_CHECKING:
    import pyaudio

DEFAULT_DEVICE = "default"
_USUAL_RATES_HZ = (48000, 44100, 32000, 24000, 16000, 8000)
_MAX_CHANNELS_PROBED = 8  # microphone arrays; ALSA's plugins claim 32 to 128

# pa_error codes, portaudio.h
_DEVICE_UNAVAILABLE = -9985
_INVALID_CHANNEL_COUNT = -9998
_INVALID_SAMPLE_RATE = -9997
_SAMPLE_FORMAT_NOT_SUPPORTED = -9994
_UNSUPPORTED = frozenset({_INVALID_CHANNEL_COUNT, _INVALID_SAMPLE_RATE, _SAMPLE_FORMAT_NOT_SUPPORTED})

# PaStreamCallbackFlags, portaudio.h
_INPUT_OVERFLOW = 2
_OUTPUT_UNDERFLOW = 4

_Callback = Callable[[bytes | None, int, Mapping[str, float], int], tuple[bytes | None, int]]


def list_devices() -> list[AudioDevice]:
    """All audio devices, in PortAudio's order. Raises `DeviceError` LIBRARY_MISSING."""
    with _lock:
        library = _acquire()
        try:
            return _devices(library)
        finally:
            _release()


class PortAudioMicrophone:
    """Captures from the device called `device`: its whole name, a part of it, or a regular expression.

    `rate_hz` and `channels` must be what the card offers. 20 ms is the shortest period that a busy board
    keeps up with.
    """

    def __init__(
        self, device: str = DEFAULT_DEVICE, *, rate_hz: int = 48000, channels: int = 1, period_ms: int = 20
    ) -> None:
        self._format = AudioFormat(rate_hz, channels, max(1, rate_hz * period_ms // 1000))
        self._stream = _Stream(device, self._format, Direction.CAPTURE)
        self._deliver: Deliver | None = None
        self._overflows = 0

    @property
    def format(self) -> AudioFormat:
        return self._format

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
    """Plays to the device called `device`: its whole name, a part of it, or a regular expression.

    `rate_hz` and `channels` must be what the card offers. The device holds about three periods: 20 ms each
    survive a busy machine, 40 ms a very busy one.
    """

    def __init__(
        self, device: str = DEFAULT_DEVICE, *, rate_hz: int = 48000, channels: int = 1, period_ms: int = 20
    ) -> None:
        self._format = AudioFormat(rate_hz, channels, max(1, rate_hz * period_ms // 1000))
        self._stream = _Stream(device, self._format, Direction.PLAYBACK)
        self._pull: Pull | None = None
        self._underflows = 0
        self._position = HeardPosition(rate_hz)
        self._position_lock = threading.Lock()  # device thread against whoever asks
        self._first_period = True

    @property
    def format(self) -> AudioFormat:
        return self._format

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
        self._pull = guarded_pull(pull, self._format.frame_bytes, self._stream.device)
        self._first_period = True
        with self._position_lock:
            self._position.restarted()
        self._stream.open(self._wanted)

    def stop(self) -> None:
        self._pull = None
        now = time.monotonic()
        self._stream.close()
        with self._position_lock:
            self._position.stopped(now)

    def _wanted(
        self, pcm: bytes | None, frames: int, times: Mapping[str, float], flags: int
    ) -> tuple[bytes | None, int]:
        now = time.monotonic()
        if flags & _OUTPUT_UNDERFLOW and not self._first_period:  # before the first there was nothing to lose
            self._underflows += 1
        self._first_period = False
        pull = self._pull
        if pull is None:
            return bytes(frames * self._format.frame_bytes), _CONTINUE
        # PortAudio's clock is not ours: only the difference of its two times means something here.
        lead_s = times["output_buffer_dac_time"] - times["current_time"]
        if not 0 <= lead_s < 2 or times["output_buffer_dac_time"] <= 0:  # some drivers leave them empty
            lead_s = self._stream.output_latency_s
        played = pull(frames)
        with self._position_lock:
            self._position.buffer_pulled(frames, lead_s, now)
        return played, _CONTINUE


_CONTINUE = 0  # paContinue


class _Stream:
    """One open stream, or none."""

    def __init__(self, device: str, audio: AudioFormat, direction: Direction) -> None:
        self.device = device
        self._format = audio
        self._direction = direction
        self._stream: pyaudio._Stream | None = None
        # PyAudio gives no protection against a question to a stream that is just being closed.
        self._asking = threading.Lock()
        self.output_latency_s = 0.0

    @property
    def active(self) -> bool:
        with self._asking:
            return self._stream is not None and self._stream.is_active()

    @property
    def is_open(self) -> bool:
        return self._stream is not None

    def refuse_if_open(self) -> None:
        if self.is_open:
            raise RuntimeError(f"{self.device}: the {self._direction.value} is started already")

    def open(self, callback: _Callback) -> None:
        with _lock:
            library = _acquire()
            try:
                found = self._find(library)
                try:
                    self._probe(library, found)
                    stream = self._open(library, found, callback)
                except _Refused as refused:
                    raise self._explained(library, found, refused) from refused
            except BaseException:
                _release()
                raise
        with self._asking:
            self._stream = stream
        # A callback while the interpreter is going down ends in a segmentation fault.
        atexit.register(self.close)

    def close(self) -> None:
        with self._asking:
            stream, self._stream = self._stream, None
        if stream is None:
            return
        atexit.unregister(self.close)
        with _lock:
            try:
                stream.close()  # drops what the device holds; stop_stream would play it first
            finally:
                _release()

    def _find(self, library: pyaudio.PyAudio) -> AudioDevice:
        devices = _devices(library)
        if self.device == DEFAULT_DEVICE:
            index = _default_index(library, self._direction)
            for device in devices:
                if device.index == index:
                    return device
        return choose(devices, self.device, self._direction)

    def _probe(self, library: pyaudio.PyAudio, found: AudioDevice) -> None:
        """Ask before opening: a refused open can crash the process while another stream runs.

        PortAudio 19.6 keeps the code of a failure in one variable for all threads; a running stream resets it
        and the refused open goes on with no stream. Seen in 1 of 1,500 opens of an unplugged
        microphone beside a playing speaker; in none of 1,500 refused by this question.
        """
        if self._format.channels > found.channels(self._direction):
            raise _Refused(_INVALID_CHANNEL_COUNT, "Invalid number of channels")
        code, text = _asked(library, found, self._direction, self._format.rate_hz, self._format.channels)
        if code:
            raise _Refused(code, text)

    def _open(self, library: pyaudio.PyAudio, found: AudioDevice, callback: _Callback) -> pyaudio._Stream:
        capture = self._direction is Direction.CAPTURE
        try:
            stream = library.open(
                rate=self._format.rate_hz,
                channels=self._format.channels,
                format=_pyaudio().paInt16,
                input=capture,
                output=not capture,
                input_device_index=found.index if capture else None,
                output_device_index=None if capture else found.index,
                frames_per_buffer=self._format.period_frames,
                stream_callback=callback,
                start=False,
            )
            self.output_latency_s = stream.get_output_latency()
            stream.start_stream()  # closes the stream itself when it fails
        except OSError as error:
            code, text = error.args if len(error.args) == 2 else (0, str(error))
            raise _Refused(code, text) from error
        return stream

    def _explained(self, library: pyaudio.PyAudio, found: AudioDevice, refused: _Refused) -> DeviceError:
        name = found.name if self.device == DEFAULT_DEVICE else self.device
        if refused.code == _DEVICE_UNAVAILABLE:
            remedy = "End the other program, or name a device that can be shared, such as 'default'."
            return DeviceError(Fault.BUSY, name, f"another program is using it ({refused.text})", remedy)
        offers = _offers(library, found, self._direction)
        wanted = f"{self._format.rate_hz} Hz with {self._format.channels} ch"
        if refused.code in _UNSUPPORTED and offers:
            offered = "; ".join(f"{channels} ch at {rates} Hz" for channels, rates in offers)
            detail = f"it does not do {wanted} ({refused.text}); it does {offered}"
            return DeviceError(Fault.UNSUPPORTED, name, detail, "Set rate and channels to one of these.")
        detail = f"it does not open ({refused.text})"
        return DeviceError(Fault.LOST, name, detail, "Check that it is plugged in.")


class _Refused(Exception):
    """PortAudio said no: its code and its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def _default_index(library: pyaudio.PyAudio, direction: Direction) -> int | None:
    try:
        if direction is Direction.CAPTURE:
            return int(library.get_default_input_device_info()["index"])
        return int(library.get_default_output_device_info()["index"])
    except OSError:  # there is none
        return None


def _devices(library: pyaudio.PyAudio) -> list[AudioDevice]:
    devices = []
    for index in range(library.get_device_count()):
        info = library.get_device_info_by_index(index)
        host_api = library.get_host_api_info_by_index(int(info["hostApi"]))
        devices.append(
            AudioDevice(
                index=index,
                name=str(info["name"]),
                host_api=str(host_api["name"]),
                max_input_channels=int(info["maxInputChannels"]),
                max_output_channels=int(info["maxOutputChannels"]),
                default_rate_hz=round(float(info["defaultSampleRate"])),
            )
        )
    return devices


def _asked(
    library: pyaudio.PyAudio, device: AudioDevice, direction: Direction, rate_hz: int, channels: int
) -> tuple[int, str]:
    """Would the device open with this much 16-bit PCM? (0, "") or PortAudio's code and words."""
    way = "input" if direction is Direction.CAPTURE else "output"
    asked = {f"{way}_device": device.index, f"{way}_channels": channels, f"{way}_format": _pyaudio().paInt16}
    try:
        library.is_format_supported(rate_hz, **asked)
    except ValueError as error:  # PyAudio's way to say no
        text, code = error.args if len(error.args) == 2 else (str(error), _INVALID_SAMPLE_RATE)
        return code, text
    return 0, ""


def _offers(library: pyaudio.PyAudio, device: AudioDevice, direction: Direction) -> list[tuple[int, str]]:
    """(channels, rates in Hz) the device takes, of those anybody would ask for."""
    most = device.channels(direction)
    counts = {1, 2, most} if most <= _MAX_CHANNELS_PROBED else {1, 2}
    offers = []
    for channels in sorted(counts):
        rates = [
            str(rate_hz)
            for rate_hz in _USUAL_RATES_HZ
            if not _asked(library, device, direction, rate_hz, channels)[0]
        ]
        if rates:
            offers.append((channels, ", ".join(rates)))
    return offers


# ---- one PyAudio for the whole process. PortAudio is not thread-safe: `_lock` is held around every call that
# opens, closes or lists.

_lock = threading.Lock()
_library: pyaudio.PyAudio | None = None
_users = 0


def _acquire() -> pyaudio.PyAudio:
    global _library, _users
    if _library is None:
        module = _pyaudio()
        _hush_native_messages()
        _library = module.PyAudio()
    _users += 1
    return _library


def _release() -> None:
    global _library, _users
    _users -= 1
    if _users == 0 and _library is not None:
        _library.terminate()
        _library = None


def _pyaudio() -> ModuleType:
    try:
        import pyaudio
    except ImportError as error:
        remedy = "Install it: sudo apt install python3-pyaudio, or pip install 'harkd[audio]'."
        raise DeviceError(
            Fault.LIBRARY_MISSING, "sound card", f"PyAudio is not installed ({error})", remedy
        ) from error
    return pyaudio


def _hush_native_messages() -> None:
    """Stop alsa-lib and libjack from writing about every device they cannot use to stderr.

    Some hundred lines at each start with a stock alsa.conf; what concerns our device comes back as an error
    code. The handler is a C function that ignores its arguments, so no Python runs on an audio thread for it.
    """
    import ctypes  # only where there is a sound card: it is slow to import

    ignore = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    for name, setters in (
        ("libasound.so.2", ("snd_lib_error_set_handler",)),
        ("libjack.so.0", ("jack_set_error_function", "jack_set_info_function")),
    ):
        try:
            native = ctypes.CDLL(name, mode=os.RTLD_NOLOAD)
        except OSError:  # this machine's PortAudio does without
            continue
        for setter in setters:
            function = getattr(native, setter)
            function.argtypes = [ctypes.c_void_p]
            function.restype = None
            function(ignore)
