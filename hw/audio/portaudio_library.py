"""One PortAudio for the whole process, and what it says of the devices. Shell around PyAudio.

PortAudio is not thread-safe: `lock` is held around every call that opens, closes, lists or asks. It lists
devices when its first user arrives and keeps that list until its last user has gone.
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hw.audio.cards import card_at
from hw.audio.hush import hushed
from hw.audio.kernel import PROC_ASOUND, sound_cards
from hw.audio.negotiation import MOST_CHANNELS, USUAL_RATES_HZ, Combination
from hw.audio.selection import AudioDevice, Direction, Offer
from hw.errors import DeviceError, Fault

if TYPE_CHECKING:
    import pyaudio

# pa_error codes, portaudio.h
DEVICE_UNAVAILABLE = -9985
_INVALID_CHANNEL_COUNT = -9998
_INVALID_SAMPLE_RATE = -9997
_SAMPLE_FORMAT_NOT_SUPPORTED = -9994
_UNSUPPORTED = frozenset({_INVALID_CHANNEL_COUNT, _INVALID_SAMPLE_RATE, _SAMPLE_FORMAT_NOT_SUPPORTED})

lock = threading.Lock()
_library: pyaudio.PyAudio | None = None
_users = 0


class Refused(Exception):
    """PortAudio said no: its code and its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def is_about_the_format(self) -> bool:
        """Another rate or channel count may do."""
        return self.code in _UNSUPPORTED


def acquire() -> pyaudio.PyAudio:
    """One more user; `lock` is held. Raises `DeviceError` LIBRARY_MISSING or LOST."""
    global _library, _users
    if _library is None:
        module = bindings()
        _hush_native_messages()
        try:
            _library = module.PyAudio()
        except OSError as error:  # seen: -9999 with an asound.conf that alsa-lib cannot read
            remedy = "Look at /etc/asound.conf and ~/.asoundrc; aplay -L says what is wrong with them."
            detail = f"the sound system does not start ({error.args[-1]})"
            raise DeviceError(Fault.LOST, "sound card", detail, remedy) from error
    _users += 1
    return _library


def release() -> None:
    """One user less; `lock` is held."""
    global _library, _users
    _users -= 1
    if _users == 0 and _library is not None:
        _library.terminate()
        _library = None


def bindings() -> ModuleType:
    """The module pyaudio. Raises `DeviceError` LIBRARY_MISSING."""
    try:
        import pyaudio
    except ImportError as error:
        remedy = "Install it: sudo apt install python3-pyaudio, or pip install 'harkd[audio]'."
        raise DeviceError(
            Fault.LIBRARY_MISSING, "sound card", f"PyAudio is not installed ({error})", remedy
        ) from error
    return pyaudio


def list_devices(*, ask: bool = False, proc_asound: Path = PROC_ASOUND) -> list[AudioDevice]:
    """All audio devices, in PortAudio's order. Raises `DeviceError` LIBRARY_MISSING.

    `ask` finds out what each takes natively, in some ms a device: it opens and closes it up to 36 times
    without letting sound flow. What is in use cannot be asked.
    """
    with lock, hushed():
        library = acquire()
        try:
            found = devices(library, proc_asound)
            return [_asked(library, device) for device in found] if ask else found
        finally:
            release()


def devices(library: pyaudio.PyAudio, proc_asound: Path = PROC_ASOUND) -> list[AudioDevice]:
    """As PortAudio lists them, with the ids of the cards they are."""
    cards = sound_cards(proc_asound)
    listed = []
    for index in range(library.get_device_count()):
        info = library.get_device_info_by_index(index)
        host_api = library.get_host_api_info_by_index(int(info["hostApi"]))
        card = card_at(cards, str(info["name"]))
        listed.append(
            AudioDevice(
                index=index,
                name=str(info["name"]),
                host_api=str(host_api["name"]),
                max_input_channels=int(info["maxInputChannels"]),
                max_output_channels=int(info["maxOutputChannels"]),
                default_rate_hz=round(float(info["defaultSampleRate"])),
                card_id=card.id if card else "",
                usb_id=card.usb_id if card else "",
            )
        )
    return listed


def default_device(
    library: pyaudio.PyAudio, direction: Direction, listed: list[AudioDevice]
) -> AudioDevice | None:
    """The one PortAudio takes when nobody says which."""
    try:
        if direction is Direction.CAPTURE:
            index = int(library.get_default_input_device_info()["index"])
        else:
            index = int(library.get_default_output_device_info()["index"])
    except OSError:  # there is none
        return None
    return next((device for device in listed if device.index == index), None)


def refuse_unless_it_takes(
    library: pyaudio.PyAudio, device: AudioDevice, direction: Direction, combination: Combination
) -> None:
    """Ask before opening: a refused open can crash the process while another stream runs. Raises `Refused`.

    PortAudio 19.6 keeps the code of a failure in one variable for all threads; a running stream resets it
    and the refused open goes on with no stream. Seen in 1 of 1,500 opens of an unplugged
    microphone beside a playing speaker; in none of 1,500 refused by this question.
    """
    if combination.channels > device.channels(direction):  # asked, it would write about it to stderr
        raise Refused(_INVALID_CHANNEL_COUNT, "Invalid number of channels")
    way = "input" if direction is Direction.CAPTURE else "output"
    asked = {
        f"{way}_device": device.index,
        f"{way}_channels": combination.channels,
        f"{way}_format": bindings().paInt16,
    }
    try:
        library.is_format_supported(combination.rate_hz, **asked)
    except ValueError as error:  # PyAudio's way to say no
        text, code = error.args if len(error.args) == 2 else (str(error), _INVALID_SAMPLE_RATE)
        raise Refused(code, text) from error


def offers(library: pyaudio.PyAudio, device: AudioDevice, direction: Direction) -> tuple[Offer, ...] | None:
    """What the device takes, of what anybody would ask for; None: it cannot be asked."""
    most = device.channels(direction)
    found = []
    for channels in sorted({1, 2, most} if most <= MOST_CHANNELS else {1, 2}):
        rates_hz = []
        for rate_hz in USUAL_RATES_HZ:
            try:
                refuse_unless_it_takes(library, device, direction, Combination(rate_hz, channels))
                rates_hz.append(rate_hz)
            except Refused as refused:
                if not refused.is_about_the_format:
                    return None
        if rates_hz:
            found.append(Offer(channels, tuple(rates_hz)))
    return tuple(found)


def _asked(library: pyaudio.PyAudio, device: AudioDevice) -> AudioDevice:
    capture, playback = (
        offers(library, device, direction) if device.channels(direction) else ()
        for direction in (Direction.CAPTURE, Direction.PLAYBACK)
    )
    return replace(device, capture=capture, playback=playback)


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
