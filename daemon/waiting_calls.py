"""Tool calls that wait for a person's consent, each for a limited time. Pure."""

from __future__ import annotations

from daemon.records import dataclass

MAX_WAITING = 64


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """`deadline` in monotonic seconds."""

    call_id: str
    tool: str
    deadline: float


class WaitingCalls:
    """The one that has waited longest is decided first. Bound: `MAX_WAITING`, further ones are not taken."""

    def __init__(self) -> None:
        self._calls: dict[str, WaitingCall] = {}  # in order of arrival

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def calls(self) -> tuple[WaitingCall, ...]:
        return tuple(self._calls.values())

    def add(self, call_id: str, tool: str, deadline: float) -> bool:
        """False if too many wait already. A call that waits already keeps its place and its deadline."""
        if len(self._calls) >= MAX_WAITING and call_id not in self._calls:
            return False
        self._calls.setdefault(call_id, WaitingCall(call_id, tool, deadline))
        return True

    def take_first(self) -> WaitingCall | None:
        return self._calls.pop(next(iter(self._calls))) if self._calls else None

    def take_all(self) -> list[WaitingCall]:
        taken = list(self._calls.values())
        self._calls.clear()
        return taken

    def take_overdue(self, now: float) -> list[WaitingCall]:
        overdue = [call for call in self._calls.values() if call.deadline <= now]
        for call in overdue:
            del self._calls[call.call_id]
        return overdue

    def next_deadline(self) -> float | None:
        return min((call.deadline for call in self._calls.values()), default=None)
