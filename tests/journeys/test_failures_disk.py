"""The failures of docs/failures.md that a disk causes: power cuts, damage, a full or read-only card."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from trouble import Troubled, virtual

from daemon.appliance import Appliance
from daemon.box_state import BoxStateFile, SetByHand
from daemon.config.files import Place, read_sources
from daemon.config.last_good import LastGood, load_or_last_good
from daemon.conversation_file import ConversationFile
from daemon.cues import Cue
from daemon.flight import Note
from daemon.ledger_file import LedgerFile
from daemon.money.accounts import AccountSettings
from daemon.money.budget import Limits, nano
from daemon.money.consumption import Consumption
from daemon.money.ledger import Ledger, Tally, total
from daemon.money.prices import price_table
from daemon.realtime.history import HistoryItem
from daemon.recorder import FlightRecorder, RecorderSettings, load_flight
from daemon.redaction import Redactor
from daemon.talk import TalkSettings
from daemon.timer_file import TimerFile
from daemon.timers import Timer

DAY = "2023-11-14"
MONEY = AccountSettings(
    price_table(
        'currency = "USD"\n'
        'models.gpt-realtime = { text_output = 1_000, seen = "2026-11-21", source = "a test" }'
    ),
    Limits(hard_day_nano=nano(1000)),
    transcription_model="",
)
USAGE = {"output_tokens": 1500, "output_token_details": {"text_tokens": 1500}}


class Kept(NamedTuple):
    """Everything the box keeps on its disk, as the start-up finds it."""

    by_hand: SetByHand
    timers: list[Timer]
    spent_nano: int


def kept_in(directory: Path) -> Kept:
    spent = LedgerFile(directory / "spending.json").load()
    return Kept(
        BoxStateFile(directory / "box.json").load(),
        TimerFile(directory / "timers.json").load(),
        sum(total(models.values()).cost_nano for models in [*spent.months.values(), spent.undated]),
    )


def conversation_in(directory: Path) -> ConversationFile:
    return ConversationFile(directory / "conversation.json", Redactor())


def made(directory: Path, **settings: Any) -> Troubled:
    return Troubled(
        state_path=directory / "box.json",
        timers_path=directory / "timers.json",
        spending_path=directory / "spending.json",
        accounts=MONEY,
        **settings,
    )


# ---- killed at any moment ------------------------------------------------------------

ROUNDS = 200
KINDS = ("box", "timers", "ledger", "config", "conversation", "flight")


def by_hand(number: int) -> SetByHand:
    return SetByHand(number % 2 == 1, number % 101)


def timers_of(number: int) -> list[Timer]:
    return [Timer(i + 1, f"of {number}", 1e9 + number) for i in range(number % 7 + 1)]


class Writer:
    """Saves one kind of state after the other, each with a number that grows; what was kept goes on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ledger_file = LedgerFile(directory / "spending.json")
        self._ledger = Ledger(self._ledger_file.load())
        self._conversation_file = conversation_in(directory)
        self._last_good = LastGood(directory / "config")
        self._place = Place((directory / "harkd.toml",), "box", {})
        self._wall = 0.0
        settings = RecorderSettings(directory / "flight")
        loop = asyncio.get_running_loop()
        self._recorder = FlightRecorder(
            Appliance(TalkSettings(), 0.01), Quiet(), loop, settings, wall_clock=lambda: self._wall
        )

    def save(self, kind: str, number: int) -> None:
        match kind:
            case "box":
                BoxStateFile(self._directory / "box.json").save(by_hand(number))
            case "timers":
                TimerFile(self._directory / "timers.json").save(timers_of(number))
            case "ledger":
                self._ledger.book("talker", Tally(Consumption(text_input=1), 1, answers=1), DAY)
                self._ledger_file.save(self._ledger.state(0))
            case "config":
                self._place.paths[0].write_text(f"[volume]\nstart_percent = {number % 100 + 1}\n")
                self._last_good.keep(read_sources(self._place), self._place)
            case "conversation":
                said = HistoryItem(f"i{number}", "message", "user", f"number {number}")
                self._conversation_file.save([said], number)
            case _:
                self._wall = 1e9 + number
                self._recorder.note("number", number=number)
                self._recorder.save_now("test")


