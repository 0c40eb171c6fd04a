"""A process killed while it saves, again and again: what it saved is always there, and whole."""

from __future__ import annotations

import multiprocessing
import random
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

from daemon.box_state import BoxStateFile, SetByHand

ROUNDS = 36


def state_at(percent: int) -> SetByHand:
    return SetByHand(percent % 2 == 1, percent)


def save_for_ever(path: Path, saved: Connection) -> None:
    file = BoxStateFile(path)
    for percent in cycle(range(101)):
        file.save(state_at(percent))
        saved.send(percent)


def last_saved_before_the_kill(path: Path, saves: int) -> int:
    """Kill -9 while one of the saves after the first `saves` is under way."""
    told, telling = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=save_for_ever, args=(path, telling))
    process.start()
    telling.close()
    percent = -1
    try:
        for _ in range(saves):
            percent = told.recv()
        process.kill()
        while True:
            percent = told.recv()
    except EOFError:
        process.join()
        return percent


def test_kill_at_any_moment_leaves_the_last_state_or_the_next(tmp_path: Path) -> None:
    path = tmp_path / "box.json"
    chance = random.Random(7)
    cut_short = 0
    for _ in range(ROUNDS):
        percent = last_saved_before_the_kill(path, chance.randint(1, 20))
        cut_short += path.with_name(".box.json.new").exists()
        assert BoxStateFile(path).load() in [state_at(percent), state_at((percent + 1) % 101)]
        assert not path.with_name("box.json.damaged").exists()
    assert cut_short > 0  # or the kills missed the writing altogether
