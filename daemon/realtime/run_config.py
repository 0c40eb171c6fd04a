"""What a runner and a connection are configured with, read from the SDK's dicts and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from daemon.realtime.approvals import Approvals, ToolErrorFormatter
from daemon.realtime.barge_in import POLICIES
from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.guardrails import DEFAULT_DEBOUNCE_TEXT_LENGTH, GuardrailDebounce, OutputGuardrail
from daemon.realtime.hooks import RealtimeRunHooks
from daemon.realtime.settings import Layer, read_settings
from daemon.realtime.settings_check import (
    VOICES,
    Check,
    Problems,
    SettingsError,
    SettingsProblem,
    boolean,
    choice,
    instances_of,
    number,
    record,
    text,
)
from daemon.records import dataclass

ApiKey = str | Callable[[], str | Awaitable[str]]

DEFAULT_FILLER = (
    "You are still waiting for a tool. Say so in one short sentence, in the language of the conversation. "
    "Do not guess the result."
)

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Default of `max_size`: above what any server event needs, below what hurts a small board."""

_URL = re.compile(r"(wss?)://([^/:?#\[\]\s@]+|\[[0-9a-fA-F:]+\])(?::\d+)?(?:[/?#]\S*)?\Z")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[::1\]")
_OPENAI = re.compile(r"(.*\.)?openai(\.azure)?\.com")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How sessions of a runner behave.

    `debounce_text_length`: characters between guardrail checks of an answer, -1 for the end only.
    `async_tool_calls` False runs one tool after the other; neither ever holds up the conversation.
    `tool_timeout_s` ends tools that have no time limit of their own; None waits for them.
    `approval_timeout_s` rejects calls nobody decided on. `history_store_audio` keeps the user's audio in
    history items. `barge_in` is a policy of `daemon.realtime.barge_in`, None for what the turn detection
    says. A tool that runs longer than `filler_after_s` is bridged by a sentence made by
    `filler_instructions`, if nothing else is being said; None bridges nothing.
    """

    model_settings: Layer = field(default_factory=dict)
    output_guardrails: tuple[OutputGuardrail, ...] = ()
    debounce_text_length: int = DEFAULT_DEBOUNCE_TEXT_LENGTH
    tracing_disabled: bool = False
    async_tool_calls: bool = True
    pre_approval_tool_input_guardrails: bool = False
    tool_error_formatter: ToolErrorFormatter | None = None
    hooks: RealtimeRunHooks[Any] | None = None
    history_store_audio: bool = False
    automatically_trigger_response_for_mcp_tool_calls: bool = True
    approval_timeout_s: float | None = None
    tool_timeout_s: float | None = None
    barge_in: str | None = None
    filler_after_s: float | None = None
    filler_instructions: str = DEFAULT_FILLER


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How one session reaches its server. `headers` replace all of ours, the key included.

    `ping_interval_s` None sends no pings, `ping_timeout_s` None waits for ever, `max_size_bytes` None takes
    any frame. `wait_until_ready` False goes on trying in the background instead of raising.
    """

    api_key: ApiKey | None = field(default=None, repr=False)
    url: str | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    call_id: str | None = None
    initial_model_settings: Layer = field(default_factory=dict)
    playback_tracker: Any = None
    ping_interval_s: float | None = 20.0
    ping_timeout_s: float | None = 20.0
    handshake_timeout_s: float = 10.0
    max_size_bytes: int | None = MAX_FRAME_BYTES
    wait_until_ready: bool = True


def read_run_config(given: Mapping[str, Any] | None, *, any_voice: bool = False) -> RunConfig:
    """From the dict of `RealtimeRunner(config=...)`. Raises `UserError` with everything that is wrong."""
    problems: Problems = []
    values = _read({} if given is None else given, _RUN_KEYS, "run config", problems)
    settings = _settings(values.pop("model_settings", None), "model_settings.", any_voice, problems)
    guardrails = values.pop("guardrails_settings", None) or {}
    execution = values.pop("tool_execution", None) or {}
    _refuse_first(problems)
    values = {key: value for key, value in values.items() if value is not None}
    values["output_guardrails"] = tuple(values.get("output_guardrails", ()))
    config = RunConfig(model_settings=settings, **values, **guardrails, **execution)
    GuardrailDebounce(config.debounce_text_length)
    Approvals(config.approval_timeout_s)
    return config


def read_model_config(given: Mapping[str, Any] | None) -> ModelConfig:
    """From the dict of `runner.run(model_config=...)`. Raises `UserError` with everything that is wrong."""
    problems: Problems = []
    values = _read({} if given is None else given, _MODEL_KEYS, "model config", problems)
    any_voice = not is_openai(values.get("url"))
    initial = values.pop("initial_model_settings", None)
    settings = _settings(initial, "initial_model_settings.", any_voice, problems)
    transport = values.pop("transport_config", None) or {}
    if values.get("call_id") is not None and "model" in settings:
        allowed = "nothing with a call_id, the call has a model already"
        problems.append(SettingsProblem("initial_model_settings.model_name", settings["model"], allowed))
    _refuse_first(problems)
    values = {key: value for key, value in values.items() if value is not None}
    timing = {_TRANSPORT_FIELDS[key]: value for key, value in transport.items()}
    return ModelConfig(initial_model_settings=settings, **values, **timing)


