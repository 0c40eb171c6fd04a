"""Items, edits, raw events and the replay on a new connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.realtime import model_events as rt
from daemon.realtime.protocol import RealtimeProtocol
from tests.daemon.realtime.talk import Talk

NOTE = {"type": "message", "id": "n", "role": "user", "content": [{"type": "input_text", "text": "note"}]}


def user(item_id: str, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"id": item_id, "type": "message", "role": "user", "content": content}


def test_a_new_connection_is_told_the_conversation_before_what_was_held() -> None:
    talk = Talk().server("conversation.item.added", item=user("u1", "hello")).lose()
    talk.say("are you there")
    talk.connect()
    frames = talk.frames()
    assert [frame["type"] for frame in frames] == [
        "session.update",
        "conversation.item.create",
        "conversation.item.create",
        "response.create",
    ]
    assert frames[1]["item"] == user("u1", "hello")
    assert frames[2]["item"]["content"] == [{"type": "input_text", "text": "are you there"}]


def test_without_replay_a_new_connection_is_told_nothing() -> None:
    talk = Talk()
    talk.protocol = RealtimeProtocol({"type": "realtime"}, replay=False)
    talk.connect().server("conversation.item.added", item=user("u1", "hello")).lose().connect()
    assert talk.sent() == ["update"]


def test_the_echo_of_a_replayed_item_changes_nothing() -> None:
    talk = Talk().server("conversation.item.added", item=user("u1", "hello")).lose().connect()
    talk.server("conversation.item.added", item=user("u1", "hello"), previous_item_id=None)
    assert [(item.item_id, item.text) for item in talk.protocol.history] == [("u1", "hello")]


def test_an_item_goes_behind_another_and_asks_for_an_answer_if_wanted() -> None:
    talk = Talk()
    talk.protocol.send_item(NOTE, talk.now, after="u1", respond=False)
    (frame,) = talk.frames()
    assert (frame["previous_item_id"], frame["item"]) == ("u1", NOTE)
    talk.protocol.send_item(NOTE, talk.now)
    assert talk.sent() == ["item message", "create"]


def test_items_are_edited_at_the_server_when_ready() -> None:
    talk = Talk()
    talk.protocol.put_item(NOTE, "root")
    talk.protocol.delete_item("u1")
    put, delete = (json.loads(frame) for frame in talk.protocol.frames_to_send())
    assert put["previous_item_id"] == "root"
    assert (delete["type"], delete["item_id"]) == ("conversation.item.delete", "u1")


def test_items_are_edited_here_without_a_session_and_replayed() -> None:
    talk = Talk(ready=False)
    talk.protocol.put_item(NOTE, "root")
    talk.protocol.put_item(user("u2", "later"), "n")
    talk.protocol.delete_item("u2")
    assert talk.told() == ["item_added n", "item_added u2", "item_deleted"]
    talk.connect()
    assert [frame.get("item", {}).get("id") for frame in talk.frames()] == [None, "n"]
    with pytest.raises(ValueError, match="id is missing"):
        talk.protocol.put_item({"type": "message"}, "root")


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ({"type": "response.create", "response": {"instructions": "sing"}}, ["create sing"]),
        ({"type": "conversation.item.create", "item": NOTE}, ["item message"]),
        ({"type": "session.update", "session": {"instructions": "x"}}, ["update"]),
        ({"type": "input_audio_buffer.commit"}, ["commit"]),
        ({"type": "input_audio_buffer.clear", "event_id": "mine"}, ["clear"]),
    ],
)
def test_a_raw_event_takes_the_way_of_its_kind(message: dict[str, Any], sent: list[str]) -> None:
    talk = Talk()
    talk.protocol.send_raw(message, talk.now)
    assert talk.sent() == sent


def test_a_raw_event_without_a_session_is_held_or_dropped() -> None:
    talk = Talk(ready=False)
    talk.protocol.send_raw({"type": "input_audio_buffer.clear"}, talk.now)
    talk.protocol.send_raw({"type": "conversation.item.create", "item": NOTE}, talk.now)
    talk.connect()
    assert talk.sent() == ["update", "item message"]
    assert talk.protocol.counters.gated_raw == 1


def test_every_server_event_is_told_raw_first_if_asked() -> None:
    protocol = RealtimeProtocol({}, raw_events=True)
    protocol.connection_made(0.0)
    for kind in ("response.created", "something.new", "nothing.else"):
        protocol.receive(json.dumps({"type": kind, "response": {"id": "r1"}}), 0.0)
    assert [event.type for event in protocol.events()] == [
        "raw_server_event",
        "turn_started",
        "raw_server_event",
        "raw_server_event",
    ]


def test_a_refused_update_is_named_by_the_owners_id() -> None:
    talk = Talk()
    talk.protocol.update_session({"instructions": "x"}, talk.now, "agent_7")
    talk.server("error", error={"code": "invalid_value", "message": "no", "event_id": "agent_7"})
    (error,) = [e for e in talk.protocol.events() if isinstance(e, rt.RealtimeModelErrorEvent)]
    assert error.event_id == "agent_7"


def test_the_active_response_has_an_id_until_it_is_cut_off() -> None:
    talk = Talk()
    assert talk.protocol.active_response_id is None
    talk.created("r1")
    assert talk.protocol.active_response_id == "r1"
    talk.interrupt()
    assert talk.protocol.active_response_id is None
