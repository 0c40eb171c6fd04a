"""From the configuration to the drivers it names. Shell around them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from daemon.audio.profiles import PROFILES
from daemon.bindings import TALK, Bindings
from daemon.box import Devices
from daemon.config import diff, hardware
from daemon.config.diff import Reach
from daemon.config.files import ConfigError
from daemon.config.layers import Problem
from daemon.config.schema import Config
from hw import load
from hw.errors import DeviceError, Fault
from hw.ports import Button, Light, Microphone, Speaker, VoiceDetector, VoiceProcessor, WakeWordDetector

log = logging.getLogger("harkd")

SWITCH_RECHECK_MS = 1000
"""How often a switch that is on is read again, in case an edge was lost."""


def open_devices(config: Config) -> Devices:
    """Nothing is opened yet. Raises `hw.errors.DeviceError`."""
    return Devices(**{name: make() for name, make in _makers(config).items()})


def _makers(config: Config) -> dict[str, Callable[[], Any]]:
    """What makes each of `Devices`."""
    pushed = {name: button for name, button in config.buttons.items() if button.kind == "button"}
    switches = {name: button for name, button in config.buttons.items() if button.kind == "mute_switch"}
    return {
        "microphone": lambda: _microphone(config.audio),
        "speaker": lambda: _speaker(config.audio),
        "buttons": lambda: {name: (_contact(button), bindings(button)) for name, button in pushed.items()},
        "switches": lambda: {name: _contact(button) for name, button in switches.items()},
        "detector": lambda: open_detector(config.vad),
        "wake_word": lambda: _wake_word(config.wake_word),
        "light": lambda: _light(config.light),
        "make_processor": lambda: _processor(config.audio.processing),
    }


def rebuilt(devices: Devices, config: Config, changed: set[Reach]) -> Devices:
    """`devices` with those exchanged that a change reaches; nothing is opened. Raises `ConfigError`."""
    names = {name for reach in changed for name in _EXCHANGED.get(reach, ())}
    try:
        return replace(devices, **{name: make() for name, make in _makers(config).items() if name in names})
    except DeviceError as error:
        raise ConfigError([Problem("configuration", 0, "", str(error))]) from None


_EXCHANGED: Mapping[Reach, tuple[str, ...]] = {
    diff.MICROPHONE: ("microphone",),
    diff.SPEAKER: ("speaker",),
    diff.SOUND: ("microphone", "speaker"),
    diff.PROCESSING: ("make_processor",),
    diff.DETECTOR: ("detector",),
    diff.WAKE_WORD: ("wake_word",),
    diff.BUTTONS: ("buttons", "switches"),
    diff.LIGHT: ("light",),
}


def open_detector(vad: hardware.Vad) -> VoiceDetector | None:
    """The configured voice detector; the plain one, with a warning, where webrtcvad is not installed."""
    if vad.driver == "none":
        return None
    if vad.driver == "webrtc":
        try:
            options = {"aggressiveness": vad.aggressiveness, "threshold_dbfs": vad.threshold_dbfs}
            return load.voice_detector("webrtc", **options)
        except DeviceError as error:
            if error.fault is not Fault.LIBRARY_MISSING:
                raise
            log.warning("%s; using the energy detector, which takes any loud noise for speech", error)
    return load.voice_detector("energy", threshold_dbfs=vad.threshold_dbfs)


def _wake_word(wanted: hardware.WakeWord) -> WakeWordDetector | None:
    """What listens for the configured word; nothing, with a warning, where its library is not installed."""
    if wanted.engine == "none":
        return None
    try:
        return load.wake_word(wanted.engine, word=wanted.word, **_given(threshold=wanted.threshold))
    except DeviceError as error:
        if error.fault is not Fault.LIBRARY_MISSING:
            raise
        log.warning("%s; until then only a button starts a turn", error)
        return None


def bindings(button: hardware.Button) -> Bindings:
    """A button of which nothing is said is for talking."""
    bound = Bindings(button.hold, button.tap, button.double, button.long)
    return Bindings(hold=TALK, tap=TALK) if bound == Bindings() else bound


def _given(**options: float | str) -> dict[str, Any]:
    """Without those that the driver finds out by itself."""
    return {name: value for name, value in options.items() if value != "auto"}


def _microphone(audio: hardware.Audio) -> Microphone:
    capture = audio.capture
    usual_ms = PROFILES[audio.profile].capture_period_ms
    period_ms = usual_ms if capture.period_ms == "auto" else capture.period_ms
    if capture.driver == "wavfile":
        return load.microphone("wavfile", path=capture.file, period_ms=period_ms, loop=True)
    options = _given(rate_hz=capture.rate_hz, channels=capture.channels)
    where: dict[str, Any] = {"device": capture.device, "channel": capture.channel}
    return load.microphone(capture.driver, **where, period_ms=period_ms, **options)


def _speaker(audio: hardware.Audio) -> Speaker:
    playback = audio.playback
    usual_ms = PROFILES[audio.profile].playback_period_ms
    period_ms = usual_ms if playback.period_ms == "auto" else playback.period_ms
    options = _given(rate_hz=playback.rate_hz, channels=playback.channels)
    if playback.driver == "wavfile":
        return load.speaker("wavfile", path=playback.file, period_ms=period_ms, **options)
    return load.speaker(playback.driver, device=playback.device, period_ms=period_ms, **options)


def _contact(button: hardware.Button) -> Button:
    if button.driver == "keyboard":
        return load.button("keyboard", key=button.key, latch=bindings(button).hold == TALK)
    pin: dict[str, Any] = {"pin": button.pin, "active_high": button.active_high, "pull": button.pull}
    if button.kind == "mute_switch":  # it stays down for days
        pin["recheck_ms"] = SWITCH_RECHECK_MS
    return load.button("gpio", **pin)


def _processor(wanted: hardware.AudioProcessing) -> Callable[[int], VoiceProcessor] | None:
    if not (wanted.echo_cancellation or wanted.automatic_gain or wanted.noise_suppression != "off"):
        return None
    return lambda rate_hz: load.voice_processor(
        "webrtc",
        rate_hz=rate_hz,
        echo_cancellation=wanted.echo_cancellation,
        noise_suppression=wanted.noise_suppression,
        agc=wanted.automatic_gain,
    )


def _light(light: hardware.Light) -> Light | None:
    if light.driver == "none":
        return None
    strip = {"pixels": light.pixels, "bus": light.spi_bus, "device": light.spi_device}
    options: dict[str, dict[str, Any]] = {
        "console": {},
        "gpio_led": {"pin": light.pin, "active_high": light.active_high, "pwm": light.dimmable},
        "gpio_rgb": {
            "red": light.red,
            "green": light.green,
            "blue": light.blue,
            "common_anode": light.common_anode,
        },
        "apa102": strip,
        "ws2812": strip,
    }
    return load.light(light.driver, **options[light.driver])
