from __future__ import annotations

from daemon.complaints import LINES, MAX_TOLD, WINDOW_S, Complaints


def test_same_sentence_is_written_once_in_ten_minutes() -> None:
    complaints = Complaints()
    times = [t for t in range(0, 1200, 10) if complaints.line("server", "it failed", t)]
    assert times == [0, WINDOW_S]


def test_reasons_of_an_outage_that_take_turns_are_each_written_once() -> None:
    complaints = Complaints()
    lines = [complaints.line("link", ("no route", "no name")[t % 2], t) for t in range(36_000)]
    assert [line for line in lines if line] == ["no route", "no name"]


def test_trouble_that_was_over_meanwhile_is_news() -> None:
    complaints = Complaints()
    assert complaints.line("link", "no route", 0.0)
    complaints.over("link")
    assert complaints.line("link", "no route", 1.0) == "no route"


def test_trouble_that_comes_and_goes_fills_no_journal() -> None:
    complaints = Complaints()
    written = []
    for t in range(int(WINDOW_S) + 1):
        complaints.over("link")
        written.append(complaints.line("link", "no route", t))
    assert [line is not None for line in written] == [True] * LINES + [False] * 594 + [True]
    assert written[-1] == "no route (594 like it were not written down)"


def test_each_kind_has_room_of_its_own() -> None:
    complaints = Complaints()
    for number in range(100):
        complaints.line("server", f"trouble {number}", 0.0)
    assert complaints.line("microphone", "it was unplugged", 0.0) == "it was unplugged"


def test_memory_is_bounded() -> None:
    complaints = Complaints()
    for number in range(1000):
        complaints.line("server", f"trouble {number}", number * WINDOW_S)
    assert len(complaints._told["server"]) == MAX_TOLD
