"""What `profile` does to a daemon that runs: `python -m tests.bench.profiles [PROFILE ...]`. Shell.

Prints the figures of docs/profiles.md. About ten minutes; `--valgrind` counts this machine's instructions
instead of a Cortex-A53's. The devices are WAV files that go by the clock: they wake the box once a period as
a card does, and have no buffer of their own, which a card has.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from daemon.config.profiles import PROFILES
from tests.bench import arm64
from tests.bench.box import running_box, stay, talk
from tests.bench.figures import CLOSED_AFTER_S, WATCHED_S, conversation_of_box, median, slope
from tests.bench.processes import VALGRIND, Counter, Run, go_first, scripted_server
from tests.bench.server import BYTES_PER_S, Plan

COUNTED_TURNS = 2
HEARD = Plan(turns=2, turn_s=3.0, interruptions=12)
HEADER_BYTES = 44
BURST_S = 0.03
"""Deltas closer than this were sent at once; the first of them is heard."""

IDLE = """
profile = "{profile}"
[talk]
mode = "hold"
"""

TALKING = """
profile = "{profile}"
[talk]
mode = "hands_free"
barge_in = "server_vad"
[link]
warm = "always"
"""
"""Connected from the start, for the box is muted until everything runs."""


@dataclass(slots=True)
class Figures:
    """`wake_ups_per_s` with a button and nobody there; the others hands-free, while both sides speak."""

    wake_ups_per_s: float
    instructions_per_minute: float
    append_ms: float
    to_loudspeaker_ms: list[float]


def measure(profile: str, counter: Counter) -> Figures:
    idle, talking = IDLE.format(profile=profile), TALKING.format(profile=profile)
    _, wake_ups = stay(idle, WATCHED_S, settle_s=CLOSED_AFTER_S, connected=profile != "battery")
    run, onsets = converse(talking)
    append_ms = 1000 * run.server["appended_bytes"] / BYTES_PER_S / run.server["appends"]
    return Figures(wake_ups, per_minute(talking, counter), append_ms, delays_ms(run, onsets))


def per_minute(settings: str, counter: Counter) -> float:
    """Instructions of a minute's conversation."""
    plans = [Plan(turns=n, in_step=True, settled=True) for n in (COUNTED_TURNS, 2 * COUNTED_TURNS)]
    if counter.python is not None:
        talk(Plan(in_step=True), counter, settings)  # what it compiles is kept
    short, long = (conversation_of_box(talk(plan, counter, settings)[0], plan) for plan in plans)
    return slope(short, long).per_minute


# ---- when it sounds --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Onsets:
    """When sound followed silence in a file that is being written, on the clock that all processes share."""

    file: Path
    at: list[float] = field(default_factory=list)

    def watch(self, over: threading.Event) -> None:
        """Until `over`, looking once a millisecond."""
        silent, offset = True, HEADER_BYTES
        while not over.wait(0.001):
            with contextlib.suppress(FileNotFoundError), self.file.open("rb") as file:
                written = os.fstat(file.fileno()).st_size
                if written <= offset:
                    continue
                file.seek(offset)
                sounds = any(file.read(written - offset))
                offset = written
                if sounds and silent:
                    self.at.append(time.monotonic())
                silent = not sounds


@contextlib.contextmanager
def watched(file: Path) -> Iterator[Onsets]:
    onsets, over = Onsets(file), threading.Event()
    thread = threading.Thread(target=onsets.watch, args=(over,))
    thread.start()
    try:
        yield onsets
    finally:
        over.set()
        thread.join()


def converse(settings: str) -> tuple[Run, list[float]]:
    """A conversation with interruptions, and when an answer began to sound."""
    with tempfile.TemporaryDirectory(prefix="harkd-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(scripted_server(HEARD, folder))
        run = Run(server.report)
        with running_box(settings, server.url, folder, run) as box:
            box.wait_connected()
            with watched(folder / "sound" / "heard.wav") as onsets:
                box.unmute()
                server.wait_over()
        stack.close()
        return run, onsets.at


def delays_ms(run: Run, onsets: list[float]) -> list[float]:
    """From the delta that ended a silence, sent, to its first sample at the loudspeaker."""
    sent = sorted(run.server["delta_at"].values())
    first = [at for before, at in pairwise([0.0, *sent]) if at - before > BURST_S]
    return [1000 * (at - max(sent_at for sent_at in first if sent_at < at)) for at in onsets if at > first[0]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("profiles", nargs="*", default=list(PROFILES), metavar="PROFILE")
    parser.add_argument("--valgrind", action="store_true")
    arguments = parser.parse_args()
    go_first()
    counter = VALGRIND if arguments.valgrind else arm64.counter()
    print("| profile | wake-ups/s, idle | M instructions/min, talking | ms an append | delta to sound, ms |")
    print("|---|---|---|---|---|")
    for profile in arguments.profiles:
        found = measure(profile, counter)
        delays = found.to_loudspeaker_ms
        heard = f"{median(delays):.0f} (at most {max(delays):.0f}, {len(delays)} times)"
        counted = f"{found.instructions_per_minute / 1e6:.0f}"
        print(f"| `{profile}` | {found.wake_ups_per_s:.1f} | {counted} | {found.append_ms:.1f} | {heard} |")


if __name__ == "__main__":
    main()
