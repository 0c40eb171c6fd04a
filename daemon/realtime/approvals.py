"""Tool calls that wait for a person, and what that person decided for good. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.realtime.tools import FunctionTool
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent

MAX_WAITING = 64
"""Calls that may wait at once; a further one is rejected."""

DEFAULT_REJECTION = "Tool execution was not approved."
TIMED_OUT_REJECTION = "Nobody approved the call in time, so it was not made."
TOO_MANY_REJECTION = "Too many calls are waiting for approval, so it was not made."


class Decision(Enum):
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """The call as the model made it, with the tool and agent in force then: a hand-off changes nothing.

    `deadline` in monotonic seconds, None to wait for ever.
    """

    call_id: str
    tool: FunctionTool
    arguments: str
    agent: RealtimeAgent[Any]
    response_id: str
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on one call; `message`, if any, is what the model is told of a rejection ("" included)."""

    call: WaitingCall
    decision: Decision
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ToolErrorFormatterArgs:
    """What a `tool_error_formatter` is asked about."""

    tool_name: str
    call_id: str
    default_message: str
    run_context: RunContextWrapper[Any]
    kind: ClassVar[Literal["approval_rejected"]] = "approval_rejected"
    tool_type: ClassVar[Literal["function"]] = "function"


ToolErrorFormatter = Callable[[ToolErrorFormatterArgs], str | Awaitable[str | None] | None]
"""Writes what the model is told of a rejection; None for the default text."""


@dataclass(slots=True)
class Approvals:
    """Calls that wait, oldest first, at most `MAX_WAITING`; decisions for good belong to a tool, not a name.

    `time_limit_s` > 0 rejects a call that nobody decided on; None lets it wait.
    """

    time_limit_s: float | None = None
    _waiting: dict[str, WaitingCall] = field(default_factory=dict)
    _for_good: dict[FunctionTool, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limit = self.time_limit_s
        if limit is not None and (type(limit) not in (int, float) or not 0 < limit < float("inf")):
            raise UserError(
                f"approval_timeout_s is {limit!r}, allowed: seconds above 0, or None for no limit"
            )

    @property
    def waiting(self) -> tuple[WaitingCall, ...]:
        return tuple(self._waiting.values())

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        deadlines = [call.deadline for call in self._waiting.values() if call.deadline is not None]
        return min(deadlines, default=None)

    def park(self, call: WaitingCall, now: float) -> Verdict | None:
        """Let the call wait; a call id that waits already keeps its first call.

        A verdict at once if one was given for good, or if too many wait already.
        """
        standing = self._for_good.get(call.tool)
        if standing is not None:
            return replace(standing, call=call)
        if call.call_id in self._waiting:
            return None
        if len(self._waiting) >= MAX_WAITING:
            return Verdict(call, Decision.REJECTED, TOO_MANY_REJECTION)
        deadline = None if self.time_limit_s is None else now + self.time_limit_s
        self._waiting[call.call_id] = replace(call, deadline=deadline)
        return None

    def approve(self, call_id: str, *, always: bool = False) -> list[Verdict]:
        """Verdicts to carry out: none for a call that does not wait, with `always` all calls of the tool."""
        return self._decide(call_id, Decision.APPROVED, None, always)

    def reject(self, call_id: str, *, always: bool = False, message: str | None = None) -> list[Verdict]:
        """Like `approve`; `message` is what the model is told, None for the default."""
        return self._decide(call_id, Decision.REJECTED, message, always)

    def expire(self, now: float) -> list[Verdict]:
        """Reject the calls nobody decided on in time."""
        late = [c for c in self._waiting.values() if c.deadline is not None and c.deadline <= now]
        for call in late:
            del self._waiting[call.call_id]
        return [Verdict(call, Decision.REJECTED, TIMED_OUT_REJECTION) for call in late]

    def drop_all(self) -> list[WaitingCall]:
        """The conversation they belong to is gone: nothing waits any more, nothing is to be answered."""
        dropped = list(self._waiting.values())
        self._waiting.clear()
        return dropped

    def _decide(self, call_id: str, decision: Decision, message: str | None, always: bool) -> list[Verdict]:
        call = self._waiting.get(call_id)
        if call is None:
            return []
        decided = [call]
        if always:
            self._for_good[call.tool] = Verdict(call, decision, message)
            decided = [other for other in self._waiting.values() if other.tool is call.tool]
        for other in decided:
            del self._waiting[other.call_id]
        return [Verdict(other, decision, message) for other in decided]
