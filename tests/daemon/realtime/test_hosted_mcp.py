"""Hosted MCP tools on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.realtime.errors import UserError
from daemon.realtime.hosted_mcp import hosted_mcp_tool

URL = "https://example.org/mcp"


def test_hosted_tool_sends_everything_that_was_said() -> None:
    tool = hosted_mcp_tool(
        "docs",
        server_url=URL,
        authorization="token",
        headers={"X-Team": "a"},
        allowed_tools={"tool_names": ["search"], "read_only": True},
        require_approval={"never": {"tool_names": ["search"]}},
        server_description="Documents.",
    )
    assert tool.to_wire() == {
        "type": "mcp",
        "server_label": "docs",
        "server_url": URL,
        "authorization": "token",
        "headers": {"X-Team": "a"},
        "allowed_tools": {"tool_names": ["search"], "read_only": True},
        "require_approval": {"never": {"tool_names": ["search"]}},
        "server_description": "Documents.",
    }


def test_hosted_tool_sends_nothing_that_was_not_said() -> None:
    wire = hosted_mcp_tool("mail", connector_id="connector_gmail").to_wire()
    assert wire == {"type": "mcp", "server_label": "mail", "connector_id": "connector_gmail"}


def test_hosted_tool_hides_its_secrets() -> None:
    tool = hosted_mcp_tool("docs", server_url=URL, authorization="s3cret", headers={"key": "s3cret"})
    assert "s3cret" not in repr(tool)


@pytest.mark.parametrize(
    ("allowed", "name", "read_only", "permitted"),
    [
        (None, "any", False, True),
        (["search"], "search", False, True),
        (["search"], "delete", False, False),
        ({"tool_names": ["search"]}, "delete", True, False),
        ({"read_only": True}, "search", True, True),
        ({"read_only": True}, "delete", False, False),
        ({}, "delete", False, True),
    ],
)
def test_hosted_tool_permits(allowed: Any, name: str, read_only: bool, permitted: bool) -> None:
    tool = hosted_mcp_tool("docs", server_url=URL, allowed_tools=allowed)
    assert tool.permits(name, read_only=read_only) is permitted


@pytest.mark.parametrize(
    ("label", "options", "complaint"),
    [
        ("my docs", {"server_url": URL}, "server_label is 'my docs', allowed: a letter, then"),
        ("docs", {}, "hosted MCP tool docs: exactly one of .* is needed, none of them is given"),
        ("docs", {"server_url": URL, "tunnel_id": "t"}, "server_url and tunnel_id is given"),
        ("docs", {"server_url": "example.org"}, "server_url is 'example.org', allowed: a http"),
        ("docs", {"connector_id": "connector_gmial"}, "did you mean 'connector_gmail'"),
        (
            "docs",
            {"server_url": URL, "allowed_tools": "search"},
            "allowed_tools is 'search', allowed: a list",
        ),
        ("docs", {"server_url": URL, "allowed_tools": {"names": []}}, "has a key 'names'.*'tool_names'"),
        ("docs", {"server_url": URL, "allowed_tools": {"read_only": "yes"}}, "read_only is 'yes'"),
        ("docs", {"server_url": URL, "require_approval": "alway"}, "did you mean 'always'"),
        ("docs", {"server_url": URL, "require_approval": {"sometimes": {}}}, "has a key 'sometimes'"),
        ("docs", {"server_url": URL, "require_approval": {"never": ["a"]}}, "require_approval.never is"),
    ],
)
def test_hosted_tool_refuses(label: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        hosted_mcp_tool(label, **options)
