"""This project's session layer, as an application would use it."""

from __future__ import annotations

from harness import Harness, hold_session, run

from daemon.realtime import RealtimeAgent, RealtimeRunner


async def converse(url: str, harness: Harness) -> None:
    await hold_session(RealtimeAgent, RealtimeRunner, url, harness)


if __name__ == "__main__":
    run(converse)
