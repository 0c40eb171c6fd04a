"""The frames of a transport: one at a time, for tests that play its owner, or from a queue, for its fakes."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from daemon.realtime.transports.port import OnFrame, Transport


async def hand_on(frames: asyncio.Queue[str | Exception], on_frame: OnFrame) -> NoReturn:
    """`receive_into` of a transport whose server is the test; an exception among the frames is raised."""
    while True:
        frame = await frames.get()
        if isinstance(frame, Exception):
            raise frame
        on_frame(frame)


class Inbox:
    """Begins to receive at the first `next`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._frames: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._receiving: asyncio.Task[NoReturn] | None = None

    async def next(self) -> str | bytes:
        """Raises what `receive_into` does, after the frames before it."""
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._transport.receive_into(self._frames.put_nowait))
        if not self._frames.empty():
            return self._frames.get_nowait()
        frame = asyncio.create_task(self._frames.get())
        await asyncio.wait({frame, self._receiving}, return_when=asyncio.FIRST_COMPLETED)
        if frame.done():
            return frame.result()
        frame.cancel()
        return await self._receiving
