"""Builds the driver of a port from its name and options. Shell around every driver."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from hw.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker
from hw.audio.wavfile import WavMicrophone, WavSpeaker
from hw.buttons.gpio import GpioButton
from hw.buttons.keyboard import KeyboardButton
from hw.dsp.webrtc_apm import WebrtcVoiceProcessor
from hw.errors import DeviceError, Fault
from hw.fakes import (
    FakeButton,
    FakeLight,
    FakeMicrophone,
    FakeSpeaker,
    FakeVoiceDetector,
    FakeVoiceProcessor,
    FakeWakeWordDetector,
)
from hw.leds.apa102 import Apa102
from hw.leds.console import ConsoleLight
from hw.leds.gpio_led import GpioLed
from hw.leds.gpio_rgb import GpioRgb
from hw.leds.ws2812 import Ws2812
from hw.ports import Button, Light, Microphone, Speaker, VoiceDetector, VoiceProcessor, WakeWordDetector
from hw.vad.energy import EnergyVoiceDetector
from hw.vad.webrtc import WebrtcVoiceDetector
from hw.wake.microwakeword import MicroWakeWordDetector

_Port = TypeVar("_Port")

MICROPHONES: Mapping[str, Callable[..., Microphone]] = {
    "fake": FakeMicrophone,
    "portaudio": PortAudioMicrophone,
    "wavfile": WavMicrophone,
}
SPEAKERS: Mapping[str, Callable[..., Speaker]] = {
    "fake": FakeSpeaker,
    "portaudio": PortAudioSpeaker,
    "wavfile": WavSpeaker,
}
BUTTONS: Mapping[str, Callable[..., Button]] = {
    "fake": FakeButton,
    "gpio": GpioButton,
    "keyboard": KeyboardButton,
}
LIGHTS: Mapping[str, Callable[..., Light]] = {
    "apa102": Apa102,
    "console": ConsoleLight,
    "fake": FakeLight,
    "gpio_led": GpioLed,
    "gpio_rgb": GpioRgb,
    "ws2812": Ws2812,
}
VOICE_DETECTORS: Mapping[str, Callable[..., VoiceDetector]] = {
    "energy": EnergyVoiceDetector,
    "fake": FakeVoiceDetector,
    "webrtc": WebrtcVoiceDetector,
}
VOICE_PROCESSORS: Mapping[str, Callable[..., VoiceProcessor]] = {
    "fake": FakeVoiceProcessor,
    "webrtc": WebrtcVoiceProcessor,
}
WAKE_WORDS: Mapping[str, Callable[..., WakeWordDetector]] = {
    "fake": FakeWakeWordDetector,
    "microwakeword": MicroWakeWordDetector,
}


def microphone(driver: str, **options: object) -> Microphone:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("microphone", MICROPHONES, driver, options)


def speaker(driver: str, **options: object) -> Speaker:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("speaker", SPEAKERS, driver, options)


def button(driver: str, **options: object) -> Button:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("button", BUTTONS, driver, options)


def light(driver: str, **options: object) -> Light:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("light", LIGHTS, driver, options)


def voice_detector(driver: str, **options: object) -> VoiceDetector:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("voice detector", VOICE_DETECTORS, driver, options)


def voice_processor(driver: str, **options: object) -> VoiceProcessor:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("voice processor", VOICE_PROCESSORS, driver, options)


def wake_word(driver: str, **options: object) -> WakeWordDetector:
    """Raises `DeviceError`: NOT_FOUND for an unknown driver, UNSUPPORTED for options it does not take."""
    return _build("wake word", WAKE_WORDS, driver, options)


def _build(
    port: str, drivers: Mapping[str, Callable[..., _Port]], driver: str, options: Mapping[str, object]
) -> _Port:
    factory = drivers.get(driver)
    if factory is None:
        detail = f"there is no {port} driver of this name; there are {', '.join(drivers)}"
        raise DeviceError(Fault.NOT_FOUND, driver, detail, _nearest(driver, drivers))
    parameters = inspect.signature(factory).parameters
    for option in options:
        if option not in parameters:
            takes = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
            detail = f"the {port} driver has no option {option!r}; {takes}"
            raise DeviceError(Fault.UNSUPPORTED, driver, detail, _nearest(option, parameters))
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in options:
            raise DeviceError(Fault.UNSUPPORTED, driver, f"the {port} driver needs the option {name!r}")
    return factory(**options)


def _nearest(wrong: str, allowed: Iterable[str]) -> str:
    import difflib  # only when something is wrong

    matches = difflib.get_close_matches(wrong, allowed, n=1, cutoff=0.5)
    return f"Did you mean {matches[0]!r}?" if matches else ""
