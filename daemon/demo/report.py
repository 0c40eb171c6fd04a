"""What the demo proves: figures from the wire and from what was played, each beside its target. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from daemon import notices
from daemon.measure import equal_frames, find_start, sound_after
from daemon.records import dataclass

GHOST_S = 1.0
"""How long after a cut the recording is searched for what should not be there."""


@dataclass(slots=True)
class Story:
    """What happened, as far as the report needs it. Times are loop seconds."""

    pressed_at: list[float] = field(default_factory=list)
    released_at: list[float] = field(default_factory=list)
    cuts: list[notices.Interrupted] = field(default_factory=list)
    exchanges: list[notices.Exchange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; `limit_ms` None where there is nothing to reach."""

    name: str
    measured_ms: float | None
    limit_ms: float | None

    @property
    def reached(self) -> bool:
        if self.measured_ms is None:
            return False
        return self.limit_ms is None or self.measured_ms <= self.limit_ms


@dataclass(frozen=True, slots=True)
class Evidence:
    """`received`: (loop seconds, client event) as the server saw them; `sent`: its own events.

    `heard` is what the loudspeaker was handed: mono PCM16 at `rate_hz`, in periods of `period_ms`.
    """

    received: Sequence[tuple[float, Mapping[str, Any]]]
    sent: Iterable[Mapping[str, Any]]
    heard: bytes
    rate_hz: int
    period_ms: int


def figures(story: Story, evidence: Evidence) -> list[Figure]:
    """The table of the demo, for a story with two spoken questions of which the first answer was cut."""
    rows: list[Figure] = []
    appends = _times(evidence, "input_audio_buffer.append")
    commits = _times(evidence, "input_audio_buffer.commit")
    for number, (pressed, released) in enumerate(zip(story.pressed_at, story.released_at, strict=True), 1):
        rows.append(Figure(f"press {number} -> first frame at the server", _after(pressed, appends), None))
        rows.append(Figure(f"release {number} -> commit at the server", _after(released, commits), 20.0))
    for exchange in story.exchanges:
        if exchange.committed_at is not None and exchange.first_audio_at is not None:
            wait_ms = (exchange.first_audio_at - exchange.committed_at) * 1000
            name = f"commit {exchange.number} -> first audio handed to the device"
            rows.append(Figure(name, wait_ms, None))
    for cut in story.cuts:
        rows += _cut_figures(cut, evidence)
    return rows


def _cut_figures(cut: notices.Interrupted, evidence: Evidence) -> list[Figure]:
    per_ms = evidence.rate_hz / 1000
    tail = sound_after(evidence.heard, cut.pulled_frames, round(GHOST_S * evidence.rate_hz))
    rows = [Figure("interruption -> last non-zero sample", tail / per_ms, float(evidence.period_ms))]
    for part in cut.parts[:1]:
        answer = _audio_of(part.tag.item_id, evidence.sent)
        start = find_start(evidence.heard, answer)
        told = _told_ms(part.tag.item_id, evidence)
        difference = None
        if start is not None and told is not None:
            truth = min(equal_frames(evidence.heard, start, answer), cut.pulled_frames - start)
            difference = abs(told - truth / per_ms)
        rows.append(Figure("heard position told to the model, off by", difference, 20.0))
    return rows


def _times(evidence: Evidence, kind: str) -> list[float]:
    return [at for at, event in evidence.received if event.get("type") == kind]


def _after(start: float, times: Sequence[float]) -> float | None:
    return next(((at - start) * 1000 for at in times if at >= start), None)


def _told_ms(item_id: str, evidence: Evidence) -> int | None:
    for _, event in evidence.received:
        if event.get("type") == "conversation.item.truncate" and event.get("item_id") == item_id:
            return int(event["audio_end_ms"])
    return None


def _audio_of(item_id: str, sent: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(
        base64.b64decode(event["delta"])
        for event in sent
        if event.get("type") == "response.output_audio.delta" and event.get("item_id") == item_id
    )


def shortcomings(story: Story, rows: Sequence[Figure]) -> list[str]:
    """Why the demo did not show what it is for; empty if it did."""
    endings = [exchange.ended for exchange in story.exchanges]
    problems = [] if endings == ["interrupted", "heard"] else [f"the exchanges ended {endings}"]
    if len(story.cuts) != 1:
        problems.append(f"{len(story.cuts)} interruptions instead of one")
    for row in rows:
        if not row.reached:
            found = "not found" if row.measured_ms is None else f"{row.measured_ms:.1f} ms"
            problems.append(
                f"{row.name}: {found}" + (f", limit {row.limit_ms:.0f} ms" if row.limit_ms else "")
            )
    return problems


def table(rows: Sequence[Figure]) -> str:
    """The figures as plain text, one row each."""
    width = max(len(row.name) for row in rows)
    lines = [f"  {'':<{width}}  measured   target"]
    for row in rows:
        measured = "       --" if row.measured_ms is None else f"{row.measured_ms:6.1f} ms"
        target = "" if row.limit_ms is None else f"<= {row.limit_ms:.0f} ms"
        lines.append(f"  {row.name:<{width}}  {measured}  {target}".rstrip())
    return "\n".join(lines)