def is_openai(url: Any) -> bool:
    """Whether the address, or the default one for None, is of OpenAI or Azure OpenAI."""
    found = _URL.match(url) if isinstance(url, str) else None
    return url is None or (found is not None and _OPENAI.fullmatch(found[2]) is not None)


def _read(
    given: Mapping[str, Any], checks: Mapping[str, Check], what: str, problems: Problems
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise UserError(f"the {what} is {given!r}, allowed: a dict of {', '.join(checks)}")
    values = {}
    for key, value in given.items():
        if key in checks:
            values[key] = None if value is None else checks[key](value, key, problems)
        else:
            hint = did_you_mean(key, checks)
            problems.append(SettingsProblem(key, value, f"one of the keys {', '.join(checks)}", hint))
    return values


def _settings(given: Any, where: str, any_voice: bool, problems: Problems) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        return read_settings(given, where=where, voices=None if any_voice else VOICES)
    except SettingsError as bad:
        problems += bad.problems
        return {}


def _refuse_first(problems: Problems) -> None:
    if problems:
        raise SettingsError(problems)


# ---- the keys --------------------------------------------------------------------------------------------


def _a(kind: Any, allowed: str) -> Check:
    def check(value: Any, where: str, problems: Problems) -> Any:
        if not isinstance(value, kind):
            problems.append(SettingsProblem(where, value, allowed))
        return value

    return check


def _function(value: Any, where: str, problems: Problems) -> Any:
    if not callable(value):
        problems.append(SettingsProblem(where, value, "a function"))
    return value


def _given(value: Any, where: str, problems: Problems) -> Any:
    """Checked by what it is handed to."""
    return value


def _api_key(value: Any, where: str, problems: Problems) -> Any:
    if not callable(value) and not (isinstance(value, str) and value):
        problems.append(
            SettingsProblem(where, "(secret)", "text that is not empty, or a function of nothing")
        )
    return value


def _url(value: Any, where: str, problems: Problems) -> Any:
    found = _URL.match(value) if isinstance(value, str) else None
    if found is None or (found[1] == "ws" and not _LOOPBACK.fullmatch(found[2])):
        allowed = "wss://HOST/PATH, or ws:// to this machine, without user and password"
        problems.append(SettingsProblem(where, value, allowed))
    return value


def _headers(value: Any, where: str, problems: Problems) -> Any:
    fine = isinstance(value, Mapping)
    if not fine or not all(isinstance(part, str) for pair in value.items() for part in pair):
        problems.append(SettingsProblem(where, "(secret)", "an object of text"))
    return value


_TRANSPORT_FIELDS: Mapping[str, str] = {
    "ping_interval": "ping_interval_s",
    "ping_timeout": "ping_timeout_s",
    "handshake_timeout": "handshake_timeout_s",
    "max_size": "max_size_bytes",
}

_RUN_KEYS: Mapping[str, Check] = {
    "model_settings": _given,
    "output_guardrails": instances_of(OutputGuardrail, "a guardrail: a function needs @output_guardrail"),
    "guardrails_settings": record({"debounce_text_length": _given}, otherwise=""),
    "tracing_disabled": boolean,
    "async_tool_calls": boolean,
    "tool_execution": record({"pre_approval_tool_input_guardrails": boolean}, otherwise=""),
    "tool_error_formatter": _function,
    "hooks": _a(RealtimeRunHooks, "a RealtimeRunHooks"),
    "history_store_audio": boolean,
    "automatically_trigger_response_for_mcp_tool_calls": boolean,
    "tool_timeout_s": number(0.1, 3600.0),
    "approval_timeout_s": _given,
    "barge_in": choice(*POLICIES),
    "filler_after_s": number(0.1, 600.0),
    "filler_instructions": text("what to say while a tool runs", empty=False),
}

_MODEL_KEYS: Mapping[str, Check] = {
    "api_key": _api_key,
    "url": _url,
    "headers": _headers,
    "call_id": text("the id of a call", empty=False),
    "initial_model_settings": _given,
    "playback_tracker": _given,
    "wait_until_ready": boolean,
    "transport_config": record(
        {
            "ping_interval": number(0.1, 3600.0),
            "ping_timeout": number(0.1, 3600.0),
            "handshake_timeout": number(0.1, 3600.0),
            "max_size": _a(int, "a number of bytes, or None"),
        },
        otherwise="",
    ),
}
