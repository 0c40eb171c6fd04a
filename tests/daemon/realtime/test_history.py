"""Order, words and bounds of the history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime import history as module
from daemon.realtime.history import History, HistoryItem
from daemon.realtime.server_events import Placement, WireItem

FRONT, APPEND = Placement.FRONT, Placement.APPEND


def message(item_id: str, *parts: str, role: str = "assistant", status: str | None = None) -> WireItem:
    return WireItem(item_id, "message", role, status, parts)


def order(history: History) -> str:
    return "".join(item.item_id for item in history)


@pytest.mark.parametrize(
    ("puts", "expected"),
    [
        ([("a", APPEND), ("b", "a"), ("c", "b")], "abc"),
        ([("a", APPEND), ("b", APPEND), ("c", "a")], "acb"),
        ([("a", APPEND), ("b", FRONT)], "ba"),
        ([("b", "a"), ("a", APPEND)], "ab"),
        ([("x", APPEND), ("b", "a"), ("c", "b"), ("a", "x"), ("y", "x")], "xyabc"),
        ([("x", APPEND), ("y", "x"), ("b", "a"), ("c", "b"), ("a", "x")], "xabcy"),
        ([("b", "a"), ("d", "a"), ("a", APPEND)], "adb"),
        ([("a", "b"), ("b", "a")], "ab"),
        ([("a", "a")], "a"),
        ([("a", APPEND), ("b", APPEND), ("c", APPEND), ("c", "a")], "acb"),
        ([("a", APPEND), ("b", "a"), ("b", "nobody")], "ab"),
    ],
)
def test_items_follow_their_predecessor_whenever_it_shows_up(
    puts: list[tuple[str, str | Placement]], expected: str
) -> None:
    history = History()
    for item_id, after in puts:
        history.put(message(item_id), after)
    assert order(history) == expected


@given(st.permutations(range(8)))
def test_a_chain_ends_up_in_order_whatever_the_order_of_arrival(arrival: list[int]) -> None:
    history = History()
    for index in arrival:
        history.put(message(str(index)), str(index - 1) if index else FRONT)
    assert order(history) == "01234567"


def test_put_tells_new_from_known_and_keeps_known_words() -> None:
    history = History()
    assert history.put(message("a", "hello", status="in_progress")) is True
    assert history.put(message("a", "", status="completed")) is False
    assert history.get("a") == HistoryItem("a", "message", "assistant", "hello", "completed")


def test_later_words_replace_earlier_ones_and_parts_stand_in_order() -> None:
    history = History()
    history.put(message("a"))
    history.add_text("a", 1, "world")
    history.add_text("a", 0, "hel")
    history.add_text("a", 0, "lo")
    assert history.get("a").text == "hello\nworld"  # type: ignore[union-attr]
    history.set_text("a", 0, "Hello,")
    assert history.get("a").text == "Hello,\nworld"  # type: ignore[union-attr]


def test_nothing_does_not_replace_a_transcript() -> None:
    history = History()
    history.put(message("a", "hello"))
    assert history.set_text("a", 0, "") is True
    assert history.get("a").text == "hello"  # type: ignore[union-attr]


def test_a_transcript_that_arrives_before_its_item_is_kept() -> None:
    history = History()
    assert history.set_text("u", 0, "what time is it") is False
    assert len(history) == 0
    history.put(message("u", "", role="user"))
    assert history.get("u").text == "what time is it"  # type: ignore[union-attr]


def test_words_without_an_item_are_bounded() -> None:
    history = History()
    for index in range(module.MAX_EARLY_ITEMS + 1):
        history.set_text(f"u{index}", 0, "x")
    history.put(message("u0"))
    history.put(message("u1"))
    assert history.get("u0").text == ""  # type: ignore[union-attr]
    assert history.get("u1").text == "x"  # type: ignore[union-attr]


def test_a_truncated_item_keeps_its_words_and_takes_no_more() -> None:
    history = History()
    history.put(message("a", "once upon"))
    assert history.truncate("a", 0, 700) is True
    history.add_text("a", 0, " a time")
    history.set_text("a", 0, "once upon a time")
    history.put(message("a", "once upon a time", status="incomplete"))
    history.truncate("a", 1, 0)
    history.truncate("a", 0, 900)
    assert history.get("a") == HistoryItem(
        "a", "message", "assistant", "once upon", "incomplete", truncated_ms=700
    )


def test_a_mark_further_back_in_the_same_part_counts() -> None:
    history = History()
    history.put(message("a"))
    history.truncate("a", 0, 700)
    history.truncate("a", 0, 300)
    assert history.get("a").truncated_ms == 300  # type: ignore[union-attr]


def test_deleted_items_are_gone_and_unknown_ones_no_error() -> None:
    history = History()
    history.put(message("a"))
    assert history.delete("a") is True
    assert history.delete("a") is False
    assert history.truncate("a", 0, 1) is False
    assert (len(history), "a" in history, history.get("a")) == (0, False, None)


def test_function_calls_and_outputs_keep_what_they_said() -> None:
    history = History()
    history.put(WireItem("f", "function_call", status="in_progress", name="lamp", call_id="c", arguments=""))
    history.put(WireItem("f", "function_call", status="completed", call_id="c", arguments='{"on":1}'))
    history.put(WireItem("o", "function_call_output", call_id="c", output="done"), "f")
    assert list(history) == [
        HistoryItem("f", "function_call", None, "", "completed", "lamp", "c", '{"on":1}'),
        HistoryItem("o", "function_call_output", call_id="c", output="done"),
    ]


def test_the_oldest_item_is_dropped_over_the_bound() -> None:
    history = History()
    for index in range(module.MAX_ITEMS + 3):
        history.put(message(f"i{index}"))
    assert (len(history), history.dropped) == (module.MAX_ITEMS, 3)
    assert "i2" not in history
    assert "i3" in history


def test_text_and_parts_of_one_item_are_bounded() -> None:
    history = History()
    history.put(message("a"))
    for index in range(module.MAX_PARTS_PER_ITEM + 5):
        history.add_text("a", index, "x" * (module.MAX_TEXT_CHARS + 1))
    text = history.get("a").text  # type: ignore[union-attr]
    assert len(text.split("\n")) == module.MAX_PARTS_PER_ITEM
    assert max(map(len, text.split("\n"))) == module.MAX_TEXT_CHARS


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["a", "b", "c", "d", "e", "f", FRONT, APPEND])),
        max_size=30,
    )
)
def test_any_order_of_puts_holds_each_item_once(puts: list[tuple[str, str | Placement]]) -> None:
    history = History()
    for item_id, after in puts:
        history.put(message(item_id), after)
    assert sorted(order(history)) == sorted({item_id for item_id, _ in puts})
