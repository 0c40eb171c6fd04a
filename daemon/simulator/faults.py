"""Which faults of a script strike a connection, and when. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from daemon.simulator.script import Fault

HUGE_FRAME_BYTES = 10_000_000
EXPIRED_REASON = "Your session hit the maximum duration of 60 minutes."


class FaultPlan:
    """Tell it what was sent and received; it answers with the faults due. Each fault strikes once."""

    def __init__(self, faults: Sequence[Fault], connection: int) -> None:
        self._waiting = [fault for fault in faults if fault.hits(connection) and fault.action != "refuse"]
        self._seen: Counter[str] = Counter()

    def after_event(self, event_type: str) -> list[Fault]:
        """The faults that follow this event, sent or received."""
        if not any(fault.after == event_type for fault in self._waiting):
            return []
        self._seen[event_type] += 1
        return self._take(
            [
                fault
                for fault in self._waiting
                if fault.after == event_type and fault.count == self._seen[event_type]
            ]
        )

    def due(self, age_s: float) -> list[Fault]:
        """The timed faults of a connection this old."""
        return self._take(
            [fault for fault in self._waiting if fault.at_s is not None and fault.at_s <= age_s]
        )

    def next_age_s(self) -> float | None:
        return min((fault.at_s for fault in self._waiting if fault.at_s is not None), default=None)

    def _take(self, faults: list[Fault]) -> list[Fault]:
        self._waiting = [fault for fault in self._waiting if fault not in faults]
        return faults


def refusal_status(faults: Sequence[Fault], connection: int) -> int | None:
    """The HTTP status with which this connection's upgrade is refused, None if it is not."""
    refusals = (fault.status for fault in faults if fault.action == "refuse" and fault.hits(connection))
    return next(refusals, None)


def garbage_frames(names: Sequence[str]) -> list[str | bytes]:
    """The frames behind the names a script may use."""
    frames: dict[str, str | bytes] = {
        "truncated_json": "{",
        "array": "[]",
        "null": "null",
        "binary": b"\x00\xff\x00\xff",
        "unknown_type": '{"type":"response.telepathy.delta","event_id":"event_garbage"}',
        "missing_fields": '{"type":"response.output_audio.delta"}',
    }
    huge = '{"type":"response.telepathy.delta","padding":"' + "x" * HUGE_FRAME_BYTES + '"}'
    return [huge if name == "huge" else frames[name] for name in names]
