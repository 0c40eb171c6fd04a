"""The accounts of a running box: what is told, when it is written, and what time changes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_loop import run_virtual

from daemon.bookkeeper import GATHER_S, LOOK_S, RETRY_S, Bookkeeper, local_moment
from daemon.money.accounts import AccountSettings
from daemon.money.budget import Allowed, Capped, Limits, Warn, nano
from daemon.money.dates import Moment
from daemon.money.ledger import LedgerState, total
from daemon.money.prices import price_table
from daemon.realtime import model_events as rt

PRICES = price_table(
    'currency = "USD"\nmodels.talker = { text_output = 1_000, seen = "2026-11-21", source = "a test" }'
)
LIMITS = Limits(soft_day_nano=nano(1), hard_day_nano=nano(2))
DAY_S = 86_400
NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DISK_S = 0.5


def utc(unix: float) -> Moment:
    at = time.gmtime(unix)
    return Moment(unix, f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}")


class Box:
    """A disk that is slow, and full when told so; a wall clock that can be set."""

    def __init__(self) -> None:
        self.clock_offset_s = NOON - 1000
        self.full = False
        self.written: list[tuple[float, int]] = []  # when, and what is booked in it in thousandths
        self.told: list[Allowed | Capped | Warn] = []
        self.kept = LedgerState()
        self.books = self.make()

    def make(self, limits: Limits = LIMITS) -> Bookkeeper:
        settings = AccountSettings(PRICES, limits, "talker", "talker")
        books = Bookkeeper(settings, self.wall, self.told.append, self.told.append, self.save, utc)
        books.start(self.kept)
        return books

    def wall(self) -> float:
        return asyncio.get_running_loop().time() + self.clock_offset_s

    async def save(self, state: LedgerState) -> None:
        await asyncio.sleep(DISK_S)
        if self.full:
            raise OSError(28, "No space left on device")
        booked = [total(models.values()).cost_nano for models in (*state.days.values(), state.undated)]
        self.written.append((asyncio.get_running_loop().time() - 1000 - DISK_S, sum(booked) // 10**6))
        self.kept = state

    def answer(self, thousandths: int) -> None:
        details = {"text_tokens": thousandths}
        usage = {"output_tokens": thousandths, "output_token_details": details}
        self.books.on_model_event(rt.RealtimeModelTurnEndedEvent("r1", "completed", "", usage))


def virtual(test: Callable[[Box], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        box = Box()
        await test(box)
        await box.books.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def run() -> None:
        run_virtual(main())

    run.__name__ = test.__name__
    return run


@virtual
async def test_many_answers_are_one_write(box: Box) -> None:
    for _ in range(10):
        box.answer(1)
        await asyncio.sleep(0.4)
    await asyncio.sleep(600)
    assert box.written == [(GATHER_S, 10)]


@virtual
async def test_power_cut_costs_the_last_seconds_only(box: Box) -> None:
    booked: list[tuple[float, int]] = []
    for i in range(1, 200):
        box.answer(1)
        booked.append((asyncio.get_running_loop().time(), i))
        on_disk = box.written[-1][1] if box.written else 0
        missing = [when for when, n in booked if n > on_disk]
        assert asyncio.get_running_loop().time() - missing[0] <= GATHER_S + 2 * DISK_S
        await asyncio.sleep(0.3)
    assert len(box.written) <= 200 * 0.3 / GATHER_S + 1


@virtual
async def test_answer_during_a_write_is_written_with_the_next(box: Box) -> None:
    box.answer(1)
    await asyncio.sleep(GATHER_S + DISK_S / 2)
    box.answer(2)
    await asyncio.sleep(600)
    assert [thousandths for _, thousandths in box.written] == [1, 3]


@virtual
async def test_stop_writes_what_waits(box: Box) -> None:
    box.answer(4)
    await box.books.stop()
    assert box.written == [(0, 4)]


@virtual
async def test_stop_during_a_write_writes_the_rest(box: Box) -> None:
    box.answer(4)
    await asyncio.sleep(GATHER_S + DISK_S / 2)
    box.answer(1)
    await box.books.stop()
    assert [thousandths for _, thousandths in box.written] == [4, 5]


@virtual
async def test_nothing_new_is_not_written(box: Box) -> None:
    box.books.summary()
    await asyncio.sleep(600)
    await box.books.stop()
    assert box.written == []


def test_full_disk_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        box = Box()
        box.full = True
        box.answer(1)
        await asyncio.sleep(5 * RETRY_S)
        assert box.books.failing
        assert box.books.summary()["unsaved"]
        box.full = False
        await asyncio.sleep(2 * RETRY_S)
        assert not box.books.failing
        assert [thousandths for _, thousandths in box.written] == [1]
        await box.books.stop()

    run_virtual(main())
    assert [record.message for record in caplog.records].count(
        "spending totals cannot be saved, a restart will lose them: [Errno 28] No space left on device"
    ) == 1


@pytest.mark.parametrize(("limits", "told"), [(LIMITS, 1), (Limits(), 0)])
def test_limit_without_a_price_is_said_at_the_start(
    limits: Limits, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        settings = AccountSettings(PRICES, limits, "stranger", "")
        books = Bookkeeper(settings, lambda: NOON, print, print, moment_of=utc)
        books.start(LedgerState())
        await books.stop()

    run_virtual(main())
    said = "there is no price for stranger: [budget] does not limit what it costs"
    assert [record.message for record in caplog.records] == [said] * told


@virtual
async def test_warning_and_limit_are_told_once_each(box: Box) -> None:
    for _ in range(30):
        box.answer(100)
    assert [type(told) for told in box.told] == [Warn, Capped]
    assert isinstance(box.books.verdict, Capped)


@virtual
async def test_limit_ends_at_midnight_by_itself(box: Box) -> None:
    box.answer(3000)
    await asyncio.sleep(12 * 3600 - 60)
    assert isinstance(box.books.verdict, Capped)
    await asyncio.sleep(60 + LOOK_S)
    assert box.told[-1] == Allowed()


@virtual
async def test_restart_goes_on_with_the_same_limit(box: Box) -> None:
    box.answer(3000)
    await box.books.stop()
    box.told.clear()
    box.books = box.make()
    assert [type(told) for told in box.told] == [Capped]


@virtual
async def test_other_limits_hold_at_once(box: Box) -> None:
    box.answer(3000)
    box.books.use(AccountSettings(PRICES, Limits(), "talker", "talker"))
    assert box.told[-1] == Allowed()


@virtual
async def test_clock_set_while_running_dates_what_waited(box: Box) -> None:
    box.clock_offset_s = 0
    box.answer(500)
    assert box.books.summary()["day"] is None
    await asyncio.sleep(60)
    box.clock_offset_s = NOON
    await asyncio.sleep(LOOK_S + 2 * GATHER_S)
    assert box.kept.days.keys() == {"2026-11-21"}
    assert box.kept.undated == {}


@virtual
async def test_day_changes_between_two_answers(box: Box) -> None:
    box.answer(100)
    await asyncio.sleep(DAY_S)
    box.answer(200)
    await box.books.stop()
    costs = {day: total(models.values()).cost_nano for day, models in box.kept.days.items()}
    assert costs == {"2026-11-21": nano(0.1), "2026-11-22": nano(0.2)}


USED = {"output_tokens": 100, "output_token_details": {"text_tokens": 100}}


@pytest.mark.parametrize(
    ("event", "answers", "thousandths", "unmetered"),
    [
        (rt.RealtimeModelTurnEndedEvent("r", "completed", "", USED), 1, 100, 0),
        (rt.RealtimeModelTurnEndedEvent("r", "cancelled", "", USED), 1, 100, 0),
        (rt.RealtimeModelTurnEndedEvent("r", "completed", "", USED, out_of_band=True), 0, 100, 0),
        (rt.RealtimeModelTurnEndedEvent("r", "failed", "", USED), 1, 100, 0),
        (rt.RealtimeModelTurnEndedEvent("r", "failed", "rate limit", {}), 0, 0, 0),
        (rt.RealtimeModelTurnEndedEvent(None, "failed", "refused", {}), 0, 0, 0),
        (rt.RealtimeModelTurnEndedEvent("r", "lost", "", {}), 1, 0, 1),
        (rt.RealtimeModelInputAudioTranscriptionCompletedEvent("u", "hi", USED), 0, 100, 0),
        (rt.RealtimeModelInputAudioTranscriptionCompletedEvent("u", "hi"), 0, 0, 1),
        (rt.RealtimeModelTurnStartedEvent("r"), 0, 0, 0),
    ],
)
def test_what_is_billed_is_booked(
    event: rt.RealtimeModelEvent, answers: int, thousandths: int, unmetered: int
) -> None:
    async def main() -> None:
        box = Box()
        box.books.on_model_event(event)
        summary = box.books.summary()
        assert summary["answers"] == answers
        assert summary["today_nano"] == nano(thousandths / 1000)
        assert summary["unmetered"] == unmetered
        await box.books.stop()

    run_virtual(main())


def test_day_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert local_moment(NOON).day == "2026-11-22"
    finally:
        del os.environ["TZ"]
        time.tzset()
