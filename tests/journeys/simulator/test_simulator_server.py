"""The server over real sockets: upgrades, turns, and every fault a script can order."""

from __future__ import annotations

import asyncio
import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.simulator import Answer, Fault, Saying, Script, SimulatorServer, simulate
from daemon.simulator.pcm import chime, note, silence

Connect = Callable[..., AbstractAsyncContextManager[Any]]
KEY = {"Authorization": "Bearer sk-very-secret"}
SPOKEN = Answer(items=(Saying("one two three", seconds=1.0),), delay_ms=0, pace=0)


def faulty(**fault: Any) -> Script:
    return Script(answers=(SPOKEN,), repeat=True, faults=(Fault(**fault),))


def test_spoken_turn_arrives_and_is_kept_for_inspection(client: Connect) -> None:
    speech = note(300.0, 500) + silence(700)

    async def talk() -> None:
        async with SimulatorServer() as server, client(server) as user:
            for start in range(0, len(speech), 4800):
                await user.append(speech[start : start + 4800])
            events = await user.until("response.done")
            (audio,) = server.connections[0].committed_audio()
            assert audio == speech[: len(audio)]
            spoken = [event for event in events if event["type"] == "response.output_audio.delta"]
            assert sum(len(event["delta"]) for event in spoken) * 3 // 4 >= len(chime() + audio)
            assert len(server.events("input_audio_buffer.append")) == 12
            assert [event for _, event in server.sent] == events

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/realtime?model=m", {}, 401),
        ("/v1/realtime?model=m", {"Authorization": "Basic x"}, 401),
        ("/v1/realtime", KEY, 400),
        ("/v1/realtime?model=m&call_id=c", KEY, 400),
        ("/v1/chat?model=m", KEY, 404),
    ],
)
def test_upgrade_that_is_wrong_is_refused(path: str, headers: dict[str, str], status: int) -> None:
    async def knock() -> None:
        async with SimulatorServer() as server:
            url = server.url.removesuffix("/v1/realtime") + path
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, additional_headers=headers)
            assert caught.value.response.status_code == status
            assert json.loads(caught.value.response.body)["error"]["message"]
            assert (list(server.refused), list(server.connections)) == ([status], [])

    asyncio.run(knock())


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/v1/realtime?call_id=rtc_1", {"additional_headers": KEY}),
        ("/openai/v1/realtime?model=mine", {"additional_headers": {"api-key": "azure"}}),
        ("/v1/realtime?model=m", {"subprotocols": ["realtime", "openai-insecure-api-key.ek_1"]}),
    ],
)
def test_other_ways_in_are_open(path: str, options: dict[str, Any]) -> None:
    async def knock() -> None:
        async with SimulatorServer() as server:
            websocket = await connect(server.url.removesuffix("/v1/realtime") + path, **options)
            assert json.loads(await websocket.recv())["type"] == "session.created"
            await websocket.close()

    asyncio.run(knock())


def test_key_is_seen_but_never_printed(client: Connect) -> None:
    async def talk() -> None:
        async with SimulatorServer() as server, client(server) as user:
            await user.receive()
            assert server.handshakes[0]["authorization"] == "Bearer sk-test"
            assert "sk-test" not in f"{server.handshakes} {server.connections[0].headers}"

    asyncio.run(talk())


@pytest.mark.parametrize("offered", [True, False])
def test_compression_is_only_used_if_the_script_offers_it(client: Connect, offered: bool) -> None:
    async def talk() -> None:
        async with SimulatorServer(script=Script(deflate=offered)) as server, client(server) as user:
            await user.receive()
            assert server.connections[0].extensions == (("permessage-deflate",) if offered else ())

    asyncio.run(talk())


def test_two_connections_have_ids_of_their_own_and_share_the_script(client: Connect) -> None:
    script = Script(
        answers=(Answer(items=(Saying("first"),), pace=0), Answer(items=(Saying("second"),), pace=0))
    )

    async def talk() -> None:
        async with SimulatorServer(script=script) as server, client(server) as one, client(server) as two:
            for user, word in ((one, "first"), (two, "second")):
                await user.ask("hi")
                done = (await user.until("response.done"))[-1]
                assert done["response"]["output"][0]["content"][0]["transcript"] == word
            ids = [event["event_id"] for _, event in server.sent]
            assert len(ids) == len(set(ids))
            assert [connection.number for connection in server.connections] == [1, 2]

    asyncio.run(talk())


