"""Hand-offs: tools by which one agent passes the conversation to another. Pure."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError
from daemon.realtime.function_schema import NO_PARAMETERS, typed_input
from daemon.realtime.tools import Enabled, check_switch, check_tool_name
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.realtime.agent import RealtimeAgent

THandoffInput = TypeVar("THandoffInput")

OnHandoffWithoutInput = Callable[[RunContextWrapper[Any]], Awaitable[None] | None]
OnHandoffWithInput = Callable[[RunContextWrapper[Any], THandoffInput], Awaitable[None] | None]


@dataclass(eq=False)
class Handoff:
    """`on_invoke_handoff` gets the context and the model's JSON and returns the agent that takes over.

    Raises `UserError` for a name the API refuses.
    """

    tool_name: str
    tool_description: str
    input_json_schema: dict[str, Any]
    on_invoke_handoff: Callable[[RunContextWrapper[Any], str], Awaitable[RealtimeAgent[Any]]]
    agent_name: str
    is_enabled: Enabled = True

    def __post_init__(self) -> None:
        try:
            check_tool_name(self.tool_name)
        except UserError as bad:
            raise UserError(f"hand-off to {self.agent_name!r}: {bad}") from None
        check_switch(f"hand-off to {self.agent_name!r}: is_enabled", self.is_enabled)

    def get_transfer_message(self, agent: RealtimeAgent[Any]) -> str:
        """What the model gets as the result of the transfer."""
        return json.dumps({"assistant": agent.name}, ensure_ascii=False)

    @classmethod
    def default_tool_name(cls, agent: RealtimeAgent[Any]) -> str:
        """`transfer_to_` and the agent's name in lower case, other characters as `_`."""
        return "transfer_to_" + re.sub(r"[^a-zA-Z0-9_]", "_", agent.name).lower()

    @classmethod
    def default_tool_description(cls, agent: RealtimeAgent[Any]) -> str:
        text = f"Handoff to the {agent.name} agent to handle the request."
        return f"{text} {agent.handoff_description}" if agent.handoff_description else text

    def to_wire(self) -> dict[str, Any]:
        return {
            "type": "function",
            "name": self.tool_name,
            "description": self.tool_description,
            "parameters": self.input_json_schema,
        }


@overload
def realtime_handoff(
    agent: RealtimeAgent[Any],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: OnHandoffWithoutInput | None = None,
    input_type: None = None,
    is_enabled: Enabled = True,
    *,
    tool_description: str | None = None,
) -> Handoff: ...
@overload
def realtime_handoff(
    agent: RealtimeAgent[Any],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    *,
    on_handoff: OnHandoffWithInput[THandoffInput],
    input_type: type[THandoffInput],
    is_enabled: Enabled = True,
    tool_description: str | None = None,
) -> Handoff: ...
def realtime_handoff(
    agent: RealtimeAgent[Any],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: Callable[..., Awaitable[None] | None] | None = None,
    input_type: type[Any] | None = None,
    is_enabled: Enabled = True,
    *,
    tool_description: str | None = None,
) -> Handoff:
    """A hand-off to `agent`.

    `on_handoff` is called with the context before the other agent takes over, and with what the model says
    about it if `input_type` (a pydantic model, dataclass or TypedDict) is given. `tool_description` is
    another spelling of `tool_description_override`. Raises `UserError` if these do not go together.
    """
    if not isinstance(getattr(agent, "name", None), str):
        raise UserError(f"realtime_handoff takes a RealtimeAgent, not {agent!r}")
    what = f"hand-off to {agent.name!r}"
    if tool_description is not None and tool_description_override is not None:
        raise UserError(f"{what}: tool_description and tool_description_override are the same, give one")
    if input_type is not None and on_handoff is None:
        raise UserError(f"{what}: input_type needs on_handoff, which gets the input")
    if on_handoff is not None:
        _check_arity(what, on_handoff, 1 if input_type is None else 2)
    described = tool_description if tool_description_override is None else tool_description_override
    schema, read = (dict(NO_PARAMETERS), None) if input_type is None else typed_input(what, input_type)

    async def on_invoke_handoff(context: RunContextWrapper[Any], arguments_json: str) -> RealtimeAgent[Any]:
        if on_handoff is not None:
            told = on_handoff(context) if read is None else on_handoff(context, read(arguments_json))
            if inspect.isawaitable(told):
                await told
        return agent

    return Handoff(
        tool_name=tool_name_override or Handoff.default_tool_name(agent),
        tool_description=Handoff.default_tool_description(agent) if described is None else described,
        input_json_schema=schema,
        on_invoke_handoff=on_invoke_handoff,
        agent_name=agent.name,
        is_enabled=is_enabled,
    )


def _check_arity(what: str, on_handoff: Callable[..., Any], count: int) -> None:
    wanted = "the context" if count == 1 else "the context and the input"
    try:
        inspect.signature(on_handoff).bind(*[None] * count)
    except TypeError:
        raise UserError(f"{what}: on_handoff must take {wanted}, and nothing else") from None
