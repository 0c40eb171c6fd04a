"""Small pure parts of a session: policies, ledgers, inputs, hosted MCP."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.realtime import UserError, hosted_mcp_tool
from daemon.realtime.audio_store import AudioStore
from daemon.realtime.barge_in import barge_in_of, with_barge_in
from daemon.realtime.call_ledger import MAX_CALLS, CallLedger, Known
from daemon.realtime.items import InputAudio, UserMessageItem
from daemon.realtime.lead import initial_session, session_changes
from daemon.realtime.mcp_watch import McpApprovalWanted, McpCallDone, McpToolsListed, McpWatch, approval_item
from daemon.realtime.model_inputs import raw_client_event, user_item
from daemon.realtime.renewal import LOOK_AGAIN_S, RENEW_AFTER_S, Renewal

DETECTION = "audio.input.turn_detection"


@pytest.mark.parametrize(
    ("policy", "detection", "in_force", "interrupts"),
    [
        (None, {"type": "server_vad"}, "server_vad", None),
        (None, {"type": "server_vad", "interrupt_response": False}, "off", False),
        (None, None, "off", None),
        ("off", {"type": "server_vad"}, "off", False),
        ("button", {"type": "server_vad", "interrupt_response": True}, "button", False),
        ("server_vad", {"type": "server_vad", "interrupt_response": False}, "server_vad", False),
    ],
)
def test_barge_in(policy: Any, detection: Any, in_force: str, interrupts: Any) -> None:
    effective = with_barge_in(policy, {DETECTION: detection})
    assert barge_in_of(policy, {DETECTION: detection}) == in_force
    assert (effective[DETECTION] or {}).get("interrupt_response") == interrupts


def test_a_call_is_new_once() -> None:
    ledger = CallLedger()
    assert ledger.note("c", "clock", "{}") is Known.NEW
    assert ledger.note("c", "clock", "{}") is Known.REPEATED
    assert ledger.note("c", "clock", "{1}") is Known.CHANGED
    for n in range(MAX_CALLS):
        ledger.note(f"c{n}", "clock", "{}")
    assert ledger.note("c", "clock", "{}") is Known.NEW


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"type": "response.craete"}, "did you mean 'response.create'"),
        ({"type": "session.update"}, "other_data of session.update has session None"),
        ({"type": "response.create", "other_data": []}, None),
        ({"type": "response.create", "other_data": [1]}, "allowed: an object"),
    ],
)
def test_raw_messages_are_checked(message: Any, complaint: str | None) -> None:
    if complaint is None:
        assert raw_client_event(message) == {"type": "response.create"}
        return
    with pytest.raises(UserError, match=complaint):
        raw_client_event(message)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (7, "a message is int"),
        ({"content": [{"type": "input_text"}]}, r"content\[0\]"),
        ({"content": [{"type": "input_image", "image_url": "x", "detail": "huge"}]}, "detail is 'huge'"),
        ({"content": ["text"]}, "allowed: input_text"),
    ],
)
def test_user_messages_are_checked(message: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        user_item(message)


def test_an_old_session_is_renewed_when_nobody_speaks() -> None:
    renewal = Renewal()
    assert renewal.next_deadline(0.0) is None
    renewal.began(100.0, manual_turns=True)
    assert renewal.next_deadline(100.0) == 100.0 + RENEW_AFTER_S
    old = 100.0 + RENEW_AFTER_S
    assert not renewal.due(old - 1)
    renewal.speaking(True)
    assert not renewal.due(old)
    assert renewal.next_deadline(old) == old + LOOK_AGAIN_S
    renewal.speaking(False)
    renewal.audio_sent(committed=False)
    assert not renewal.due(old)
    renewal.audio_sent(committed=True)
    assert renewal.due(old)
    renewal.asked()
    assert not renewal.due(old)


def test_audio_that_streams_all_the_time_does_not_keep_a_session_from_being_renewed() -> None:
    renewal = Renewal()
    renewal.began(0.0, manual_turns=False)
    renewal.audio_sent(committed=False)
    assert renewal.due(RENEW_AFTER_S)


def test_settings_become_a_session_object_with_defaults_or_only_what_they_say() -> None:
    assert session_changes({"voice": "ash", "turn_detection": None}) == {
        "type": "realtime",
        "audio": {"output": {"voice": "ash"}, "input": {"turn_detection": None}},
    }
    whole = initial_session({"voice": "sage"})
    assert (whole["model"], whole["audio"]["output"]["voice"], whole["tools"]) == (
        "gpt-realtime-2.1",
        "sage",
        [],
    )
    assert "model" not in initial_session({}, addressed=True)
    assert initial_session({"type": "realtime", "x": 1}) == {"type": "realtime", "x": 1}


def item_done(**item: Any) -> dict[str, Any]:
    return {"type": "conversation.item.done", "item": {"id": "i", **item}}


def test_hosted_mcp_servers_are_watched() -> None:
    watch = McpWatch()
    tools = [{"name": "search", "annotations": {"readOnlyHint": True}}, {"name": "delete"}, "nonsense"]
    listed = item_done(type="mcp_list_tools", server_label="docs", tools=tools)
    assert watch.see(listed) == McpToolsListed()
    docs = hosted_mcp_tool("docs", server_url="https://x/", allowed_tools={"read_only": True})
    assert [tool["name"] for tool in watch.available([docs])] == ["search"]
    done = watch.see(item_done(type="mcp_call", name="search", arguments="{}", output="found"))
    assert isinstance(done, McpCallDone)
    assert done.call.output == "found"
    assert watch.see({"type": "response.done"}) is None


def test_a_request_of_a_hosted_server_is_answered_once() -> None:
    watch = McpWatch()
    wanted = watch.see(item_done(type="mcp_approval_request", server_label="docs", name="x", arguments="{}"))
    assert isinstance(wanted, McpApprovalWanted)
    assert watch.take_request("i") == wanted.request
    assert watch.take_request("i") is None
    assert approval_item(wanted.request, False, "no") == {
        "type": "mcp_approval_response",
        "id": "re_i",
        "approval_request_id": "i",
        "approve": False,
        "reason": "no",
    }


def test_audio_is_stored_only_if_wanted() -> None:
    item = {"id": "u", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}, None]}
    event = {"type": "conversation.item.retrieved", "item": item}
    said = UserMessageItem("u", [InputAudio(transcript="hi")])
    for enabled, audio in ((True, "AAAA"), (False, None)):
        store = AudioStore(enabled)
        store.see(event)
        (filled,) = store.fill([said])
        assert filled.content[0].audio == audio  # type: ignore[union-attr]
