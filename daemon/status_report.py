"""What `harkd status` prints for a person. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from daemon.money.report import spending_lines

NAME_COLUMNS = 12
METER_COLUMNS = 24
METER_FLOOR_DBFS = -60.0
NARROWEST = 24
SHOWN_EXCHANGES = 3
SHOWN_ERRORS = 3


def report(status: Mapping[str, Any], columns: int | None = None, rows: int | None = None) -> list[str]:
    """`status` as the daemon answers it, one line each.

    Longer ones are wrapped to `columns`, and of more than `rows` the last are left out.
    """
    lines = [f"{name:<{NAME_COLUMNS}} {text}".rstrip() for name, text in _lines(status)]
    if columns is not None:
        lines = [piece for line in lines for piece in _wrapped(line, columns)]
    return lines if rows is None or len(lines) <= rows else [*lines[: rows - 1], "..."]


def _wrapped(line: str, columns: int) -> list[str]:
    if len(line) <= columns:
        return [line]
    indent = " " * (NAME_COLUMNS + 1) if columns > 3 * NAME_COLUMNS else "  "
    return textwrap.wrap(line, max(columns, NARROWEST), subsequent_indent=indent, drop_whitespace=True)


def _lines(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "state", _joined(status["phase"], f"talk mode {status['mode']}", f"agent {status['agent']}")
    yield "link", _link(status)
    yield from _microphone(status["microphone"])
    yield from _speaker(status["speaker"])
    if lost_ms := status["uplink_lost_ms"]:
        yield "to server", f"{lost_ms / 1000:.1f} s of speech were lost: too old to be sent"
    if echo := status["echo"]:
        yield "echo", _joined(echo["reason"], _count(echo["dropped_periods"], "dropped period"))
    if wake_word := status["wake_word"]:
        yield "wake word", f"{wake_word['word']}: {_WAKE_WORD[wake_word['state']]}"
    if light := status["light"]:
        yield "light", light["problem"] or light["cue"]
    yield "volume", f"{status['volume_percent']} %"
    yield from _list("waiting for", status["waiting_calls"])
    yield from _list("timers", status["timers"])
    yield from _list("money", spending_lines(status["money"]))
    yield "tokens", str(status["tokens"])
    yield from _config(status["config"])
    if status["not_saved"]:
        yield "not saved", f"{', '.join(status['not_saved'])}: look at the disk, a restart loses it"
    yield from _list("exchanges", status["exchanges"][-SHOWN_EXCHANGES:])
    yield from _list("errors", status["last_errors"][-SHOWN_ERRORS:])


def _link(status: Mapping[str, Any]) -> str:
    age_s = status["session_age_s"]
    age = "" if age_s is None else f"session {age_s / 60:.0f} min old"
    wait_s = status["next_attempt_s"]
    again = "" if wait_s is None else f"next attempt in {wait_s:.0f} s"
    return _joined(status["link"], status["link_reason"], age, again)


_WAKE_WORD = {
    "listening": "listened for",
    "missing": "not listened for, what hears it is not installed (pip install 'harkd[wakeword]')",
    "failed": "not listened for any more, what hears it failed; see the journal",
}


def _config(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if config["revision"]:
        kept = ", an earlier one: the files have mistakes" if config["problems"] else ""
        yield "config", f"revision {config['revision']}{kept}"
    yield from (("", problem) for problem in config["problems"])


def _microphone(device: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    state = "muted, " + device["state"] if device["muted"] else device["state"]
    yield "microphone", _joined(state, device["reason"], _format(device), _age(device))
    if device["holds_device"]:
        rms_dbfs, peak_dbfs = device["levels"]["rms_dbfs"], device["levels"]["peak_dbfs"]
        yield "", f"{_meter(rms_dbfs)} {rms_dbfs:.0f} dB, peak {peak_dbfs:.0f} dB"
    elif device["muted"]:
        yield "", f"the driver holds no device; {_recorders(device['recording_programs'])}"
    losses = _joined(
        _count(device["overflows"], "overflow"),
        _count(device["dropped_periods"], "dropped period"),
        _count(device["clipped_samples"], "clipped sample"),
        f"reopened {device['reopened']} times" if device["reopened"] else "",
    )
    if losses:
        yield "", losses


def _speaker(device: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "loudspeaker", _joined(device["state"], device["reason"], _format(device), _age(device))
    losses = _joined(
        _count(device["underflows"], "underflow"),
        _count(device["underruns"], "underrun"),
        f"{device['rejected_ms'] / 1000:.1f} s of too long answers left out" if device["rejected_ms"] else "",
        f"{device['queued_ms']} ms queued" if device["queued_ms"] else "",
        f"reopened {device['reopened']} times" if device["reopened"] else "",
    )
    if losses:
        yield "", losses


def _format(device: Mapping[str, Any]) -> str:
    return f"{device['rate_hz']} Hz, {device['channels']} ch" if device["holds_device"] else ""


def _age(device: Mapping[str, Any]) -> str:
    age_ms = device["last_period_ms"]
    return "" if age_ms is None or not device["holds_device"] else f"last sound {age_ms} ms ago"


def _recorders(programs: list[str] | None) -> str:
    if programs is None:
        return "the kernel does not say who records"
    return f"the kernel: {', '.join(programs)}" if programs else "the kernel: nothing records"


def _meter(level_dbfs: float) -> str:
    share = 1 - min(max(level_dbfs, METER_FLOOR_DBFS), 0.0) / METER_FLOOR_DBFS
    filled = round(share * METER_COLUMNS)
    return "[" + "#" * filled + "." * (METER_COLUMNS - filled) + "]"


def _count(number: int, what: str) -> str:
    return "" if not number else f"{number} {what}{'' if number == 1 else 's'}"


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _list(name: str, entries: list[str]) -> Iterator[tuple[str, str]]:
    for i, entry in enumerate(entries):
        yield name if i == 0 else "", entry
