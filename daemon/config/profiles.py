"""The keys that `profile` sets at once, below all files. Pure.

A profile is a layer under everything the operator has written: whatever some file or variable says wins, key
by key. What each of them costs and brings is in docs/profiles.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from daemon.config.layers import KeyPath, Layer, merge

PROFILE = "profile"
CAPTURE: KeyPath = ("talk", "capture")

PROFILES: Mapping[str, Mapping[KeyPath, object]] = MappingProxyType(
    {
        "low_latency": {("audio", "profile"): "low_latency"},
        "balanced": {},
        "battery": {
            ("audio", "profile"): "safe",
            ("audio", "playback", "keep_open"): "while_used",
            CAPTURE: "on_demand",
            ("link", "warm"): "on_demand",
            ("link", "idle_hang_up_s"): 120.0,
            ("link", "append_ms"): 40,
        },
    }
)
"""`balanced` sets nothing: it is what the defaults are.

120 s outlast the pause in which somebody thinks about an answer; after that the radio may sleep.
"""


def profile_keys() -> set[KeyPath]:
    """Every key that some profile sets."""
    return {path for keys in PROFILES.values() for path in keys}


def with_profile(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """`layers`, and below them what the profile that they name sets, if it sets anything."""
    written = merge(layer.values for layer in layers)
    name = written.get(PROFILE)
    keys = PROFILES.get(name, {}) if isinstance(name, str) else {}
    keys = {path: value for path, value in keys.items() if path != CAPTURE or _may_close(written)}
    if not keys:
        return tuple(layers)
    values = merge(_nested(path, value) for path, value in keys.items())
    return Layer(f'profile "{name}"', values, dict.fromkeys(keys, 0)), *layers


def _may_close(written: Mapping[str, Any]) -> bool:
    """Nothing but a button asks the microphone of this box to listen."""
    talk, wake_word = written.get("talk", {}), written.get("wake_word", {})
    if not (isinstance(talk, Mapping) and isinstance(wake_word, Mapping)):
        return False  # a mistake, which is told when it is validated
    return (
        talk.get("mode", "hold") in ("hold", "toggle")
        and talk.get("barge_in", "button") in ("off", "button")
        and wake_word.get("engine", "none") == "none"
    )


def _nested(path: KeyPath, value: object) -> dict[str, Any]:
    inner = value if len(path) == 1 else _nested(path[1:], value)
    return {path[0]: inner}
