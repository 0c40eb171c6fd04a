"""Local MCP servers: programs whose tools an agent gets. Shell around their processes.

Uses the official `mcp` package, loaded when the first server is started.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from daemon.realtime.agent_files import McpServerSpec
from daemon.realtime.mcp_tools import MCPToolSpec

if TYPE_CHECKING:
    from mcp import ClientSession

log = logging.getLogger(__name__)

T = TypeVar("T")

START_S = 10.0
"""A server in an interpreted language takes a few seconds on a small board."""

RETRY_S = 30.0
"""After a failed start; a hand-off must not wait for a broken server each time."""

CALL_S = 60.0
"""The tool's own time-out, if it has one, is shorter."""

MAX_PAGES = 20
"""Of a listing; more is a server that goes round in circles."""


class McpServerError(Exception):
    """The server is gone, or its tool reports an error; the message may be sent to the model."""


class StdioMcpServer:
    """One server, started when it is first needed and again after it has died. Implements `MCPServer`.

    A server that cannot be started offers no tools, with a warning; the conversation goes on without them.
    Whoever made it awaits `stop`.
    """

    def __init__(self, spec: McpServerSpec, start_s: float = START_S, call_s: float = CALL_S) -> None:
        """`start_s` and `call_s` bound a start, a listing, and a call."""
        self._spec = spec
        self._start_s = start_s
        self._call_s = call_s
        self._starting = asyncio.Lock()
        self._owner: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._retry_at = float("-inf")

    @property
    def name(self) -> str:
        return self._spec.name

    async def list_tools(self) -> Sequence[MCPToolSpec]:
        """What it offers now and the agent's file lets through; nothing if it cannot be asked."""
        try:
            tools = await self._all_tools()
        except McpServerError as error:
            log.warning("MCP server %s offers no tools: %s", self.name, error)
            return []
        wanted = self._spec.tools
        for name in wanted or ():
            if name not in {tool.name for tool in tools}:
                log.warning("MCP server %s has no tool %s", self.name, name)
        return [tool for tool in tools if wanted is None or tool.name in wanted]

    async def call_tool(self, tool_name: str, arguments: Mapping[str, Any]) -> Any:
        """Its text, or else what it calls structured content. Raises `McpServerError`."""
        result = await self._ask(lambda session: session.call_tool(tool_name, dict(arguments)), self._call_s)
        text = "\n".join(_text_of(part) for part in result.content)
        if result.is_error:
            raise McpServerError(text or f"{tool_name} failed without saying why")
        return text or result.structured_content or "done"

    async def stop(self) -> None:
        """End the server's process. Harmless when it is not running; it is started again when needed."""
        owner, self._owner, self._session = self._owner, None, None
        if owner is not None:
            owner.cancel()
            await asyncio.wait({owner})

    async def _all_tools(self) -> list[MCPToolSpec]:
        from mcp.types import ListToolsResult, PaginatedRequestParams

        tools: list[MCPToolSpec] = []
        cursor: str | None = None

        def next_page(session: ClientSession) -> Awaitable[ListToolsResult]:
            return session.list_tools(params=PaginatedRequestParams(cursor=cursor))

        for _ in range(MAX_PAGES):
            page = await self._ask(next_page, self._start_s)
            tools += [MCPToolSpec(t.name, t.description or "", t.input_schema) for t in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        return tools

    async def _ask(self, ask: Callable[[ClientSession], Awaitable[T]], limit_s: float) -> T:
        """Ask the session, or a new one if the server has died. Raises `McpServerError`."""
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED

        session = await self._running()
        try:
            async with asyncio.timeout(limit_s):
                return await ask(session)
        except TimeoutError:
            raise McpServerError(f"MCP server {self.name} did not answer in {limit_s:g} s") from None
        except MCPError as error:
            if error.code != CONNECTION_CLOSED:
                raise McpServerError(f"MCP server {self.name}: {error}") from None
        if session is self._session:  # no other call has noticed it yet
            await self.stop()
        raise McpServerError(f"MCP server {self.name} has ended; it is started again with the next call")

    async def _running(self) -> ClientSession:
        async with self._starting:
            if self._session is None:
                if asyncio.get_running_loop().time() < self._retry_at:
                    raise McpServerError(f"MCP server {self.name} could not be started")
                self._session = await self._start()
            return self._session

    async def _start(self) -> ClientSession:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[ClientSession] = loop.create_future()
        self._owner = asyncio.create_task(self._serve(ready), name=f"MCP server {self.name}")
        self._owner.add_done_callback(lambda owner: self._ended(owner, ready))
        try:
            async with asyncio.timeout(self._start_s):
                return await ready
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError | McpServerError):
                self._retry_at = loop.time() + RETRY_S
            if isinstance(error, TimeoutError):
                raise McpServerError(f"it did not start in {self._start_s:g} s") from None
            raise

    def _ended(self, owner: asyncio.Task[None], ready: asyncio.Future[ClientSession]) -> None:
        error = None if owner.cancelled() else owner.exception()
        if error is not None and not ready.done():
            ready.set_exception(McpServerError(f"it cannot be started: {_innermost(error)}"))
        elif error is not None:
            log.warning("MCP server %s has ended: %s", self.name, _innermost(error))

    async def _serve(self, ready: asyncio.Future[ClientSession]) -> None:
        """Own the process and its session, which have to be left by the task that entered them."""
        from mcp import ClientSession, StdioServerParameters
        from mcp.client.stdio import stdio_client

        spec = self._spec
        parameters = StdioServerParameters(
            command=spec.command, args=list(spec.args), env=dict(spec.env), cwd=spec.cwd
        )
        async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
            await session.initialize()
            ready.set_result(session)
            await asyncio.Event().wait()


def _text_of(part: Any) -> str:
    return str(part.text) if part.type == "text" else f"[{part.type}]"


def _innermost(error: BaseException) -> str:
    """Task groups wrap what went wrong, several deep."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
