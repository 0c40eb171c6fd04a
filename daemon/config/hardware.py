"""The settings of what the box is made of: sound, buttons, light, volume. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from daemon.audio.resample import can_convert
from daemon.bindings import ACTIONS, NONE, Bindings, problems, setting_problems
from daemon.config.section import Contradiction, Section, allowing
from daemon.gestures import GestureSettings
from daemon.volume import VolumeSettings

SESSION_RATE_HZ = 24_000

_WAV = allowing("the path of a WAV file")


def _or_auto(low: int, high: int) -> dict[str, Any]:
    return allowing(f'a whole number from {low} to {high}, or "auto"')


def _in_range(low: float, high: float) -> AfterValidator:
    """For numbers that may also be "auto"."""

    def check(value: float | str) -> float | str:
        if not isinstance(value, str) and not low <= value <= high:
            raise ValueError(f"is {value}")
        return value

    return AfterValidator(check)


def _convertible(rate_hz: int | str) -> int | str:
    if isinstance(rate_hz, int) and not can_convert(rate_hz, SESSION_RATE_HZ):
        raise ValueError(f"is {rate_hz}, which cannot be converted to {SESSION_RATE_HZ}; use a usual rate")
    return rate_hz


RateHz = Annotated[int | Literal["auto"], _in_range(8_000, 192_000), AfterValidator(_convertible)]
Channels = Annotated[int | Literal["auto"], _in_range(1, 32)]
Threshold = Annotated[float | Literal["auto"], _in_range(0.01, 0.99)]
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
        json_schema_extra=allowing('a channel number from 0, below `channels`, or "mix"'),
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
    threshold_dbfs: float = Field(
        default=-55.0, ge=-90, le=-10, description="Nothing below this level is taken for speech."
    )
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
_ACTION = allowing(", ".join(f'"{action}"' for action in ACTIONS) + ' or "tool:NAME"')


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
        json_schema_extra=allowing('one character such as "m", or "space"'),
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
                raise Contradiction((gesture,), said)
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
            raise Contradiction(("long_ms", "tap_max_ms"), said)
        return long_ms


class Light(Section):
    driver: Literal["none", "console", "gpio_led", "gpio_rgb", "apa102", "ws2812"] = Field(
        default="none", description="What shows the state of the box."
    )
    pin: int = Field(default=18, ge=0, le=_PIN_MAX, description="The GPIO number of a gpio_led.")
    active_high: bool = Field(default=True, description="False if a gpio_led shines while its pin is low.")
    dimmable: bool = Field(
        default=False, description="True dims a gpio_led, which keeps the processor busy while it shines."
    )
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
            try:
                VolumeSettings(**info.data, step_percent=step_percent)
            except ValueError as error:
                raise Contradiction(("max_percent", "min_percent", "start_percent"), str(error)) from None
        return step_percent


class WakeWord(Section):
    engine: Literal["none", "microwakeword"] = Field(
        default="none", description="What listens for the wake word, on this side only."
    )
    word: Literal["okay_nabu", "hey_jarvis", "hey_mycroft", "alexa"] = Field(
        default="okay_nabu", description="What the box is called."
    )
    threshold: Threshold = Field(
        default="auto",
        description="How sure the engine must be; auto is what the word was trained for.",
        json_schema_extra=allowing('a number above 0 and below 1, or "auto"'),
    )
