"""The words of the conversation, kept over a crash: what is written, when, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from trouble import virtual

from daemon.conversation_file import FORGOTTEN_AFTER_S, GATHER_S, ConversationFile, ConversationKeeper
from daemon.realtime import model_events as rt
from daemon.realtime.history import HistoryItem
from daemon.realtime.replay import MAX_REPLAY_ITEMS
from daemon.realtime.server_events import WireItem
from daemon.redaction import Redactor

ASKED = HistoryItem("i1", "message", "user", "what time is it?")
CALLED = HistoryItem("i2", "function_call", name="clock", call_id="c1", arguments="{}")
RETURNED = HistoryItem("i3", "function_call_output", call_id="c1", output="noon")
ANSWERED = HistoryItem("i4", "message", "assistant", "It is noon, my dear, high noon.", truncated_ms=700)
TALK = [ASKED, CALLED, RETURNED, ANSWERED]

TURN_ENDED = rt.RealtimeModelTurnEndedEvent("r1", "completed", "", {})
USER_SAID = rt.RealtimeModelInputAudioTranscriptionCompletedEvent("i1", "what time is it?")


def kept(directory: Path, *secrets: str) -> ConversationFile:
    return ConversationFile(directory / "conversation.json", Redactor(secrets))


def said(directory: Path, now: float) -> list[WireItem]:
    return kept(directory).take(now)[1]


def test_everything_but_unheard_words_comes_back(tmp_path: Path) -> None:
    kept(tmp_path).save(TALK, at=100.0)
    items = said(tmp_path, now=102.0)
    assert [(item.item_id, item.kind, item.role, item.parts) for item in items] == [
        ("i1", "message", "user", ("what time is it?",)),
        ("i2", "function_call", None, ()),
        ("i3", "function_call_output", None, ()),
        ("i4", "message", "assistant", ("It is",)),
    ]
    assert (items[1].name, items[1].arguments, items[2].output) == ("clock", "{}", "noon")


def test_file_is_for_nobody_else(tmp_path: Path) -> None:
    kept(tmp_path).save(TALK, at=0.0)
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_secrets_are_left_out(tmp_path: Path) -> None:
    keys = [
        HistoryItem("i1", "message", "user", f"my keys are {key}") for key in ("Quagga77Okapi", "sk-abcd1234")
    ]
    kept(tmp_path, "Quagga77Okapi").save(keys, at=0.0)
    text = (tmp_path / "conversation.json").read_text()
    assert "Quagga" not in text
    assert "sk-abcd" not in text
    assert text.count("[secret]") == 2


def test_is_taken_once(tmp_path: Path) -> None:
    kept(tmp_path).save(TALK, at=0.0)
    assert said(tmp_path, now=1.0)
    assert said(tmp_path, now=1.0) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("later_s", [FORGOTTEN_AFTER_S + 1, -1.0])
def test_too_old_and_of_another_boot_is_forgotten(tmp_path: Path, later_s: float) -> None:
    kept(tmp_path).save(TALK, at=10_000.0)
    assert said(tmp_path, now=10_000.0 + later_s) == []


def test_call_without_a_result_is_left_out(tmp_path: Path) -> None:
    kept(tmp_path).save([ASKED, CALLED], at=0.0)
    assert [item.item_id for item in said(tmp_path, now=1.0)] == ["i1"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"at": 1.0}',
        '{"at": null, "items": []}',
        '{"at": 1.0, "items": [3]}',
        '{"at": 1.0, "items": [{"type": "message"}]}',
        '{"at": 1.0, "items": [',
        "[" * 100_000,
        " " * 1_000_001,
    ],
)
def test_damage_costs_one_line_and_the_words(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "conversation.json").write_text(content)
    assert said(tmp_path, now=1.0) == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "conversation.json: damaged, set aside" in caplog.text


def test_no_word_is_written_to_somebody_elses_file(tmp_path: Path) -> None:
    (tmp_path / ".conversation.json.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        kept(tmp_path).save(TALK, at=0.0)
    assert not (tmp_path / "elsewhere").exists()


# ---- when it is written ----------------------------------------------------------------


class Words(ConversationFile):
    """A file that counts, and that cannot be written while `full`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "conversation.json", Redactor())
        self.writes: list[tuple[float, int]] = []
        self.full = False

    def save(self, items: Sequence[HistoryItem], at: float) -> None:
        if self.full:
            raise OSError("No space left on device")
        self.writes.append((at, len(items)))
        super().save(items, at)


def newest(history: list[HistoryItem]) -> Callable[[int], list[HistoryItem]]:
    return lambda count: history[-count:]


@pytest.fixture
def file(tmp_path: Path) -> Words:
    return Words(tmp_path)


def written(file: Words, events: Sequence[rt.RealtimeModelEvent], after_s: float) -> list[tuple[float, int]]:
    @virtual
    async def run() -> None:
        keeper = ConversationKeeper(file, newest(TALK * MAX_REPLAY_ITEMS))
        for event in events:
            keeper.on_model_event(event)
            await asyncio.sleep(GATHER_S / 4)
        await asyncio.sleep(after_s)

    run()
    return file.writes


def test_events_at_the_end_of_a_turn_make_one_write(file: Words) -> None:
    assert len(written(file, [USER_SAID, TURN_ENDED], after_s=1.0)) == 1


def test_words_on_their_way_are_not_written(file: Words) -> None:
    delta = rt.RealtimeModelTranscriptDeltaEvent("i1", "noon", "r1")
    assert written(file, [delta] * 5, after_s=1.0) == []


def test_only_the_newest_are_written(file: Words) -> None:
    [(_, count)] = written(file, [TURN_ENDED], after_s=1.0)
    assert count == MAX_REPLAY_ITEMS


def test_session_that_begins_is_no_turn(file: Words) -> None:
    """Or the words of a box that connects anew every hour would never be too old."""

    @virtual
    async def run() -> None:
        keeper = ConversationKeeper(file, newest(TALK))
        keeper.on_model_event(TURN_ENDED)
        await asyncio.sleep(100.0)
        keeper.on_model_event(rt.RealtimeModelSessionReadyEvent({}))
        await asyncio.sleep(1.0)

    run()
    [first, second] = file.writes
    assert first == second


def test_what_waits_is_written_at_the_stop(file: Words) -> None:
    @virtual
    async def run() -> None:
        keeper = ConversationKeeper(file, newest(TALK))
        keeper.on_model_event(TURN_ENDED)
        await keeper.stop()

    run()
    assert len(file.writes) == 1


def test_full_memory_is_told_once_and_tried_again(file: Words, caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def run() -> None:
        keeper = ConversationKeeper(file, newest(TALK))
        for full in (True, True, False):
            file.full = full
            keeper.on_model_event(TURN_ENDED)
            await asyncio.sleep(1.0)

    run()
    assert caplog.text.count("the conversation cannot be saved, a crash will lose it") == 1
    assert len(file.writes) == 1
