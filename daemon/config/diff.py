"""What has changed between two configurations, and the least that has to happen for it to hold. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum

from daemon.config.layers import KeyPath, dotted, masked
from daemon.config.profiles import PROFILE, profile_keys
from daemon.config.schema import Config
from daemon.config.section import Section
from daemon.config.sources import PRICES, Sources
from daemon.records import dataclass


class Scope(Enum):
    """From the one that disturbs least to the one that disturbs most.

    `LIVE`: a value is replaced. `SESSION`: the server is told, or connected to anew. `HARDWARE`: one part of
    the box is opened anew. `RESTART`: only another process can do it.
    """

    LIVE = "live"
    SESSION = "session"
    HARDWARE = "hardware"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Reach:
    """`part` is what of the session or of the hardware, "" otherwise."""

    scope: Scope
    part: str = ""

    def __str__(self) -> str:
        return f"{self.scope.value}: {self.part}" if self.part else self.scope.value


@dataclass(frozen=True, slots=True)
class Change:
    """`old` or `new` is None where a table of the operator's own came or went.

    For an agent's or a tool's file `key` is its place, as `agents/cook.toml`, and the values say only whether
    it is there.
    """

    key: str
    old: object
    new: object
    reach: Reach

    def __str__(self) -> str:
        return f"{self.key}: {_shown(self.old)} -> {_shown(self.new)} ({self.reach})"


LIVE = Reach(Scope.LIVE)
UPDATE = Reach(Scope.SESSION, "update")
AGENT = Reach(Scope.SESSION, "agent")
CONNECTION = Reach(Scope.SESSION, "connection")
MICROPHONE = Reach(Scope.HARDWARE, "microphone")
SPEAKER = Reach(Scope.HARDWARE, "speaker")
SOUND = Reach(Scope.HARDWARE, "microphone and speaker")
PROCESSING = Reach(Scope.HARDWARE, "processing")
DETECTOR = Reach(Scope.HARDWARE, "detector")
WAKE_WORD = Reach(Scope.HARDWARE, "wake word")
BUTTONS = Reach(Scope.HARDWARE, "buttons")
LIGHT = Reach(Scope.HARDWARE, "light")
RESTART = Reach(Scope.RESTART)

TABLE: Mapping[str, Reach] = {
    "profile": SOUND,  # the widest of the keys it sets; in a change, of those that are others now
    "audio.profile": SOUND,  # the length of the periods of both
    "audio.capture": MICROPHONE,
    "audio.capture.channel": LIVE,  # which of those that are captured anyway
    "audio.capture.gain_db": LIVE,
    "audio.capture.high_pass_hz": LIVE,
    "audio.playback": SPEAKER,
    "audio.playback.keep_open": LIVE,
    "audio.playback.lead_in_ms": LIVE,
    "audio.processing": PROCESSING,
    "vad": LIVE,
    "vad.driver": DETECTOR,
    "vad.aggressiveness": DETECTOR,
    "vad.threshold_dbfs": DETECTOR,
    "buttons": BUTTONS,
    "gestures": BUTTONS,
    "light": LIGHT,
    "light.brightness_percent": LIVE,
    "sounds": LIVE,
    "volume": LIVE,
    "talk": LIVE,
    "talk.mode": UPDATE,  # hands-free, the server detects turns; otherwise it must not
    "wake_word": WAKE_WORD,
    "session": UPDATE,
    "session.instructions": AGENT,
    "session.url": CONNECTION,
    "session.model": CONNECTION,  # session.update cannot change it
    "session.voice": CONNECTION,  # frozen after the first audio of a session
    "agents": AGENT,
    "budget": LIVE,
    "link": CONNECTION,
    "link.warm": LIVE,
    "link.idle_hang_up_s": LIVE,
    "link.append_ms": LIVE,
    "control": RESTART,  # whoever talks to the daemon just now would lose it
    "flight": RESTART,  # what was recorded until now is as it was
    "metrics": RESTART,
}
"""The longest beginning of a key's path that is here decides."""


def scope_of(path: KeyPath) -> Reach:
    """How far a change of this key reaches. Raises `KeyError` for a section that is not in `TABLE`."""
    for length in range(len(path), 0, -1):
        if reach := TABLE.get(".".join(path[:length])):
            return reach
    raise KeyError(f"{dotted(path)} is missing in TABLE")


def diff(old: Config, new: Config) -> list[Change]:
    """Every key that differs, those of both in the schema's order first."""
    before, after = _flat(old), _flat(new)
    changed = [
        path
        for path in {**before, **after}
        if path not in before or path not in after or before[path] != after[path]
    ]
    reach_of = {path: scope_of(path) for path in changed}
    if (PROFILE,) in reach_of:
        reach_of[(PROFILE,)] = _widest(reach_of[path] for path in profile_keys() & reach_of.keys())
    return [Change(dotted(path), before.get(path), after.get(path), reach_of[path]) for path in changed]


def _widest(found: Iterable[Reach]) -> Reach:
    """Nothing but the name has changed if there is none."""
    return max(found, key=lambda reach: list(Scope).index(reach.scope), default=LIVE)


def diff_files(old: Sources, new: Sources) -> list[Change]:
    """Every file of agents, tools or prices that differs, came or went."""
    before, after = _contents(old), _contents(new)
    return [
        Change(name, _there(name in before), _there(name in after), LIVE if name == PRICES else AGENT)
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _there(is_there: bool) -> str | None:
    return "there" if is_there else None


def reaches(changes: Iterable[Change]) -> set[Reach]:
    """What has to be done for all of them."""
    return {change.reach for change in changes}


def _flat(section: Section) -> dict[KeyPath, object]:
    return dict(_leaves(section.model_dump(), ()))


def _leaves(table: Mapping[str, object], path: KeyPath) -> Iterable[tuple[KeyPath, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _contents(sources: Sources) -> dict[str, bytes]:
    """Of several paths with an agent of the same name the last one counts."""
    return {
        file.name.partition("/")[2]: file.content
        for file in sources.files
        if file.is_agents or file.is_prices
    }


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = masked(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else f"{text[:60]}..."
