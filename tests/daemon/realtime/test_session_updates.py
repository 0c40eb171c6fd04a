"""Which session.update the server has confirmed, refused or forgotten."""

from __future__ import annotations

import pytest

from daemon.realtime.session_updates import SessionUpdates, merge_session


@pytest.mark.parametrize(
    ("session", "changes", "merged"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"tools": [1]}, {"tools": []}, {"tools": []}),
        (
            {"audio": {"input": {"format": 1, "turn_detection": {"type": "x"}}, "output": {"voice": "a"}}},
            {"audio": {"input": {"turn_detection": None}}},
            {"audio": {"input": {"format": 1, "turn_detection": None}, "output": {"voice": "a"}}},
        ),
        ({"audio": None}, {"audio": {"input": 1}}, {"audio": {"input": 1}}),
        ({"audio": {"input": 1}}, {"audio": {"input": {"x": 1}}}, {"audio": {"input": {"x": 1}}}),
    ],
)
def test_merge_changes_only_what_is_present(session: object, changes: object, merged: object) -> None:
    assert merge_session(session, changes) == merged  # type: ignore[arg-type]


def test_updates_are_confirmed_in_order_and_the_first_is_told_apart() -> None:
    updates = SessionUpdates({"a": 1})
    assert updates.start("session_1", now=0.0) == {"a": 1}
    updates.sent("session_2", {"a": 2}, now=1.0)
    assert updates.confirmed() is True
    assert updates.confirmed() is False
    assert updates.wanted == {"a": 2}


def test_a_refused_update_keeps_the_old_configuration() -> None:
    updates = SessionUpdates({"a": 1})
    updates.start("session_1", now=0.0)
    updates.confirmed()
    updates.sent("session_2", {"a": 2}, now=1.0)
    updates.sent("session_3", {"b": 3}, now=1.0)
    assert updates.refused("session_2") is False
    assert updates.refused("create_9") is None
    updates.confirmed()
    assert updates.wanted == {"a": 1, "b": 3}


def test_the_next_connection_gets_what_was_asked_of_the_last_one() -> None:
    updates = SessionUpdates({"a": 1})
    updates.start("session_1", now=0.0)
    updates.sent("session_2", {"a": 2}, now=1.0)
    assert updates.start("session_3", now=5.0) == {"a": 2}


def test_an_update_expires_ten_seconds_after_it_was_sent() -> None:
    updates = SessionUpdates({})
    updates.start("session_1", now=5.0)
    assert updates.deadline == 15.0
    assert updates.expire(14.9) is None
    assert updates.expire(15.0) is True
    assert updates.deadline is None


def test_replaced_session_is_the_whole_of_the_next_connections() -> None:
    updates = SessionUpdates({"type": "realtime", "model": "a", "audio": {"output": {"speed": 1.2}}})
    updates.start("e1", 0.0)
    updates.sent("e2", {"instructions": "outstanding"}, 0.0)
    updates.replace({"type": "realtime", "model": "b"})
    assert updates.wanted == {"type": "realtime", "model": "b"}
    assert not updates.confirmed()  # of the connection that ends
    assert updates.start("e3", 1.0) == {"type": "realtime", "model": "b"}
