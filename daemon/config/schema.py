"""Every setting of the box: its type, range, default and what it means. Pure.

The description of a key becomes its comment in `configs/default.toml`; units are in the names. There is none
for the API key, on purpose: see `daemon.config.files`.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from daemon.bindings import ACTIONS, NONE, Bindings, problems, setting_problems
from daemon.gestures import GestureSettings
from daemon.volume import VolumeSettings


class Section(BaseModel):
    """Unknown keys are mistakes; TOML has types, so a text is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


def _allowing(allowed: str) -> dict[str, Any]:
    """For `Field(json_schema_extra=...)`, where the type alone does not say what is allowed."""
    return {"allowed": allowed}


_WAV = _allowing("the path of a WAV file")


def _or_auto(low: int, high: int) -> dict[str, Any]:
    return _allowing(f'a whole number from {low} to {high}, or "auto"')


def _in_range(low: int, high: int) -> AfterValidator:
    """For numbers that may also be "auto"."""

    def check(value: int | str) -> int | str:
        if isinstance(value, int) and not low <= value <= high:
            raise ValueError(f"is {value}")
        return value

    return AfterValidator(check)


RateHz = Annotated[int | Literal["auto"], _in_range(8_000, 192_000)]
Channels = Annotated[int | Literal["auto"], _in_range(1, 32)]
PeriodMs = Annotated[int | Literal["auto"], _in_range(5, 100)]


class AudioCapture(Section):
    driver: Literal["portaudio", "wavfile"] = Field(
        default="portaudio", description="What the microphone is."
    )
    device: str = Field(default="default", description="Which sound device; `harkd devices` lists them.")
    rate_hz: RateHz = Field(
        default="auto",
        description="At which rate it is opened; auto finds one that the device has natively.",
        json_schema_extra=_or_auto(8_000, 192_000),
    )
    channels: Channels = Field(
        default="auto",
        description="How many channels it is opened with; auto takes what the device has.",
        json_schema_extra=_or_auto(1, 32),
    )
    period_ms: PeriodMs = Field(
        default="auto",
        description="How much audio is captured at once; auto is what audio.profile says.",
        json_schema_extra=_or_auto(5, 100),
    )
    channel: int | Literal["mix"] = Field(
        default=0,
        description="Which channel is listened to, counted from 0.",
        json_schema_extra=_allowing('a channel number from 0, below `channels`, or "mix"'),
    )
    file: str = Field(
        default="", description="What driver wavfile plays as the microphone.", json_schema_extra=_WAV
    )
    gain_db: float = Field(
        default=0.0, ge=-20, le=40, description="How much louder what was captured is made."
    )
    high_pass_hz: int = Field(
        default=0, ge=0, le=300, description="Rumble below this pitch is taken away, 0 for none of it."
    )

    @field_validator("channel")
    @classmethod
    def _channel_exists(cls, channel: int | str, info: ValidationInfo) -> int | str:
        channels = info.data.get("channels", "auto")
        most = 32 if channels == "auto" else channels
        if isinstance(channel, int) and not 0 <= channel < most:
            raise ValueError(f"there is no such channel when channels = {most}")
        return channel

    @field_validator("file")
    @classmethod
    def _file_given(cls, file: str, info: ValidationInfo) -> str:
        return _needed_by_wavfile(file, info)


