"""A session's settings, in whatever spelling they come, and in layers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from daemon.realtime.errors import UserError
from daemon.realtime.settings_check import (
    FIELDS,
    PCM_24_KHZ,
    VOICES,
    Problems,
    SettingsError,
    SettingsProblem,
    snake_cased,
    unknown,
    voice_among,
)
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent
    from daemon.realtime.tools import Tool

DEFAULT_MODEL = "gpt-realtime-2.1"

DEFAULTS: Mapping[str, Any] = {
    "output_modalities": ["audio"],
    "audio.input.format": PCM_24_KHZ,
    "audio.input.transcription": {"model": "gpt-4o-mini-transcribe"},
    "audio.input.turn_detection": {"type": "semantic_vad", "interrupt_response": True},
    "audio.output.format": PCM_24_KHZ,
    "audio.output.voice": "ash",
}
"""The Python SDK's, so that agents written for it sound and behave the same."""

NULLABLE = frozenset(
    {
        "audio.input.noise_reduction",
        "audio.input.transcription",
        "audio.input.turn_detection",
        "prompt",
        "tracing",
    }
)
"""Where null switches something off at the server. None anywhere else takes back what a lower layer said."""

OF_THE_AGENT = ("instructions", "prompt", "tools", "handoffs")
"""Settings that change with the agent."""

_FLAT: Mapping[str, str] = {
    "model_name": "model",
    "modalities": "output_modalities",
    "input_audio_format": "audio.input.format",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "input_audio_transcription": "audio.input.transcription",
    "turn_detection": "audio.input.turn_detection",
    "output_audio_format": "audio.output.format",
    "voice": "audio.output.voice",
    "speed": "audio.output.speed",
}
"""Older and shorter spellings; the full one wins where both are given."""

Layer = Mapping[str, Any]
"""Checked settings by their place in the session object, such as `audio.output.voice`."""


def read_settings(
    given: Mapping[str, Any], *, where: str = "", voices: Collection[str] | None = VOICES
) -> dict[str, Any]:
    """One layer from a dict of settings, nested or flat, snake or camel case; `where` begins every message.

    `voices` are the names a voice may have, None for any, which is right for servers that are not OpenAI's.
    Raises `SettingsError` with everything the API would refuse.
    """
    problems: Problems = []
    if not isinstance(given, Mapping):
        raise SettingsError(
            [SettingsProblem(where.rstrip(". ") or "settings", given, "an object of settings")]
        )
    checks = {**FIELDS, "audio.output.voice": voice_among(voices)}
    flat: dict[str, Any] = {}
    full: dict[str, Any] = {}
    for key, (value, written) in snake_cased(given).items():
        if key == "audio":
            full.update(_read_audio(value, written, checks, problems))
        elif key in _FLAT:
            flat[_FLAT[key]] = _checked(checks[_FLAT[key]], value, written, problems)
        elif key in checks and "." not in key:
            full[key] = _checked(checks[key], value, written, problems)
        else:
            names = [*(name for name in checks if "." not in name), "audio", *_FLAT]
            problems.append(unknown(written, key, value, names))
    if problems:
        raise SettingsError(replace(problem, field=where + problem.field) for problem in problems)
    return {**flat, **full}


