"""configs/boards: each board loads, changes wiring only, and gets from the drivers what its facts promise.

The facts are those of the files' headers: how the card is listed, and what it does natively.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from types import ModuleType

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from daemon.bindings import problems
from daemon.config.files import load_config
from daemon.config.layers import merge
from daemon.config.schema import Config
from daemon.device_setup import bindings, open_devices
from hw.audio.negotiation import Wish, combinations
from hw.audio.selection import AudioDevice, Direction, choose

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
BOARDS = sorted((CONFIGS / "boards").glob("*.toml"))
EXAMPLES = sorted((CONFIGS / "examples").glob("*.toml"))

I2C, SPI, I2S = {2, 3}, {7, 8, 9, 10, 11}, {18, 19, 20, 21}


@dataclass(frozen=True)
class Way:
    """What a card does natively one way. PortAudio makes fewer channels of it, and no other rates."""

    rates_hz: tuple[int, ...]
    channels: int


@dataclass(frozen=True)
class Card:
    """Its name and that of its PCM, as PortAudio lists them, and its id.

    PortAudio leaves out of the second what is a word of the first: "USB Audio" is "Audio" where the card's
    name has "USB" in it.
    """

    name: str
    id: str
    capture: Way | None = None
    playback: Way | None = None
    usb_id: str = ""

    def listed(self, place: int) -> AudioDevice:
        """When the kernel found it in this place."""
        inputs, outputs = (way.channels if way else 0 for way in (self.capture, self.playback))
        name = f"{self.name} (hw:{place},0)" if self.id else self.name
        return AudioDevice(place, name, "ALSA", inputs, outputs, 44100, card_id=self.id, usb_id=self.usb_id)

    def way(self, direction: Direction) -> Way:
        way = self.capture if direction is Direction.CAPTURE else self.playback
        assert way is not None
        return way


@dataclass(frozen=True)
class Facts:
    """What is plugged in, and how it is to be opened (Hz, channels).

    `taken`: pins that the board uses for other things than buttons and lights.
    """

    card: Card | None
    capture: tuple[int, int]
    playback: tuple[int, int]
    taken: frozenset[int] = frozenset()


def facts(
    card: Card | None, capture: tuple[int, int], playback: tuple[int, int], taken: Iterable[int] = ()
) -> Facts:
    return Facts(card, capture, playback, frozenset(taken))


CODEC = Way((8000, 16000, 32000, 44100, 48000), 2)
ARRAY = Way((16000,), 2)
S330 = Way((48000,), 2)
VOICE_HAT = Way((48000,), 2)
DONGLE = Card("USB PnP Sound Device: Audio", "Device", Way((44100, 48000), 1), Way((44100, 48000), 2))
JABRA = Card("Jabra SPEAK 510 USB: Audio", "USB", Way((16000,), 1), Way((8000, 16000, 48000), 2))
WM8960 = "bcm2835-i2s-wm8960-hifi wm8960-hifi-0"

ANYTHING = Way((8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000), 32)

# What is there besides: ALSA's own device, which converts, and the loudspeakers of a Raspberry Pi.
BUILT_IN = (
    Card("default", "", ANYTHING, ANYTHING),
    Card("vc4-hdmi: MAI PCM i2s-hifi-0", "vc4hdmi", playback=Way((48000,), 8)),
    Card("bcm2835 Headphones: - ", "Headphones", playback=Way((44100, 48000), 8)),
)

FACTS = {
    "anker-powerconf-s330": facts(
        Card("Anker PowerConf S330: USB Audio", "S330", S330, S330), capture=(48000, 1), playback=(48000, 2)
    ),
    "google-aiy-voice-hat": facts(
        Card("snd_rpi_googlevoicehat_soundcar: Google voiceHAT", "sndrpigooglevoi", VOICE_HAT, VOICE_HAT),
        capture=(48000, 1),
        playback=(48000, 2),
        taken={16} | I2S,
    ),
    "headphone-jack-usb-mic": facts(
        Card("USB Microphone: Audio", "Microphone", Way((44100, 48000), 1)),
        capture=(48000, 1),
        playback=(48000, 2),
    ),
    "jabra-speak": facts(JABRA, capture=(16000, 1), playback=(48000, 2)),
    "laptop": facts(None, capture=(48000, 1), playback=(48000, 2)),
    "respeaker-2mic": facts(
        Card(f"seeed-2mic-voicecard: {WM8960}", "seeed2micvoicec", CODEC, CODEC),
        capture=(48000, 1),
        playback=(48000, 2),
        taken=I2C | I2S,
    ),
    "respeaker-lite-usb": facts(
        Card("ReSpeaker Lite: USB Audio", "Lite", ARRAY, ARRAY), capture=(16000, 1), playback=(16000, 2)
    ),
    "respeaker-usb-array-v2": facts(
        Card(
            "ReSpeaker 4 Mic Array (UAC1.0): USB Audio",
            "ArrayUAC10",
            Way((16000,), 6),
            Way((16000,), 2),
            usb_id="2886:0018",
        ),
        capture=(16000, 1),
        playback=(16000, 2),
    ),
    "respeaker-xvf3800": facts(
        Card("reSpeaker XVF3800 4-Mic Array: USB Audio", "Array", ARRAY, ARRAY, usb_id="2886:001a"),
        capture=(16000, 2),
        playback=(16000, 2),
    ),
    "satellite1-hat": facts(None, capture=(48000, 1), playback=(48000, 2), taken=I2C | I2S | SPI | {12}),
    "usb-dongle-button-led": facts(DONGLE, capture=(48000, 1), playback=(48000, 2)),
    "usb-speakerphone-button": facts(
        Card("eMeet M1A: USB Audio", "M1A", Way((16000, 48000), 1), Way((48000,), 2)),
        capture=(48000, 1),
        playback=(48000, 2),
    ),
    "whisplay": facts(
        Card(f"wm8960-soundcard: {WM8960}", "wm8960soundcard", CODEC, CODEC),
        capture=(48000, 1),
        playback=(48000, 2),
        taken=I2C | I2S | {4, 8, 10, 11, 22, 27},
    ),
}

every_board = pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)


def test_every_board_has_its_facts() -> None:
    assert [path.stem for path in BOARDS] == sorted(FACTS)


# ---- the file ------------------------------------------------------------------------


@every_board
def test_a_board_is_wiring_only(board: Path) -> None:
    said = tomllib.loads(board.read_text(encoding="utf-8"))
    assert set(said) <= {"audio", "buttons", "light"}
    assert set(said["audio"]) <= {"capture", "playback"}
    assert "brightness_percent" not in said.get("light", {})


@every_board
def test_a_board_says_that_nobody_saw_it_work(board: Path) -> None:
    header = board.read_text(encoding="utf-8").partition("\n\n")[0]
    assert board.stem == "laptop" or "Not verified on real hardware" in header


@every_board
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_board_over_a_whole_device_wins_and_leaves_its_conduct_alone(board: Path, example: Path) -> None:
    device, both = load_config([example]), load_config([example, board])
    wiring, said = both.model_dump(), tomllib.loads(board.read_text(encoding="utf-8"))
    assert merge([wiring, said]) == wiring
    assert (both.talk, both.session, both.volume) == (device.talk, device.session, device.volume)
    assert load_config([board, example]).session == device.session


@every_board
def test_bindings_can_be_meant_and_somebody_can_talk(board: Path) -> None:
    bound = [bindings(button) for button in load_config([board]).buttons.values() if button.kind == "button"]
    assert [said for each in bound for said in problems(each)] == []
    assert sum(each.opens_talk for each in bound) == (1 if bound else 0)


# ---- sound ---------------------------------------------------------------------------


@every_board
def test_the_card_meant_is_opened_as_it_is(board: Path) -> None:
    audio, known = load_config([board]).audio, FACTS[board.stem]
    hears = Wish(given(audio.capture.rate_hz), given(audio.capture.channels), audio.capture.channel)
    plays = Wish(given(audio.playback.rate_hz), given(audio.playback.channels))
    for cards in permutations([*BUILT_IN, *([known.card] if known.card else [])]):
        assert opened(cards, audio.capture.device, hears, Direction.CAPTURE) == known.capture
        assert opened(cards, audio.playback.device, plays, Direction.PLAYBACK) == known.playback


def given(value: int | str) -> int | None:
    return value if isinstance(value, int) else None


def opened(cards: Sequence[Card], device: str, wish: Wish, direction: Direction) -> tuple[int, int]:
    """What the card that is called so agrees to, as the driver asks for it."""
    found = choose([card.listed(place) for place, card in enumerate(cards)], device, direction)
    way = cards[found.index].way(direction)
    asked = combinations(wish, found, direction)
    return next(
        (c.rate_hz, c.channels) for c in asked if c.rate_hz in way.rates_hz and c.channels <= way.channels
    )


@every_board
def test_the_channel_that_is_listened_to_is_opened(board: Path) -> None:
    config = load_config([board])
    channel = config.audio.capture.channel
    assert isinstance(channel, int)
    assert channel < open_devices(config).microphone.format.channels


@pytest.mark.parametrize("board", ["headphone-jack-usb-mic", "usb-speakerphone-button"])
@pytest.mark.parametrize("name", ["eMeet M1A: USB Audio", "USB PnP Sound Device: Audio"])
def test_any_card_on_usb_is_found_whether_its_name_says_so_or_not(board: str, name: str) -> None:
    audio = load_config([CONFIGS / "boards" / f"{board}.toml"]).audio
    cards = [*BUILT_IN, replace(DONGLE, name=name)]
    assert opened(cards, audio.capture.device, Wish(), Direction.CAPTURE) == (48000, 1)


@pytest.mark.parametrize(
    ("board", "firmware", "agreed"),
    [
        ("respeaker-xvf3800", Way((16000,), 6), (16000, 2)),
        ("respeaker-xvf3800", Way((48000,), 2), (48000, 2)),
        ("respeaker-usb-array-v2", Way((16000,), 1), (16000, 1)),
    ],
)
def test_an_array_with_other_firmware_is_opened_too(
    board: str, firmware: Way, agreed: tuple[int, int]
) -> None:
    capture, card = load_config([CONFIGS / "boards" / f"{board}.toml"]).audio.capture, FACTS[board].card
    assert card is not None
    wish = Wish(given(capture.rate_hz), given(capture.channels), capture.channel)
    reflashed = replace(card, capture=firmware)
    assert opened([reflashed], capture.device, wish, Direction.CAPTURE) == agreed


# ---- pins and buses ------------------------------------------------------------------


@every_board
def test_no_pin_has_two_tasks(board: Path) -> None:
    config = load_config([board])
    used = [*pins_of(config), *FACTS[board.stem].taken]
    assert len(used) == len(set(used))
    assert not set(pins_of(config)) & (I2C | {0, 1, 14, 15})  # nor those of HAT memories and the console


def pins_of(config: Config) -> list[int]:
    light = config.light
    lamps = {
        "gpio_led": [light.pin],
        "gpio_rgb": [light.red, light.green, light.blue],
        "apa102": sorted(SPI),
        "ws2812": sorted(SPI),
    }
    buttons = [button.pin for button in config.buttons.values() if button.driver == "gpio"]
    return buttons + lamps.get(light.driver, [])


@every_board
def test_no_key_has_two_tasks(board: Path) -> None:
    keys = [button.key for button in load_config([board]).buttons.values() if button.driver == "keyboard"]
    assert len(keys) == len(set(keys))


class SpiDev:
    """As the package's; holds what was sent last, and where to."""

    sent: tuple[int, int, bytes]

    def open(self, bus: int, device: int) -> None:
        self.where = (bus, device)

    def writebytes2(self, data: bytes) -> None:
        SpiDev.sent = (*self.where, data)

    def close(self) -> None:
        pass


