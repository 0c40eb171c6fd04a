"""The lines of a flight recording, literally, and what is refused as none."""

from __future__ import annotations

import json
from array import array

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.flight import (
    Entry,
    FlightError,
    Header,
    Note,
    Raised,
    Retuned,
    Snapshot,
    Steps,
    read_flight,
    restore,
    state_of,
    written,
)
from daemon.talk import BargeIn, TalkMode, TalkSettings

HEADER = Header("demand", 7.5, "2026-01-01T12:00:00.000+00:00", "0.1.0", False)
HEADER_LINE = (
    '{"flight":1,"why":"demand","at":7.5,"wall":"2026-01-01T12:00:00.000+00:00",'
    '"harkd":"0.1.0","texts":false}'
)
START = Snapshot(1.0, state_of(Appliance(TalkSettings(), 0.01)))


def steps(event: ev.Event, *commands: ev.Command, at: tuple[float, ...] = (2.5,)) -> Steps:
    return Steps(event, list(commands), array("d", at))


LINES: list[tuple[Entry, str]] = [
    (
        steps(ev.Pressed(), ev.Interrupt(), ev.OpenTurn(300.0)),
        '{"t":2.5,"event":"Pressed","do":["Interrupt",{"OpenTurn":{"preroll_ms":300.0}}]}',
    ),
    (
        steps(ev.LinkDown("reset by peer", ev.Trouble.QUOTA)),
        '{"t":2.5,"event":{"LinkDown":{"reason":"reset by peer","trouble":"QUOTA"}},"do":[]}',
    ),
    (
        steps(ev.AnswerEnded(None, "failed", ""), ev.ShowPhase(ev.Phase.IDLE)),
        '{"t":2.5,"event":{"AnswerEnded":{"response_id":null,"status":"failed","detail":""}},'
        '"do":[{"ShowPhase":{"phase":"IDLE"}}]}',
    ),
    (
        steps(ev.MicPeriod(10.0, None), ev.UploadPeriod(), at=(0.5, 0.75)),
        '{"t":0.5,"event":{"MicPeriod":{"duration_ms":10.0,"speech":null}},"do":["UploadPeriod"],'
        '"n":2,"until":0.75,"times":"AAAAAAAA4D8AAAAAAADoPw=="}',
    ),
    (
        Raised(2.5, ev.Tick(), "KeyError: 'x'", True),
        '{"t":2.5,"error":"KeyError: \'x\'","event":"Tick","in_step":true}',
    ),
    (
        Note(2.5, "level", {"heard_ms": 120, "waiting_ms": 4000}),
        '{"t":2.5,"note":"level","heard_ms":120,"waiting_ms":4000}',
    ),
]


@pytest.mark.parametrize(("entry", "line"), LINES)
def test_entry_is_this_line_and_comes_back(entry: Entry, line: str) -> None:
    text = "".join(written(HEADER, [START, entry]))
    assert text.splitlines()[0] == HEADER_LINE
    assert text.splitlines()[2] == line
    flight = read_flight(text, "a.jsonl")
    assert flight.header == HEADER
    assert flight.entries == [START, entry]
    assert flight.lines == [2, 3]


def test_state_as_json() -> None:
    line = json.loads([*written(HEADER, [START])][1])
    assert line["t"] == 1.0
    assert {name: line["state"][name] for name in ("turn", "gate_opens", "waiting_calls", "period_s")} == {
        "turn": "IDLE",
        "gate_opens": "-inf",
        "waiting_calls": [],
        "period_s": 0.01,
    }
    assert line["state"]["settings"]["mode"] == "HOLD"


def test_settings_come_back() -> None:
    entry = Retuned(3.0, 0.02, TalkSettings(mode=TalkMode.TOGGLE, barge_in=BargeIn.OFF, answer_s=7.0))
    assert read_flight("".join(written(HEADER, [START, entry])), "a").entries[1] == entry


@pytest.mark.parametrize("uptime_s", [0.1, 12_345.678901234567, 9e6 + 1 / 3])
def test_times_come_back_to_the_last_bit(uptime_s: float) -> None:
    times = tuple(uptime_s + i / 97 for i in range(50))
    entry = steps(ev.MicPeriod(10.0, True), at=times)
    [_, back] = read_flight("".join(written(HEADER, [START, entry])), "a").entries
    assert isinstance(back, Steps)
    assert tuple(back.times) == times


def test_every_attribute_of_a_busy_box_comes_back() -> None:
    box = Appliance(TalkSettings(follow_up_s=8.0), 0.01)
    for event in (
        ev.LinkConnecting(),
        ev.LinkReady(),
        ev.ApprovalWanted("c1", "unlock_door"),
        ev.AlarmDue(),
        ev.MicrophoneLost("unplugged"),
        ev.Ask("hello"),
        ev.AnswerStarted("r1"),
    ):
        box.step(event, 5.0)
    [back] = read_flight("".join(written(HEADER, [Snapshot(5.0, state_of(box))])), "a").entries
    assert isinstance(back, Snapshot)
    other = Appliance(TalkSettings(), 0.02)
    restore(other, back.state)
    assert state_of(other) == state_of(box)
    assert other.next_deadline() == box.next_deadline()


