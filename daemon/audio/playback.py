"""The playback ring. INTERFACE SKETCH - the body is being written; signatures are agreed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class AudioTag(NamedTuple):
    """Which part of which answer a frame belongs to."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class HeardPart:
    """One part that was not yet wholly heard: `heard_frames` of the `queued_frames` ever pushed have left the device."""

    tag: AudioTag
    heard_frames: int
    queued_frames: int


@dataclass(frozen=True, slots=True)
class PartHeard:
    """A finished part has been heard to its last frame."""

    tag: AudioTag


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing queued is left unheard and every part pushed so far is finished."""


class PlaybackRing:
    def __init__(self, rate_hz: int, capacity_frames: int, fade_frames: int) -> None: ...

    # producer side
    def push(self, tag: AudioTag, pcm: bytes) -> int: ...  # frames accepted; fewer than given when full
    def finish(self, tag: AudioTag) -> None: ...  # no more audio for this part
    def flush(self, audible_frame: int) -> list[HeardPart]: ...  # fade, then silence; parts not wholly heard, in play order

    # device side
    def pull(self, n_frames: int) -> bytes: ...  # exactly n_frames, zeros when empty

    # where playback is; `audible_frame` counts pulled frames that have left the device (Speaker.heard_frames)
    def heard(self, audible_frame: int) -> list[HeardPart]: ...
    def poll(self, audible_frame: int) -> list[PartHeard | Drained]: ...

    pulled_frames: int  # since construction
    queued_frames: int  # waiting now
    underruns: int
    underrun_frames: int
    playing: bool  # something pushed is not yet heard, or a part is unfinished
