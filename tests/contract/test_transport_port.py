"""What every transport promises, on a real socket and on the replayed recording."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from daemon.realtime.transports.port import Transport, TransportClosed, UplinkCongested
from daemon.realtime.transports.recorded import (
    Closed,
    FromServer,
    RecordedTransport,
    RecordingTransport,
    ToServer,
)
from daemon.realtime.transports.websocket import WebSocketLimits, WebSocketTransport
from tests.contract.inbox import Inbox

BOUND_BYTES = 20_000

Opened = Callable[[Sequence[str | bytes], int], AbstractAsyncContextManager[Transport]]
"""Given frames of the server and its close code (0: it stays), answers a connected transport."""


@asynccontextmanager
async def websocket(frames: Sequence[str | bytes], close_code: int) -> AsyncIterator[Transport]:
    async def play(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        if close_code:
            await connection.close(close_code, "as agreed")
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with serve(play, "127.0.0.1", 0, close_timeout=0.05) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        limits = WebSocketLimits(send_bound_bytes=BOUND_BYTES, close_timeout_s=0.2)
        transport = WebSocketTransport(url, limits=limits)
        await transport.connect()
        yield transport
        await transport.close()


@asynccontextmanager
async def recorded(frames: Sequence[str | bytes], close_code: int) -> AsyncIterator[Transport]:
    end = [Closed(close_code, "as agreed")] if close_code else [ToServer('{"type":"never sent"}')]
    transport = RecordedTransport([*map(FromServer, frames), *end], send_bound_bytes=BOUND_BYTES)
    await transport.connect()
    yield transport
    await transport.close()


@asynccontextmanager
async def recording(frames: Sequence[str | bytes], close_code: int) -> AsyncIterator[Transport]:
    async with recorded(frames, close_code) as inner:
        yield RecordingTransport(inner, write=[].append, clock=lambda: 0.0)


@pytest.fixture(params=[websocket, recorded, recording], ids=lambda opened: opened.__name__)
def opened(request: pytest.FixtureRequest) -> Opened:
    return request.param  # type: ignore[no-any-return]


def test_frames_arrive_whole_and_in_order(opened: Opened) -> None:
    async def run() -> None:
        frames = [f'{{"n":{n}}}' for n in range(200)]
        async with opened(frames, 0) as transport:
            inbox = Inbox(transport)
            assert [await inbox.next() for _ in frames] == frames

    asyncio.run(run())


def test_binary_frames_arrive_as_bytes(opened: Opened) -> None:
    async def run() -> None:
        async with opened([b"\x00\xff", "text"], 0) as transport:
            inbox = Inbox(transport)
            assert [await inbox.next(), await inbox.next()] == [b"\x00\xff", "text"]

    asyncio.run(run())


def test_frame_of_ten_megabytes_arrives(opened: Opened) -> None:
    async def run() -> None:
        async with opened(["ü" * 5_000_000], 0) as transport:
            assert await Inbox(transport).next() == "ü" * 5_000_000

    asyncio.run(run())


def test_what_the_owner_raises_ends_the_receiving(opened: Opened) -> None:
    heard: list[str | bytes] = []

    def fail_at_the_second(frame: str | bytes) -> None:
        heard.append(frame)
        if len(heard) == 2:
            raise LookupError("a bug of the owner")

    async def run() -> None:
        async with opened(["one", "two", "three"], 0) as transport:
            with pytest.raises(LookupError, match="a bug of the owner"):
                await transport.receive_into(fail_at_the_second)

    asyncio.run(run())
    assert heard == ["one", "two"]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
def test_close_of_the_peer_is_reported_after_the_frames_before_it(opened: Opened, code: int) -> None:
    async def run() -> None:
        async with opened(["last words"], code) as transport:
            heard: list[str | bytes] = []
            for _ in range(2):
                with pytest.raises(TransportClosed) as caught:
                    await transport.receive_into(heard.append)
                assert heard == ["last words"]
                assert (caught.value.code, caught.value.reason) == (code, "as agreed")

    asyncio.run(run())


def test_send_after_the_peer_closed_raises(opened: Opened) -> None:
    async def run() -> None:
        async with opened([], 1001) as transport:
            with pytest.raises(TransportClosed):
                await transport.receive_into(print)
            with pytest.raises(TransportClosed) as caught:
                transport.send("{}")
            assert caught.value.code == 1001

    asyncio.run(run())


def test_nothing_works_after_close_but_closing_again(opened: Opened) -> None:
    async def run() -> None:
        async with opened([], 0) as transport:
            await transport.close()
            await asyncio.gather(transport.close(), transport.close())
            with pytest.raises(TransportClosed):
                transport.send("{}")
            with pytest.raises(TransportClosed):
                await transport.receive_into(print)

    asyncio.run(run())


def test_second_connect_is_a_programming_error(opened: Opened) -> None:
    async def run() -> None:
        async with opened([], 0) as transport:
            with pytest.raises(RuntimeError, match="make a new one"):
                await transport.connect()

    asyncio.run(run())


def test_uplink_the_peer_does_not_empty_is_congested_at_the_bound(opened: Opened) -> None:
    async def run() -> None:
        async with opened([], 0) as transport:
            assert transport.queued_bytes == 0
            with contextlib.suppress(UplinkCongested):
                for _ in range(100_000):  # more than any kernel takes
                    most = transport.queued_bytes
                    transport.send("x" * 1000)
                pytest.fail("it takes everything")
            assert BOUND_BYTES - 1000 <= most <= BOUND_BYTES

    asyncio.run(run())


def test_receiver_that_waits_is_woken_by_close(opened: Opened) -> None:
    async def run() -> None:
        async with opened([], 0) as transport:
            waiting = asyncio.create_task(transport.receive_into(print))
            await asyncio.sleep(0)
            await transport.close()
            with pytest.raises(TransportClosed):
                await waiting

    asyncio.run(run())


@pytest.mark.parametrize(
    "unconnected",
    [WebSocketTransport("ws://127.0.0.1:1/"), RecordedTransport([])],
    ids=lambda t: type(t).__name__,
)
def test_before_connect_there_is_nothing_to_use(unconnected: Transport) -> None:
    async def run() -> None:
        with pytest.raises(TransportClosed):
            unconnected.send("{}")
        with pytest.raises(TransportClosed):
            await unconnected.receive_into(print)
        assert unconnected.queued_bytes == 0

    asyncio.run(run())
