"""A whole box recorded in virtual time: its recording replays, and its turns can be drawn."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from box import RATE_HZ, Box, voice
from virtual_loop import run_virtual

from daemon import events as ev
from daemon.app import App
from daemon.appliance import Appliance
from daemon.flight import Flight
from daemon.recorder import FlightRecorder, RecorderSettings, load_flight
from daemon.replay import Replay
from daemon.timeline import page, turns


def record(app: App, directory: Path) -> FlightRecorder:
    """What the composition root does: tell a recorder of every step, notice and event of the model."""
    conductor = app.conductor
    box = conductor.appliance
    loop = asyncio.get_running_loop()
    recorder = FlightRecorder(box, conductor.playing, loop, RecorderSettings(directory))

    class Recorded(Appliance):
        def step(self, event: ev.Event, now: float) -> list[ev.Command]:
            commands = super().step(event, now)
            recorder.took(event, now, commands)
            return commands

    box.__class__ = Recorded
    conductor._onlookers.append(recorder.on_notice)
    app.agents._model.add_listener(recorder.on_model_event)
    return recorder


@pytest.fixture(scope="module")
def conversation(tmp_path_factory: pytest.TempPathFactory) -> Flight:
    """Two questions; the second interrupts the first one's answer after a second of it."""
    paths: list[Path | None] = []

    async def main() -> None:
        box = Box(recorder=RecorderSettings(tmp_path_factory.mktemp("flight")))
        recorder = box.app.recorder
        async with box:
            await box.live(100)
            for number in (1, 2):
                await box.ask_aloud(50)
                await box.live(10)
                box.server.answer(f"r{number}", f"i{number}", voice(2 * RATE_HZ))
                await box.live(100)
            await box.live(150)
            paths.append(recorder.save_now("test"))

    run_virtual(main())
    [path] = paths
    assert path is not None
    return load_flight(path)


def test_conversation_replays_without_a_difference(conversation: Flight) -> None:
    outcome = Replay(conversation).run()
    assert outcome.difference is None
    assert outcome.steps > 450


def test_conversation_has_two_turns_one_after_the_other(conversation: Flight) -> None:
    first, second = turns(conversation)
    assert first.end == second.start
    assert second.end - second.start == pytest.approx(0.5 + 0.1 + 2.0, abs=0.05)


def rows(html: str) -> list[tuple[str, int]]:
    """The table: what happened, and milliseconds since the turn began."""
    return [(what, int(ms)) for what, ms in re.findall(r"<td>([^<]+)</td><td>(-?\d+) ms</td>", html)]


def test_interrupted_turn_from_press_to_silence(conversation: Flight) -> None:
    found = rows(page(conversation, "flight.jsonl", 1))
    assert [what for what, _ in found] == [
        "press",
        "first frame up",
        "release",
        "commit",
        "answer begins",
        "first audio arrives",
        "first sound",
        "interrupted, 1.00 s heard",
    ]
    at = dict(found)
    assert at["press"] == at["first frame up"] == 0
    assert at["release"] == pytest.approx(500, abs=10)
    assert at["commit"] - at["release"] <= 20
    assert at["first sound"] - at["first audio arrives"] <= 20
    assert at["interrupted, 1.00 s heard"] - at["first sound"] == pytest.approx(1000, abs=20)


def test_turn_heard_to_its_end_is_the_last_and_drawn_by_default(conversation: Flight) -> None:
    html = page(conversation, "flight.jsonl")
    assert "<h1>Turn 2 of 2</h1>" in html
    what, at = rows(html)[-1]
    assert what == "silence"
    assert at == pytest.approx(500 + 100 + 2000, abs=50)


@pytest.mark.parametrize("number", [1, 2])
def test_page_needs_nothing_but_itself(conversation: Flight, number: int) -> None:
    html = page(conversation, "flight.jsonl", number)
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", html)
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    lanes = [text.text for text in svg.iter("text") if text.get("x") == "0"]
    assert {"person", "box", "microphone", "to server", "from server", "waiting", "heard"} <= set(lanes)
    for shape in svg.iter("rect"):
        assert float(shape.get("x", "-1")) >= 0
        assert float(shape.get("x", "0")) + float(shape.get("width", "9999")) <= 1120


def test_curve_of_what_waits_rises_to_the_answers_length_and_falls(conversation: Flight) -> None:
    html = page(conversation, "flight.jsonl", 2)
    assert '<text class="dim" x="86"' in html
    assert ">2.0 s</text>" in html  # the answer, all of it at once
