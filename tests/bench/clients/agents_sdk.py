"""The session of `openai-agents`, as an application would use it; with the interpreter of .venv-peers."""

from __future__ import annotations

from agents.realtime import RealtimeAgent, RealtimeRunner
from harness import Harness, hold_session, run


async def converse(url: str, harness: Harness) -> None:
    await hold_session(RealtimeAgent, RealtimeRunner, url, harness)


if __name__ == "__main__":
    run(converse)