async def closing(server: SimulatorServer, client: Connect) -> tuple[list[dict[str, Any]], Any]:
    """Ask, read until the connection ends: the events, and the close as the client saw it."""
    events = []
    async with client(server) as user:
        await user.ask("hi")
        while True:
            try:
                events.append(await user.receive())
            except ConnectionClosed as closed:
                return events, closed.rcvd


def end_of(script: Script, client: Connect) -> tuple[list[dict[str, Any]], Any]:
    async def run() -> tuple[list[dict[str, Any]], Any]:
        async with SimulatorServer(script=script) as server:
            return await closing(server, client)

    return asyncio.run(run())


def test_fault_close_comes_right_after_its_event(client: Connect) -> None:
    events, close = end_of(
        faulty(action="close", code=1011, reason="oops", after="response.output_audio.delta", count=3), client
    )
    assert [event["type"] for event in events].count("response.output_audio.delta") == 3
    assert (close.code, close.reason) == (1011, "oops")


def test_fault_close_after_a_client_event(client: Connect) -> None:
    events, close = end_of(faulty(action="close", code=4000, after="response.create"), client)
    assert close.code == 4000
    assert "response.done" not in [event["type"] for event in events]


def test_fault_reset_gives_no_close_frame(client: Connect) -> None:
    events, close = end_of(faulty(action="reset", after="response.created"), client)
    assert events[-1]["type"] == "response.created"
    assert close is None


def test_fault_expire_says_why_and_closes_with_1001(client: Connect) -> None:
    events, close = end_of(faulty(action="expire", at_s=0.2), client)
    assert events[-1]["error"]["code"] == "session_expired"
    assert (close.code, close.reason) == (1001, "Your session hit the maximum duration of 60 minutes.")


def test_fault_garbage_comes_between_whole_events() -> None:
    script = Script(
        faults=(Fault(action="garbage", after="session.created", frames=("null", "binary", "huge")),)
    )

    async def talk() -> None:
        async with SimulatorServer(script=script) as server:
            url = f"{server.url}?model=m"
            async with connect(url, additional_headers=KEY, max_size=None) as websocket:
                assert json.loads(await websocket.recv())["type"] == "session.created"
                assert await websocket.recv() == "null"
                assert isinstance(await websocket.recv(), bytes)
                assert len(await websocket.recv()) > 10_000_000
                await websocket.send('{"type":"session.update","session":{"type":"realtime"}}')
                assert json.loads(await websocket.recv())["type"] == "session.updated"

    asyncio.run(talk())


def test_fault_reorder_swaps_the_next_two_events(client: Connect) -> None:
    script = faulty(action="reorder", after="conversation.item.done")

    async def talk() -> None:
        async with SimulatorServer(script=script) as server, client(server) as user:
            await user.ask("hi")
            types = [event["type"] for event in await user.until("response.done")]
            place = types.index("conversation.item.done")
            assert types[place + 1 : place + 3] == ["rate_limits.updated", "response.created"]

    asyncio.run(talk())


def test_fault_stall_stops_events_and_pongs_for_its_time(client: Connect) -> None:
    script = faulty(action="stall", seconds=0.5, after="response.output_audio.delta", count=2)

    async def talk() -> None:
        async with SimulatorServer(script=script) as server, client(server) as user:
            await user.ask("hi")
            for _ in range(2):
                await user.until("response.output_audio.delta")
            begin = time.monotonic()
            pong = await user.websocket.ping()
            assert await asyncio.wait({pong}, timeout=0.3) == (set(), {pong})
            await user.receive()
            assert time.monotonic() - begin > 0.4
            await asyncio.wait_for(pong, 2)
            await user.until("response.done")

    asyncio.run(talk())


