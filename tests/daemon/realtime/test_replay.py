"""What a new connection is told of the conversation."""

from __future__ import annotations

from daemon.realtime.history import HistoryItem
from daemon.realtime.replay import MAX_REPLAY_CHARS, MAX_REPLAY_ITEMS, heard_text, replay_items


def said(item_id: str, text: str, role: str = "user", truncated_ms: int | None = None) -> HistoryItem:
    return HistoryItem(item_id, "message", role, text, truncated_ms=truncated_ms)


def test_messages_come_back_as_text_with_their_ids() -> None:
    history = [said("s", "be brief", "system"), said("u", "hello"), said("a", "hi there", "assistant")]
    assert replay_items(history) == [
        {
            "type": "message",
            "id": "s",
            "role": "system",
            "content": [{"type": "input_text", "text": "be brief"}],
        },
        {"type": "message", "id": "u", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {
            "type": "message",
            "id": "a",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hi there"}],
        },
    ]


def test_calls_come_back_with_their_results_and_results_not_without_their_calls() -> None:
    call = HistoryItem("f", "function_call", name="clock", call_id="c1", arguments="{}")
    result = HistoryItem("o", "function_call_output", call_id="c1", output="noon")
    orphan = HistoryItem("p", "function_call_output", call_id="c0", output="lost")
    assert replay_items([orphan, call, result]) == [
        {"type": "function_call", "id": "f", "name": "clock", "call_id": "c1", "arguments": "{}"},
        {"type": "function_call_output", "id": "o", "call_id": "c1", "output": "noon"},
    ]


def test_what_has_no_words_is_left_out() -> None:
    history = [said("u", ""), HistoryItem("m", "mcp_list_tools"), said("a", "unheard", "assistant", 0)]
    assert replay_items(history) == []


def test_an_interrupted_answer_ends_about_where_it_was_heard() -> None:
    (item,) = replay_items([said("a", "one two three four five six", "assistant", truncated_ms=1000)])
    assert item["content"][0]["text"] == "one two three"
    assert heard_text("all of it", 60_000) == "all of it"


def test_the_newest_are_kept_within_bounds() -> None:
    many = [said(f"u{n}", "x") for n in range(MAX_REPLAY_ITEMS + 5)]
    assert [item["id"] for item in replay_items(many)] == [f"u{n}" for n in range(5, MAX_REPLAY_ITEMS + 5)]
    long = [said("old", "x" * MAX_REPLAY_CHARS), said("new", "y")]
    assert [item["id"] for item in replay_items(long)] == ["new"]
