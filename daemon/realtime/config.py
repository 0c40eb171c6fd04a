"""What a session is configured with, checked and put into the shape of `session.update`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, Literal


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""Not sent, the server's default holds. `None` is different: it is sent as null and switches the thing
off."""

PCM_24_KHZ: Final = {"type": "audio/pcm", "rate": 24_000}
"""16-bit, mono, little endian. The API takes PCM at this rate only."""

OUTPUT_MODALITIES = ("audio", "text")
NOISE_REDUCTIONS = ("near_field", "far_field")
TOOL_CHOICES = ("auto", "none", "required")
TRUNCATIONS = ("auto", "disabled")
EAGERNESS = ("auto", "low", "medium", "high")
MAX_OUTPUT_TOKENS = 4_096

_COMMON_VAD_KEYS = ("type", "create_response", "interrupt_response")
VAD_KEYS: Mapping[str, tuple[str, ...]] = {
    "server_vad": (
        *_COMMON_VAD_KEYS,
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "idle_timeout_ms",
    ),
    "semantic_vad": (*_COMMON_VAD_KEYS, "eagerness"),
}
TRANSCRIPTION_KEYS = ("model", "language", "languages", "keywords", "prompt", "delay")


class SessionConfigError(ValueError):
    """A setting the API would refuse: names the field, the value, what is allowed and the nearest match."""

    def __init__(self, field: str, value: object, allowed: str, near: str | None = None) -> None:
        self.field = field
        hint = f"; did you mean {near!r}?" if near else ""
        super().__init__(f"{field} is {value!r}, allowed: {allowed}{hint}")


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """One session, push-to-talk with 24 kHz PCM unless told otherwise. Raises `SessionConfigError`.

    `speed` 0.25 to 1.5; `max_output_tokens` 1 to 4096 or "inf"; `output_modalities` one of audio and text,
    never both; `turn_detection` and `transcription` are the API's objects, None switches them off;
    `truncation` is "auto", "disabled" or the API's retention object; `tools` are always sent, so that an
    empty tuple clears them.
    """

    model: str = "gpt-realtime"
    instructions: str = ""
    output_modalities: tuple[str, ...] = ("audio",)
    voice: str | Mapping[str, Any] | Absent = "marin"
    speed: float | Absent = ABSENT
    transcription: Mapping[str, Any] | Absent | None = field(
        default_factory=lambda: {"model": "gpt-4o-mini-transcribe"}
    )
    turn_detection: Mapping[str, Any] | Absent | None = None
    noise_reduction: str | Absent | None = ABSENT
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | Absent = ABSENT
    max_output_tokens: int | Literal["inf"] | Absent = ABSENT
    truncation: str | Mapping[str, Any] | Absent = ABSENT

    def __post_init__(self) -> None:
        _check_text("model", self.model)
        _check_string("instructions", self.instructions)
        self._check_output()
        if self.transcription is not None and self.transcription is not ABSENT:
            _check_keys("transcription", self.transcription, TRANSCRIPTION_KEYS)
            _check_text("transcription.model", self.transcription.get("model"))
        if self.turn_detection is not None and self.turn_detection is not ABSENT:
            _check_turn_detection(self.turn_detection)
        if self.noise_reduction is not None and self.noise_reduction is not ABSENT:
            _check_choice("noise_reduction", self.noise_reduction, NOISE_REDUCTIONS)
        self._check_tools()
        if self.max_output_tokens not in ("inf", ABSENT):
            _check_whole("max_output_tokens", self.max_output_tokens, 1, MAX_OUTPUT_TOKENS, 'or "inf"')
        if isinstance(self.truncation, str):
            _check_choice("truncation", self.truncation, TRUNCATIONS)

    def payload(self) -> dict[str, Any]:
        """The `session` object of `session.update`, in the API's nested form."""
        audio_input = _present(
            format=dict(PCM_24_KHZ),
            transcription=self.transcription,
            turn_detection=self.turn_detection,
            noise_reduction=_typed(self.noise_reduction),
        )
        audio_output = _present(format=dict(PCM_24_KHZ), voice=self.voice, speed=self.speed)
        return _present(
            type="realtime",
            model=self.model,
            instructions=self.instructions,
            output_modalities=list(self.output_modalities),
            audio={"input": audio_input, "output": audio_output},
            tools=list(self.tools),
            tool_choice=self.tool_choice,
            max_output_tokens=self.max_output_tokens,
            truncation=self.truncation,
        )

    def _check_output(self) -> None:
        if len(self.output_modalities) != 1:
            allowed = "exactly one of " + ", ".join(OUTPUT_MODALITIES)
            raise SessionConfigError("output_modalities", self.output_modalities, allowed)
        _check_choice("output_modalities", self.output_modalities[0], OUTPUT_MODALITIES)
        if isinstance(self.voice, Mapping):
            _check_text("voice.id", self.voice.get("id"))
        elif self.voice is not ABSENT:
            _check_text("voice", self.voice)
        if self.speed is not ABSENT:
            _check_number("speed", self.speed, 0.25, 1.5)

    def _check_tools(self) -> None:
        names = [tool.get("name") for tool in self.tools if tool.get("type") == "function"]
        for name in names:
            _check_text("tools.name", name)
            if names.count(name) > 1:
                raise SessionConfigError("tools.name", name, "each name once")
        if isinstance(self.tool_choice, str):
            _check_choice("tool_choice", self.tool_choice, TOOL_CHOICES)


def _present(**keys: object) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not ABSENT}


def _typed(noise_reduction: str | Absent | None) -> dict[str, str] | Absent | None:
    return {"type": noise_reduction} if isinstance(noise_reduction, str) else noise_reduction


def _check_turn_detection(vad: Mapping[str, Any]) -> None:
    _check_choice("turn_detection.type", vad.get("type"), VAD_KEYS)
    _check_keys("turn_detection", vad, VAD_KEYS[vad["type"]])
    if vad.get("eagerness") is not None:
        _check_choice("turn_detection.eagerness", vad["eagerness"], EAGERNESS)
    if vad.get("threshold") is not None:
        _check_number("turn_detection.threshold", vad["threshold"], 0.0, 1.0)
    for key in ("prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"):
        if vad.get(key) is not None:
            _check_whole(f"turn_detection.{key}", vad[key], 0, 60_000, "milliseconds")
    for key in ("create_response", "interrupt_response"):
        if not isinstance(vad.get(key, True), bool):
            raise SessionConfigError(f"turn_detection.{key}", vad[key], "true or false")


def _check_keys(field: str, value: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in value:
        _check_choice(f"key of {field}", key, allowed)


def _check_choice(field: str, value: object, allowed: Iterable[str]) -> None:
    choices = list(allowed)
    if value not in choices:
        near = get_close_matches(str(value), choices, n=1)
        raise SessionConfigError(field, value, ", ".join(choices), near[0] if near else None)


def _check_string(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise SessionConfigError(field, value, "a string")


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise SessionConfigError(field, value, "a string that is not empty")


def _check_number(field: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise SessionConfigError(field, value, f"a number from {low:g} to {high:g}")


def _check_whole(field: str, value: object, low: int, high: int, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SessionConfigError(field, value, f"a whole number from {low} to {high} {unit}")
