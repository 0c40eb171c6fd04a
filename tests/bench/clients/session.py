"""This project's session layer, as an application would use it."""

from __future__ import annotations

from daemon.realtime import RealtimeAgent, RealtimeRunner
from harness import Harness, hold_session, run


async def converse(url: str, harness: Harness) -> None:
    await hold_session(RealtimeAgent, RealtimeRunner, url, harness)


if __name__ == "__main__":
    run(converse)