class Quiet:
    """A loudspeaker nobody uses."""

    rate_hz = 24_000
    first_audio_at: float | None = None

    def so_far(self) -> list[Any]:
        return []


def slow_card() -> None:
    """In this process: memory would be written too fast to be caught at it."""
    fsync = os.fsync

    def takes_its_time(descriptor: int) -> None:
        fsync(descriptor)
        time.sleep(0.001)

    os.fsync = takes_its_time


def save_for_ever(directory: Path, first: int, saved: Connection) -> None:
    slow_card()

    async def main() -> None:
        writer = Writer(directory)
        for number in count(first):
            for kind in KINDS:
                writer.save(kind, number)
                saved.send((kind, number))

    asyncio.run(main())


def saved_before_the_kill(directory: Path, first: int, saves: int, later_s: float) -> dict[str, int]:
    """Kill -9 so much later than the first `saves` saves; answers the last number of each kind."""
    told, telling = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=save_for_ever, args=(directory, first, telling)
    )
    process.start()
    telling.close()
    last: dict[str, int] = {}
    try:
        for _ in range(saves):
            last.update([told.recv()])
        time.sleep(later_s)
        process.kill()
        while True:
            last.update([told.recv()])
    except EOFError:
        process.join()
        return last


def found(directory: Path, numbers: set[int]) -> dict[str, set[int]]:
    """Which of `numbers` each file may be of, by the code of the start-up."""
    kept = kept_in(directory)
    place = Place((directory / "gone.toml",), "box", {})
    booted = load_or_last_good(place, LastGood(directory / "config"), lambda loaded, place: None)
    flights = [load_flight(path) for path in sorted((directory / "flight").glob("flight-*.jsonl"))]
    _, said = conversation_in(directory).take(max(numbers))
    conversation_in(directory).save(
        [HistoryItem(item.item_id, "message", "user", item.parts[0]) for item in said], max(numbers)
    )  # as the box does once its session has begun
    noted = max(e.values["number"] for e in flights[-1].entries if isinstance(e, Note))
    return {
        "box": {n for n in numbers if by_hand(n) == kept.by_hand},
        "timers": {n for n in numbers if timers_of(n) == kept.timers},
        "config": {n for n in numbers if n % 100 + 1 == booted.loaded.config.volume.start_percent},
        "conversation": {n for n in numbers if [item.item_id for item in said] == [f"i{n}"]},
        "flight": {n for n in numbers if n == noted},
    }


@pytest.fixture
def memory() -> Iterator[Path]:
    """Files that wait for no disk: kill -9 does not either."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


def test_power_cut_at_any_moment_of_any_saving(memory: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(5)
    spent = first = 0
    last: dict[str, int] = {}
    cut_short: set[str] = set()
    for _ in range(ROUNDS):
        saves = chance.randint(1, 6) if last else len(KINDS)  # the first time, one of each
        acknowledged = saved_before_the_kill(memory, first, saves, chance.uniform(0, 0.003))
        spent += acknowledged.get("ledger", first - 1) - first + 1
        first = max(acknowledged.values()) + 2  # whatever was under way has a smaller number
        cut_short |= {path.name for path in memory.rglob(".*.new")}
        for kind, numbers in found(memory, {*last.values(), *range(first - 60, first)}).items():
            known = acknowledged.get(kind, last.get(kind, 0))
            assert numbers & {known, first - 2, first - 1}, (kind, known, first, numbers)
            last[kind] = known if known in numbers else max(numbers)
        assert kept_in(memory).spent_nano - spent in (0, 1)
        spent = kept_in(memory).spent_nano
    beside = {".box.json.new", ".timers.json.new", ".spending.json.new", ".conversation.json.new"}
    assert beside <= cut_short, "the kills missed the writing of some"
    assert not list(memory.rglob("*.damaged"))
    assert "damaged" not in caplog.text


# ---- torn files ----------------------------------------------------------------------


def zeros(content: bytes) -> bytes:
    """What a card has of a file whose length was written and whose content was not."""
    return bytes(len(content))


DAMAGES: list[Callable[[bytes], bytes]] = [
    zeros,
    lambda content: b"",
    lambda content: content[: len(content) // 2],
    lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
    lambda content: content + content[: len(content) // 2],
    lambda content: random.Random(3).randbytes(4096),
    lambda content: b"[" * 100_000,
    lambda content: b"\xff\xfe" + content,
    lambda content: b"{}",
    lambda content: b"null",
]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A state directory that was in use."""

    async def main() -> None:
        writer = Writer(tmp_path)
        for number in range(1, 4):
            for kind in KINDS:
                writer.save(kind, number)

    asyncio.run(main())
    now = 1_700_000_000.0
    TimerFile(tmp_path / "timers.json").save([Timer(1, "tea", now + 5000)])
    BoxStateFile(tmp_path / "box.json").save(SetByHand(False, 40))
    return tmp_path


