"""Settings as the API's session object, and as the one update from one session to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from daemon.realtime.settings import Layer
from daemon.realtime.settings_check import SettingsError, SettingsProblem

_VOICE = ("audio", "output", "voice")
_ALWAYS = (("instructions",), ("tools",))
_KEPT = (_VOICE, ("audio", "input", "format"), ("audio", "output", "format"), ("output_modalities",))
"""Not set back: the server has no default that would be nearer to what was wanted."""

_SERVER_DEFAULTS: Mapping[tuple[str, ...], Any] = {
    ("audio", "output", "speed"): 1.0,
    ("max_output_tokens",): "inf",
    ("tool_choice",): "auto",
    ("truncation",): "auto",
}
"""Everything else is cleared by null."""


def session_payload(effective: Layer, tools: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The GA session object; `instructions` and `tools` are always in it, so that none of another agent stay.

    Raises `SettingsError` if `tool_choice` names a function that is not among the tools.
    """
    wire_tools = [deepcopy(dict(tool)) for tool in tools]
    _check_forced_tool(effective.get("tool_choice"), wire_tools)
    payload: dict[str, Any] = {"type": "realtime", "instructions": "", "tools": wire_tools}
    for path, value in effective.items():
        if path not in ("tools", "handoffs", "provider_data"):
            _put(payload, path.split("."), deepcopy(value))
    return _deep_merged(payload, effective.get("provider_data", {}))


def session_update(
    previous: Mapping[str, Any], wanted: Mapping[str, Any], *, voice_locked: bool = False
) -> dict[str, Any]:
    """The one `session.update` from a session configured with `previous` to `wanted`: only what differs.

    What was changed at the server by hand and is the same in both stays as it is; what is gone is set back.
    Model and tracing are left out, they cannot change, and so is the voice once audio has been heard
    (`voice_locked`).
    """
    fixed = {("type",), ("model",), ("tracing",), *([_VOICE] if voice_locked else [])}
    update: dict[str, Any] = {"type": "realtime"}
    for path, value in _leaves(wanted):
        old = _found(previous, path)
        if path not in fixed and (path in _ALWAYS or old != (value,)):
            _put(update, path, _without_old_timeout(deepcopy(value), old))
    for path, _ in _leaves(previous):
        if path not in {*fixed, *_KEPT} and not _found(wanted, path):
            _put(update, path, _SERVER_DEFAULTS.get(path))
    return update


def _without_old_timeout(value: Any, old: tuple[Any, ...]) -> Any:
    """A server may merge within `turn_detection`: an idle time-out that is merely left out would go on."""
    before = old[0] if old else None
    if isinstance(value, dict) and isinstance(before, Mapping) and before.get("idle_timeout_ms") is not None:
        timed = value.get("type") == before.get("type")
        return {"idle_timeout_ms": None, **value} if timed else value
    return value


def _leaves(payload: Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Every field of a payload with its path: whole objects, except `audio` and its two sides."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in payload.items():
        if key != "audio" or not isinstance(value, Mapping):
            found.append(((key,), value))
            continue
        for side, fields in value.items():
            if isinstance(fields, Mapping):
                found += [(("audio", side, name), inner) for name, inner in fields.items()]
            else:
                found.append((("audio", side), fields))
    return found


def _found(payload: Any, path: Sequence[str]) -> tuple[Any, ...]:
    """The value at a path in a tuple, or an empty one."""
    for key in path:
        if not isinstance(payload, Mapping) or key not in payload:
            return ()
        payload = payload[key]
    return (payload,)


def _put(payload: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        payload = payload.setdefault(key, {})
    payload[path[-1]] = value


def _deep_merged(payload: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(payload)
    for key, value in extra.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        merged[key] = _deep_merged(old, value) if both and old is not None else deepcopy(value)
    return merged


def _check_forced_tool(choice: Any, tools: Iterable[Mapping[str, Any]]) -> None:
    if not isinstance(choice, Mapping):
        return
    key = "name" if choice.get("type") == "function" else "server_label"
    names = [str(tool[key]) for tool in tools if tool.get("type") == choice.get("type")]
    if choice.get(key) not in names:
        allowed = ", ".join(names) or "nothing, the agent has no such tools"
        problem = SettingsProblem(f"tool_choice.{key}", choice.get(key), allowed)
        raise SettingsError([problem])
