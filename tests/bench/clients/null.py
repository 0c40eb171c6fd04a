"""Nobody: paces the frames and sends none. What it costs is the harness, and taken off the others."""

from __future__ import annotations

from harness import Harness, run


async def discard(frame: bytes) -> None:
    """As the cheapest client would take it."""


async def converse(url: str, harness: Harness) -> None:
    await harness.speak(discard)


if __name__ == "__main__":
    run(converse)