def _read_audio(given: Any, written: str, checks: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """The nested form; a side that is None says nothing."""
    found: dict[str, Any] = {}
    for side, (values, side_written) in _opened(given, written, ("input", "output"), problems).items():
        keys = [path.rpartition(".")[2] for path in checks if path.startswith(f"audio.{side}.")]
        where = f"{written}.{side_written}"
        for key, (value, key_written) in _opened(values, where, keys, problems).items():
            path = f"audio.{side}.{key}"
            found[path] = _checked(checks[path], value, f"{where}.{key_written}", problems)
    return found


def _opened(given: Any, where: str, keys: Sequence[str], problems: Problems) -> dict[str, tuple[Any, str]]:
    """The known keys of an object, with their values and as they were written; None is empty."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(SettingsProblem(where, given, f"an object of {', '.join(keys)}"))
        return {}
    known = {}
    for key, (value, written) in snake_cased(given).items():
        if key in keys:
            known[key] = (value, written)
        else:
            problems.append(unknown(f"{where}.{written}", key, value, keys))
    return known


def _checked(check: Any, value: Any, written: str, problems: Problems) -> Any:
    return None if value is None else check(value, written, problems)


def layered(*layers: Layer) -> dict[str, Any]:
    """Later layers win field by field, each field as a whole. None stays where the server knows it."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for path, value in layer.items():
            if value is None and path not in NULLABLE:
                merged.pop(path, None)
            else:
                merged[path] = value
    return merged


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The layers of a session: `base` (run config), `initial` (model config), `overrides` (while running).

    From the lowest: the defaults, the agent's voice, `base`, `initial`, the agent's instructions and
    prompt, what `initial` says of these (until the first hand-off only), `overrides` (kept over every
    hand-off). `attached`: to a call that has a model and formats already; these are then sent only if
    given. Raises `UserError` for tools in `base`.
    """

    base: Layer = field(default_factory=dict)
    initial: Layer = field(default_factory=dict)
    overrides: Layer = field(default_factory=dict)
    attached: bool = False

    def __post_init__(self) -> None:
        for path in ("tools", "handoffs"):
            if path in self.base:
                raise UserError(
                    f"model_settings.{path} would be hidden by those of every agent; give them to the agent"
                )

    @property
    def model(self) -> str:
        model: str = layered(self.base, self.initial).get("model", DEFAULT_MODEL)
        return model

    def with_overrides(self, layer: Layer) -> SessionSettings:
        """With more on top. Raises `SettingsError` for what belongs to the agent or cannot change now."""
        fixed = [path for path in layer if path in (*OF_THE_AGENT, "model", "tracing")]
        if fixed:
            allowed = "nothing while the session runs; it comes with the agent (update_agent) or at the start"
            raise SettingsError(SettingsProblem(path, layer[path], allowed) for path in fixed)
        return replace(self, overrides={**self.overrides, **layer})

    def effective(self, agent: Layer, *, first: bool) -> dict[str, Any]:
        """All fields with a value while the agent of this layer leads; `first` until the first hand-off."""
        defaults = {"model": DEFAULT_MODEL, **DEFAULTS}
        if self.attached:
            defaults = {path: value for path, value in defaults.items() if path not in _GIVEN_BY_THE_CALL}
        return layered(
            defaults,
            _only(agent, lambda path: path not in OF_THE_AGENT),
            self.base,
            _only(self.initial, lambda path: path not in OF_THE_AGENT),
            _only(agent, lambda path: path in OF_THE_AGENT),
            _only(self.initial, lambda path: first and path in OF_THE_AGENT),
            self.overrides,
        )

    def tool_lists(self, agent: RealtimeAgent[Any], *, first: bool) -> tuple[Sequence[Tool], Sequence[Any]]:
        """The tools and hand-offs to offer: the agent's, or for the first agent those of `initial`."""
        given = self.initial if first else {}
        return given.get("tools", agent.tools), given.get("handoffs", agent.handoffs)


_GIVEN_BY_THE_CALL = ("model", "audio.input.format", "audio.output.format")


def agent_layer(
    agent: RealtimeAgent[Any], instructions: str, *, voices: Collection[str] | None = VOICES
) -> dict[str, Any]:
    """What an agent says about the session; `instructions` already evaluated. Raises `SettingsError`."""
    given: dict[str, Any] = {
        "prompt": agent.prompt,
        "voice": agent.voice,
        "instructions": instructions or None,
    }
    given = {key: value for key, value in given.items() if value is not None}
    return read_settings(given, where=f"agent {agent.name!r}: ", voices=voices)


def _only(layer: Layer, wanted: Callable[[str], bool]) -> Layer:
    return {path: value for path, value in layer.items() if wanted(path)}