class AudioPlayback(Section):
    driver: Literal["portaudio", "wavfile"] = Field(
        default="portaudio", description="What the loudspeaker is."
    )
    device: str = Field(default="default", description="Which sound device; `harkd devices` lists them.")
    rate_hz: RateHz = Field(
        default="auto",
        description="At which rate it is opened; auto finds one that the device has natively.",
        json_schema_extra=_or_auto(8_000, 192_000),
    )
    channels: Channels = Field(
        default="auto",
        description="How many channels it is opened with, all of which play the same.",
        json_schema_extra=_or_auto(1, 32),
    )
    period_ms: PeriodMs = Field(
        default="auto",
        description="An interruption is silent after this long; auto is what audio.profile says.",
        json_schema_extra=_or_auto(5, 100),
    )
    file: str = Field(
        default="", description="Where driver wavfile writes what was heard.", json_schema_extra=_WAV
    )
    keep_open: Literal["always", "while_used"] = Field(
        default="always",
        description="Whether silence is played between answers, which keeps amplifiers awake.",
    )
    lead_in_ms: int = Field(
        default=0,
        ge=0,
        le=2_000,
        description="How much silence goes before the first sound of a device just opened.",
    )
    ring_s: float = Field(
        default=120.0, ge=5.0, le=600.0, description="The longest answer kept while it is played."
    )

    @field_validator("file")
    @classmethod
    def _file_given(cls, file: str, info: ValidationInfo) -> str:
        return _needed_by_wavfile(file, info)


def _needed_by_wavfile(file: str, info: ValidationInfo) -> str:
    if info.data.get("driver") == "wavfile" and not file:
        raise ValueError('is needed when driver = "wavfile"')
    return file


class AudioProcessing(Section):
    echo_cancellation: bool = Field(
        default=False, description="True takes the loudspeaker's sound out of the microphone's."
    )
    noise_suppression: Literal["off", "low", "moderate", "high", "very_high"] = Field(
        default="off", description="How much of a steady noise is taken away on this side."
    )
    automatic_gain: bool = Field(default=False, description="True evens out loud and soft voices.")


class Audio(Section):
    profile: Literal["low_latency", "balanced", "safe"] = Field(
        default="balanced", description="How short the periods are, and how easily sound breaks off for it."
    )
    capture: AudioCapture = AudioCapture()
    playback: AudioPlayback = AudioPlayback()
    processing: AudioProcessing = AudioProcessing()


class Vad(Section):
    driver: Literal["webrtc", "energy", "none"] = Field(
        default="webrtc", description="What tells speech from noise; without one every turn counts as speech."
    )
    aggressiveness: int = Field(default=2, ge=0, le=3, description="How readily webrtc calls a sound noise.")
    end_silence_ms: float = Field(
        default=700.0, ge=200, le=5_000, description="A tapped turn ends after so much silence."
    )
    nothing_said_ms: float = Field(
        default=5_000.0, ge=1_000, le=60_000, description="A tapped turn without speech ends after so long."
    )
    gate_upload: bool = Field(
        default=False, description="True sends hands-free only what this side takes for speech."
    )


# 54 lines is what the largest of the Pi's chips has; 17 is the button of the common two-microphone HAT.
_PIN_MAX = 53
_ACTION = _allowing(", ".join(f'"{action}"' for action in ACTIONS) + ' or "tool:NAME"')


class Button(Section):
    kind: Literal["button", "mute_switch"] = Field(
        default="button", description="A mute_switch stays where it is put, and nothing overrides it."
    )
    driver: Literal["gpio", "keyboard"] = Field(default="gpio", description="What is pressed.")
    pin: int = Field(default=17, ge=0, le=_PIN_MAX, description="The GPIO number, not the pin of the header.")
    active_high: bool = Field(
        default=False, description="True if the pin is high while the button is pressed."
    )
    pull: bool = Field(default=True, description="False if the board has its own pull resistor.")
    key: str = Field(
        default="space",
        pattern=r"^(space|[!-~])$",
        description="Which key driver keyboard takes.",
        json_schema_extra=_allowing('one character such as "m", or "space"'),
    )
    hold: str = Field(
        default="none",
        description="What it does for as long as it is held; hold and tap talk if nothing is bound at all.",
        json_schema_extra=_ACTION,
    )
    tap: str = Field(
        default="none",
        description="What a short press does; talk listens until you have finished.",
        json_schema_extra=_ACTION,
    )
    double: str = Field(default="none", description="What two short presses do.", json_schema_extra=_ACTION)
    long: str = Field(
        default="none",
        description="What it does when it has been down for a while.",
        json_schema_extra=_ACTION,
    )

    @field_validator("long")
    @classmethod
    def _makes_sense(cls, long: str, info: ValidationInfo) -> str:
        bound = {name: info.data[name] for name in ("hold", "tap", "double") if name in info.data}
        if len(bound) == 3 and {*bound.values(), long} != {NONE}:
            for gesture, said in problems(Bindings(**bound, long=long)):
                raise ValueError(f"({gesture}) {said}")
        return long


