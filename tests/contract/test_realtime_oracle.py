"""The oracle must catch what pydantic lets pass, or every test that relies on it proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from realtime_oracle import client_event_problems, server_event_problems

DELTA = {
    "type": "response.output_audio.delta",
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "AAA=",
}
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
UPDATE = {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio"]}}


def without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (DELTA | {"contnet_index": 0}, "contnet_index: unknown field; did you mean 'content_index'?"),
        (without(DELTA, "response_id"), "response_id: missing"),
        (DELTA | {"output_index": "0"}, "output_index: expected int, got '0'"),
        (DELTA | {"output_index": True}, "output_index: expected int, got True"),
        (DELTA | {"output_index": None}, "output_index: expected int, got None"),
        (
            DELTA | {"type": "response.audio.delta"},
            "is not declared; did you mean 'response.output_audio.delta'?",
        ),
        ({"event_id": "event_1"}, "type: None is not declared"),
        ([], "not an object"),
        (
            {"type": "rate_limits.updated", "event_id": "e", "rate_limits": [{"name": "token"}]},
            "rate_limits[0].name: 'token' is not one of ('requests', 'tokens')",
        ),
        (
            {"type": "response.done", "event_id": "e", "response": {"usage": {"total_token": 1}}},
            "response.usage.total_token: unknown field; did you mean 'total_tokens'?",
        ),
        (
            {"type": "conversation.item.added", "event_id": "e", "item": ITEM | {"state": "completed"}},
            "item.state: unknown field; did you mean 'status'?",
        ),
        (
            {"type": "conversation.item.added", "event_id": "e", "item": ITEM | {"content": [{"txt": "hi"}]}},
            "item.content[0].txt: unknown field",
        ),
        (
            {
                "type": "session.created",
                "event_id": "e",
                "session": {"type": "realtime", "expires_at": "soon"},
            },
            "session.expires_at: expected int",
        ),
    ],
)
def test_server_event_with_one_mistake_is_caught(event: Any, problem: str) -> None:
    assert problem in "\n".join(server_event_problems(event))


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (UPDATE | {"sesion": {}}, "sesion: unknown field; did you mean 'session'?"),
        ({"type": "session.update"}, "session: missing"),
        (
            {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["speech"]}},
            "session.output_modalities[0]: 'speech' is not one of",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"input": {"format": {"rate": 16000}}}},
            },
            "session.audio.input.format.rate: 16000 is not one of (24000,)",
        ),
        ({"type": "response.cancel", "event_id": None}, "event_id: null is refused"),
        (
            {"type": "response.create", "response": {"input": [{"type": "item_reference", "item_id": "a"}]}},
            "response.input[0]: an item_reference has exactly type and id",
        ),
        (
            {"type": "response.create", "response": {"metadata": {"a": 1}}},
            "response.metadata.a: expected str",
        ),
    ],
)
def test_client_event_with_one_mistake_is_caught(event: Any, problem: str) -> None:
    assert problem in "\n".join(client_event_problems(event))


@pytest.mark.parametrize(
    "event",
    [
        UPDATE,
        {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "item_1"}]}},
        {"type": "conversation.item.create", "item": ITEM, "previous_item_id": "root", "event_id": "mine"},
        {
            "type": "session.update",
            "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}},
        },
    ],
)
def test_right_client_events_have_no_problems(event: Any) -> None:
    assert client_event_problems(event) == []


def test_right_server_events_have_no_problems() -> None:
    assert server_event_problems(DELTA) == []
    created = {"type": "realtime", "id": "sess_1", "object": "realtime.session", "expires_at": 1}
    assert server_event_problems({"type": "session.created", "event_id": "e", "session": created}) == []
