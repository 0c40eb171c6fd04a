"""Turns of every kind, and what must not break the page."""

from __future__ import annotations

import re
from array import array
from xml.etree import ElementTree

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.flight import Entry, Flight, Header, Note, Raised, Snapshot, Steps, state_of
from daemon.talk import BargeIn, TalkMode, TalkSettings
from daemon.timeline import NoTurn, page, turns

HEADER = Header("demand", 130.0, "2026-01-01T12:00:00.000+00:00", "0.1.0", False)
CONNECTED = ((0.0, ev.LinkConnecting()), (0.0, ev.LinkReady()))


def flight(
    *story: tuple[float, ev.Event], talk: TalkSettings | None = None, more: tuple[Entry, ...] = ()
) -> Flight:
    """What a box would have recorded of these events, at so many seconds after 100."""
    box = Appliance(talk or TalkSettings(), 0.01)
    entries: list[Entry] = [Snapshot(100.0, state_of(box))]
    for after, event in (*CONNECTED, *story):
        now = 100.0 + after
        entries.append(Steps(event, box.step(event, now), array("d", [now])))
    return Flight(HEADER, [*entries, *more])


def moments(html: str) -> list[str]:
    return re.findall(r"<td>([^<]+)</td><td>-?\d+ ms</td>", html)


def labels(html: str) -> list[str | None]:
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    return [text.text for text in svg.iter("text")]


def test_recording_without_a_turn() -> None:
    with pytest.raises(NoTurn, match=r"^a\.jsonl: there is no turn 0: the recording has no turn at all$"):
        page(flight(), "a.jsonl")


@pytest.mark.parametrize("number", [0, 2, -1])
def test_turn_that_is_not_there(number: int) -> None:
    with pytest.raises(NoTurn, match="the recording has turns 1 to 1"):
        page(flight((1.0, ev.Pressed())), "a.jsonl", number)


def test_turn_that_has_not_ended_goes_on_to_the_end() -> None:
    recorded = flight((1.0, ev.Pressed()), (2.0, ev.MicPeriod(10.0, True)), (2.5, ev.Tick()))
    [turn] = turns(recorded)
    assert (turn.start, turn.end) == (101.0, 102.5)
    assert moments(page(recorded, "a")) == ["press", "first frame up"]


def test_turn_thrown_away_says_so() -> None:
    html = page(flight((1.0, ev.Pressed()), (1.05, ev.Released()), (1.2, ev.Stop())), "a")
    assert moments(html) == ["press", "release"]
    assert {"cleared", "stop"} <= set(labels(html))


def test_typed_question() -> None:
    html = page(
        flight(
            (1.0, ev.Ask("hello")),
            (1.5, ev.AnswerStarted("r1")),
            (1.6, ev.PlaybackStarted()),
            (1.9, ev.AnswerEnded("r1", "incomplete", "")),
            (3.0, ev.PlaybackDrained()),
        ),
        "a",
    )
    assert moments(html) == ["typed", "answer begins", "silence"]
    assert {"typed", "text", "incomplete"} <= set(labels(html))


def test_hands_free_turn_begins_with_what_the_server_heard() -> None:
    talk = TalkSettings(mode=TalkMode.HANDS_FREE, barge_in=BargeIn.SERVER_VAD)
    recorded = flight(
        (1.0, ev.UserSpeechStarted()),
        (2.0, ev.UserSpeechStopped()),
        (2.1, ev.InputCommitted()),
        (2.2, ev.AnswerStarted("r1")),
        (2.3, ev.PlaybackStarted()),
        (3.0, ev.AnswerEnded("r1", "completed", "")),
        (4.0, ev.PlaybackDrained()),
        talk=talk,
    )
    assert moments(page(recorded, "a", 1))[0] == "speech noticed by the server"


def test_words_from_outside_stay_words() -> None:
    hostile = "</svg><script>alert('x')</script>&"
    notes = (
        Note(101.1, "link", {"status": hostile, "detail": hostile}),
        Raised(101.2, ev.Tick(), hostile, False),
        Note(101.2, "function_call", {"name": hostile, "call_id": "c", "response_id": "r"}),
    )
    html = page(flight((1.0, ev.Pressed()), (1.5, ev.LinkDown(hostile)), more=notes), hostile)
    assert "<script" not in html
    assert html.count("</svg>") == 1
    labels(html)  # is well-formed


def test_microphone_that_was_closed_leaves_a_gap() -> None:
    times = array("d", [100.99, 101.0, 101.01, 101.5, 101.51])
    periods = Steps(ev.MicPeriod(10.0, True), [], times)
    html = page(flight((1.0, ev.Pressed()), (2.0, ev.Stop()), more=(periods,)), "a")
    spoken = re.findall(r'<rect class="speech".*?<title>(-?\d\.\d+) s: speech, (\d+) ms', html)
    assert spoken == [("-0.020", "30"), ("0.490", "20")]


def test_answer_that_waits_is_drawn_between_its_measures() -> None:
    notes = (
        Note(101.5, "audio", {"response_id": "r1", "item_id": "i1", "bytes": 96_000}),
        Note(101.5, "first sound", {"heard_at": 101.5}),
        Note(102.5, "level", {"heard_ms": 950, "waiting_ms": 1050}),
    )
    story = ((1.0, ev.Ask("hello")), (1.5, ev.PlaybackStarted()), (3.5, ev.PlaybackDrained()))
    html = page(flight(*story, more=notes), "a")
    [points] = re.findall(r'<polygon class="curve" points="([^"]+)"', html)
    heights = [float(point.split(",")[1]) for point in points.split()]
    top, bottom = min(heights), max(heights)
    shown = [round((bottom - height) / (bottom - top) * 2000) for height in heights]
    assert shown == pytest.approx([0, 0, 2000, 1000, 1050, 50, 0, 0, 0], abs=4)


def test_cut_is_drawn_where_it_was_with_what_had_been_heard() -> None:
    recorded = flight(
        (1.0, ev.Pressed()),
        (1.5, ev.Released()),
        (2.0, ev.AnswerStarted("r1")),
        (2.1, ev.PlaybackStarted()),
        (3.0, ev.Pressed()),
        more=(
            Note(102.1, "first sound", {"heard_at": 102.1}),
            Note(103.002, "cut", {"heard_ms": 900.0, "waiting_ms": 50.0}),  # a clock goes on meanwhile
        ),
    )
    html = page(recorded, "a", 1)
    assert moments(html)[-1] == "interrupted, 0.90 s heard"
    assert "cut, 0.90 s heard" in labels(html)


def test_words_are_shown_if_they_were_recorded() -> None:
    story = ((1.0, ev.Ask("x")), (2.0, ev.AnswerStarted("r1")), (4.0, ev.Tick()))
    said = [{"text": "It is", "chars": 5}, {"text": " <three>.", "chars": 9}]
    notes = tuple(Note(102.0 + n, "transcript_delta", values) for n, values in enumerate(said))
    assert "Answer, as far as it was made: It is &lt;three&gt;." in page(flight(*story, more=notes), "a")
    unsaid = tuple(Note(102.0, "transcript_delta", {"chars": 5}) for _ in said)
    assert "Answer, as far" not in page(flight(*story, more=unsaid), "a")
