"""A process killed while it writes the ledger, again and again: the money in it is there, and whole."""

from __future__ import annotations

import multiprocessing
import random
from multiprocessing.connection import Connection
from pathlib import Path

from daemon.ledger_file import LedgerFile
from daemon.money.consumption import Consumption
from daemon.money.dates import day_after
from daemon.money.ledger import Ledger, Tally, total

ROUNDS = 200


def book_for_ever(path: Path, saved: Connection) -> None:
    """Goes on with what is there, as a restarted box does; one more unit with every save, over many days."""
    file = LedgerFile(path)
    ledger, day = Ledger(file.load()), "2026-11-21"
    while True:
        ledger.book("talker", Tally(Consumption(text_input=1), 1, answers=1), day)
        state = ledger.state(0)
        file.save(state)
        saved.send(sum(total(models.values()).cost_nano for models in state.months.values()))
        day = day_after(day)


def booked_in(path: Path) -> int:
    """Everything ever booked; the months are kept for longer than the days written here."""
    state = LedgerFile(path).load()
    return sum(total(models.values()).cost_nano for models in state.months.values())


def last_saved_before_the_kill(path: Path, saves: int) -> int:
    """Kill -9 while one of the saves after the first `saves` is under way."""
    told, telling = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=book_for_ever, args=(path, telling))
    process.start()
    telling.close()
    booked = 0
    try:
        for _ in range(saves):
            booked = told.recv()
        process.kill()
        while True:
            booked = told.recv()
    except EOFError:
        process.join()
        return booked


def test_kill_at_any_moment_leaves_the_last_sum_or_the_next(tmp_path: Path) -> None:
    path = tmp_path / "spending.json"
    chance = random.Random(11)
    cut_short = 0
    for _ in range(ROUNDS):
        booked = last_saved_before_the_kill(path, chance.randint(1, 12))
        cut_short += path.with_name(".spending.json.new").exists()
        assert booked_in(path) in (booked, booked + 1)
        assert not path.with_name("spending.json.damaged").exists()
    assert cut_short > 0  # or the kills missed the writing altogether