def test_line_breaks_in_a_reason_break_no_line() -> None:
    entry = steps(ev.LinkDown("one\ntwo\u2028three\x85four\r\nfive"))
    assert read_flight("".join(written(HEADER, [START, entry])), "a").entries[1] == entry


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Incorrect API key: sk-proj-abcDEF123_456-7890.", "Incorrect API key: [secret]"),
        ("token ek_68af296e8e408191a1120ab6383263c2 expired", "token [secret] expired"),
        ("Authorization: Bearer abc.DEF-123 refused", "Authorization: Bearer [secret] refused"),
        ("the proxy wants hunter2hunter2", "the proxy wants [secret]"),
        ("a task-list-of-things, desk-lamp-number-nine", "a task-list-of-things, desk-lamp-number-nine"),
    ],
)
def test_keys_are_left_out(said: str, left: str) -> None:
    text = "".join(written(HEADER, [START, steps(ev.LinkDown(said))], ["hunter2hunter2", ""]))
    [_, entry] = read_flight(text, "a").entries
    assert entry == steps(ev.LinkDown(left))


STATE_LINE = [*written(HEADER, [START])][1].strip()
BAD: list[tuple[list[str], str]] = [
    ([], "a.jsonl:1: not understood: Expecting value"),
    ([HEADER_LINE], "a.jsonl:1: holds no flight recording"),
    (["nonsense"], "a.jsonl:1: not understood: Expecting value"),
    (['{"t":1.0,"dir":"<"}'], "a.jsonl:1: no flight recording: the first line has no version"),
    (["[1]"], "a.jsonl:1: no flight recording"),
    (['{"flight":2}'], "a.jsonl:1: version 2 of the format, this harkd reads 1"),
    (['{"flight":1}'], "a.jsonl:1: not understood: 'why'"),
    ([HEADER_LINE, '{"t":1.0,"note":"x"}'], "a.jsonl:2: a recording begins with a state"),
    (
        [HEADER_LINE, '{"t":1.0,"state":{}}'],
        "a.jsonl:2: not understood: 'settings' (recorded by harkd",
    ),
    (
        [HEADER_LINE, STATE_LINE.replace('"turn"', '"trun"')],
        "a.jsonl:2: the state differs from this",
    ),
    ([HEADER_LINE, STATE_LINE.replace('"IDLE"', '"LAZY"')], "a.jsonl:2: not understood: 'LAZY'"),
]
BAD_LINES = {
    '{"t":1.0,"event":"Dance","do":[]}': "there is no event 'Dance' in this version",
    '{"t":1.0,"event":"Interrupt","do":[]}': "there is no event 'Interrupt' in this version",
    '{"t":1.0,"event":"Tick","do":["Tick"]}': "there is no command 'Tick' in this version",
    '{"t":1.0,"event":{"Pressed":{"hard":1}},"do":[]}': "there is no 'hard' in Pressed",
    '{"t":1.0,"event":{"Ask":{}},"do":[]}': "not understood: ",
    '{"t":1.0,"event":"Tick","do":[],"n":2,"times":"AAA"}': "not understood: ",
    '{"t":1.0,"event":"Tick","do":[],"n":0,"times":""}': "an event that happened at no time",
    '{"t":1.0,"event":["Tick"],"do":[]}': "not understood: ",
    '{"t":"soon","event":"Tick","do":[]}': "not understood: ",
    '{"t":1.0}': "a line has a state, an event with what to do, an error or a note",
    "[]": "not understood: ",
    "": "not understood: ",
}


@pytest.mark.parametrize(("lines", "complaint"), BAD)
def test_no_recording_is_refused(lines: list[str], complaint: str) -> None:
    with pytest.raises(FlightError) as refused:
        read_flight("\n".join(lines), "a.jsonl")
    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(("line", "complaint"), BAD_LINES.items())
def test_line_that_makes_no_sense_is_named(line: str, complaint: str) -> None:
    with pytest.raises(FlightError) as refused:
        read_flight("\n".join([HEADER_LINE, STATE_LINE, line, STATE_LINE]), "a.jsonl")
    assert str(refused.value).startswith(f"a.jsonl:3: {complaint}")


def test_value_without_a_place_costs_its_line_only() -> None:
    odd: list[Entry] = [
        Snapshot(2.0, {**START.state, "turn": {1, 2}}),
        Note(2.5, "device", {"path": object}),
    ]
    back = read_flight("".join(written(HEADER, [START, *odd, steps(ev.Tick())])), "a").entries
    assert back == [
        START,
        Note(2.0, "unwritable", {"error": "a set has no place in a flight recording"}),
        Note(2.5, "unwritable", {"error": "a type has no place in a flight recording"}),
        steps(ev.Tick()),
    ]
