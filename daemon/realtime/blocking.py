"""Runs blocking functions beside the loop, a bounded number at a time. Shell around threads."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any

MAX_BLOCKING = 8
"""Blocking calls at a time; further ones wait. A call that hangs keeps its place until it returns."""


class BlockingCalls:
    """A thread for each call. They are daemon threads: one that hangs must not keep the process alive."""

    def __init__(self, limit: int = MAX_BLOCKING) -> None:
        self._free = asyncio.Semaphore(limit)

    async def run(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        """What `call(*args)` returns or raises. Cancelling leaves the thread to itself."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def finish(result: Any, error: BaseException | None) -> None:
            self._free.release()
            if outcome.done():
                return
            if error is None:
                outcome.set_result(result)
            elif isinstance(error, StopIteration):  # a future refuses it
                outcome.set_exception(RuntimeError(f"StopIteration: {error}"))
            else:
                outcome.set_exception(error)

        def work() -> None:
            result, error = None, None
            try:
                result = context.run(call, *args)
            except BaseException as raised:  # noqa: BLE001  also SystemExit is only the tool's
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended without waiting for us
                loop.call_soon_threadsafe(finish, result, error)

        threading.Thread(target=work, name=f"tool {name}", daemon=True).start()
        return await outcome
