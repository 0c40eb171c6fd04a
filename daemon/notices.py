"""What the box tells whoever looks on: the journal, the demo, a test. Pure."""

from __future__ import annotations

from typing import Literal

from daemon.audio.playback import HeardPart
from daemon.events import Phase
from daemon.records import dataclass

Ending = Literal["heard", "interrupted", "cleared", "unanswered"]


@dataclass(slots=True)
class Exchange:
    """One question and its answer. Times are loop seconds, None for what has not happened."""

    number: int
    opened_at: float
    spoken: bool
    first_append_at: float | None = None
    released_at: float | None = None
    committed_at: float | None = None
    first_audio_at: float | None = None
    ended_at: float | None = None
    ended: Ending | None = None
    reason: str = ""
    response_id: str = ""

    def figures(self) -> dict[str, float]:
        """How long its steps took, in milliseconds, of those that happened; see `docs/journal.md`."""
        ends = {
            "first_frame_ms": (self.opened_at, self.first_append_at),
            "commit_ms": (self.released_at, self.committed_at),
            "answer_ms": (self.released_at, self.first_audio_at),
            "press_to_answer_ms": (self.opened_at, self.first_audio_at),
            "turn_ms": (self.opened_at, self.ended_at),
        }
        return {
            name: round((end - start) * 1000, 1)
            for name, (start, end) in ends.items()
            if start is not None and end is not None
        }

    def summary(self) -> str:
        """One line for the person on the phone."""
        hands_free = self.spoken and self.first_append_at is None
        steps = (
            ("press to first frame", self.opened_at, self.first_append_at),
            (
                "last word to commit" if hands_free else "release to commit",
                self.released_at,
                self.committed_at,
            ),
            ("commit to first audio", self.committed_at, self.first_audio_at),
        )
        parts = [
            f"{name} {(end - start) * 1000:.0f} ms"
            for name, start, end in steps
            if start is not None and end is not None
        ]
        parts.append((self.ended or "open") + (f" ({self.reason})" if self.reason else ""))
        return f"exchange {self.number}: " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    phase: Phase


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """`status`: connecting, connected, ready (the session is confirmed) or disconnected; `detail`: why.

    `resting`: closed on purpose until somebody needs it. `renewing` in place of all but `ready` when a
    session closed on purpose is replaced by the next, which nobody need know.
    """

    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class UserSaid:
    """What the user is taken to have said; arrives after the fact."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerText:
    """More words of the answer, generated ahead of what is heard."""

    response_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The answer was cut. `pulled_frames`: what the device had been handed when it was decided."""

    at: float
    pulled_frames: int
    parts: tuple[HeardPart, ...]


@dataclass(frozen=True, slots=True)
class ExchangeEnded:
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str


Notice = PhaseChanged | LinkChanged | UserSaid | AnswerText | Interrupted | ExchangeEnded | Refused
