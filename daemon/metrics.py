"""The box's figures in the text format of Prometheus, from its status. Pure.

`docs/metrics.md` is made of `FAMILIES`. Names follow https://prometheus.io/docs/practices/naming: base
units, the unit in the name, `_total` for what only grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from daemon.events import Phase
from daemon.metrics_tally import BUCKETS_S
from daemon.records import dataclass

NANO = 1e-9

Status = Mapping[str, Any]
Sample = tuple[Mapping[str, str], float | None]
"""Labels and value; None is left out."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """`file` None: none is written."""

    file: Path | None = None
    every_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: `read` takes its samples from what `harkd status --json` shows."""

    name: str
    kind: str
    help: str
    read: Callable[[Status], Iterable[Sample]]


def render(status: Status) -> str:
    """The whole file; a metric of which nothing is known is left out."""
    return "".join(line for family in FAMILIES for line in _family(family, status))


def table() -> str:
    """All metrics, for the documentation."""
    rows = ["| metric | type | what |", "|---|---|---|"]
    rows += [f"| `{family.name}` | {family.kind} | {family.help} |" for family in FAMILIES]
    return "\n".join(rows) + "\n"


def _family(family: Family, status: Status) -> Iterator[str]:
    read = _histogram(family, status) if family.kind == "histogram" else _plain(family, status)
    samples = [*read]
    if samples:
        yield f"# HELP {family.name} {_escaped(family.help)}\n"
        yield f"# TYPE {family.name} {family.kind}\n"
        yield from samples


def _plain(family: Family, status: Status) -> Iterator[str]:
    for labels, value in family.read(status):
        if value is not None:
            yield _sample(family.name, labels, value)


