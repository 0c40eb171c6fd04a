"""Makes the box be silent. Pure."""

from __future__ import annotations

from typing import Any

from daemon.realtime import RunContextWrapper, background_result, function_tool
from daemon.realtime.device import device_of


@function_tool(blocking=False)
def stop(context: RunContextWrapper[Any]) -> Any:
    """Be silent at once, also when a timer is ringing. Say nothing after it."""
    device_of(context).stop()
    return background_result("Stopped.")
