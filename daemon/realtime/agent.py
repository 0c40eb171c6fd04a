"""An agent: what the model is told to be, and what it may call. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field, replace
from typing import Any, Generic

from daemon.realtime.context import RunContextWrapper, TContext
from daemon.realtime.guardrails import OutputGuardrail
from daemon.realtime.handoffs import Handoff
from daemon.realtime.hooks import RealtimeAgentHooks
from daemon.realtime.mcp_tools import MCPConfig, MCPServer
from daemon.realtime.tools import Tool
from daemon.records import dataclass

Instructions = str | Callable[[RunContextWrapper[TContext], "RealtimeAgent[TContext]"], str | Awaitable[str]]

PROMPT_KEYS = ("id", "version", "variables")
_MCP_KEYS = tuple(MCPConfig.__annotations__)


@dataclass(eq=False)
class RealtimeAgent(Generic[TContext]):
    """A persona with its tools, hand-offs and guardrails; one at a time leads the conversation.

    `instructions` is text, or a plain or async function of (context, agent) asked at connect, at hand-off
    and at `update_agent`. `prompt` is a stored prompt: `{"id": ..., "version": ..., "variables": {...}}`.
    `voice` holds unless the session's settings name one, and cannot change once audio has been heard.
    `handoffs` takes agents and `realtime_handoff(...)`; agents may point at each other. Raises `TypeError`
    for a field of the wrong type.
    """

    name: str
    handoff_description: str | None = None
    tools: list[Tool] = field(default_factory=list)
    mcp_servers: list[MCPServer] = field(default_factory=list)
    mcp_config: MCPConfig = field(default_factory=lambda: MCPConfig())
    instructions: Instructions[TContext] | None = None
    prompt: Mapping[str, Any] | None = None
    handoffs: list[RealtimeAgent[Any] | Handoff] = field(default_factory=list)
    output_guardrails: list[OutputGuardrail] = field(default_factory=list)
    hooks: RealtimeAgentHooks[TContext] | None = None
    voice: str | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.check_fields()

    def check_fields(self) -> None:
        """Raises `TypeError` for a field of the wrong type; lists may change after the agent was made."""
        self._check("name", self.name, isinstance(self.name, str) and bool(self.name), "a string, not empty")
        self._check_text("handoff_description")
        text = self.instructions
        fine = text is None or isinstance(text, str) or callable(text)
        self._check("instructions", text, fine, "a string or a function of (context, agent)")
        self._check_object("prompt", PROMPT_KEYS)
        if not isinstance(self.voice, str):
            self._check_object("voice", ("id",))
        self._check_list("tools", Tool, "a function needs @function_tool")
        self._check_list("handoffs", RealtimeAgent | Handoff, "give agents or realtime_handoff(...)")
        self._check_list("output_guardrails", OutputGuardrail, "a function needs @output_guardrail")
        self._check("mcp_servers", self.mcp_servers, isinstance(self.mcp_servers, list), "a list")
        known = isinstance(self.mcp_config, Mapping) and set(self.mcp_config) <= set(_MCP_KEYS)
        self._check("mcp_config", self.mcp_config, known, f"an object of {', '.join(_MCP_KEYS)}")
        if self.hooks is not None:
            fine = isinstance(self.hooks, RealtimeAgentHooks)
            self._check("hooks", self.hooks, fine, "a RealtimeAgentHooks")

    def clone(self, **changes: Any) -> RealtimeAgent[TContext]:
        """A copy with these fields replaced; lists that are not replaced are shared with the original."""
        return replace(self, **changes)

    async def get_system_prompt(self, run_context: RunContextWrapper[TContext]) -> str:
        """The instructions for now, "" if there are none. Raises what an instructions function raises."""
        text = self.instructions
        if callable(text):
            answer = text(run_context, self)
            text = await answer if inspect.isawaitable(answer) else answer
        self._check("instructions", text, text is None or isinstance(text, str), "a string")
        return text or ""

    def _check(self, key: str, value: object, fine: bool, allowed: str) -> None:
        if not fine:
            raise TypeError(f"{self._where(key)} is {value!r}, expected {allowed}")

    def _check_text(self, key: str) -> None:
        value = getattr(self, key)
        self._check(key, value, value is None or isinstance(value, str), "a string")

    def _check_object(self, key: str, keys: tuple[str, ...]) -> None:
        """None, or an object of these keys whose `id` is text."""
        value = getattr(self, key)
        fine = value is None or (
            isinstance(value, Mapping) and set(value) <= set(keys) and isinstance(value.get("id"), str)
        )
        self._check(key, value, fine, f"an object of {', '.join(keys)} with at least the id")

    def _check_list(self, key: str, kind: Any, hint: str) -> None:
        values = getattr(self, key)
        self._check(key, values, isinstance(values, list), "a list")
        for index, value in enumerate(values):
            if not isinstance(value, kind):
                raise TypeError(f"{self._where(f'{key}[{index}]')} is {value!r}; {hint}")

    def _where(self, key: str) -> str:
        return (
            f"RealtimeAgent {self.name!r}: {key}" if isinstance(self.name, str) else f"RealtimeAgent: {key}"
        )
