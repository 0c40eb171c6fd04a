"""From the conversation there is to the one an application wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.errors import UserError
from daemon.realtime.history_edit import CreateItem, DeleteItem, history_edits, wire_items
from daemon.realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeMcpCallItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)


def said(item_id: str, words: str = "hi") -> UserMessageItem:
    return UserMessageItem(item_id, [InputText(words)])


def wire(item_id: str, words: str = "hi") -> dict[str, Any]:
    return {
        "type": "message",
        "id": item_id,
        "role": "user",
        "content": [{"type": "input_text", "text": words}],
    }


A, B, C = said("a"), said("b"), said("c")
ANSWER = AssistantMessageItem("x", [AssistantAudio(transcript="yes")], "a", "completed")
CALL = RealtimeToolCallItem("f", "call_1", "completed", "{}", "clock", "noon")


def test_edit_of_nothing() -> None:
    assert history_edits([A, CALL, B], [A, CALL, B]) == []


def test_edit_that_deletes() -> None:
    assert history_edits([A, ANSWER, B], [A, B]) == [DeleteItem("x")]


def test_edit_of_words_keeps_the_position() -> None:
    assert history_edits([A, B, C], [A, said("b", "ho"), C]) == [
        DeleteItem("b"),
        CreateItem(wire("b", "ho"), "a"),
    ]


def test_edit_that_adds_in_front_and_behind() -> None:
    assert history_edits([B], [A, B, C]) == [CreateItem(wire("a"), "root"), CreateItem(wire("c"), "b")]


def test_edit_ignores_what_the_server_changes_by_itself() -> None:
    assert history_edits([ANSWER], [replace(ANSWER, status="incomplete", heard_ms=5)]) == []


def test_edit_moves_as_little_as_possible() -> None:
    assert history_edits([A, B, C], [C, A, B]) == [DeleteItem("c"), CreateItem(wire("c"), "root")]


def test_edit_deletes_the_result_with_its_call() -> None:
    assert history_edits([A, CALL], [A], {"f": "o"}) == [DeleteItem("f"), DeleteItem("o")]


def test_edit_adds_behind_the_result_of_a_call() -> None:
    assert history_edits([A, CALL], [A, CALL, B], {"f": "o"}) == [CreateItem(wire("b"), "o")]


def test_edit_of_a_call_replaces_it_and_its_result() -> None:
    edits = history_edits([A, CALL, B], [A, replace(CALL, output="one"), B], {"f": "o"})
    call = {"type": "function_call", "id": "f", "call_id": "call_1", "name": "clock", "arguments": "{}"}
    result = {"type": "function_call_output", "id": "f_o", "call_id": "call_1", "output": "one"}
    assert edits == [DeleteItem("f"), DeleteItem("o"), CreateItem(call, "a"), CreateItem(result, "f")]


def test_edit_of_nothing_into_a_whole_conversation_keeps_its_order() -> None:
    edits = history_edits([], [A, CALL, B])
    created = [(edit.item["id"], edit.previous_item_id) for edit in edits if isinstance(edit, CreateItem)]
    assert created == [("a", "root"), ("f", "a"), ("f_o", "f"), ("b", "f_o")]


@pytest.mark.parametrize(
    ("item", "role", "content"),
    [
        (ANSWER, "assistant", {"type": "output_text", "text": "yes"}),
        (
            SystemMessageItem("s", [InputText("Be kind.")]),
            "system",
            {"type": "input_text", "text": "Be kind."},
        ),
        (UserMessageItem("u", [InputAudio(transcript="hey")]), "user", {"type": "input_text", "text": "hey"}),
        (UserMessageItem("u", [InputAudio(audio="AAA=")]), "user", {"type": "input_audio", "audio": "AAA="}),
        (
            UserMessageItem("u", [InputImage("data:image/png;base64,AA==", "low")]),
            "user",
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        ),
    ],
)
def test_message_on_the_wire(item: RealtimeItem, role: str, content: dict[str, Any]) -> None:
    expected = {"type": "message", "id": item.item_id, "role": role, "content": [content]}
    assert wire_items(item) == [expected]


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (
            [RealtimeMcpCallItem("m", "search", "{}")],
            "item 'm' is a call of the server: it cannot be changed",
        ),
        ([A, A], "item_id is 'a', allowed: 1 to 32 characters, each id once"),
        ([said("")], "item_id is '', allowed"),
        ([said("n" * 33)], "allowed: 1 to 32 characters"),
        ([UserMessageItem("n", [InputAudio()])], "item 'n' has no words to be created from"),
    ],
)
def test_edit_that_cannot_be(wanted: list[RealtimeItem], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        history_edits([A, CALL], wanted)


IDS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(IDS, IDS, st.sets(st.sampled_from("abcdefgh")))
def test_edits_carried_out_give_what_was_wanted(old: list[str], new: list[str], changed: set[str]) -> None:
    current = [said(item_id) for item_id in old]
    wanted = [said(item_id, "ho" if item_id in changed else "hi") for item_id in new]
    server = [(item_id, "hi") for item_id in old]
    for edit in history_edits(current, wanted):
        ids = [item_id for item_id, _ in server]
        if isinstance(edit, DeleteItem):
            del server[ids.index(edit.item_id)]
        else:
            behind = 0 if edit.previous_item_id == "root" else ids.index(edit.previous_item_id) + 1
            server.insert(behind, (edit.item["id"], edit.item["content"][0]["text"]))
    assert server == [(item.item_id, item.content[0].text) for item in wanted]  # type: ignore[union-attr]
