"""Sets, lists and cancels timers that ring on the box. Pure."""

from __future__ import annotations

from typing import Any

from daemon.realtime import RunContextWrapper, function_tool
from daemon.realtime.device import RunningTimer, device_of


@function_tool(blocking=False)
def set_timer(context: RunContextWrapper[Any], seconds: float, label: str = "") -> str:
    """Set a timer; the box rings when it is over, also without a network, until its button is pressed.

    Args:
        seconds: How long from now, in seconds; at most seven days.
        label: What it is for in one or two words, empty if that was not said.
    """
    return f"Set: {_told(device_of(context).set_timer(seconds, label))}."


@function_tool(blocking=False)
def list_timers(context: RunContextWrapper[Any]) -> str:
    """The timers that are set, with their numbers and the time that is left."""
    return "; ".join(map(_told, device_of(context).timers())) or "No timer is set."


@function_tool(blocking=False)
def cancel_timer(context: RunContextWrapper[Any], timer_id: int) -> str:
    """Cancel a timer, also one that is ringing.

    Args:
        timer_id: Its number, as list_timers tells it.
    """
    return f"Cancelled: {_told(device_of(context).cancel_timer(timer_id))}."


def _told(timer: RunningTimer) -> str:
    name = f"timer {timer.id}" + (f" ({timer.label})" if timer.label else "")
    return f"{name}, {_duration(timer.remaining_s)}" if timer.remaining_s else f"{name}, ringing"


def _duration(seconds: float) -> str:
    """`1 h 30 min`, `2 min 5 s`."""
    minutes, rest_s = divmod(max(1, round(seconds)), 60)
    hours, rest_min = divmod(minutes, 60)
    parts = [(hours, "h"), (rest_min, "min"), (rest_s, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) + " left"
