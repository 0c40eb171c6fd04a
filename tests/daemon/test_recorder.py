"""The recorder on a loop: files when asked for and when something goes wrong, and nothing else."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon import events as ev
from daemon import notices
from daemon.appliance import Appliance
from daemon.audio.playback import OWN, AudioTag, HeardPart
from daemon.flight import FlightError, Note
from daemon.flight_ring import RingSettings
from daemon.realtime import model_events as rt
from daemon.recorder import FlightRecorder, RecorderSettings, load_flight
from daemon.replay import Replay
from daemon.talk import TalkSettings

NOON = 1_767_268_800.0
TAG = AudioTag("r1", "i1", 0)


@dataclass
class Loudspeaker:
    rate_hz: int = 24_000
    first_audio_at: float | None = None
    parts: list[HeardPart] = field(default_factory=list)

    def so_far(self) -> list[HeardPart]:
        return self.parts


class Recorded:
    """A box with a recorder, told of everything as the conductor would."""

    def __init__(self, directory: Path | None, texts: bool = False) -> None:
        self.loop = asyncio.get_running_loop()
        self.box = Appliance(TalkSettings(), 0.01)
        self.loudspeaker = Loudspeaker()
        self.wall = NOON
        settings = RecorderSettings(directory, RingSettings(texts=texts))
        self.recorder = FlightRecorder(
            self.box, self.loudspeaker, self.loop, settings, lambda: ["hunter2hunter2"], lambda: self.wall
        )

    def tell(self, event: ev.Event) -> None:
        now = self.loop.time()
        self.recorder.took(event, now, self.box.step(event, now))

    def notes(self) -> list[tuple[str, dict[str, Any]]]:
        path = self.recorder.save_now("test")
        assert path is not None
        return [(e.kind, dict(e.values)) for e in load_flight(path).entries if isinstance(e, Note)]


def virtual(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        run_virtual(test(tmp_path))

    run.__name__ = test.__name__
    return run


async def writing() -> None:
    await asyncio.gather(*[task for task in asyncio.all_tasks() if task.get_name() == "flight recording"])


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_recording_asked_for_is_a_file_that_replays(tmp_path: Path) -> None:
    async def main() -> Path:
        recorded = Recorded(tmp_path / "flight")
        for event in (ev.LinkConnecting(), ev.LinkReady(), ev.Ask("a secret")):
            recorded.tell(event)
        return await recorded.recorder.save("demand")

    path = asyncio.run(main())
    assert path == tmp_path / "flight" / "flight-20260101T120000.000-demand.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert "secret" not in path.read_text()
    flight = load_flight(path)
    assert (flight.header.why, flight.header.wall) == ("demand", "2026-01-01T12:00:00.000+00:00")
    assert Replay(flight).run().difference is None


@virtual
async def test_nothing_is_written_unasked(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    for _ in range(70):
        await asyncio.sleep(1.0)
        recorded.tell(ev.Tick())
    recorded.recorder.leave(None, None, None)
    assert names(tmp_path) == []


@virtual
async def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    (tmp_path / "box.json").touch()
    for _ in range(6):
        recorded.wall += 1.0
        recorded.recorder.save_now("demand")
    assert names(tmp_path) == [
        "box.json",
        *(f"flight-20260101T12000{second}.000-demand.jsonl" for second in (3, 4, 5, 6)),
    ]


@virtual
async def test_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "none" / "flight")
    assert recorded.recorder.save_now("demand") is None


@pytest.mark.parametrize("directory", [None, Path("/proc/flight")])
def test_recording_asked_for_that_cannot_be_written_is_an_error(directory: Path | None) -> None:
    async def main() -> None:
        await Recorded(directory).recorder.save("demand")

    with pytest.raises(OSError, match=r"directory"):
        asyncio.run(main())


def test_errors_of_ours_are_written_down_once_a_minute(tmp_path: Path) -> None:
    async def main() -> None:
        recorded = Recorded(tmp_path)
        for _ in range(100):
            recorded.recorder.failed(ev.Tick(), KeyError("turn"))
        await writing()

    asyncio.run(main())
    [name] = names(tmp_path)
    assert name.endswith("-error.jsonl")
    assert "KeyError: 'turn'" in (tmp_path / name).read_text()


def test_error_without_a_directory_writes_nothing() -> None:
    async def main() -> int:
        Recorded(None).recorder.failed(ev.Tick(), KeyError("turn"))
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


@virtual
async def test_crash_is_written_down_before_the_end(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    error = RuntimeError("hunter2hunter2 does not work")
    recorded.recorder.leave(type(error), error, None)
    [name] = names(tmp_path)
    assert name == "flight-20260101T120000.000-crash.jsonl"
    assert Note(1000.0, "crash", {"error": "RuntimeError: [secret] does not work"}) in (
        load_flight(tmp_path / name).entries
    )


@virtual
async def test_being_told_to_stop_is_no_crash(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    for end in (None, asyncio.CancelledError(), KeyboardInterrupt()):
        recorded.recorder.leave(type(end) if end else None, end, None)
    assert names(tmp_path) == []


@virtual
async def test_levels_are_noted_while_the_loudspeaker_plays_and_not_after(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.loudspeaker.parts = [HeardPart(TAG, 0, 48_000), HeardPart(AudioTag(OWN, "1", 0), 0, 999)]
    recorded.tell(ev.PlaybackStarted())
    recorded.loudspeaker.first_audio_at = 1000.01
    await asyncio.sleep(0.3)
    recorded.loudspeaker.parts = [HeardPart(TAG, 24_000, 48_000)]
    await asyncio.sleep(0.2)
    recorded.tell(ev.PlaybackDrained())
    await asyncio.sleep(5.0)
    noted = recorded.notes()
    assert noted[:4] == [
        ("level", {"heard_ms": 0, "waiting_ms": 2000}),
        ("first sound", {"heard_at": 1000.01}),
        ("level", {"heard_ms": 0, "waiting_ms": 2000}),
        ("level", {"heard_ms": 1000, "waiting_ms": 1000}),
    ]
    assert len(noted) == 5  # one more, at the end


@virtual
async def test_model_events_are_noted_without_audio_and_words(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    for event in (
        rt.RealtimeModelTurnStartedEvent("r1"),
        rt.RealtimeModelAudioEvent(b"\1\2" * 50, "r1", "i1", 0),
        rt.RealtimeModelTranscriptDeltaEvent("i1", "my secret", "r1"),
        rt.RealtimeModelToolCallEvent("unlock", "c1", '{"code": "secret"}', "i2", "r1"),
        rt.RealtimeModelRawServerEvent({"type": "x", "text": "secret"}),
    ):
        recorded.recorder.on_model_event(event)
    recorded.recorder.on_notice(notices.UserSaid("my secret"))
    assert recorded.notes() == [
        ("turn_started", {"response_id": "r1"}),
        ("audio", {"response_id": "r1", "item_id": "i1", "bytes": 100}),
        ("transcript_delta", {"response_id": "r1", "chars": 9}),
        ("function_call", {"name": "unlock", "call_id": "c1", "response_id": "r1"}),
        ("user said", {"chars": 9}),
    ]


@virtual
async def test_words_are_noted_when_asked_for(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, texts=True)
    recorded.recorder.on_model_event(rt.RealtimeModelTranscriptDeltaEvent("i1", "Hello", "r1"))
    recorded.recorder.on_notice(notices.UserSaid("Hi"))
    assert recorded.notes() == [
        ("transcript_delta", {"response_id": "r1", "chars": 5, "text": "Hello"}),
        ("user said", {"chars": 2, "text": "Hi"}),
    ]


@virtual
async def test_notices_that_explain_are_noted(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    exchange = notices.Exchange(1, 1000.0, True, first_append_at=1000.01)
    for notice in (
        notices.LinkChanged("disconnected", "reset"),
        notices.Interrupted(1000.0, 500, (HeardPart(TAG, 2400, 7200),)),
        notices.PhaseChanged(ev.Phase.IDLE),
        notices.ExchangeEnded(exchange),
    ):
        recorded.recorder.on_notice(notice)
    link, cut, ended = recorded.notes()
    assert link == ("link", {"status": "disconnected", "detail": "reset"})
    assert cut == ("cut", {"heard_ms": 100, "waiting_ms": 200, "decided_at": 1000.0})
    assert ended[0] == "exchange"
    assert {ended[1][name] for name in ("opened_at", "first_append_at")} == {1000.0, 1000.01}


def test_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FlightError, match=r"none\.jsonl: cannot be read: No such file or directory"):
        load_flight(tmp_path / "none.jsonl")
