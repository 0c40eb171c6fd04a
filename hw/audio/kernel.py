"""What the kernel says of its sound cards: which there are, and who listens. Shell around /proc/asound.

Every question takes the directory, so that a test can bring its own. Missing or strange files are an answer
of "unknown", never an error: cards come and go while they are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hw.audio.cards import SoundCard, parse_cards
from hw.audio.selection import Direction

PROC_ASOUND = Path("/proc/asound")
_LETTER = {Direction.CAPTURE: "c", Direction.PLAYBACK: "p"}
_SUBSTREAM = re.compile(r"card(?P<card>\d+)/pcm(?P<device>\d+)[cp]/sub(?P<number>\d+)/status$")


@dataclass(frozen=True, slots=True)
class OpenSubstream:
    """A stream of a card that a process holds open, whether sound flows or not.

    `state` is ALSA's word (RUNNING, PREPARED, ...). `pid` and `process` are of the process that opened it: 0
    and "" where that cannot be told.
    """

    card_id: str
    device: int
    number: int
    state: str
    pid: int
    process: str

    def __str__(self) -> str:
        return f"{self.process or 'a process'} ({self.pid}) on {self.card_id}, device {self.device}"


def sound_cards(root: Path = PROC_ASOUND) -> list[SoundCard]:
    """Every card, by number; empty where the kernel shows none."""
    cards = parse_cards(_text(root / "cards") or "")
    return [replace(card, usb_id=_text(root / f"card{card.index}" / "usbid") or "") for card in cards]


def open_substreams(direction: Direction, root: Path = PROC_ASOUND) -> list[OpenSubstream] | None:
    """What is open that way on all cards; None: the kernel does not say, for it has no sound cards to show.

    An empty list is proof that nothing on this machine records (or plays) by ALSA, this process included. A
    process that records through a sound server shows as that server.
    """
    if not (root / "cards").exists():
        return None
    ids = {card.index: card.id for card in sound_cards(root)}
    return [held for _, held in _open(direction, root, ids)]


def held_here(direction: Direction, root: Path = PROC_ASOUND) -> tuple[Path, ...]:
    """Where the kernel tells of the streams that this process holds open that way; see `is_held`.

    Of a sound server's there are none.
    """
    return tuple(status for status, held in _open(direction, root, {}) if held.pid == os.getpid())


def is_held(status: Path) -> bool:
    """False once the card has gone, even if another has come to its place."""
    return _text(status) not in (None, "closed")


def taken_cards(direction: Direction, root: Path = PROC_ASOUND) -> dict[SoundCard, OpenSubstream]:
    """The cards that are open that way, and what holds them."""
    cards = {card.id: card for card in sound_cards(root)}
    held = open_substreams(direction, root) or []
    return {cards[one.card_id]: one for one in held if one.card_id in cards}


def _open(direction: Direction, root: Path, ids: dict[int, str]) -> Iterator[tuple[Path, OpenSubstream]]:
    for path in sorted(root.glob(f"card*/pcm*{_LETTER[direction]}/sub*/status")):
        place = _SUBSTREAM.search(path.as_posix())
        text = _text(path)
        if place is None or text is None or text == "closed":
            continue
        fields = dict(re.findall(r"^(\w+)\s*:\s*(.*)$", text, re.MULTILINE))
        thread = fields.get("owner_pid", "")
        pid, process = _process_of(root.parent, thread) if thread.isdigit() else (0, "")
        index = int(place["card"])
        held = OpenSubstream(
            card_id=ids.get(index, str(index)),
            device=int(place["device"]),
            number=int(place["number"]),
            state=fields.get("state", "unknown"),
            pid=pid,
            process=process,
        )
        yield path, held


def _process_of(proc: Path, thread: str) -> tuple[int, str]:
    """The kernel names the thread that opened the stream: its process, which may outlive it."""
    fields = dict(re.findall(r"^(\w+):\s*(.*)$", _text(proc / thread / "status") or "", re.MULTILINE))
    pid = fields.get("Tgid", thread)
    return int(pid), _text(proc / pid / "comm") or ""


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None
