"""What a tool may do to the box it runs in. Pure."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.records import dataclass


class DeviceRefusal(Exception):
    """The box cannot do that; the message is a sentence that may be spoken."""


@dataclass(frozen=True, slots=True)
class RunningTimer:
    """`remaining_s` is 0 while it rings."""

    id: int
    label: str
    remaining_s: float


@runtime_checkable
class DeviceControls(Protocol):
    """The box, as the application's context of a session that runs on one. Callable from any thread."""

    def now_local(self) -> str:
        """Date and time of day where the box is, with weekday and time zone."""

    @property
    def volume_percent(self) -> int: ...

    def set_volume(self, percent: int) -> None:
        """0 (silent) to 100. Raises `DeviceRefusal`."""

    def change_volume(self, by_percent: int) -> int:
        """Louder, or softer below 0, as far as the box's limits allow; answers the new volume."""

    def mute(self, on: bool) -> None:
        """Close or open the microphone. Raises `DeviceRefusal`."""

    def stop(self) -> None:
        """Be silent at once and give up what is being answered."""

    def set_timer(self, seconds: float, label: str) -> RunningTimer:
        """Raises `DeviceRefusal`."""

    def timers(self) -> list[RunningTimer]:
        """The next one first."""

    def cancel_timer(self, timer_id: int) -> RunningTimer:
        """Also one that rings. Raises `DeviceRefusal`."""

    def status(self) -> dict[str, Any]:
        """How the box is: plain JSON values, short enough for a model to read."""


def device_of(run: RunContextWrapper[Any]) -> DeviceControls:
    """The box this conversation runs on. Raises `UserError` if it runs on none."""
    if not isinstance(run.context, DeviceControls):
        raise UserError(
            f"this tool acts on the box, and the session's context is {type(run.context).__name__}; "
            "run it with a DeviceControls as its context"
        )
    return run.context
