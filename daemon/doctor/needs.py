"""What a configuration needs of the machine: libraries, groups, pins, names on the network. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from daemon.config.schema import Config, Session
from daemon.records import dataclass

STRIPS = ("apa102", "ws2812")

_OPENAI = re.compile(r"([a-z0-9-]+\.)?api\.openai\.com")
_PORTS = {"wss": 443, "ws": 80, "https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Library:
    """`install`: what to type. Without one that is not `required` the box does something plainer."""

    module: str
    install: str
    required: bool = True


def libraries(config: Config) -> Iterator[Library]:
    """Besides those without which no configuration could be read."""
    audio = config.audio
    if uses_portaudio(config):
        yield Library("pyaudio", "sudo apt install python3-pyaudio, or pip install 'harkd[audio]'")
        yield Library("numpy", "pip install 'harkd[resample]'")
    if config.vad.driver == "webrtc":
        yield Library("webrtcvad", "pip install 'harkd[vad]'", required=False)
    wanted = audio.processing
    if wanted.echo_cancellation or wanted.automatic_gain or wanted.noise_suppression != "off":
        yield Library("pywebrtc_audio", "pip install 'harkd[aec]'")
    if config.wake_word.engine != "none":
        module = {"microwakeword": "pymicro_wakeword"}.get(config.wake_word.engine, config.wake_word.engine)
        yield Library(module, f"pip install {module}")
    if pins(config):
        yield Library("gpiozero", "sudo apt install python3-gpiozero, or pip install 'harkd[gpio]'")
    if config.light.driver == "gpio_rgb" or (config.light.driver == "gpio_led" and config.light.dimmable):
        yield Library("lgpio", "sudo apt install python3-lgpio, or pip install 'harkd[gpio]'", required=False)
    if config.light.driver in STRIPS:
        yield Library("spidev", "pip install 'harkd[spi]', or sudo apt install python3-spidev")
    if config.link.proxy.startswith("socks"):
        yield Library("python_socks", "pip install python-socks")


def groups(config: Config) -> list[str]:
    """Whose members may open the configured devices, on Debian and Raspberry Pi OS."""
    wanted = {"audio": uses_portaudio(config), "gpio": bool(pins(config)), "spi": uses_strip(config)}
    return [name for name, is_wanted in wanted.items() if is_wanted]


def uses_portaudio(config: Config) -> bool:
    return "portaudio" in (config.audio.capture.driver, config.audio.playback.driver)


def uses_strip(config: Config) -> bool:
    return config.light.driver in STRIPS


def pins(config: Config) -> dict[int, str]:
    """What for, by GPIO number; " and " stands between two uses of one pin."""
    used: dict[int, str] = {}
    for pin, use in _uses_of_pins(config):
        used[pin] = f"{used[pin]} and {use}" if pin in used else use
    return used


def pins_used_twice(config: Config) -> list[int]:
    uses = Counter(pin for pin, _ in _uses_of_pins(config))
    return sorted(pin for pin, times in uses.items() if times > 1)


def _uses_of_pins(config: Config) -> Iterator[tuple[int, str]]:
    for name, button in config.buttons.items():
        if button.driver == "gpio":
            yield button.pin, f"button {name}"
    light = config.light
    if light.driver == "gpio_led":
        yield light.pin, "light"
    elif light.driver == "gpio_rgb":
        yield from ((light.red, "red light"), (light.green, "green light"), (light.blue, "blue light"))


def server(session: Session) -> tuple[str, int]:
    """Host and port."""
    return host_and_port(session.url)


def host_and_port(url: str) -> tuple[str, int]:
    address = urlsplit(url)
    return address.hostname or "", address.port or _PORTS.get(address.scheme, 1080)  # RFC 1928: 1080


def needs_key(session: Session) -> bool:
    """A server on this very machine may do without."""
    return urlsplit(session.url).scheme == "wss"


def model(session: Session) -> str:
    """The one the address names, or the configured one."""
    named = parse_qs(urlsplit(session.url).query).get("model")
    return named[0] if named else session.model


def model_path(session: Session) -> str | None:
    """Where OpenAI's own servers tell of the model without spending tokens; None for other servers."""
    address: SplitResult = urlsplit(session.url)
    if address.scheme != "wss" or not _OPENAI.fullmatch(address.hostname or ""):
        return None
    return f"/v1/models/{quote(model(session), safe='')}"
