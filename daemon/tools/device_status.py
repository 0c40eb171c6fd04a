"""Tells how the box is. Pure."""

from __future__ import annotations

from typing import Any

from daemon.realtime import RunContextWrapper, function_tool
from daemon.realtime.device import device_of


@function_tool(blocking=False)
def device_status(context: RunContextWrapper[Any]) -> dict[str, Any]:
    """How the box itself is: connection, volume, microphone, timers, last errors."""
    return device_of(context).status()
