"""What a connection is configured with, as it arrives at the other end of a real WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from daemon.realtime import RealtimeAgent, RealtimeRunner
from daemon.realtime.model import OpenAIRealtimeWebSocketModel, _opener
from daemon.realtime.run_config import read_model_config
from daemon.realtime.transports.port import TransportRefused
from daemon.realtime.transports.websocket import WebSocketTransport
from tests.journeys.sessions import talking

STALL = '[[fault]]\naction = "stall"\nseconds = 9\nafter = "response.created"\n'


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ({"call_id": "rtc_1"}, "wss://api.openai.com/v1/realtime?call_id=rtc_1"),
        ({"url": "wss://example.org/v1?x=1"}, "wss://example.org/v1?x=1"),
    ],
)
def test_address_follows_from_model_call_or_url(given: dict[str, Any], url: str) -> None:
    transport = _opener(read_model_config({"api_key": "key", **given}), "gpt-realtime-2.1")()
    assert isinstance(transport, WebSocketTransport)
    assert transport._url == url


@pytest.mark.parametrize(
    ("given", "agent"), [({}, "harkd"), ({"headers": {"api-key": "k", "User-Agent": "shop/2"}}, "shop/2")]
)
def test_headers_name_the_program_and_no_beta(given: dict[str, Any], agent: str) -> None:
    async def run() -> None:
        async with talking(**given) as talk:
            assert talk.server.handshakes[0]["user-agent"] == agent
            assert "openai-beta" not in talk.server.handshakes[0]

    asyncio.run(run())


def test_handshake_time_out_is_kept() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            config: Any = {"api_key": "key", "url": url, "transport_config": {"handshake_timeout": 0.2}}
            begin = time.monotonic()
            with pytest.raises(TransportRefused, match=r"0\.2 s"):
                await OpenAIRealtimeWebSocketModel().connect(config)
            assert 0.15 < time.monotonic() - begin < 5

    asyncio.run(run())


@pytest.mark.parametrize(("ping_timeout", "connections"), [(0.2, 2), (None, 1)])
def test_a_server_that_answers_no_ping_is_left_unless_pings_may_wait(
    ping_timeout: float | None, connections: int
) -> None:
    async def run() -> None:
        config: Any = {"ping_interval": 0.1, "ping_timeout": ping_timeout}
        async with talking(STALL, transport_config=config) as talk:
            await talk.session.send_message("hello")
            await asyncio.sleep(3.5)  # the close itself is given 2 s
            assert len(talk.server.connections) == connections

    asyncio.run(run())


@pytest.mark.parametrize(("max_size", "lost"), [(1000, True), (None, False)])
def test_frames_above_the_largest_size_cost_the_connection(max_size: int | None, lost: bool) -> None:
    big = json.dumps({"type": "rate_limits.updated", "rate_limits": [{"name": "x" * 2_000_000}]})

    async def play(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(json.dumps({"type": "session.updated", "session": {"type": "realtime"}}))
        await connection.send(big)
        await connection.wait_closed()

    async def run() -> None:
        async with serve(play, "127.0.0.1", 0) as server:
            config: Any = {
                "api_key": "key",
                "url": f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
                "transport_config": {"max_size": max_size},
            }
            runner: RealtimeRunner[Any] = RealtimeRunner(RealtimeAgent(name="Box"))
            async with await runner.run(model_config=config) as session, asyncio.timeout(10):
                async for event in session:
                    if event.type == "rate_limits" or getattr(event, "status", "") == "disconnected":
                        break
                assert event.type == ("connection" if lost else "rate_limits")

    asyncio.run(run())