def _histogram(family: Family, status: Status) -> Iterator[str]:
    """`read` gives one sample a bucket, the sum last."""
    *counts, (_, sum_s) = family.read(status)
    so_far = 0.0
    for labels, count in counts:
        so_far += count or 0
        yield _sample(f"{family.name}_bucket", labels, so_far)
    yield _sample(f"{family.name}_sum", {}, sum_s or 0.0)
    yield _sample(f"{family.name}_count", {}, so_far)


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped_label(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {_number(value)}\n" if inside else f"{name} {_number(value)}\n"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escaped_label(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


# ---- where the figures come from -----------------------------------------------------


def _one(read: Callable[[Status], float | bool | None]) -> Callable[[Status], Iterable[Sample]]:
    return lambda status: [({}, read(status))]


def _total(name: str) -> Callable[[Status], Iterable[Sample]]:
    return _one(lambda status: status["totals"][name])


def _microphone(name: str) -> Callable[[Status], Iterable[Sample]]:
    return _one(lambda status: status["microphone"][name])


def _speaker(name: str) -> Callable[[Status], Iterable[Sample]]:
    return _one(lambda status: status["speaker"][name])


def _devices(read: Callable[[Status], float]) -> Callable[[Status], Iterable[Sample]]:
    return lambda status: [({"device": name}, read(status[name])) for name in ("microphone", "speaker")]


def _money(name: str) -> Callable[[Status], Iterable[Sample]]:
    def read(status: Status) -> Iterator[Sample]:
        money = status["money"]
        if money[name] or not name.endswith("limit_nano"):  # no limit is not a limit of 0
            yield {"currency": money["currency"]}, round(money[name] * NANO, 9)

    return read


def _phases(status: Status) -> Iterator[Sample]:
    for phase in Phase:
        yield {"phase": phase.value}, phase.value == status["phase"]


def _turns(status: Status) -> Iterator[Sample]:
    for ended, count in status["totals"]["turns"].items():
        yield {"ended": ended}, count


def _tokens(status: Status) -> Iterator[Sample]:
    """Cached input is a part of the input at the server; here each token is counted once."""
    usage = status["usage"]
    for modality, count in usage["input"].items():
        cached = usage["cached"].get(modality, 0)
        yield {"direction": "input", "modality": modality, "cached": "no"}, count - cached
        yield {"direction": "input", "modality": modality, "cached": "yes"}, cached
    for modality, count in usage["output"].items():
        yield {"direction": "output", "modality": modality, "cached": "no"}, count


def _latency(name: str) -> Callable[[Status], Iterable[Sample]]:
    def read(status: Status) -> Iterator[Sample]:
        found = status["totals"]["latencies"][name]
        bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
        for bound, count in zip(bounds, found["counts"], strict=True):
            yield {"le": bound}, count
        yield {}, found["sum_s"]

    return read


def _about(status: Status) -> Iterator[Sample]:
    yield {"version": status["version"], "revision": status["config"]["revision"] or ""}, 1


def _unsaved(status: Status) -> Iterator[Sample]:
    yield {}, len(status["not_saved"])


FAMILIES: tuple[Family, ...] = (
    Family(
        "harkd_info", "gauge", "1, with the version and the revision of the configuration in force.", _about
    ),
    Family(
        "harkd_config_problems",
        "gauge",
        "Mistakes in the configuration's files; until there are none, what was in force stays.",
        _one(lambda status: len(status["config"]["problems"])),
    ),
    Family("harkd_phase", "gauge", "1 for what the box is doing, 0 for the others.", _phases),
    Family(
        "harkd_link_up",
        "gauge",
        "1 while the session with the server is ready.",
        _one(lambda status: status["link"] == "ready"),
    ),
    Family(
        "harkd_session_age_seconds",
        "gauge",
        "How old the session is, while there is one.",
        _one(lambda status: status["session_age_s"]),
    ),
    Family("harkd_sessions_total", "counter", "Sessions that became ready.", _total("sessions")),
    Family("harkd_session_losses_total", "counter", "Sessions that were lost.", _total("losses")),
    Family(
        "harkd_session_renewals_total",
        "counter",
        "Sessions replaced on purpose before the server would have ended them.",
        _total("renewals"),
    ),
    Family(
        "harkd_nonsense_frames_total",
        "counter",
        "Messages of the server that made no sense.",
        _total("nonsense_frames"),
    ),
    Family("harkd_turns_total", "counter", "Questions, by how they ended.", _turns),
    Family("harkd_interruptions_total", "counter", "Answers that were cut.", _total("interruptions")),
    Family(
        "harkd_failed_answers_total",
        "counter",
        "Answers that the server did not finish.",
        _total("failed_answers"),
    ),
    Family(
        "harkd_refusals_total", "counter", "Requests of a person that the box refused.", _total("refusals")
    ),
    Family(
        "harkd_first_frame_seconds",
        "histogram",
        "Press to the first audio on the wire.",
        _latency("first_frame"),
    ),
    Family(
        "harkd_commit_seconds",
        "histogram",
        "Release to the end of the question on the wire.",
        _latency("commit"),
    ),
    Family(
        "harkd_answer_seconds",
        "histogram",
        "Release to the first sample handed to the loudspeaker.",
        _latency("answer"),
    ),
    Family(
        "harkd_press_to_answer_seconds",
        "histogram",
        "Press to the first sample handed to the loudspeaker.",
        _latency("press_to_answer"),
    ),
    Family("harkd_tokens_total", "counter", "Tokens of all answers, each counted once.", _tokens),
    Family("harkd_spent_today", "gauge", "What today has cost, in the currency named.", _money("today_nano")),
    Family(
        "harkd_spent_month", "gauge", "What this month has cost, in the currency named.", _money("month_nano")
    ),
    Family(
        "harkd_limit_day",
        "gauge",
        "What a day may cost; missing without a limit.",
        _money("today_limit_nano"),
    ),
    Family(
        "harkd_limit_month",
        "gauge",
        "What a month may cost; missing without a limit.",
        _money("month_limit_nano"),
    ),
    Family(
        "harkd_spending_capped",
        "gauge",
        "1 while nothing more may be asked for the money's sake.",
        _one(lambda status: status["money"]["capped"] is not None),
    ),
    Family(
        "harkd_device_ok",
        "gauge",
        "0 while the device is lost, silent, hangs or belongs to another program.",
        _devices(lambda device: device["state"] in ("working", "closed", "opening")),
    ),
    Family(
        "harkd_device_reopened_total",
        "counter",
        "How often the device was opened again.",
        _devices(lambda device: float(device["reopened"])),
    ),
    Family("harkd_muted", "gauge", "1 while the microphone is closed by hand.", _microphone("muted")),
    Family(
        "harkd_microphone_overflows_total",
        "counter",
        "Overflows (xruns) that the sound system reported.",
        _microphone("overflows"),
    ),
    Family(
        "harkd_microphone_dropped_periods_total",
        "counter",
        "Captured periods that came too fast to be heard.",
        _microphone("dropped_periods"),
    ),
    Family(
        "harkd_microphone_clipped_samples_total",
        "counter",
        "Samples that the configured gain made too large.",
        _microphone("clipped_samples"),
    ),
    Family(
        "harkd_uplink_lost_seconds_total",
        "counter",
        "Speech that could not be sent and was too old to keep.",
        _one(lambda status: status["uplink_lost_ms"] / 1000),
    ),
    Family(
        "harkd_speaker_underflows_total",
        "counter",
        "Underflows (xruns) that the sound system reported.",
        _speaker("underflows"),
    ),
    Family(
        "harkd_speaker_underruns_total",
        "counter",
        "Gaps inside answers: the server or the network was too slow.",
        _speaker("underruns"),
    ),
    Family(
        "harkd_speaker_rejected_seconds_total",
        "counter",
        "Of answers longer than playback.ring_s.",
        _one(lambda status: status["speaker"]["rejected_ms"] / 1000),
    ),
    Family(
        "harkd_unsaved",
        "gauge",
        "How many things that must survive a restart the disk does not take.",
        _unsaved,
    ),
)