class Gestures(Section):
    tap_max_ms: float = Field(default=250.0, ge=50, le=1_000, description="A press this short is a tap.")
    double_gap_ms: float = Field(
        default=300.0, ge=100, le=1_000, description="How soon after a tap the second has to follow."
    )
    long_ms: float = Field(
        default=800.0, ge=300, le=10_000, description="How long a button is down for a long press."
    )

    @field_validator("long_ms")
    @classmethod
    def _in_order(cls, long_ms: float, info: ValidationInfo) -> float:
        settings = GestureSettings(**{**info.data, "long_ms": long_ms})
        for _, said in setting_problems(settings):
            raise ValueError(said)
        return long_ms


class Light(Section):
    driver: Literal["none", "console", "gpio_led", "gpio_rgb", "apa102", "ws2812"] = Field(
        default="none", description="What shows the state of the box."
    )
    pin: int = Field(default=18, ge=0, le=_PIN_MAX, description="The GPIO number of a gpio_led.")
    active_high: bool = Field(default=True, description="False if a gpio_led shines while its pin is low.")
    dimmable: bool = Field(default=True, description="False for a gpio_led that can only be on or off.")
    red: int = Field(default=22, ge=0, le=_PIN_MAX, description="The GPIO number for red of a gpio_rgb.")
    green: int = Field(default=23, ge=0, le=_PIN_MAX, description="The GPIO number for green.")
    blue: int = Field(default=24, ge=0, le=_PIN_MAX, description="The GPIO number for blue.")
    common_anode: bool = Field(default=False, description="True if a gpio_rgb shines while its pins are low.")
    pixels: int = Field(default=3, ge=1, le=64, description="How many lamps an apa102 or ws2812 strip has.")
    spi_bus: int = Field(default=0, ge=0, le=6, description="The SPI bus of a strip.")
    spi_device: int = Field(default=0, ge=0, le=2, description="The chip select of a strip.")
    brightness_percent: int = Field(default=40, ge=1, le=100, description="How bright it shines at most.")


class Sounds(Section):
    prompts: Literal["en", "de", "fr", "es", "it", "off"] = Field(
        default="en", description="The language in which the box says what is wrong with it."
    )
    earcons: bool = Field(default=True, description="False for a box that makes no short sounds.")


class Volume(Section):
    start_percent: int = Field(default=70, ge=0, le=100, description="The volume until somebody sets it.")
    min_percent: int = Field(default=0, ge=0, le=100, description="The lowest it can be set to.")
    max_percent: int = Field(default=100, ge=1, le=100, description="The highest it can be set to.")
    step_percent: int = Field(default=5, ge=1, le=100, description="One press of a volume button.")

    @field_validator("step_percent")
    @classmethod
    def _in_order(cls, step_percent: int, info: ValidationInfo) -> int:
        if len(info.data) == 3:
            VolumeSettings(**info.data, step_percent=step_percent)
        return step_percent


class WakeWord(Section):
    engine: Literal["none", "openwakeword", "microwakeword"] = Field(
        default="none", description="What listens for the wake word, on this side only."
    )
    word: str = Field(
        default="okay_nabu", min_length=1, description="One of the words that the engine brings."
    )


