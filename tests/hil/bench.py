"""What a person before the box does and perceives, and how it is measured. Shell around `appliance`."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from daemon.simulator import SimulatorServer
from tests.hil.appliance import TALK_LINE, Header, Link, Room, Service
from tests.system.running_box import SESSION_HZ, VOICE_HZ, converted, likeness, read_voice
from tests.system.virtual_card import Recording

QUESTION = "Front_Center"
ANSWER = ("Front_Left", "Rear_Center", "Side_Right")
THINKS_MS = 1600
ALIKE = 0.95
"""What went through two resamplers is 0.99 or more like what went in, some other sound less than 0.4."""
PLACE_S = (
    0.1  # where a half second may be, either way; zeros at the edge of a recording are not counted as sound
)

# Lit and dark in turn, in seconds, as docs/lights.md has them for a lamp that only switches.
RHYTHMS: dict[str, tuple[float, ...]] = {
    "listening": (0.8, 0.2),
    "thinking": (0.35, 0.35),
    "speaking": (0.8, 0.8),
    "offline": (0.3, 3.7),
    "cannot hear": (0.2, 0.3, 0.2, 1.5),
}
WATCHED_S = {"listening": 2.1, "thinking": 1.5, "speaking": 3.4, "offline": 14.0, "cannot hear": 5.2}
RHYTHM_OFF_MS = 25  # 10 ms are the kernel's, 5 the look's

Figures = dict[str, float]


@dataclass
class Bench:
    header: Header
    room: Room
    link: Link
    server: SimulatorServer
    box: Service

    @contextmanager
    def pressing(self, line: int) -> Iterator[None]:
        self.header.press(line)
        try:
            yield
        finally:
            self.header.release(line)

    def ask_aloud(self) -> None:
        """Press, speak, let go."""
        with self.pressing(TALK_LINE):
            self.box.await_phase("listening")
            self.room.say(read_voice(QUESTION))

    def asked(self) -> float:
        """How alike the question and what the server got last are, in the worst half second of it."""
        got = self.committed()[-1]
        said = read_voice(QUESTION)
        # Which of two frames becomes one of the session depends on when the microphone was opened.
        shifted = [converted(lead + said, VOICE_HZ, SESSION_HZ) for lead in (b"", bytes(2))]
        alike = max(min(halves_alike(got, 0, wanted, SESSION_HZ, late_s=math.inf)) for wanted in shifted)
        assert alike > ALIKE, f"the server got something else: likeness {alike:.3f}"
        return alike

    def take_a_turn(self, late_s: float = PLACE_S) -> Figures:
        """Ask, and hear the whole answer, no half second of it later than `late_s`."""
        with self.room.listening() as heard:
            self.ask_aloud()
            released_at = heard.frames
            self.box.await_phase("speaking", 60)
            self.box.await_phase("idle", 60)
            time.sleep(0.2)
        silent_ms = first_sound_ms(heard, released_at)
        answer = spoken_answer()
        begun_at = released_at + round(silent_ms * VOICE_HZ / 1000) - first_sound(answer)
        answered = halves_alike(heard.pcm(), begun_at, answer, VOICE_HZ, late_s)
        # Where the network holds sound back a break is in some half second: none is missing, most are whole.
        least = ALIKE if late_s == PLACE_S else 0.5
        assert sorted(answered)[len(answered) // 2] > ALIKE, f"something else was heard: {answered}"
        assert min(answered) > least, f"not all of it was heard: {answered}"
        return {
            "asked_likeness": self.asked(),
            "answered_likeness": min(answered),
            "release_to_sound_ms": silent_ms,
        }

    def committed(self) -> list[bytes]:
        return [pcm for connection in self.server.connections for pcm in connection.committed_audio()]

    def bytes_up(self) -> int:
        return sum(len(event["audio"]) for event in self.server.events("input_audio_buffer.append"))

    def turns_ended(self) -> int:
        return len(self.box.status()["exchanges"])

    def shows(self, state: str, bound_ms: float = RHYTHM_OFF_MS) -> float:
        """Milliseconds by which the lamp is off from what the manual says of this state, at most `bound_ms`.

        One whole round of the rhythm must be seen: it begins anew whenever the state does.
        """
        rhythm = RHYTHMS[state]
        runs = self.header.lamp_runs(WATCHED_S[state])[1:-1]
        rounds = [runs[at : at + len(rhythm)] for at in range(len(runs) - len(rhythm) + 1) if runs[at][0]]
        off_ms = [
            max(abs(seen_s - said_s) * 1000 for (_, seen_s), said_s in zip(seen, rhythm, strict=True))
            for seen in rounds
        ]
        assert min(off_ms, default=math.inf) <= bound_ms, f"{state} is not {runs}"
        return min(off_ms)

    def lamp_stays(self, *, lit: bool, seconds: float = 1.0) -> bool:
        return all(seen == lit for seen, _ in self.header.lamp_runs(seconds))


def spoken_answer() -> bytes:
    return b"".join(read_voice(part) for part in ANSWER)


def halves_alike(heard: bytes, begun_at: int, said: bytes, rate_hz: int, late_s: float) -> list[float]:
    """How alike each louder half second of what was said is to its place in what was heard, 1 for the same.

    `begun_at`: the frame at which it should begin there. Each half second is looked for near its place only,
    from `PLACE_S` early to `late_s` late.
    """
    size = rate_hz // 2 * 2
    halves = {at: said[at : at + size] for at in range(0, len(said), size)}
    loudest = max(map(_power, halves.values()))
    early = round(PLACE_S * rate_hz) * 2
    late = len(heard) if late_s == math.inf else round(late_s * rate_hz) * 2
    return [
        likeness(heard[max(0, begun_at * 2 + at - early) : begun_at * 2 + at + size + late], half, rate_hz)
        for at, half in halves.items()
        if _power(half) > loudest / 10
    ]


def _power(pcm: bytes) -> float:
    samples = array("h", pcm)
    return sum(sample * sample for sample in samples) / len(samples)


def first_sound_ms(heard: Recording, start_frame: int) -> float:
    """When after `start_frame` the first non-zero sample was."""
    return first_sound(heard.pcm()[start_frame * 2 :]) * 1000 / VOICE_HZ


def first_sound(pcm: bytes) -> int:
    """The frame of the first non-zero sample."""
    first = next((i for i, sample in enumerate(array("h", pcm)) if sample), None)
    assert first is not None, "nothing was heard"
    return first
