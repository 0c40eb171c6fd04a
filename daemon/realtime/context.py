"""What tools, hooks and guardrails are told about the conversation they run in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic

from daemon.realtime.usage import Usage
from daemon.records import dataclass

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from daemon.realtime.agent import RealtimeAgent
    from daemon.realtime.items import RealtimeItem

    TContext = TypeVar("TContext", default=Any)
else:
    from typing import TypeVar  # without a default before Python 3.13

    TContext = TypeVar("TContext")


@dataclass(eq=False)
class RunContextWrapper(Generic[TContext]):
    """The application's own object as `context`, shared by everything that runs in one session.

    `usage` grows with every response. `history` is a snapshot, taken before each tool call, guardrail and
    hook; changing it changes nothing.
    """

    context: TContext
    usage: Usage = field(default_factory=Usage)
    history: Sequence[RealtimeItem] = ()


@dataclass(eq=False)
class ToolContext(RunContextWrapper[TContext]):
    """The context of one tool call; `tool_arguments` is the JSON text the model sent."""

    tool_name: str = field(kw_only=True)
    tool_call_id: str = field(kw_only=True)
    tool_arguments: str = field(kw_only=True)
    agent: RealtimeAgent[Any] | None = field(kw_only=True, default=None)

    @classmethod
    def for_call(
        cls,
        run: RunContextWrapper[TContext],
        name: str,
        call_id: str,
        arguments: str,
        agent: RealtimeAgent[Any],
    ) -> ToolContext[TContext]:
        """The context of a call made in `run`: same object and same usage."""
        return cls(
            run.context,
            run.usage,
            run.history,
            tool_name=name,
            tool_call_id=call_id,
            tool_arguments=arguments,
            agent=agent,
        )
