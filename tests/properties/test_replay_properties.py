"""Whatever happens to the box: its recording, written and read again, is answered the same."""

from __future__ import annotations

from hypothesis import settings

from daemon import events as ev
from daemon.flight import Header, read_flight, written
from daemon.flight_ring import FlightRing, RingSettings
from daemon.replay import Replay, report
from tests.properties.test_appliance_properties import Box

HEADER = Header("demand", 0.0, "2026-01-01T12:00:00.000+00:00", "0.1.0", False)


class RecordedBox(Box):
    """The random interleavings of the appliance's own properties, recorded in a ring that forgets."""

    ring: FlightRing | None = None

    def tell(self, event: ev.Event) -> list[ev.Command]:
        if self.ring is None:
            self.ring = FlightRing(self.box, self.now, RingSettings(span_s=60.0))
        commands = super().tell(event)
        self.ring.took(event, self.now, commands)
        return commands

    def teardown(self) -> None:
        if self.ring is None:
            return
        flight = read_flight("".join(written(HEADER, self.ring.entries())), "box.jsonl")
        outcome = Replay(flight).run()
        assert outcome.difference is None, report(flight, outcome, "box.jsonl")


TestRecordedBox = RecordedBox.TestCase
TestRecordedBox.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
