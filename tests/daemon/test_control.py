from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.control import ControlError, request
from daemon.control_server import CLIENTS_MAX, REQUEST_BOUND_BYTES, ControlServer


async def echo(command: Mapping[str, Any]) -> dict[str, Any]:
    if command["command"] == "fail":
        raise LookupError("secret detail")
    if command["command"] == "odd":
        return {"ok": {1, 2}}
    if command["command"] == "hang":
        await asyncio.Event().wait()
    return {"ok": True, "echo": command["command"]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@asynccontextmanager
async def started(path: Path, **options: Any) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, echo, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def exchange(path: Path, *lines: bytes) -> list[Any]:
    """Send `lines` at once, answer what came back until the server closed or all were answered."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"".join(lines))
    answers = []
    while len(answers) < len(lines) and (line := await reader.readline()):
        answers.append(json.loads(line))
    writer.close()
    return answers


# ---- server ----------------------------------------------------------


def test_several_requests_on_one_connection_are_answered_in_order(path: Path) -> None:
    async def run() -> None:
        async with started(path):
            answers = await exchange(path, b'{"command":"a"}\n', b'\n{"command":"b"}\r\n')
            assert answers == [{"ok": True, "echo": "a"}, {"ok": True, "echo": "b"}]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"no json\n", "one JSON object"),
        (b"[1]\n", "one JSON object"),
        (b"[" * 60_000 + b"\n", "one JSON object"),
        (b"\xff\xfe\n", "one JSON object"),
        (b"{}\n", 'needs a "command"'),
        (b'{"command":7}\n', 'needs a "command"'),
    ],
)
def test_malformed_request_is_answered_and_the_connection_goes_on(
    path: Path, line: bytes, sentence: str
) -> None:
    async def run() -> None:
        async with started(path):
            refused, answered = await exchange(path, line, b'{"command":"a"}\n')
            assert refused["ok"] is False
            assert sentence in refused["error"]
            assert answered["ok"] is True

    asyncio.run(run())


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_request_over_the_bound_is_answered_and_the_connection_closed(path: Path, end: bytes) -> None:
    async def run() -> None:
        async with started(path):
            answers = await exchange(path, b"x" * (REQUEST_BOUND_BYTES + 1) + end, b'{"command":"a"}\n')
            assert [answer["error"] for answer in answers] == ["a request is at most 65536 bytes long"]

    asyncio.run(run())


def test_exception_of_the_handler_is_logged_and_answered(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with started(path):
            failed, answered = await exchange(path, b'{"command":"fail"}\n', b'{"command":"a"}\n')
            assert failed == {
                "ok": False,
                "error": "fail failed inside the daemon: LookupError; see its log",
            }
            assert answered["ok"] is True

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert "control command 'fail' failed" in caplog.text
    assert "Traceback" in caplog.text


def test_ninth_client_is_turned_away_until_one_leaves(path: Path) -> None:
    async def run() -> None:
        async with started(path):
            clients = [await asyncio.open_unix_connection(str(path)) for _ in range(CLIENTS_MAX)]
            for _, writer in clients:
                writer.write(b'{"command":"a"}\n')
            for reader, _ in clients:
                await reader.readline()
            (turned_away,) = await exchange(path, b"")
            assert turned_away == {"ok": False, "error": "8 clients are connected already"}
            clients[0][1].close()
            async with asyncio.timeout(5):
                while await exchange(path, b'{"command":"a"}\n') != [{"ok": True, "echo": "a"}]:
                    pass
            for _, writer in clients:
                writer.close()

    asyncio.run(run())


def test_silent_client_is_dropped_after_the_idle_time(path: Path) -> None:
    async def run() -> None:
        async with started(path, idle_s=0.02):
            reader, writer = await asyncio.open_unix_connection(str(path))
            async with asyncio.timeout(2):
                assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


def test_client_that_reads_no_answers_is_dropped(path: Path) -> None:
    async def run() -> None:
        async with started(path, idle_s=0.1) as server:
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b'{"command":"' + b"a" * 60_000 + b'"}\n')
            async with asyncio.timeout(5):
                while True:
                    writer.write(b'{"command":"' + b"a" * 60_000 + b'"}\n')
                    await asyncio.sleep(0)
                    if not server._clients:
                        break
            writer.close()

    asyncio.run(run())


def test_stop_drops_clients_in_the_middle_of_a_command_and_removes_the_socket(path: Path) -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def hang(command: Mapping[str, Any]) -> dict[str, Any]:
            begun.set()
            return await echo(command)

        server = ControlServer(path, hang)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"command":"hang"}\n')
        await begun.wait()
        await server.stop()
        assert await reader.read() == b""
        writer.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
    assert not path.exists()


def test_command_that_hangs_is_given_up(path: Path) -> None:
    async def run() -> None:
        async with started(path, command_s=0.02):
            (answer,) = await exchange(path, b'{"command":"hang"}\n')
            assert "hang failed inside the daemon: TimeoutError" in answer["error"]

    asyncio.run(run())


def test_answer_that_is_no_json_is_a_failure_of_the_command(path: Path) -> None:
    async def run() -> None:
        async with started(path):
            (answer,) = await exchange(path, b'{"command":"odd"}\n')
            assert "odd failed inside the daemon: TypeError" in answer["error"]

    asyncio.run(run())


def test_stop_without_start_is_harmless(path: Path) -> None:
    asyncio.run(ControlServer(path, echo).stop())


def test_stop_leaves_the_socket_of_a_successor(path: Path) -> None:
    async def run() -> None:
        server = ControlServer(path, echo)
        await server.start()
        os.unlink(path)
        async with started(path):
            await server.stop()
            assert await exchange(path, b'{"command":"a"}\n') == [{"ok": True, "echo": "a"}]

    asyncio.run(run())


def test_socket_is_for_owner_and_group_only(path: Path) -> None:
    async def run() -> int:
        async with started(path):
            return stat.S_IMODE(os.stat(path).st_mode)

    assert asyncio.run(run()) == 0o660


def test_socket_of_a_dead_daemon_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def run() -> None:
        async with started(path):
            assert await exchange(path, b'{"command":"a"}\n') == [{"ok": True, "echo": "a"}]

    asyncio.run(run())


def test_socket_of_a_living_daemon_is_an_error(path: Path) -> None:
    async def run() -> None:
        async with started(path):
            with pytest.raises(ControlError, match="another harkd is running"):
                await ControlServer(path, echo).start()
            assert await exchange(path, b'{"command":"a"}\n') == [{"ok": True, "echo": "a"}]

    asyncio.run(run())


def test_file_at_the_path_is_an_error_and_kept(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ControlError, match="not a socket"):
        asyncio.run(ControlServer(path, echo).start())
    assert path.read_text() == "precious"


@pytest.mark.parametrize("bad", ["missing/control.sock", "x" * 120])
def test_path_that_cannot_be_bound_is_an_error(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ControlError, match="cannot listen here"):
        asyncio.run(ControlServer(tmp_path / bad, echo).start())


# ---- client ----------------------------------------------------------


@pytest.fixture
def running(path: Path) -> Iterator[Path]:
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with started(path):
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    ready.wait(5)
    yield path
    loop.call_soon_threadsafe(done.set)
    thread.join(5)
    loop.close()


def test_request_answers_what_the_daemon_said(running: Path) -> None:
    assert request(running, {"command": "status"}) == {"ok": True, "echo": "status"}


def test_request_that_takes_too_long_is_an_error(running: Path) -> None:
    with pytest.raises(ControlError, match=r"no answer within 0\.05 s"):
        request(running, {"command": "hang"}, timeout_s=0.05)


def test_request_without_a_daemon_says_how_to_start_it(path: Path) -> None:
    with pytest.raises(ControlError, match="is harkd running"):
        request(path, {"command": "status"})


def test_request_to_a_dead_socket_says_how_to_start_it(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ControlError, match="is harkd running"):
        request(path, {"command": "status"})


def test_request_to_a_daemon_that_hangs_up_is_an_error(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        hanging_up = threading.Thread(target=lambda: listener.accept()[0].close())
        hanging_up.start()
        with pytest.raises(ControlError, match="hung up without an answer"):
            request(path, {"command": "status"})
        hanging_up.join(5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_request_without_rights_names_the_group(running: Path) -> None:
    running.parent.chmod(0o755)  # from inside it only the socket itself is in the way
    script = """
import os
from pathlib import Path
from daemon.control import ControlError, request
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try: request(Path("control.sock"), {"command": "status"})
except ControlError as error: print(error)
"""
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, cwd=running.parent, capture_output=True, text=True, check=True)
    assert "usermod -aG harkd" in run.stdout
