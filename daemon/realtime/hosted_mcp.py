"""Tools of a remote MCP server that the Realtime API itself calls. Pure."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from daemon.realtime.context import RunContextWrapper
from daemon.realtime.errors import UserError, did_you_mean
from daemon.records import dataclass

CONNECTOR_IDS = (
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
)

_LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*\Z")
_FILTER_KEYS = ("tool_names", "read_only")


@dataclass(frozen=True, slots=True)
class MCPApprovalRequest:
    """The server wants to call a tool that needs a person's consent; `id` is the item to answer."""

    id: str
    server_label: str
    name: str
    arguments: str


MCPApprovalFunction = Callable[[RunContextWrapper[Any], MCPApprovalRequest], bool | Awaitable[bool]]

ToolFilter = Sequence[str] | Mapping[str, Any]
"""Names, or `{"tool_names": [...], "read_only": bool}`."""

RequireApproval = Literal["always", "never"] | Mapping[str, Any]
"""`always`, `never`, or `{"always": filter, "never": filter}`."""


@dataclass(frozen=True, eq=False)
class HostedMCPTool:
    """See `hosted_mcp_tool`. Secrets stay out of its `repr`."""

    server_label: str
    server_url: str | None = None
    connector_id: str | None = None
    tunnel_id: str | None = None
    authorization: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    allowed_tools: ToolFilter | None = None
    require_approval: RequireApproval | None = None
    server_description: str | None = None
    on_approval: MCPApprovalFunction | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.server_label, str) or not _LABEL.match(self.server_label):
            allowed = "a letter, then letters, digits, _ and -"
            raise UserError(f"server_label is {self.server_label!r}, allowed: {allowed}")
        targets = ("server_url", "connector_id", "tunnel_id")
        given = [target for target in targets if getattr(self, target) is not None]
        if len(given) != 1:
            stated = " and ".join(given) or "none of them"
            self._refuse(f"exactly one of {', '.join(targets)} is needed, {stated} is given")
        if self.connector_id is not None and self.connector_id not in CONNECTOR_IDS:
            near = did_you_mean(self.connector_id, CONNECTOR_IDS)
            self._refuse(f"connector_id is {self.connector_id!r}, allowed: {', '.join(CONNECTOR_IDS)}{near}")
        if self.server_url is not None and not self.server_url.startswith(("https://", "http://")):
            self._refuse(f"server_url is {self.server_url!r}, allowed: a http(s):// address")
        self._check_filter("allowed_tools", self.allowed_tools)
        self._check_approval()

    def permits(self, tool_name: str, *, read_only: bool = False) -> bool:
        """Whether `allowed_tools` lets a tool of the server through."""
        allowed = self.allowed_tools
        if allowed is None:
            return True
        if not isinstance(allowed, Mapping):
            return tool_name in allowed
        names = allowed.get("tool_names")
        wanted = allowed.get("read_only")
        return (names is None or tool_name in names) and (wanted is None or wanted == read_only)

    def to_wire(self) -> dict[str, Any]:
        """The tool as the API takes it, secrets included."""
        wire: dict[str, Any] = {"type": "mcp", "server_label": self.server_label}
        for key in ("server_url", "connector_id", "tunnel_id", "authorization", "server_description"):
            if getattr(self, key) is not None:
                wire[key] = getattr(self, key)
        for key in ("headers", "allowed_tools", "require_approval"):
            value = getattr(self, key)
            if value is not None:
                wire[key] = _copied(value)
        return wire

    def _check_approval(self) -> None:
        given = self.require_approval
        if isinstance(given, Mapping):
            for key, value in given.items():
                if key not in ("always", "never"):
                    self._refuse(f"require_approval has a key {key!r}, allowed: always, never")
                if not isinstance(value, Mapping):
                    self._refuse(
                        f"require_approval.{key} is {value!r}, allowed: an object of tool_names, read_only"
                    )
                self._check_filter(f"require_approval.{key}", value)
        elif given is not None and given not in ("always", "never"):
            near = did_you_mean(given, ("always", "never"))
            self._refuse(f"require_approval is {given!r}, allowed: always, never or an object of both{near}")

    def _check_filter(self, where: str, given: ToolFilter | None) -> None:
        names: Any = given
        if isinstance(given, Mapping):
            for key in given:
                if key not in _FILTER_KEYS:
                    near = did_you_mean(key, _FILTER_KEYS)
                    self._refuse(f"{where} has a key {key!r}, allowed: {', '.join(_FILTER_KEYS)}{near}")
            if not isinstance(given.get("read_only", False), bool):
                self._refuse(f"{where}.read_only is {given['read_only']!r}, allowed: true or false")
            names = given.get("tool_names")
        if names is None:
            return
        if (
            not isinstance(names, Sequence)
            or isinstance(names, str)
            or not all(isinstance(n, str) for n in names)
        ):
            self._refuse(f"{where} is {names!r}, allowed: a list of tool names")

    def _refuse(self, why: str) -> None:
        raise UserError(f"hosted MCP tool {self.server_label}: {why}")


def hosted_mcp_tool(
    server_label: str,
    *,
    server_url: str | None = None,
    connector_id: str | None = None,
    tunnel_id: str | None = None,
    authorization: str | None = None,
    headers: Mapping[str, str] | None = None,
    allowed_tools: ToolFilter | None = None,
    require_approval: RequireApproval | None = None,
    server_description: str | None = None,
    on_approval: MCPApprovalFunction | None = None,
) -> HostedMCPTool:
    """The tools of a remote MCP server, called by the Realtime API, not by us.

    The server is named by one of `server_url`, `connector_id` and `tunnel_id`. What is None is not sent and
    left to the API. A call that needs consent asks `on_approval`, or becomes an event if there is none.
    Raises `UserError`.
    """
    return HostedMCPTool(
        server_label,
        server_url,
        connector_id,
        tunnel_id,
        authorization,
        headers,
        allowed_tools,
        require_approval,
        server_description,
        on_approval,
    )


def _copied(value: Any) -> Any:
    """JSON containers of our own, so that the caller's may change later."""
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_copied(inner) for inner in value]
    return value
