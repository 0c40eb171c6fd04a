"""Who may cut off an answer: a policy that is chosen, never implied. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

BargeIn = Literal["off", "button", "server_vad", "local_vad", "wake_word"]
"""`server_vad`: speech that the server hears. For the others the owner calls `interrupt()`."""

POLICIES: tuple[str, ...] = get_args(BargeIn)

_DETECTION = "audio.input.turn_detection"


def barge_in_of(policy: str | None, effective: Mapping[str, Any]) -> str:
    """The policy in force; without one, what the turn detection's `interrupt_response` asks for."""
    if policy is not None:
        return policy
    detection = effective.get(_DETECTION)
    interrupts = isinstance(detection, Mapping) and detection.get("interrupt_response", True) is True
    return "server_vad" if interrupts else "off"


def with_barge_in(policy: str | None, effective: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with which the server itself interrupts only if the policy lets it."""
    detection = effective.get(_DETECTION)
    if policy in (None, "server_vad") or not isinstance(detection, Mapping):
        return dict(effective)
    return {**effective, _DETECTION: {**detection, "interrupt_response": False}}
