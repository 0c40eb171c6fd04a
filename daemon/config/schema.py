"""Every setting of the box: its type, range, default and what it means. Pure.

The description of a key becomes its comment in `configs/default.toml`; units are in the names. There is none
for the API key, on purpose: see `daemon.config.files`.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from daemon.config.hardware import Audio, Button, Gestures, Light, Sounds, Vad, Volume, WakeWord
from daemon.config.section import Section, allowing


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
        default=300.0,
        ge=0,
        le=2_000,
        description="How much from before the press belongs to the turn; 0 keeps nothing from before it.",
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
        json_schema_extra=allowing("wss://HOST/PATH, or ws:// to localhost, without user and password"),
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
        json_schema_extra=allowing('two letters of ISO 639-1 such as "en", or ""'),
    )
    turn_detection: Literal["server_vad", "semantic_vad"] = Field(
        default="server_vad", description="What ends a turn when talk.mode is hands_free."
    )
    truncation: Literal["auto", "retain", "disabled"] = Field(
        default="auto",
        description="What a conversation too long for the model loses: its oldest part, more of it, nothing.",
    )
    truncation_ratio: float = Field(
        default=0.8, ge=0.1, le=1, description="How much of it retain keeps; less is cut less often."
    )
    truncation_tokens: int = Field(
        default=0,
        ge=0,
        le=128_000,
        description="How long retain lets it become, instructions apart; 0 is what the model can hold.",
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
    warm: Literal["always", "on_demand"] = Field(
        default="always", description="Whether to connect at the start, or for the first press."
    )
    idle_hang_up_s: float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        description="How long a connection that nobody uses is kept open, 0 for ever.",
    )
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
    append_ms: int = Field(
        default=20,
        ge=10,
        le=100,
        description="How much of what the microphone heard goes up at once; less is sooner, more is cheaper.",
    )
    proxy: str = Field(
        default="",
        description='The proxy to go through, "" for none; proxy variables are ignored.',
        json_schema_extra=allowing('http://HOST:PORT or socks5://HOST:PORT without a password, or ""'),
    )

    @field_validator("proxy")
    @classmethod
    def _is_proxy(cls, proxy: str) -> str:
        if proxy and not _is_address(proxy, _PROXY):
            raise ValueError("is no address of a proxy")
        return proxy


class Budget(Section):
    """Amounts are in the currency of the price table; what a limit means is in docs/costs.md."""

    warn_per_day: float = Field(
        default=0.0, ge=0, le=100_000, description="Spending this much in a day is told once, 0 for never."
    )
    limit_per_day: float = Field(
        default=0.0, ge=0, le=100_000, description="Nothing more is asked on such a day, 0 for no limit."
    )
    warn_per_month: float = Field(
        default=0.0, ge=0, le=100_000, description="Spending this much in a month is told once, 0 for never."
    )
    limit_per_month: float = Field(
        default=0.0, ge=0, le=100_000, description="Nothing more is asked in such a month, 0 for no limit."
    )


class Flight(Section):
    """The flight recorder's, of which docs/flight-recorder.md tells."""

    speech_text: bool = Field(
        default=False, description="Whether recordings of the last minutes hold what was said, in words."
    )


class Metrics(Section):
    """Figures for Prometheus; docs/metrics.md has them all."""

    file: str = Field(
        default="",
        pattern=r"^(/.*[^/]\.prom)?$",
        description='A file for the node exporter\'s textfile collector, "" for none.',
        json_schema_extra=allowing('an absolute path that ends in .prom, or ""'),
    )
    every_s: float = Field(default=15.0, ge=1, le=3_600, description="How often it is written.")


class Control(Section):
    socket: str = Field(
        default="/run/harkd/control.sock",
        pattern=r"^/.{1,100}$",
        description="Where `harkd status` and the other commands reach the daemon.",
        json_schema_extra=allowing("an absolute path of at most 101 characters"),
    )


class Config(Section):
    """The whole configuration; every key has a default.

    What `profile` sets is in the other keys already: `daemon.config.profiles`.
    """

    profile: Literal["low_latency", "balanced", "battery"] = Field(
        default="balanced",
        description="What the box is tuned for: other defaults for several keys; docs/profiles.md has them.",
    )
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
    budget: Budget = Budget()
    link: Link = Link()
    control: Control = Control()
    flight: Flight = Flight()
    metrics: Metrics = Metrics()

    @field_validator("talk")
    @classmethod
    def _can_be_interrupted(cls, talk: Talk, info: ValidationInfo) -> Talk:
        audio = info.data.get("audio")
        if talk.barge_in == "local_vad" and audio is not None and not audio.processing.echo_cancellation:
            raise ValueError('barge_in = "local_vad" needs audio.processing.echo_cancellation = true')
        return talk

    @field_validator("wake_word")
    @classmethod
    def _can_be_heard(cls, wake_word: WakeWord, info: ValidationInfo) -> WakeWord:
        vad, talk = info.data.get("vad"), info.data.get("talk")
        listening = wake_word.engine != "none"
        if listening and talk is not None and talk.capture == "on_demand":
            raise ValueError('nobody hears the wake word while talk.capture = "on_demand"')
        if listening and vad is not None and vad.driver == "none":
            raise ValueError('nothing ends a turn begun by the wake word while vad.driver = "none"')
        if not listening and talk is not None and talk.barge_in == "wake_word":
            raise ValueError('talk.barge_in = "wake_word" needs an engine')
        return wake_word
