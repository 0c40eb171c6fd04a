"""A history that is read often says the same as one that is read once, and makes nothing again."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.history import History
from daemon.realtime.items import MadeItems, realtime_items
from daemon.realtime.server_events import Placement, WireItem

IDS = st.sampled_from(["a", "b", "c", "d"])
ITEMS = st.builds(
    WireItem,
    item_id=IDS,
    kind=st.sampled_from(["message", "function_call", "function_call_output", "mcp_call", "other"]),
    role=st.sampled_from([None, "user", "assistant"]),
    status=st.sampled_from([None, "in_progress", "completed"]),
    parts=st.sampled_from([(), ("hello",), ("", "more")]),
    call_id=st.sampled_from([None, "c1"]),
    output=st.sampled_from([None, "noon"]),
)
CHANGES = st.one_of(
    st.tuples(st.just("put"), ITEMS, IDS | st.sampled_from(Placement)),
    st.tuples(st.just("add_text"), IDS, st.integers(0, 2), st.just("word ")),
    st.tuples(st.just("set_text"), IDS, st.integers(0, 2), st.sampled_from(["", "all words"])),
    st.tuples(st.just("truncate"), IDS, st.integers(0, 2), st.integers(0, 500)),
    st.tuples(st.just("delete"), IDS),
)


@given(st.lists(CHANGES, max_size=20), st.sets(IDS))
def test_reading_after_every_change_ends_with_the_same(
    changes: list[tuple[Any, ...]], written: set[str]
) -> None:
    often, once, made = History(), History(), MadeItems()
    for verb, *arguments in changes:
        getattr(often, verb)(*arguments)
        getattr(once, verb)(*arguments)
        realtime_items(often, written, made)
    assert list(often) == list(once)
    assert realtime_items(often, written, made) == realtime_items(once, written)
    assert made.keys() == {item.item_id for item in once}


def test_item_that_has_not_changed_is_not_made_again() -> None:
    history, made = History(), MadeItems()
    for item_id in ("a", "b"):
        history.put(WireItem(item_id, "message", "user", parts=("hi",)))
    before = realtime_items(history, (), made)
    history.set_text("b", 0, "ho")
    after = realtime_items(history, (), made)
    assert after[0] is before[0]
    assert after[1] is not before[1]


def test_item_that_turns_out_to_be_written_or_gets_a_result_is_made_again() -> None:
    history, made = History(), MadeItems()
    history.put(WireItem("a", "message", "user", parts=("hi",)))
    history.put(WireItem("b", "function_call", call_id="c1", name="clock"))
    realtime_items(history, (), made)
    history.put(WireItem("c", "function_call_output", call_id="c1", output="noon"))
    assert realtime_items(history, {"a"}, made) == realtime_items(history, {"a"})
