"""One loudspeaker for every player, and what an interruption was on it. Shell around the loop's clock.

Runs in the interpreter of whoever is measured: standard library only.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

RATE_HZ = 24_000
SAMPLE_BYTES = 2


class Block(NamedTuple):
    """Mono PCM, and the loop time at which the device took it, in seconds."""

    taken_at: float
    pcm: bytes


class Card:
    """Takes one block of `block_ms` after another; what it took is heard `queued_blocks` blocks later.

    It cannot take back: a block once handed over is heard. `blocks` grows until `forget`.
    """

    def __init__(self, block_ms: int, queued_blocks: int) -> None:
        self.block_ms = block_ms
        self.block_frames = RATE_HZ * block_ms // 1000
        self.delay_s = queued_blocks * block_ms / 1000
        self.blocks: list[Block] = []
        self.next_block_at = 0.0
        self._render: Callable[[int], bytes] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self, render: Callable[[int], bytes]) -> None:
        """`render` is given a number of frames and answers exactly so many."""
        self._render = render
        self._wait(asyncio.get_running_loop().time() + self.block_ms / 1000)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def forget(self) -> None:
        self.blocks.clear()

    def _wait(self, when: float) -> None:
        self.next_block_at = when
        self._timer = asyncio.get_running_loop().call_at(when, self._take)

    def _take(self) -> None:
        assert self._render is not None
        pcm = self._render(self.block_frames)
        assert len(pcm) == SAMPLE_BYTES * self.block_frames, f"{len(pcm)} bytes are not a block"
        self.blocks.append(Block(self.next_block_at, pcm))
        self._wait(self.next_block_at + self.block_ms / 1000)


@dataclass(frozen=True, slots=True)
class Round:
    """One interruption, in milliseconds.

    `leftover_ms`: sound handed to the device after the event. `silent_ms`: from the event to the last of it.
    `heard_ms`: from the event until the last of it is heard. `again_ms`: sound handed over after silence had
    been. `error_then_ms`, `error_in_all_ms`: what the server was told was heard, less what had been heard at
    the event, and less all that was heard in the end; None if it was told nothing.
    """

    leftover_ms: float
    silent_ms: float
    heard_ms: float
    again_ms: float
    error_then_ms: float | None
    error_in_all_ms: float | None


def judge(blocks: Sequence[Block], delay_s: float, event_at: float, told_ms: float | None) -> Round:
    """`blocks` hold nothing but silence and one answer, of which every sample differs from 0."""
    before = [block for block in blocks if block.taken_at < event_at]
    after = [block for block in blocks if block.taken_at >= event_at]
    gap = next((n for n, block in enumerate(after) if not any(block.pcm)), len(after))
    leftover, again = after[:gap], after[gap:]
    last_at = max((_last_sound_at(block) for block in (*before, *leftover)), default=event_at)
    in_all = sum(_sounding(block.pcm) for block in (*before, *leftover))
    then = sum(_sounding(_heard_by(event_at - delay_s, block)) for block in blocks)
    return Round(
        leftover_ms=_ms(sum(_sounding(block.pcm) for block in leftover)),
        silent_ms=max(0.0, last_at - event_at) * 1000,
        heard_ms=max(0.0, last_at + delay_s - event_at) * 1000,
        again_ms=_ms(sum(_sounding(block.pcm) for block in again)),
        error_then_ms=None if told_ms is None else told_ms - _ms(then),
        error_in_all_ms=None if told_ms is None else told_ms - _ms(in_all),
    )


def _last_sound_at(block: Block) -> float:
    """When the last sample that is not silence was handed over, if it went out at the device's rate."""
    frames = (len(block.pcm.rstrip(b"\0")) + 1) // SAMPLE_BYTES
    return block.taken_at + frames / RATE_HZ if frames else float("-inf")


def _sounding(pcm: bytes) -> int:
    samples = array("h", pcm)
    return len(samples) - samples.count(0)


def _heard_by(taken_by: float, block: Block) -> bytes:
    frames = round((taken_by - block.taken_at) * RATE_HZ)
    return block.pcm[: SAMPLE_BYTES * max(0, frames)]


def _ms(frames: int) -> float:
    return frames * 1000 / RATE_HZ
