"""What the API takes in each field of a session, checked before it is asked. Pure.

Ranges and words are those of the API's published types (September 2026 unless a comment says otherwise).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.handoffs import Handoff
from daemon.realtime.tools import Tool
from daemon.records import dataclass

VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")
"""Built-in voices of the Realtime API; the names of its text-to-speech siblings are refused there."""

PCM_24_KHZ: Mapping[str, Any] = {"type": "audio/pcm", "rate": 24_000}
MU_LAW: Mapping[str, Any] = {"type": "audio/pcmu"}
A_LAW: Mapping[str, Any] = {"type": "audio/pcma"}

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "pcm16": PCM_24_KHZ,
    "pcm": PCM_24_KHZ,
    "audio/pcm": PCM_24_KHZ,
    "g711_ulaw": MU_LAW,
    "pcmu": MU_LAW,
    "audio/pcmu": MU_LAW,
    "g711_alaw": A_LAW,
    "pcma": A_LAW,
    "audio/pcma": A_LAW,
}

EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
MODALITIES = ("audio", "text")
TOOL_CHOICES = ("auto", "none", "required")
INCLUDES = ("item.input_audio_transcription.logprobs",)

_LANGUAGE = re.compile(r"[a-z]{2,3}\Z")


@dataclass(frozen=True, slots=True)
class SettingsProblem:
    """`field` as it was written, its value, what is allowed, and a hint that may be empty."""

    field: str
    value: Any
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.field} is {self.value!r}, allowed: {self.allowed}{self.hint}"


class SettingsError(UserError):
    """Settings the API would refuse; `problems` has all of them."""

    def __init__(self, problems: Iterable[SettingsProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


NEWER = "; what is newer than these goes into provider_data"

Problems = list[SettingsProblem]
Check = Callable[[Any, str, Problems], Any]
"""From a value and the field's name to the value for the wire; what is wrong is added to the problems."""


def snake_case(key: object) -> str:
    """`turnDetection` as `turn_detection`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower()


def snake_cased(given: Mapping[Any, Any]) -> dict[str, tuple[Any, str]]:
    """Each key in snake case, with its value and as it was written; the snake spelling wins over camel."""
    camel = {snake_case(key): (value, str(key)) for key, value in given.items() if snake_case(key) != key}
    return {**camel, **{key: (value, key) for key, value in given.items() if snake_case(key) == key}}


# ---- checks of any kind ----------------------------------------------------------------------------------


def choice(*allowed: str) -> Check:
    def check(value: Any, field: str, problems: Problems) -> Any:
        if value not in allowed:
            near = did_you_mean(value, allowed)
            problems.append(SettingsProblem(field, value, ", ".join(allowed), near))
        return value

    return check


def text(allowed: str = "text", empty: bool = True) -> Check:
    def check(value: Any, field: str, problems: Problems) -> Any:
        if not isinstance(value, str) or not (value or empty):
            problems.append(SettingsProblem(field, value, allowed))
        return value

    return check


def boolean(value: Any, field: str, problems: Problems) -> Any:
    if not isinstance(value, bool):
        problems.append(SettingsProblem(field, value, "true, false"))
    return value


def number(low: float, high: float) -> Check:
    def check(value: Any, field: str, problems: Problems) -> Any:
        if type(value) not in (int, float) or not isfinite(value) or not low <= value <= high:
            problems.append(SettingsProblem(field, value, f"a number from {low:g} to {high:g}"))
        return value

    return check


def whole(low: int, high: int | None, unit: str) -> Check:
    def check(value: Any, field: str, problems: Problems) -> Any:
        if type(value) is not int or value < low or (high is not None and value > high):
            span = f"from {low}" if high is None else f"from {low} to {high}"
            problems.append(SettingsProblem(field, value, f"a whole number of {unit} {span}"))
        return value

    return check


def list_of(check_one: Check) -> Check:
    def check(value: Any, field: str, problems: Problems) -> Any:
        if not isinstance(value, list | tuple):
            problems.append(SettingsProblem(field, value, "a list"))
            return value
        return [check_one(one, f"{field}[{index}]", problems) for index, one in enumerate(value)]

    return check


def anything(value: Any, field: str, problems: Problems) -> Any:
    return value


def mapping(value: Any, field: str, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.append(SettingsProblem(field, value, "an object"))
        return value
    return dict(value)


def record(keys: Mapping[str, Check], required: tuple[str, ...] = (), *, otherwise: str = NEWER) -> Check:
    """An object of known keys, in either case; a null inside is passed on."""

    def check(value: Any, field: str, problems: Problems) -> Any:
        if not isinstance(value, Mapping):
            problems.append(SettingsProblem(field, value, f"an object of {', '.join(keys)}"))
            return value
        checked: dict[str, Any] = {}
        for key, (inner, written) in snake_cased(value).items():
            where = f"{field}.{written}"
            if key not in keys:
                problems.append(unknown(where, key, inner, keys, otherwise))
            else:
                checked[key] = None if inner is None else keys[key](inner, where, problems)
        for key in required:
            if checked.get(key) is None:
                problems.append(SettingsProblem(f"{field}.{key}", value.get(key), "a value, it is required"))
        return checked

    return check


def unknown(
    where: str, key: str, value: Any, allowed: Iterable[str], otherwise: str = NEWER
) -> SettingsProblem:
    """A key that does not exist; `otherwise` is said when it is no mere misspelling."""
    known = list(allowed)
    hint = did_you_mean(key, known) or otherwise
    return SettingsProblem(where, value, f"one of the keys {', '.join(known)}", hint)


# ---- the fields ------------------------------------------------------------------------------------------


def audio_format(value: Any, field: str, problems: Problems) -> Any:
    """One of the names in `FORMATS`, or the API's object."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        fixed = FORMATS.get(kind) if isinstance(kind, str) and kind.startswith("audio/") else None
        if fixed is not None and {**fixed, **value} == fixed:
            return dict(fixed)
    elif isinstance(value, str) and value in FORMATS:
        return dict(FORMATS[value])
    objects = '{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}'
    near = did_you_mean(value, FORMATS) if isinstance(value, str) else ""
    problems.append(SettingsProblem(field, value, f"{', '.join(FORMATS)} or {objects}", near))
    return value