class Talk(Section):
    mode: Literal["hold", "toggle", "hands_free"] = Field(
        default="hold", description="Speak while the button is held, between two taps, or at any time."
    )
    barge_in: Literal["off", "button", "server_vad", "local_vad", "wake_word"] = Field(
        default="button",
        description="What may cut an answer; the two kinds of vad need a headset or echo cancellation.",
    )
    capture: Literal["always", "on_demand"] = Field(
        default="always", description="When the microphone is open: on_demand, only while it has been asked."
    )
    preroll_ms: float = Field(
        default=300.0, ge=0, le=2_000, description="How much from before the press belongs to the turn."
    )
    min_turn_ms: float = Field(
        default=100.0,
        ge=100,
        le=5_000,
        description="Shorter turns are dropped; the API refuses those under 100 ms.",
    )
    min_speech_ms: float = Field(
        default=60.0, ge=0, le=5_000, description="Turns in which the detector heard less speech are dropped."
    )
    release_tail_ms: float = Field(
        default=0.0, ge=0, le=2_000, description="How much is still captured after the release."
    )
    max_turn_s: float = Field(default=60.0, ge=1, le=600, description="A turn this long ends by itself.")
    hold_s: float = Field(
        default=15.0, ge=0, le=600, description="How long a finished turn waits for the link."
    )
    answer_s: float = Field(default=30.0, ge=1, le=600, description="How long an answer may take to begin.")
    approve_s: float = Field(
        default=30.0, ge=1, le=600, description="How long a tool call waits for a press that approves it."
    )
    echo_tail_ms: float = Field(
        default=300.0,
        ge=0,
        le=5_000,
        description="How long the microphone still hears the loudspeaker's last sample.",
    )
    follow_up_s: float = Field(
        default=0.0, ge=0, le=60, description="How long after an answer a reply needs no button or wake word."
    )


# As the transport judges it, which looks closer: encrypted, or to this very machine.
_HOST = r"(?:[\w.-]+|\[[\da-fA-F:.]+\])"
_PORT = r"(?::\d+)?"
_URL = re.compile(
    rf"(?:wss://{_HOST}|ws://(?:localhost|127(?:\.\d+){{3}}|\[::1\])){_PORT}(?:[/?][!-~]*)?", re.ASCII
)
_PROXY = re.compile(rf"(?:https?|socks5h?)://{_HOST}{_PORT}/?", re.ASCII)


def _is_address(text: str, form: re.Pattern[str]) -> bool:
    """`text` has this form, its numbers are in range, and it has no fragment."""
    if not form.fullmatch(text) or "#" in text:
        return False
    try:
        address = urlsplit(text)
        if address.netloc.startswith("127."):
            ip_address(address.hostname or "")
        return address.port != 0
    except ValueError:
        return False


class Session(Section):
    url: str = Field(
        default="wss://api.openai.com/v1/realtime",
        description="Where the Realtime server is; the model is added to it.",
        json_schema_extra=_allowing("wss://HOST/PATH, or ws:// to localhost, without user and password"),
    )
    model: str = Field(default="gpt-realtime", min_length=1, description="Which model answers.")
    instructions: str = Field(default="", description="Who the assistant is and how it speaks.")
    voice: str = Field(default="marin", min_length=1, description="The voice of the answers.")
    speed: float = Field(default=1.0, ge=0.25, le=1.5, description="How fast the answers are spoken.")
    noise_reduction: Literal["off", "near_field", "far_field"] = Field(
        default="off", description="At the server: near_field for a headset, far_field for a room."
    )
    transcription_model: str = Field(
        default="gpt-4o-mini-transcribe", description='What writes down the user\'s speech; "" for nothing.'
    )
    transcription_language: str = Field(
        default="",
        pattern=r"^([a-z]{2})?$",
        description='The language the user speaks; "" to have it guessed.',
        json_schema_extra=_allowing('two letters of ISO 639-1 such as "en", or ""'),
    )
    turn_detection: Literal["server_vad", "semantic_vad"] = Field(
        default="server_vad", description="What ends a turn when talk.mode is hands_free."
    )

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        if not _is_address(url, _URL):
            raise ValueError("is no address the key and the voice may be sent to")
        return url


