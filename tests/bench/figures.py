"""What one client or the whole daemon costs, as numbers. Shell around the processes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.box import LISTENING, MICROPHONE_CLOSED, stay, talk
from tests.bench.processes import VALGRIND, BenchError, Counter, LateError, Run, converse
from tests.bench.server import BYTES_PER_S, DELTA_BYTES, Plan

SHORT_TURNS = 3
LISTENED_S = 10.0
WATCHED_S = 20.0
CLOSED_AFTER_S = 15.0
"""A loudspeaker that is open only while it is used has closed so long after the start."""

MOST_LATE = 1.03


@dataclass(frozen=True, slots=True)
class Instructions:
    """In user space. `per_minute`: of conversation; `start`: until connected, and to end again."""

    per_minute: float
    start: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """So many seconds from the microphone, so many instructions of the whole process."""

    seconds: float
    instructions: int


def slope(short: Conversation, long: Conversation) -> Instructions:
    """What two conversations have in common is the start."""
    per_s = (long.instructions - short.instructions) / (long.seconds - short.seconds)
    return Instructions(60 * per_s, short.instructions - per_s * short.seconds)


def instructions(client: str, counter: Counter = VALGRIND, turns: int = SHORT_TURNS) -> Instructions:
    """Over two conversations of which one is twice as long."""
    _converse(client, Plan(in_step=True), counter if counter.python else None)  # what it compiles is kept
    settled = client == "daemon"
    plans = [Plan(turns=n, in_step=True, settled=settled) for n in (turns, 2 * turns)]
    return slope(*(_counted(client, plan, counter) for plan in plans))


def _counted(client: str, plan: Plan, counter: Counter) -> Conversation:
    """Raises `BenchError` if anything was lost."""
    run = _converse(client, plan, counter)
    assert run.instructions is not None
    if client == "null":
        return Conversation(plan.turns * plan.turn_s, run.instructions)
    if client != "daemon":
        require_whole(run, plan)
    return conversation_of_box(run, plan)


def conversation_of_box(run: Run, plan: Plan) -> Conversation:
    """A daemon goes on listening until it is stopped; of a conversation one half is listening.

    Raises `LateError` if it was not held in time: its devices go by the clock, and what they miss on a busy
    machine would be missing here.
    """
    assert run.instructions is not None
    sent_at = run.server["delta_at"].values()
    took_s, planned_s = max(sent_at) - min(sent_at), plan.turns * plan.turn_s - DELTA_BYTES / BYTES_PER_S
    if took_s > MOST_LATE * planned_s:
        raise LateError(f"an answer of {planned_s:.1f} s took {took_s:.1f} s: is the machine too busy?")
    listened_s = run.server["appended_bytes"] / BYTES_PER_S
    return Conversation((listened_s + plan.turns * plan.turn_s) / 2, run.instructions)


def _converse(client: str, plan: Plan, counter: Counter | None) -> Run:
    return talk(plan, counter)[0] if client == "daemon" else converse(client, plan, counter)


def listening_per_s() -> float:
    """Instructions of a second in which only the voice detector works."""
    stay(LISTENING, 0.1)  # what it compiles is kept
    short, long = (stay(LISTENING, seconds, counter=VALGRIND)[0] for seconds in (LISTENED_S, 2 * LISTENED_S))
    assert short.instructions is not None
    assert long.instructions is not None
    return (long.instructions - short.instructions) / LISTENED_S


def idle_wake_ups_per_s() -> float:
    """Of all threads, with the microphone closed."""
    return stay(MICROPHONE_CLOSED, WATCHED_S, settle_s=CLOSED_AFTER_S)[1]


def require_whole(run: Run, plan: Plan) -> None:
    """Raises `BenchError` if a frame, a delta or an interruption was lost."""
    lost = losses(run, plan)
    if any(lost.values()):
        raise BenchError(f"lost: {lost}\n{run.errors[-1000:]}")


def losses(run: Run, plan: Plan) -> dict[str, int]:
    """What one side sent and the other did not get."""
    server, client = run.server, run.client
    frames, spoken = len(client["append_at"]), plan.deltas
    heard = [number for number in client["delta_at"] if int(number) <= spoken]
    return {
        "frames": frames - len(server["append_at"]),
        "deltas": spoken - len(heard),
        "interruptions": max(0, 2 * plan.interruptions - len(client["interrupted_at"])),
        "events the server did not know": len(server["refused"]),
    }


# ---- times -------------------------------------------------------------------------------------------------


def latencies_ms(run: Run, plan: Plan) -> dict[str, list[float]]:
    """Every append, delta and interruption, from one process to the other."""
    server, client = run.server, run.client
    interruptions = [
        1000 * (seen - sent)
        for sent, seen in zip(server["interruption_at"], _first_after(server, client), strict=True)
    ]
    return {
        "append": _differences(client["append_at"], server["append_at"], None),
        "delta": _differences(server["delta_at"], client["delta_at"], plan.deltas),
        "interruption": interruptions[: plan.interruptions],
        "interruption behind a burst": interruptions[plan.interruptions :],
    }


def _differences(sent: Mapping[str, float], got: Mapping[str, float], last: int | None) -> list[float]:
    numbers = [number for number in got if number in sent and (last is None or int(number) <= last)]
    return [1000 * (got[number] - sent[number]) for number in numbers]


def _first_after(server: Mapping[str, Any], client: Mapping[str, Any]) -> list[float]:
    """Somebody may tell of the same interruption twice."""
    seen: Sequence[float] = client["interrupted_at"]
    return [next((at for at in seen if at >= sent), float("inf")) for sent in server["interruption_at"]]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def first_append_s(run: Run) -> float:
    """From the start of the process to its first frame at the server."""
    return float(run.server["first_append_at"]) - run.spawned_at


def growth_mb_per_minute(resident_kb: Sequence[int], every_s: float) -> float:
    """By least squares, without the first third, in which everything is used for the first time."""
    settled = resident_kb[len(resident_kb) // 3 :]
    if len(settled) < 2:
        return 0.0
    at_minutes = [number * every_s / 60 for number in range(len(settled))]
    return statistics.linear_regression(at_minutes, settled).slope / 1024
