"""Sets how loud the box is. Pure."""

from __future__ import annotations

from typing import Any

from daemon.realtime import RunContextWrapper, function_tool
from daemon.realtime.device import device_of

STEP_PERCENT = 15
"""Two steps are about twice, or half, as loud: with less the user has to ask again."""


@function_tool(blocking=False)
def set_volume(context: RunContextWrapper[Any], percent: int) -> str:
    """Set how loud the box speaks.

    Args:
        percent: From 0, silent, to 100, as loud as it can.
    """
    device_of(context).set_volume(percent)
    return _told(percent)


@function_tool(blocking=False)
def volume_up(context: RunContextWrapper[Any]) -> str:
    """Make the box speak louder."""
    return _told(device_of(context).change_volume(STEP_PERCENT))


@function_tool(blocking=False)
def volume_down(context: RunContextWrapper[Any]) -> str:
    """Make the box speak more quietly."""
    return _told(device_of(context).change_volume(-STEP_PERCENT))


def _told(percent: int) -> str:
    return f"The volume is {percent} percent now."