def output_modalities(value: Any, field: str, problems: Problems) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 1 or value[0] not in MODALITIES:
        hint = "; an audio answer comes with its transcript" if isinstance(value, list | tuple) else ""
        problems.append(SettingsProblem(field, value, '["audio"] or ["text"], not both', hint))
        return value
    return list(value)


def max_output_tokens(value: Any, field: str, problems: Problems) -> Any:
    if value != "inf" and (type(value) is not int or not 1 <= value <= 4096):
        problems.append(SettingsProblem(field, value, 'a whole number from 1 to 4096, or "inf"'))
    return value


def voice_among(voices: Iterable[str] | None) -> Check:
    """A voice by name or as `{"id": ...}`; `voices` None lets any name through."""
    known = None if voices is None else list(voices)

    def check(value: Any, field: str, problems: Problems) -> Any:
        if isinstance(value, Mapping):
            return record({"id": text("the id of a voice", empty=False)}, required=("id",))(
                value, field, problems
            )
        if not isinstance(value, str) or not value or (known is not None and value not in known):
            names = "a name" if known is None else ", ".join(known)
            near = did_you_mean(value, known or ())
            problems.append(
                SettingsProblem(field, value, f'{names}, or {{"id": ...}} of a custom voice', near)
            )
        return value

    return check


_COMMON_VAD: Mapping[str, Check] = {
    "type": choice("server_vad", "semantic_vad"),
    "create_response": boolean,
    "interrupt_response": boolean,
    "model_version": text(),
}

_VAD: Mapping[str, Mapping[str, Check]] = {
    "server_vad": {
        **_COMMON_VAD,
        "threshold": number(0.0, 1.0),
        "prefix_padding_ms": whole(0, None, "milliseconds"),
        "silence_duration_ms": whole(0, None, "milliseconds"),
        "idle_timeout_ms": whole(5_000, 30_000, "milliseconds"),  # openapi; the types say nothing
    },
    "semantic_vad": {**_COMMON_VAD, "eagerness": choice("low", "medium", "high", "auto")},
}


def turn_detection(value: Any, field: str, problems: Problems) -> Any:
    """The keys of its type; `semantic_vad` if it names none."""
    kind = value.get("type", "semantic_vad") if isinstance(value, Mapping) else "semantic_vad"
    if not isinstance(kind, str) or kind not in _VAD:
        choice(*_VAD)(kind, f"{field}.type", problems)
        return value
    if not isinstance(value, Mapping):
        return record(_VAD[kind])(value, field, problems)
    (other,) = set(_VAD) - {kind}
    mine = {}
    for key, (inner, written) in snake_cased(value).items():
        if key not in _VAD[kind] and key in _VAD[other]:
            problems.append(
                SettingsProblem(f"{field}.{written}", inner, f"nothing with {kind}, only with {other}")
            )
        else:
            mine[key if key in _VAD[kind] else written] = inner
    return {"type": kind, **record(_VAD[kind])(mine, field, problems)}


def language(value: Any, field: str, problems: Problems) -> Any:
    if not isinstance(value, str) or not _LANGUAGE.match(value):
        short = value.split("-")[0].lower() if isinstance(value, str) else ""
        hint = f"; did you mean {short!r}?" if _LANGUAGE.match(short) else ""
        problems.append(SettingsProblem(field, value, "a code of ISO 639-1 such as 'en'", hint))
    return value


_TRANSCRIPTION = record(
    {
        "model": text("the name of a transcription model", empty=False),
        "language": language,
        "languages": list_of(language),
        "keywords": list_of(text()),
        "prompt": text(),
        "delay": choice(*EFFORTS),
    }
)

