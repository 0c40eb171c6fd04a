from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from daemon.realtime.transports.port import TransportClosed
from daemon.realtime.transports.recorded import (
    Closed,
    FromServer,
    RecordedTransport,
    RecordingTransport,
    ToServer,
    load_recording,
)
from tests.contract.inbox import Inbox

SESSION = """\
{"t": 0.1, "dir": "<", "text": "{\\"type\\":\\"session.created\\"}"}
{"t": 0.2, "dir": ">", "text": "{\\"type\\":\\"session.update\\",\\"n\\":1}"}
{"t": 0.3, "dir": "<", "base64": "AP8="}

{"t": 0.4, "dir": "x", "code": 1001, "reason": "60 minutes"}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "session.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_recording_is_read_line_by_line(tmp_path: Path) -> None:
    assert load_recording(written(tmp_path, SESSION)) == [
        FromServer('{"type":"session.created"}'),
        ToServer('{"type":"session.update","n":1}'),
        FromServer(b"\x00\xff"),
        Closed(1001, "60 minutes"),
    ]


def test_line_torn_by_a_power_cut_is_left_out(tmp_path: Path) -> None:
    assert len(load_recording(written(tmp_path, SESSION + '{"t": 9.5, "dir": "<", "te'))) == 4


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "{}",
        '{"dir": "?"}',
        '{"dir": "<", "text": 7}',
        '{"dir": "<", "base64": "!"}',
        "[" * 99_999,
    ],
)
def test_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"\n{line}\n")
    with pytest.raises(ValueError, match=r"session\.jsonl:2: not a line of a recording"):
        load_recording(path)


def test_frame_waits_for_the_client_frames_recorded_before_it() -> None:
    async def run() -> None:
        script = [ToServer('{"type":"a"}'), ToServer('{"type":"b"}'), FromServer("answer")]
        transport = RecordedTransport(script)
        await transport.connect()
        waiting = asyncio.create_task(Inbox(transport).next())
        for other in ('{"type":"b"}', '{"type":"a","other":"content"}', "no json", '{"type":["b"]}'):
            transport.send(other)
            await asyncio.sleep(0)
        assert not waiting.done()
        transport.send('{"type":"b"}')
        assert await waiting == "answer"
        assert len(transport.sent) == 5

    asyncio.run(run())


def test_recording_without_a_close_ends_with_1006() -> None:
    async def run() -> None:
        transport = RecordedTransport([FromServer("only")])
        await transport.connect()
        heard: list[str | bytes] = []
        with pytest.raises(TransportClosed) as caught:
            await transport.receive_into(heard.append)
        assert heard == ["only"]
        assert caught.value.code == 1006

    asyncio.run(run())


def test_waiting_receiver_is_woken_by_close() -> None:
    async def run() -> None:
        transport = RecordedTransport([ToServer('{"type":"never"}')])
        await transport.connect()
        waiting = asyncio.create_task(transport.receive_into(print))
        await asyncio.sleep(0)
        await transport.close()
        with pytest.raises(TransportClosed):
            await waiting

    asyncio.run(run())


def test_what_was_recorded_can_be_replayed(tmp_path: Path) -> None:
    lines: list[str] = []
    ticks = iter([10.0, 20.0, 20.5, 21.0, 21.5, 22.0])

    async def run() -> None:
        script = [ToServer('{"type":"hi"}'), FromServer("ü\n"), FromServer(b"\x00"), Closed(1001, "bye")]
        transport = RecordingTransport(RecordedTransport(script), lines.append, lambda: next(ticks))
        await transport.connect()
        transport.send('{"type":"hi"}')
        heard: list[str | bytes] = []
        with pytest.raises(TransportClosed):
            await transport.receive_into(heard.append)
        assert heard == ["ü\n", b"\x00"]
        await transport.close()
        assert load_recording(written(tmp_path, "".join(lines))) == script

    asyncio.run(run())
    assert lines[0] == '{"t": 0.5, "dir": ">", "text": "{\\"type\\":\\"hi\\"}"}\n'
    assert lines[-1] == '{"t": 2.0, "dir": "x", "code": 1001, "reason": "bye"}\n'


def test_each_line_is_written_as_the_frame_passes() -> None:
    async def run() -> None:
        lines: list[str] = []
        script = [FromServer("a"), ToServer('{"type":"never"}')]
        transport = RecordingTransport(RecordedTransport(script), lines.append, lambda: 0.0)
        await transport.connect()
        inbox = Inbox(transport)
        await inbox.next()
        assert len(lines) == 1
        await transport.close()
        with pytest.raises(TransportClosed):
            await inbox.next()
        assert len(lines) == 2

    asyncio.run(run())