@pytest.fixture
def header(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """The header of a Raspberry Pi: its pins, and its SPI bus."""
    package = ModuleType("spidev")
    package.SpiDev = SpiDev  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spidev", package)
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory(pin_class=MockPWMPin)
    gpiozero.Device.pin_factory.reset()
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = before


@every_board
def test_buttons_and_light_open_together_and_nobody_presses(board: Path, header: MockFactory) -> None:
    config = load_config([board])
    devices = open_devices(config)
    contacts = {name: contact for name, (contact, _) in devices.buttons.items()} | dict(devices.switches)
    wired = {name: contacts[name] for name, button in config.buttons.items() if button.driver == "gpio"}
    for name, contact in wired.items():
        rest(config, name, header)
        contact.start(lambda pressed: None)
    light = devices.light if config.light.driver != "console" else None  # which wants a terminal
    if light is not None:
        light.start()
        light.show([(255, 255, 255)] * light.pixels)
        light.stop()
    assert [name for name, contact in wired.items() if contact.is_pressed()] == []
    for contact in wired.values():
        contact.stop()


def rest(config: Config, name: str, header: MockFactory) -> None:
    """Where a board has a resistor of its own, the mock pin needs it, too."""
    button = config.buttons[name]
    if not button.pull:
        pin = header.pin(f"GPIO{button.pin}")
        pin.drive_low() if button.active_high else pin.drive_high()


def test_three_lamps_of_the_two_microphone_hat_are_sent_white(header: MockFactory) -> None:
    light = open_devices(load_config([CONFIGS / "boards" / "respeaker-2mic.toml"])).light
    assert light is not None
    light.start()
    light.show([(255, 255, 255)] * 3)
    assert SpiDev.sent == (0, 0, bytes(4) + b"\xff" * 12 + bytes(5))
    light.stop()


def test_whisplay_shines_where_its_pins_are_low_and_is_pressed_where_its_pin_is_high(
    header: MockFactory,
) -> None:
    devices = open_devices(load_config([CONFIGS / "boards" / "whisplay.toml"]))
    button, _ = devices.buttons["talk"]
    header.pin("GPIO17").drive_low()
    edges: list[bool] = []
    button.start(edges.append)
    header.pin("GPIO17").drive_high()
    button.stop()
    assert edges == [True]
    assert devices.light is not None
    devices.light.start()
    devices.light.show([(255, 0, 0)])
    assert [header.pin(f"GPIO{pin}").state for pin in (25, 24, 23)] == [0, 1, 1]
    devices.light.stop()
