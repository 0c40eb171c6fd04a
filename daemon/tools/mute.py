"""Closes the microphone. Opening it is left to people: a model must not decide to listen. Pure."""

from __future__ import annotations

from typing import Any

from daemon.realtime import RunContextWrapper, function_tool
from daemon.realtime.device import device_of


@function_tool(blocking=False)
def mute_microphone(context: RunContextWrapper[Any]) -> str:
    """Close the box's microphone, when the user asks not to be listened to.

    Only a person at the box can open it again; you cannot.
    """
    device_of(context).mute(True)
    return "The microphone is closed; a person has to open it again."