_LIST_MODELS = ("gpt-transcribe", "gpt-live-transcribe")
_NO_PROMPT_MODELS = ("gpt-4o-transcribe-diarize", "gpt-realtime-whisper")


def transcription(value: Any, field: str, problems: Problems) -> Any:
    """Known models take known keys only; a model we do not know takes all of them."""
    checked = _TRANSCRIPTION(value, field, problems)
    model = checked.get("model") if isinstance(checked, dict) else None
    if not isinstance(model, str):
        return checked
    ours = model in TRANSCRIPTION_MODELS
    refused = {
        "languages": ours and model not in _LIST_MODELS,
        "keywords": ours and model not in _LIST_MODELS,
        "prompt": model in _NO_PROMPT_MODELS,
        "delay": ours and model != "gpt-realtime-whisper",
    }
    for key, is_refused in refused.items():
        if is_refused and checked.get(key) is not None:
            problems.append(
                SettingsProblem(f"{field}.{key}", checked[key], f"nothing with the model {model}")
            )
    return checked


TRANSCRIPTION_MODELS = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-realtime-whisper",
)

_FORCED_TOOL: Mapping[str, Check] = {
    "function": record(
        {"type": anything, "name": text("the name of a tool", empty=False)}, required=("name",)
    ),
    "mcp": record(
        {"type": anything, "server_label": text("a server_label", empty=False), "name": text()},
        required=("server_label",),
    ),
}


def tool_choice(value: Any, field: str, problems: Problems) -> Any:
    if value in TOOL_CHOICES:
        return value
    kind = value.get("type") if isinstance(value, Mapping) else None
    if isinstance(kind, str) and kind in _FORCED_TOOL:
        return _FORCED_TOOL[kind](value, field, problems)
    objects = '{"type": "function", "name": ...}, {"type": "mcp", "server_label": ...}'
    near = did_you_mean(value, TOOL_CHOICES) if isinstance(value, str) else ""
    problems.append(SettingsProblem(field, value, f"{', '.join(TOOL_CHOICES)}, {objects}", near))
    return value


_TRACING = record({"workflow_name": text(), "group_id": text(), "metadata": mapping})


def tracing(value: Any, field: str, problems: Problems) -> Any:
    if value == "auto":
        return value
    if isinstance(value, str):
        problems.append(
            SettingsProblem(field, value, 'null, "auto" or an object', did_you_mean(value, ["auto"]))
        )
        return value
    return _TRACING(value, field, problems)


_RETENTION = record(
    {
        "type": choice("retention_ratio"),
        "retention_ratio": number(0.0, 1.0),
        "token_limits": record({"post_instructions": whole(1, None, "tokens")}),
    },
    required=("type", "retention_ratio"),
)


def truncation(value: Any, field: str, problems: Problems) -> Any:
    if isinstance(value, Mapping):
        return _RETENTION(value, field, problems)
    if value not in ("auto", "disabled"):
        allowed = 'auto, disabled, {"type": "retention_ratio", "retention_ratio": 0.0 to 1.0, ...}'
        problems.append(SettingsProblem(field, value, allowed, did_you_mean(value, ("auto", "disabled"))))
    return value


_PROMPT = record(
    {"id": text("the id of a prompt", empty=False), "version": text(), "variables": mapping}, ("id",)
)


def prompt(value: Any, field: str, problems: Problems) -> Any:
    """`prompt_id` is another spelling of `id`."""
    if isinstance(value, Mapping) and "id" not in value:
        value = {"id" if snake_case(key) == "prompt_id" else key: inner for key, inner in value.items()}
    return _PROMPT(value, field, problems)


def instances_of(kind: Any, what: str) -> Check:
    def check_one(value: Any, field: str, problems: Problems) -> Any:
        if not isinstance(value, kind):
            problems.append(SettingsProblem(field, value, what))
        return value

    return list_of(check_one)


FIELDS: Mapping[str, Check] = {
    "model": text("the name of a model", empty=False),
    "instructions": text(),
    "prompt": prompt,
    "output_modalities": output_modalities,
    "audio.input.format": audio_format,
    "audio.input.noise_reduction": record({"type": choice("near_field", "far_field")}, required=("type",)),
    "audio.input.transcription": transcription,
    "audio.input.turn_detection": turn_detection,
    "audio.output.format": audio_format,
    "audio.output.voice": voice_among(VOICES),
    "audio.output.speed": number(0.25, 1.5),
    "max_output_tokens": max_output_tokens,
    "tool_choice": tool_choice,
    "parallel_tool_calls": boolean,
    "reasoning": record({"effort": choice(*EFFORTS)}),
    "tracing": tracing,
    "truncation": truncation,
    "include": list_of(choice(*INCLUDES)),
    "tools": instances_of(Tool, "a tool: a function needs @function_tool"),
    "handoffs": instances_of(Handoff, "a hand-off: make one with realtime_handoff(agent)"),
    "provider_data": mapping,
}
"""Every setting by its place in the session object."""
