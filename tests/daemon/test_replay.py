"""What was recorded comes out again, and what was changed since does not."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.flight import Flight, Header, read_flight, written
from daemon.flight_ring import FlightRing, RingSettings
from daemon.replay import Replay, report
from daemon.talk import TalkMode, TalkSettings

HEADER = Header("demand", 1.0, "2026-01-01T12:00:00.000+00:00", "0.1.0", False)
EVENTS: list[ev.Event] = [
    ev.Pressed(),
    ev.Released(),
    ev.PlaybackStarted(),
    ev.PlaybackDrained(),
    ev.AnswerStarted("r1"),
    ev.AnswerEnded("r1", "completed", ""),
    ev.LinkConnecting(),
    ev.LinkReady(),
    ev.LinkReady(),
    ev.LinkDown("reset", ev.Trouble.OFFLINE),
    ev.Ask("what time is it?"),
    ev.Tick(),
    ev.ApprovalWanted("c1", "unlock_door"),
    ev.Consent(),
    ev.AlarmDue(),
    ev.Stop(),
]


class Walk:
    """A random history of a box, recorded."""

    def __init__(self, settings: TalkSettings | None = None, ring: RingSettings | None = None) -> None:
        self.now = 1000.0
        self.box = Appliance(settings or TalkSettings(), 0.01)
        self.ring = FlightRing(self.box, self.now, ring)

    def tell(self, event: ev.Event) -> list[ev.Command]:
        try:
            commands = self.box.step(event, self.now)
        except ArithmeticError as error:
            self.ring.raised(event, self.now, error)
            return []
        self.ring.took(event, self.now, commands)
        return commands

    def listen(self, periods: int) -> None:
        for _ in range(periods):
            self.now += 0.01
            self.tell(ev.MicPeriod(10.0, True))

    def at_random(self, seed: int, n: int) -> None:
        random = Random(seed)
        for _ in range(n):
            self.tell(random.choice(EVENTS))
            self.listen(random.randrange(40))
            self.now += random.choice([0.0, 0.1, 3.0])

    def flight(self) -> Flight:
        return read_flight("".join(written(HEADER, self.ring.entries())), "walk.jsonl")


@pytest.mark.parametrize("mode", TalkMode)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))])
def test_recorded_walk_is_answered_the_same_again(mode: TalkMode, seed: int) -> None:
    walk = Walk(TalkSettings(mode=mode))
    walk.at_random(seed, 300)
    outcome = Replay(walk.flight()).run()
    assert outcome.difference is None
    assert outcome.steps > 1000


def test_walk_whose_beginning_is_forgotten_starts_in_the_middle() -> None:
    walk = Walk(ring=RingSettings(span_s=60.0))
    walk.at_random(3, 500)
    flight = walk.flight()
    assert flight.entries[0].at > 1050.0
    outcome = Replay(flight).run()
    assert outcome.difference is None
    assert 60.0 <= outcome.span_s <= 60.0 + 2 * 33.5


class NeverInterrupts(Appliance):
    def cut(self, now: float) -> None:
        pass


class SendsNoPreroll(Appliance):
    def clean_preroll_ms(self, now: float) -> float:
        return 0.0


class ForgetsToHurry(Appliance):
    def refuse_offline(self) -> None:
        self.do(ev.Refuse(f"not connected: {self.link_reason}", self.link_trouble))


class WaitsLonger(Appliance):
    def request(self, now: float) -> None:
        super().request(now + 0.001)


class Raises(Appliance):
    def commit(self, now: float) -> None:
        raise ZeroDivisionError("no turn")


@pytest.mark.parametrize("changed", [NeverInterrupts, SendsNoPreroll, ForgetsToHurry, WaitsLonger, Raises])
def test_changed_appliance_differs(changed: Callable[[TalkSettings, float], Appliance]) -> None:
    walk = Walk()
    walk.at_random(1, 300)
    assert Replay(walk.flight(), changed).run().difference is not None


def test_difference_is_shown_with_what_led_to_it() -> None:
    walk = Walk()
    for event in (ev.LinkConnecting(), ev.LinkReady()):
        walk.tell(event)
    walk.listen(50)
    walk.tell(ev.Pressed())
    flight = walk.flight()
    said = report(flight, Replay(flight, SendsNoPreroll).run(), "walk.jsonl")
    assert said.splitlines() == [
        "walk.jsonl:6: differs after 53 steps in 0.5 s, recorded by harkd 0.1.0",
        "    line 2, 1000.000: snapshot",
        '    line 3, 1000.000: LinkConnecting -> ShowPhase(phase="CONNECTING")',
        '    line 4, 1000.000: LinkReady -> ShowPhase(phase="IDLE")',
        "    line 5, 1000.010: MicPeriod(duration_ms=10.0, speech=true) x 50 -> nothing",
        "  at 1000.500000, Pressed",
        '    recorded: OpenTurn(preroll_ms=300.0), ShowPhase(phase="LISTENING")',
        '    replayed: OpenTurn(preroll_ms=0.0), ShowPhase(phase="LISTENING")',
    ]


def test_difference_that_no_command_shows_is_found_in_the_state() -> None:
    walk = Walk()
    for event in (ev.LinkConnecting(), ev.LinkReady(), ev.Ask("hello")):
        walk.tell(event)
    walk.now += 30.0
    walk.tell(ev.MicPeriod(10.0, False))  # late enough for another snapshot
    difference = Replay(walk.flight(), WaitsLonger).run().difference
    assert difference is not None
    assert difference.what == "the state"
    assert (difference.recorded, difference.replayed) == (
        "answer_deadline 1030.0",
        "answer_deadline 1030.001",
    )


def test_same_in_all_is_one_line() -> None:
    walk = Walk()
    walk.listen(50)
    flight = walk.flight()
    assert report(flight, Replay(flight).run(), "a.jsonl") == (
        "a.jsonl: no difference in 50 steps in 0.5 s, recorded by harkd 0.1.0"
        " (demand, 2026-01-01T12:00:00.000+00:00)"
    )


def spoken_turn(box: Appliance) -> Walk:
    walk = Walk()
    walk.box = box
    walk.ring = FlightRing(box, walk.now)
    for event in (ev.LinkConnecting(), ev.LinkReady(), ev.Pressed()):
        walk.tell(event)
    walk.listen(50)
    walk.tell(ev.Released())
    walk.listen(1)
    return walk


def test_error_of_ours_comes_up_again() -> None:
    walk = spoken_turn(Raises(TalkSettings(), 0.01))
    walk.listen(5)
    outcome = Replay(walk.flight(), Raises).run()
    assert outcome.difference is None
    [error] = outcome.errors
    assert error == (
        "1000.510: deciding on MicPeriod(duration_ms=10.0, speech=true): ZeroDivisionError: no turn"
    )


def test_error_of_ours_that_was_mended_is_a_difference() -> None:
    difference = Replay(spoken_turn(Raises(TalkSettings(), 0.01)).flight()).run().difference
    assert difference is not None
    assert difference.recorded == "ZeroDivisionError: no turn"
    assert "CommitTurn" in difference.replayed


def test_error_in_carrying_out_is_told_and_no_difference() -> None:
    walk = Walk()
    event = ev.Ask("secret words")
    commands = walk.tell(event)
    walk.ring.raised(event, walk.now, KeyError("link"))
    assert commands
    outcome = Replay(walk.flight()).run()
    assert outcome.difference is None
    assert outcome.errors == ["1000.000: carrying out Ask(text=\"············\"): KeyError: 'link'"]


def test_another_microphone_and_other_settings_are_part_of_the_history() -> None:
    walk = Walk()
    for event in (ev.LinkConnecting(), ev.LinkReady(), ev.Pressed()):
        walk.tell(event)
    walk.box.period_s = 0.04
    walk.tell(ev.Released())
    walk.box.settings = TalkSettings(answer_s=5.0)
    walk.listen(12)
    walk.now += 60.0
    walk.tell(ev.Tick())
    assert Replay(walk.flight()).run().difference is None
