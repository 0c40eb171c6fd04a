"""Tells the time. Pure."""

from __future__ import annotations

from typing import Any

from daemon.realtime import RunContextWrapper, function_tool
from daemon.realtime.device import device_of


@function_tool(blocking=False)
def current_time(context: RunContextWrapper[Any]) -> str:
    """The local date and time of day, with weekday and time zone."""
    return device_of(context).now_local()