@pytest.mark.parametrize("fault", [{"action": "stall"}, {"action": "drip", "bytes_per_s": 1}])
def test_server_stops_in_the_middle_of_a_fault(client: Connect, fault: dict[str, Any]) -> None:
    script = faulty(seconds=3600.0, after="response.created", **fault)

    async def talk() -> float:
        async with SimulatorServer(script=script) as server:
            user = await connect(f"{server.url}?model=m", additional_headers=KEY)
            await user.send('{"type":"response.create"}')
            while json.loads(await user.recv())["type"] != "response.created":
                pass
            begin = time.monotonic()
        return time.monotonic() - begin

    assert asyncio.run(talk()) < 4


def test_fault_drip_slows_every_frame_down(client: Connect) -> None:
    script = faulty(action="drip", bytes_per_s=60_000, seconds=5, after="response.created")

    async def talk() -> float:
        async with SimulatorServer(script=script) as server, client(server) as user:
            await user.ask("hi")
            await user.until("response.created")
            begin = time.monotonic()
            await user.until("response.done")
            return time.monotonic() - begin

    assert 0.8 < asyncio.run(talk()) < 4.0  # about 70 kB of base64


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_fault_refuse_answers_the_upgrade_and_then_lets_in(client: Connect, status: int) -> None:
    script = Script(faults=(Fault(action="refuse", status=status, connections=2),))

    async def knock() -> None:
        async with SimulatorServer(script=script) as server:
            for _ in range(2):
                with pytest.raises(InvalidStatus) as caught:
                    await connect(f"{server.url}?model=m", additional_headers=KEY)
                assert caught.value.response.status_code == status
                assert "error" in json.loads(caught.value.response.body)
            async with client(server) as user:
                await user.receive()
            assert (server.attempts, list(server.refused)) == (3, [status, status])

    asyncio.run(knock())


def test_fault_spares_the_connections_after(client: Connect) -> None:
    async def talk() -> None:
        async with SimulatorServer(script=faulty(action="reset", after="response.created")) as server:
            await closing(server, client)
            async with client(server) as user:
                await user.ask("hi")
                await user.until("response.done")

    asyncio.run(talk())


def test_binary_and_broken_frames_do_not_end_the_connection(client: Connect) -> None:
    async def talk() -> None:
        async with SimulatorServer() as server, client(server) as user:
            await user.websocket.send(b"\x00")
            await user.websocket.send("{")
            events = await user.until("error") + await user.until("error")
            assert {event["error"]["code"] for event in events[-1:]} == {"invalid_json"}
            await user.ask("hi")
            await user.until("response.done")

    asyncio.run(talk())


@pytest.mark.parametrize("text", ["\ud800", "ä€𝄞", '"\\\n"x'])
def test_any_text_is_quoted_back(client: Connect, text: str) -> None:
    async def talk() -> None:
        async with (
            SimulatorServer(script=Script(answers=(Answer(pace=0),))) as server,
            client(server) as user,
        ):
            await user.ask(text)
            done = (await user.until("response.done"))[-1]
            assert done["response"]["output"][0]["content"][0]["transcript"] == f'You said: "{text}"'

    asyncio.run(talk())


def test_stopping_the_server_ends_its_connections_and_tasks(client: Connect) -> None:
    async def talk() -> None:
        before = asyncio.all_tasks()
        async with SimulatorServer() as server, client(server) as user:
            await user.ask("hi")
            await user.until("response.created")
        assert not server.connections[0].open
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    asyncio.run(talk())


def test_address_is_told_at_once_to_a_pipe() -> None:
    command = [sys.executable, "-m", "daemon", "simulate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], 20)
            assert readable
            assert process.stdout.readline().startswith("listening ws://127.0.0.1:")
        finally:
            process.kill()


def test_simulate_announces_its_address_and_serves_until_cancelled(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[fault]]\naction = "refuse"\nstatus = 429')

    async def run() -> None:
        lines: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(simulate("127.0.0.1", 0, script, lines.put_nowait))
        line = await asyncio.wait_for(lines.get(), 5)
        assert line.startswith("listening ws://127.0.0.1:")
        url = line.removeprefix("listening ")
        with pytest.raises(InvalidStatus):
            await connect(f"{url}?model=m", additional_headers=KEY)
        async with connect(f"{url}?model=m", additional_headers=KEY) as websocket:
            assert "session.created" in await websocket.recv()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