@pytest.mark.parametrize("name", ["box.json", "timers.json", "spending.json"])
@pytest.mark.parametrize("damage", DAMAGES, ids=range(len(DAMAGES)))
def test_damaged_state_is_set_aside_and_told(kept: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    whole = (kept / name).read_bytes()
    (kept / name).write_bytes(damage(whole))

    @virtual
    async def main() -> None:
        async with made(kept) as box:
            [line] = box.lines
            assert line.startswith(f"{kept / name}: damaged, set aside as {name}.damaged")
            assert box.status()["microphone"]["muted"] is (name == "box.json")
            assert box.app.volume_percent == (40 if name != "box.json" else 100)
            assert len(box.app.alarms.timers) == (name != "timers.json")
            if name == "box.json":
                assert box.cue is Cue.MUTED
                box.app.mute(False)
            await box.converses()
            box.app.alarms.set(90, "egg")
            box.app.set_volume(55)

    main()
    assert (kept / f"{name}.damaged").read_bytes() == damage(whole)
    after = kept_in(kept)
    assert after.by_hand == SetByHand(False, 55)
    assert [timer.label for timer in after.timers][-1:] == ["tea" if name != "timers.json" else "egg"]


@pytest.mark.parametrize("name", ["box.json", "timers.json", "spending.json"])
def test_state_that_is_no_file_keeps_nobody_from_starting(kept: Path, name: str) -> None:
    (kept / name).unlink()
    (kept / name).mkdir()
    (kept / name / "in").touch()

    @virtual
    async def main() -> None:
        async with made(kept) as box:
            assert len(box.lines) == 1, box.lines
            box.app.mute(False)
            await box.converses()

    main()


def test_older_state_is_what_was_true_then(kept: Path) -> None:
    """A card that lost its last write: nothing to complain about."""
    shutil.copytree(kept, kept / "old")
    BoxStateFile(kept / "box.json").save(SetByHand(True, 70))
    for name in ("box.json", "timers.json", "spending.json"):
        os.replace(kept / "old" / name, kept / name)

    @virtual
    async def main() -> None:
        async with made(kept) as box:
            assert box.lines == []
            assert box.app.volume_percent == 40

    main()


@pytest.mark.parametrize("damage", DAMAGES[:6], ids=range(6))
@pytest.mark.parametrize("name", ["kept.json", "0/harkd.toml"])
def test_damaged_good_configuration_makes_way_for_the_one_before(
    kept: Path, name: str, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    newest = LastGood(kept / "config").kept()[0]
    file = kept / "config" / newest.revision / name
    file.write_bytes(damage(file.read_bytes()))
    place = Place((kept / "gone.toml",), "box", {})
    booted = load_or_last_good(place, LastGood(kept / "config"), lambda loaded, place: None)
    assert booted.loaded.config.volume.start_percent == 3
    assert f"{kept / 'config' / newest.revision}: damaged, not used" in caplog.text


# ---- a card that is full, or read-only -----------------------------------------------

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(
    not ROOT and not os.environ.get("CI"), reason="mounting a file system of one's own needs root"
)


@contextmanager
def mounted(directory: Path, *words: str) -> Iterator[None]:
    subprocess.run(["mount", *words, str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def full_disk(directory: Path) -> Iterator[Callable[[], None]]:
    """A file system without a free byte; answers what makes room again."""
    with mounted(directory, "-t", "tmpfs", "-o", "size=128k,nr_inodes=64", "tmpfs"):
        ballast = directory / "ballast"

        def fill() -> None:
            with ballast.open("ab", buffering=0) as stream, suppress(OSError):
                while stream.write(bytes(4096)):
                    pass

        fill()
        yield ballast.unlink


@contextmanager
def read_only_disk(directory: Path) -> Iterator[Callable[[], None]]:
    """What the kernel makes of a card with errors; answers what makes it writable again."""
    with mounted(directory, "--bind", str(directory)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(directory)], check=True)
        yield lambda: subprocess.run(["mount", "-o", "remount,rw,bind", str(directory)], check=True) and None


def left_over(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob(".*.new")]


NOT_SAVED = [
    "mute and volume cannot be saved, a restart will lose them",
    "the timers cannot be saved, a restart will lose them",
    "spending totals cannot be saved, a restart will lose them",
]


@needs_root
@pytest.mark.parametrize("disk", [full_disk, read_only_disk])
def test_disk_full_or_read_only(
    disk: Callable[[Path], AbstractContextManager[Callable[[], None]]], tmp_path: Path
) -> None:
    @virtual
    async def main(directory: Path, mend: Callable[[], None]) -> None:
        async with made(directory, recorder=RecorderSettings(directory / "flight")) as box:
            await box.remembers()
            await box.hums(20)
            box.app.mute(True)
            box.app.mute(False)
            box.app.set_volume(35)
            box.app.alarms.set(5000, "tea")
            box.server.created("r0")
            box.server.done("r0", usage=USAGE)
            await box.wait(20.0)
            await box.converses()
            assert sorted(line.partition(":")[0] for line in box.lines) == sorted(NOT_SAVED)
            assert box.status()["not_saved"] == ["mute and volume", "timers", "spending"]
            assert box.status()["money"]["today_nano"] == nano(1.5)
            for number in range(10):
                box.app.set_volume(35 + number)
                assert (await box.app.handle_request({"command": "flight"}))["ok"] is False
                await box.wait(100.0)
            assert len(box.lines) == 3, box.lines
            assert box.status()["volume_percent"] == 44
            mend()
            await box.wait(61.0)
            assert box.status()["not_saved"] == []
            assert kept_in(directory) == Kept(SetByHand(False, 44), list(box.app.alarms.timers), nano(1.5))
            assert left_over(directory) == []
            assert len(box.servers) == 1
            await box.converses(2)

    with disk(tmp_path) as mend:
        main(tmp_path, mend)

        @virtual
        async def restarted() -> None:
            async with made(tmp_path) as box:
                assert box.lines == []
                assert box.app.volume_percent == 44
                assert [timer.label for timer in box.app.alarms.timers] == ["tea"]

        restarted()


@needs_root
@pytest.mark.parametrize("disk", [full_disk, read_only_disk])
def test_disk_is_full_or_read_only_at_boot(
    disk: Callable[[Path], AbstractContextManager[Callable[[], None]]], tmp_path: Path
) -> None:
    (tmp_path / "box.json").write_text(json.dumps({"muted": False, "volume_percent": 40}))

    @virtual
    async def main() -> None:
        async with made(tmp_path) as box:
            await box.converses()
            box.app.set_volume(50)
            box.app.alarms.set(1, "egg")
            await box.hums(150)
            assert box.cue is Cue.RINGING or box.cue is Cue.SPEAKING
            await box.press()
            await box.release()

    with disk(tmp_path):
        main()
