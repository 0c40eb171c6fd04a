"""Items as applications see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.realtime.errors import UserError
from daemon.realtime.history import HistoryItem
from daemon.realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeMcpCallItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
    item_from_dict,
    realtime_items,
)


def test_history_of_a_conversation() -> None:
    history = [
        HistoryItem("i0", "message", "system", "Be kind."),
        HistoryItem("i1", "message", "user", "What time is it?"),
        HistoryItem("i2", "function_call", name="clock", call_id="c1", arguments="{}"),
        HistoryItem("i3", "function_call_output", call_id="c1", output="noon"),
        HistoryItem("i4", "message", "assistant", "It is noon.", status="completed"),
    ]
    assert realtime_items(history) == [
        SystemMessageItem("i0", [InputText("Be kind.")]),
        UserMessageItem("i1", [InputAudio(transcript="What time is it?")], "i0"),
        RealtimeToolCallItem("i2", "c1", "completed", "{}", "clock", "noon", "i1"),
        AssistantMessageItem("i4", [AssistantAudio(transcript="It is noon.")], "i2", "completed"),
    ]


def test_history_of_words_that_were_written() -> None:
    history = [HistoryItem("i1", "message", "user", "hi"), HistoryItem("i2", "message", "assistant", "ho")]
    assert realtime_items(history, written={"i1", "i2"}) == [
        UserMessageItem("i1", [InputText("hi")]),
        AssistantMessageItem("i2", [AssistantText("ho")], "i1"),
    ]


def test_history_of_a_call_without_a_result() -> None:
    [call] = realtime_items([HistoryItem("i2", "function_call", name="clock", call_id="c1", arguments="{}")])
    assert isinstance(call, RealtimeToolCallItem)
    assert (call.status, call.output) == ("in_progress", None)


def test_history_of_an_answer_that_was_cut_off() -> None:
    cut = HistoryItem("i1", "message", "assistant", "It is", status="completed", truncated_ms=740)
    [item] = realtime_items([cut])
    assert isinstance(item, AssistantMessageItem)
    assert (item.status, item.heard_ms) == ("incomplete", 740)


def test_history_leaves_out_what_is_no_conversation() -> None:
    assert (
        realtime_items([HistoryItem("i1", "mcp_list_tools"), HistoryItem("i2", "message", "narrator")]) == []
    )


ITEMS: list[RealtimeItem] = [
    SystemMessageItem("i0", [InputText("Be kind.")]),
    UserMessageItem("i1", [InputText("see"), InputImage("data:image/png;base64,AA==", "low"), InputAudio()]),
    AssistantMessageItem(
        "i2", [AssistantAudio(transcript="yes"), AssistantText("no")], "i1", "incomplete", 20
    ),
    RealtimeToolCallItem("i3", "c1", "completed", "{}", "clock", "noon", "i2"),
    RealtimeMcpCallItem("i4", "search", "{}", "found", "i3"),
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_item_written_and_read_again_is_the_same(item: RealtimeItem) -> None:
    assert item_from_dict(json.loads(json.dumps(item.model_dump()))) == item


def test_item_written_looks_like_the_sdks() -> None:
    assert UserMessageItem("i1", [InputAudio(transcript="hi")]).model_dump() == {
        "type": "message",
        "role": "user",
        "item_id": "i1",
        "content": [{"type": "input_audio", "audio": None, "transcript": "hi"}],
        "previous_item_id": None,
    }


def test_item_from_the_wires_own_form() -> None:
    wire = {
        "id": "i1",
        "type": "message",
        "role": "assistant",
        "object": "realtime.item",
        "status": "completed",
    }
    part = {"type": "output_audio", "transcript": "yes"}
    expected = AssistantMessageItem("i1", [AssistantAudio(transcript="yes")], status="completed")
    assert item_from_dict({**wire, "content": [part]}) == expected


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"type": "mesage"}, "type is 'mesage', allowed: message, .*; did you mean 'message'"),
        ({}, "type is 'None'"),
        ({"type": "message", "role": "asistant"}, "role is 'asistant', .*did you mean 'assistant'"),
        ({"type": "message", "role": "user"}, "content of a user message is None, allowed: a list"),
        (
            {"type": "message", "role": "user", "content": [{"type": "text"}]},
            "'text' is no part of a user mess",
        ),
        ({"type": "message", "role": "user", "content": ["text"]}, "'text' is no part of a user message"),
        ({"type": "message", "role": "user", "content": []}, "a message item is incomplete: .*item_id"),
        ({"type": "function_call", "item_id": 5}, "item_id of a function_call is 5, allowed: text"),
        ({"type": "function_call", "item_id": "i"}, "a function_call item is incomplete: "),
    ],
)
def test_item_that_cannot_be_read(data: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        item_from_dict(data)
