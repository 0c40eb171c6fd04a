"""The last minutes in bounded memory: what is remembered, what is forgotten, what it takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.flight import Note, Snapshot, Steps
from daemon.flight_ring import FlightRing, RingSettings
from daemon.talk import TalkSettings


class Recorded:
    def __init__(self, settings: RingSettings | None = None) -> None:
        self.now = 100.0
        self.box = Appliance(TalkSettings(), 0.01)
        self.ring = FlightRing(self.box, self.now, settings)

    def tell(self, event: ev.Event) -> None:
        self.ring.took(event, self.now, self.box.step(event, self.now))

    def listen(self, periods: int, speech: bool | None = None) -> None:
        for _ in range(periods):
            self.now += 0.01
            self.tell(ev.MicPeriod(10.0, speech))

    def steps(self) -> list[tuple[ev.Event, list[ev.Command], int]]:
        entries = self.ring.entries()
        return [(e.event, e.commands, len(e.times)) for e in entries if isinstance(e, Steps)]


def test_periods_that_are_alike_are_one_entry() -> None:
    recorded = Recorded()
    recorded.listen(20)
    recorded.listen(3, speech=True)
    recorded.ring.note(recorded.now, "link", {"status": "connected"})
    recorded.listen(4, speech=True)
    assert recorded.steps() == [(ev.MicPeriod(10.0, None), [], 20), (ev.MicPeriod(10.0, True), [], 7)]


def test_event_between_periods_keeps_its_place() -> None:
    recorded = Recorded()
    for _ in range(2):
        recorded.listen(2)
        recorded.tell(ev.Tick())
    counts = [(type(event), n) for event, _, n in recorded.steps()]
    assert counts == [(ev.MicPeriod, 2), (ev.Tick, 1)] * 2


def test_entries_given_away_do_not_grow() -> None:
    recorded = Recorded()
    recorded.listen(2)
    before = recorded.ring.entries()
    recorded.listen(5)
    assert [len(e.times) for e in before if isinstance(e, Steps)] == [2]


@pytest.mark.parametrize(("texts", "word"), [(False, "······"), (True, "secret")])
def test_words_are_kept_only_when_asked_for(texts: bool, word: str) -> None:
    recorded = Recorded(RingSettings(texts=texts))
    for event in (ev.LinkConnecting(), ev.LinkReady(), ev.Ask("secret"), ev.Say("secret")):
        recorded.tell(event)
    said = str(recorded.ring.entries())
    assert ("secret" in said) is texts
    for kind in ("Ask", "SendText", "Say", "SpeakText"):
        assert said.count(f"{kind}(text='{word}')") == 1


def test_what_is_older_than_the_span_is_forgotten() -> None:
    recorded = Recorded(RingSettings(span_s=120.0))
    for _ in range(600):
        recorded.now += 1.0
        recorded.tell(ev.Tick())
    entries = recorded.ring.entries()
    assert isinstance(entries[0], Snapshot)
    assert 120.0 <= recorded.now - entries[0].at <= 120.0 + 2 * 30.0


def test_more_than_fits_is_forgotten_from_the_beginning() -> None:
    recorded = Recorded(RingSettings(bound_bytes=100_000))
    for _ in range(5000):
        recorded.listen(1, speech=True)
        recorded.listen(1, speech=False)  # nothing is alike: the worst there is
        assert recorded.ring.size_bytes <= 100_000 * 17 / 16 + 3000
    entries = recorded.ring.entries()
    assert isinstance(entries[0], Snapshot)
    assert entries[-1].at == recorded.now
    assert recorded.now - entries[0].at > 1.0


def flood_of_periods(recorded: Recorded) -> None:
    recorded.listen(50_000)


def flood_of_changes(recorded: Recorded) -> None:
    for _ in range(1500):
        recorded.listen(1, speech=True)
        recorded.listen(1, speech=False)


def flood_of_presses(recorded: Recorded) -> None:
    for event in (ev.LinkConnecting(), ev.LinkReady()):
        recorded.tell(event)
    for _ in range(800):
        recorded.tell(ev.Pressed())
        recorded.listen(1)
        recorded.tell(ev.Released())
        recorded.listen(1)


def flood_of_sentences(recorded: Recorded) -> None:
    for i in range(500):
        recorded.tell(ev.LinkDown(f"{i} " * 200))


def flood_of_notes(recorded: Recorded) -> None:
    for i in range(2000):
        recorded.now += 0.2
        recorded.ring.note(recorded.now, "level", {"heard_ms": 200 * i, "waiting_ms": 90_000 - 200 * i})


@pytest.mark.long
@pytest.mark.parametrize(
    "flood",
    [flood_of_periods, flood_of_changes, flood_of_presses, flood_of_sentences, flood_of_notes],
    ids=lambda flood: flood.__name__,
)
def test_memory_is_at_most_what_the_bound_counts(flood: Callable[[Recorded], None]) -> None:
    tracemalloc.start()
    try:
        recorded = Recorded()
        before, _ = tracemalloc.get_traced_memory()
        flood(recorded)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken <= recorded.ring.size_bytes <= 2 * taken


def test_another_period_is_noted_before_what_it_changes() -> None:
    recorded = Recorded()
    recorded.listen(2)
    recorded.box.period_s = 0.04
    recorded.box.settings = replace(recorded.box.settings, answer_s=3.0)
    recorded.listen(2)
    assert [type(entry).__name__ for entry in recorded.ring.entries()] == [
        "Snapshot",
        "Steps",
        "Retuned",
        "Steps",
    ]


def test_error_in_a_step_is_followed_by_the_state_it_left() -> None:
    recorded = Recorded()
    recorded.ring.raised(ev.Ask("secret"), recorded.now, KeyError("x"))
    kinds = [type(entry).__name__ for entry in recorded.ring.entries()]
    assert kinds == ["Snapshot", "Raised", "Snapshot"]
    assert "secret" not in str(recorded.ring.entries())


def test_error_in_a_command_interrupts_nothing() -> None:
    recorded = Recorded()
    event = ev.Tick()
    recorded.tell(event)
    recorded.ring.raised(event, recorded.now, KeyError("x"))
    kinds = [type(entry).__name__ for entry in recorded.ring.entries()]
    assert kinds == ["Snapshot", "Steps", "Raised"]


def test_note_keeps_its_values() -> None:
    recorded = Recorded()
    recorded.ring.note(101.0, "cut", {"heard_ms": 7})
    assert recorded.ring.entries()[-1] == Note(101.0, "cut", {"heard_ms": 7})
