"""Every setting of the box: its type, range, default and what it means. Pure.

The description of a key becomes its comment in `configs/default.toml`; units are in the names. There is none
for the API key, on purpose: see `daemon.config.files`.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """Unknown keys are mistakes; TOML has types, so a text is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


def _allowing(allowed: str) -> dict[str, Any]:
    """For `Field(json_schema_extra=...)`, where the type alone does not say what is allowed."""
    return {"allowed": allowed}


_WAV = _allowing("the path of a WAV file")


class AudioCapture(Section):
    driver: Literal["portaudio", "wavfile"] = Field(
        default="portaudio", description="What the microphone is."
    )
    device: str = Field(default="default", description="Which sound device; `harkd devices` lists them.")
    rate_hz: int = Field(
        default=48_000, ge=8_000, le=192_000, description="Best the rate the device has natively."
    )
    channels: int = Field(default=1, ge=1, le=32, description="How many channels the device is opened with.")
    period_ms: int = Field(default=20, ge=5, le=100, description="How much audio is captured at once.")
    channel: int | Literal["mix"] = Field(
        default=0,
        description="Which channel is listened to, counted from 0.",
        json_schema_extra=_allowing('a channel number from 0, below `channels`, or "mix"'),
    )
    file: str = Field(
        default="", description="What driver wavfile plays as the microphone.", json_schema_extra=_WAV
    )

    @field_validator("channel")
    @classmethod
    def _channel_exists(cls, channel: int | str, info: ValidationInfo) -> int | str:
        if isinstance(channel, int) and not 0 <= channel < info.data.get("channels", 32):
            raise ValueError(f"there is no such channel when channels = {info.data.get('channels')}")
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
    rate_hz: int = Field(
        default=48_000, ge=8_000, le=192_000, description="Best the rate the device has natively."
    )
    period_ms: int = Field(
        default=10, ge=5, le=100, description="An interruption is silent after this long at most."
    )
    file: str = Field(
        default="", description="Where driver wavfile writes what was heard.", json_schema_extra=_WAV
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


class Audio(Section):
    capture: AudioCapture = AudioCapture()
    playback: AudioPlayback = AudioPlayback()


class Vad(Section):
    driver: Literal["webrtc", "energy", "none"] = Field(
        default="webrtc", description="What tells speech from noise; without one every turn counts as speech."
    )
    aggressiveness: int = Field(default=2, ge=0, le=3, description="How readily webrtc calls a sound noise.")


class Button(Section):
    driver: Literal["gpio", "keyboard", "none"] = Field(
        default="none", description="What is pressed to talk; `harkd press` works with each of them."
    )
    # 54 lines is what the largest of the Pi's chips has; 17 is the button of the common two-microphone HAT.
    pin: int = Field(default=17, ge=0, le=53, description="The GPIO number, not the pin of the header.")
    active_high: bool = Field(
        default=False, description="True if the pin is high while the button is pressed."
    )
    pull: bool = Field(default=True, description="False if the board has its own pull resistor.")


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
    button: Button = Button()
    talk: Talk = Talk()
    session: Session = Session()
    agents: Agents = Agents()
    link: Link = Link()
    control: Control = Control()


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
