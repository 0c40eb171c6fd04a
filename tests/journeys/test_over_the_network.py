"""The box on a real WebSocket, against the simulator and its faults; devices are simulated, time is real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import realtime_oracle
from box import PERIOD_FRAMES, RATE_HZ, voice

from daemon.app import App
from daemon.box import AppSettings, Devices
from daemon.config.schema import Link, Session, Talk
from daemon.events import Phase, Pressed, Released
from daemon.realtime.transports.websocket import WebSocketTransport
from daemon.settings import model_settings, model_url, plain_agent, talk_settings
from daemon.simulator import SimulatorServer, load_script
from daemon.talk import TalkMode, TalkSettings
from hw.fakes import FakeMicrophone, FakeSpeaker

LIMIT_S = 15.0


class LiveBox:
    """A box whose devices are stepped every 10 ms of real time, connected to a simulator with this script."""

    def __init__(self, tmp_path: Path, script: str = "", talk: Talk | None = None) -> None:
        path = tmp_path / "script.toml"
        path.write_text(script)
        self.simulator = SimulatorServer(script=load_script(path))
        self._talk = talk or Talk()

    async def __aenter__(self) -> LiveBox:
        await self.simulator.__aenter__()
        session = Session(url=self.simulator.url)
        self.microphone = FakeMicrophone(rate_hz=RATE_HZ, period_ms=10)
        self.speaker = FakeSpeaker(rate_hz=RATE_HZ, period_ms=10, buffer_periods=0)
        self._words = b""
        self.app = App(
            AppSettings(
                talk_settings(self._talk, Link()),
                plain_agent(session),
                model_settings(session, self._talk),
                session.url,
            ),
            Devices(self.microphone, self.speaker),
            lambda: WebSocketTransport(model_url(session), api_key=lambda: "any"),
        )
        self._stopping = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self.app.run(self._stopping)),
            asyncio.create_task(self._pass_time()),
        ]
        await self.until(lambda: self.phase is Phase.IDLE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()
        await self._tasks[0]
        self._tasks[1].cancel()
        await self.simulator.__aexit__(None, None, None)
        for _, event in self.simulator.received:
            assert realtime_oracle.client_event_problems(event) == []

    async def _pass_time(self) -> None:
        while True:
            size = PERIOD_FRAMES * 2
            period, self._words = self._words[:size].ljust(size, b"\0"), self._words[size:]
            self.microphone.feed(period)
            self.speaker.play()
            await asyncio.sleep(0.01)

    @property
    def phase(self) -> Phase:
        return self.app.conductor.appliance.phase

    async def until(self, happened: Callable[[], Any], limit_s: float = LIMIT_S) -> None:
        async with asyncio.timeout(limit_s):
            while not happened():  # noqa: ASYNC110 - looks at the box as a person would
                await asyncio.sleep(0.005)

    async def ask_aloud(self) -> None:
        self.app.conductor.step(Pressed())
        self._words = voice(RATE_HZ // 2)
        await self.until(lambda: not self._words)
        self.app.conductor.step(Released())

    async def hold_a_whole_turn(self) -> None:
        """Ask, hear the whole answer."""
        played = len(self.speaker.played)
        await self.ask_aloud()
        await self.until(lambda: self.phase is Phase.SPEAKING)
        await self.until(lambda: self.phase is Phase.IDLE)
        assert self.speaker.played[played:].strip(b"\0")


def holds(tmp_path: Path, script: str, turns: int = 2) -> None:
    """The box gets through these turns whatever the script does to it."""

    async def main() -> None:
        async with LiveBox(tmp_path, script) as box:
            for _ in range(turns):
                await box.hold_a_whole_turn()

    asyncio.run(main())


QUICK = 'repeat = true\n[[answer]]\ntext = "Yes."\nseconds = 0.6\npace = 0\n'


@pytest.mark.parametrize(
    "frame", ["truncated_json", "array", "null", "binary", "unknown_type", "missing_fields", "huge"]
)
def test_garbage_on_the_wire_leaves_the_conversation_going(tmp_path: Path, frame: str) -> None:
    fault = f'[[fault]]\naction = "garbage"\nframes = ["{frame}"]\nafter = "response.output_audio.delta"\n'
    holds(tmp_path, QUICK + fault)


@pytest.mark.parametrize(
    "fault",
    [
        'action = "close"\ncode = 1011\nreason = "internal error"\nafter = "session.updated"',
        'action = "reset"\nafter = "input_audio_buffer.committed"',
        'action = "expire"\nafter = "response.done"',
        'action = "refuse"\nstatus = 503\nfirst_connection = 1\nconnections = 2',
    ],
    ids=["close", "reset", "expire", "refuse"],
)
def test_lost_connections_cost_no_turn(tmp_path: Path, fault: str) -> None:
    holds(tmp_path, f"{QUICK}[[fault]]\n{fault}\n")


def test_reordered_events_leave_the_conversation_going(tmp_path: Path) -> None:
    holds(tmp_path, f'{QUICK}[[fault]]\naction = "reorder"\nafter = "response.created"\n')


def test_create_that_lost_the_race_is_asked_again(tmp_path: Path) -> None:
    holds(tmp_path, "lost_creates = 1\n" + QUICK, turns=1)


def test_compression_offered_by_the_server_is_not_used(tmp_path: Path) -> None:
    async def main() -> None:
        async with LiveBox(tmp_path, "deflate = true\n") as box:
            assert box.simulator.connections[0].extensions == ()

    asyncio.run(main())


def test_what_was_said_arrives_sample_for_sample(tmp_path: Path) -> None:
    async def main() -> None:
        async with LiveBox(tmp_path, QUICK, Talk(preroll_ms=0)) as box:
            await box.hold_a_whole_turn()
            [turn] = box.simulator.connections[0].committed_audio()
            assert turn.strip(b"\0") == voice(RATE_HZ // 2)

    asyncio.run(main())


def test_interruption_over_the_wire_cancels_and_truncates(tmp_path: Path) -> None:
    async def main() -> None:
        answer = '[[answer]]\ntext = "Long."\nseconds = 20\npace = 4\nlate_deltas = 5\n'
        async with LiveBox(tmp_path, answer) as box:
            await box.ask_aloud()
            await box.until(lambda: box.phase is Phase.SPEAKING)
            await asyncio.sleep(0.3)
            played = len(box.speaker.played)
            box.app.conductor.step(Pressed())
            await box.until(lambda: box.simulator.events("conversation.item.truncate"))
            await asyncio.sleep(0.3)
            fade_bytes = RATE_HZ * 5 // 1000 * 2
            assert len(box.speaker.played[played:].rstrip(b"\0")) <= fade_bytes
            assert len(box.simulator.events("response.cancel")) == 1
            errors = [e for _, e in box.simulator.sent if e["type"] == "error"]
            assert errors == []

    asyncio.run(main())


def test_hands_free_turns_are_the_servers(tmp_path: Path) -> None:
    async def main() -> None:
        async with LiveBox(tmp_path, QUICK, Talk(mode="hands_free")) as box:
            await asyncio.sleep(0.2)
            box._words = voice(RATE_HZ)
            await box.until(lambda: box.phase is Phase.LISTENING)
            await box.until(lambda: box.phase is Phase.SPEAKING)
            await box.until(lambda: box.phase is Phase.IDLE)
            assert box.simulator.events("response.create") == []

    asyncio.run(main())


def test_mode_names_of_file_and_appliance_agree() -> None:
    assert {mode.value for mode in TalkMode} == {"hold", "toggle", "hands_free"}
    assert talk_settings(Talk(), Link()) == TalkSettings()