class Agents(Section):
    start: str = Field(
        default="assistant",
        min_length=1,
        description="Which of agents/*.toml answers first; without such files [session] says who does.",
    )


class Link(Section):
    handshake_timeout_s: float = Field(default=10.0, ge=1, le=60, description="How long connecting may take.")
    ping_interval_s: float = Field(
        default=10.0, ge=1, le=300, description="How often the server is asked for a sign."
    )
    ping_timeout_s: float = Field(default=10.0, ge=1, le=300, description="How long it may take to give one.")
    send_bound_s: float = Field(
        default=2.0,
        ge=0.5,
        le=30,
        description="More speech than this waiting to be sent means the link is lost.",
    )
    proxy: str = Field(
        default="",
        description='The proxy to go through, "" for none; proxy variables are ignored.',
        json_schema_extra=_allowing('http://HOST:PORT or socks5://HOST:PORT without a password, or ""'),
    )

    @field_validator("proxy")
    @classmethod
    def _is_proxy(cls, proxy: str) -> str:
        if proxy and not _is_address(proxy, _PROXY):
            raise ValueError("is no address of a proxy")
        return proxy


class Control(Section):
    socket: str = Field(
        default="/run/harkd/control.sock",
        pattern=r"^/.{1,100}$",
        description="Where `harkd status` and the other commands reach the daemon.",
        json_schema_extra=_allowing("an absolute path of at most 101 characters"),
    )


class Config(Section):
    """The whole configuration; every key has a default."""

    audio: Audio = Audio()
    vad: Vad = Vad()
    buttons: dict[str, Button] = Field(default_factory=dict)
    gestures: Gestures = Gestures()
    light: Light = Light()
    sounds: Sounds = Sounds()
    volume: Volume = Volume()
    talk: Talk = Talk()
    wake_word: WakeWord = WakeWord()
    session: Session = Session()
    agents: Agents = Agents()
    link: Link = Link()
    control: Control = Control()

    @field_validator("wake_word")
    @classmethod
    def _can_be_heard(cls, wake_word: WakeWord, info: ValidationInfo) -> WakeWord:
        talk = info.data.get("talk")
        if wake_word.engine != "none" and talk is not None and talk.capture == "on_demand":
            raise ValueError('nobody hears the wake word while talk.capture = "on_demand"')
        return wake_word


def is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def named_section(annotation: Any) -> type[Section] | None:
    """What each table of `[buttons.NAME]` is, for a field that holds any number of them; else None."""
    inner = get_args(annotation)[1:] if get_origin(annotation) is dict else ()
    return inner[0] if inner and is_section(inner[0]) else None


def table_under(annotation: Any, key: str) -> Any:
    """The annotation of `key` in a section, or in a table of named sections; None if there is none."""
    if is_section(annotation):
        field = annotation.model_fields.get(key)
        return field.annotation if field else None
    return named_section(annotation)


def allowed_values(field: FieldInfo) -> str:
    """What a key may hold, in words: `a whole number from 5 to 100`."""
    extra = field.json_schema_extra
    if isinstance(extra, dict):
        return str(extra["allowed"])
    if get_origin(field.annotation) is Literal:
        return ", ".join(f'"{choice}"' for choice in get_args(field.annotation))
    if is_section(field.annotation) or named_section(field.annotation):
        return "a table"
    if field.annotation is bool:
        return "true or false"
    if field.annotation is str:
        return "a text that is not empty" if field.metadata else "a text"
    low, high = _bounds(field)
    return f"a {'whole ' if field.annotation is int else ''}number from {low:g} to {high:g}"


def _bounds(field: FieldInfo) -> tuple[float, float]:
    low = next(limit.ge for limit in field.metadata if hasattr(limit, "ge"))
    high = next(limit.le for limit in field.metadata if hasattr(limit, "le"))
    return low, high
