"""The built-in tools, one file each; an agent's file names those it gets."""

from collections.abc import Mapping

from daemon.realtime.tools import FunctionTool
from daemon.tools.clock import current_time
from daemon.tools.device_status import device_status
from daemon.tools.mute import mute_microphone
from daemon.tools.stop import stop
from daemon.tools.timers import cancel_timer, list_timers, set_timer
from daemon.tools.volume import set_volume, volume_down, volume_up

_ALL = (
    current_time,
    set_timer,
    list_timers,
    cancel_timer,
    set_volume,
    volume_up,
    volume_down,
    mute_microphone,
    device_status,
    stop,
)

BUILT_IN_TOOLS: Mapping[str, FunctionTool] = {tool.name: tool for tool in _ALL}

__all__ = ["BUILT_IN_TOOLS"]
