"""One box, one daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from daemon.app import App
from daemon.box import AppSettings, Devices
from daemon.control import ControlError
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.transports.recorded import RecordedTransport
from daemon.talk import TalkSettings
from hw.fakes import FakeMicrophone, FakeSpeaker


def app(socket: Path) -> App:
    devices = Devices(FakeMicrophone(), FakeSpeaker())
    return App(
        AppSettings(TalkSettings(), RealtimeAgent(name="Assistant"), control_path=socket),
        devices,
        lambda: RecordedTransport([]),
    )


def test_second_daemon_leaves_the_devices_alone(tmp_path: Path) -> None:
    async def main() -> None:
        socket = tmp_path / "control.sock"
        first, second, stopping, ready = app(socket), app(socket), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(first.run(stopping, ready.set))
        await ready.wait()
        started: list[object] = []
        second.devices.speaker.start = started.append  # type: ignore[method-assign]
        with pytest.raises(ControlError):
            await second.run(asyncio.Event())
        assert started == []
        stopping.set()
        await running

    asyncio.run(main())
