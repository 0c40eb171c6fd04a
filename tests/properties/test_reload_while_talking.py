"""A box that is talked to while somebody does everything to its configuration, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from box import PERIOD_FRAMES, Box, voice
from pushing import DEEDS, DEEDS_THAT_WRITE, Operator
from virtual_loop import run_virtual

from daemon.bindings import Bindings
from daemon.box import Devices
from daemon.config.diff import BUTTONS, LIGHT, MICROPHONE, SPEAKER, Reach
from daemon.config.files import Place, load
from daemon.config.reload import Reload
from daemon.config.schema import Config
from daemon.config.settle import PATIENCE_S, RESTLESS_S, SHRUNK_S
from daemon.config.sources import Loaded
from daemon.price_file import load_prices
from daemon.reloading import Built, Reloading
from daemon.run import app_settings
from daemon.settings import plain_agent
from hw.fakes import FakeButton, FakeLight, FakeMicrophone, FakeSpeaker

HEAD = (
    "[sounds]\nearcons = false\nprompts = 'off'\n[gestures]\ntap_max_ms = 50\n[volume]\nstart_percent = 100\n"
)
LIVE = [
    "[talk]\nanswer_s = {n}\n",
    "[volume]\nmax_percent = 100\nmin_percent = {n}\n",
    "[vad]\nend_silence_ms = 80{n}\n",
]
OTHERS = [
    "[session]\ninstructions = 'Be brief, {n}.'\n",
    "[session]\nspeed = 1.{n}\n",
    "[session]\nvoice = 'cedar'\n",
    "[session]\nmodel = 'gpt-realtime-{n}'\n",
    "[audio.capture]\ndevice = 'card {n}'\n",
    "[audio.playback]\ndevice = 'card {n}'\n",
    "[light]\ndriver = 'gpio_led'\npin = {n}\n",
    "[gestures]\nlong_ms = 8{n}0\n",
]
WRONG = [
    "[talk]\nhold_s = -{n}\n",
    "[talk",
    "\xff\xfe",
    "[tlak]\n",
    "[session]\nvoice = 'nobody {n}'\nspeed = 9\n",
]
NAMES = ["harkd.toml", "conf.d/10.toml", "conf.d/20.toml", "devices/kitchen.toml"]


class Reloaded(Box):
    """A box with the configuration of a directory, and fakes in place of what it would open."""

    def __init__(self, place: Place, state: Path) -> None:
        super().__init__()
        self._state, self.place = state, place
        self.problems: list[str] = []
        self.restarts = 0
        loaded = load(place)
        built = self._build(loaded)
        self._settings = built.settings
        self.use(self._devices)
        self.reloading = Reloading(self.app, built, self._build, self._rebuilt, self._restart)
        self.reload = Reload(
            place,
            loaded,
            self.reloading.apply,
            lambda: self.app.is_between_turns,
            self.app.on_config_problems,
        )

    def _restart(self) -> None:
        self.restarts += 1

    def _build(self, loaded: Loaded) -> Built:
        settings = app_settings(loaded.config, plain_agent(loaded.config.session), self._state, load_prices())
        nowhere: dict[str, Any] = {"control_path": None, "timers_path": None, "state_path": None}
        return Built(replace(settings, spending_path=None, **nowhere), self._open, {}, [])

    def _rebuilt(self, devices: Devices, loaded: Loaded, changed: set[Reach]) -> Devices:
        made: dict[str, Any] = {}
        if MICROPHONE in changed:
            made["microphone"] = self.microphone = FakeMicrophone(rate_hz=24_000, period_ms=10)
        if SPEAKER in changed:
            made["speaker"] = self.speaker = FakeSpeaker(rate_hz=24_000, period_ms=10, buffer_periods=0)
        if BUTTONS in changed:
            self.button = FakeButton()
            made["buttons"] = {"talk": (self.button, Bindings(hold="talk"))}
        if LIGHT in changed:
            made["light"] = FakeLight()
        return replace(devices, **made)

    async def follow(self) -> None:
        """What `Reload.run` does, without its threads."""
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            due = self.reload.step(clock())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(0.05, max(0.001, due - clock())))


@dataclass
class Talk:
    """What came of one turn."""

    said: bytes
    arrived: bytes
    answered: bytes
    heard: bytes


async def converse(box: Reloaded, random: Random) -> Talk:
    """One whole turn, with `box.live` feeding and playing a period every 10 ms."""
    said = voice(random.randrange(20, 60) * PERIOD_FRAMES, start=random.randrange(1, 9_000))
    speaker = box.speaker
    await box.press()
    assert box.app.conductor.appliance.turn.name == "OPEN"
    server_before = box.server
    sent_before = len(server_before.appended())
    await box.live(len(said) // 2 // PERIOD_FRAMES, said)
    await asyncio.sleep(0.06)  # longer than a tap
    await box.release()
    await box.live(2)
    for _ in range(300):
        if box.server.types()[-1] == "response.create":
            break
        await box.live(1)
    server = box.server
    arrived = server.appended()[sent_before if server is server_before else 0 :]
    answered = voice(random.randrange(20, 80) * PERIOD_FRAMES, start=random.randrange(1, 9_000))
    played_before = len(speaker.played)
    number = len(server.events)
    server.answer(f"r{number}", f"a{number}", answered)
    await box.settle()
    for _ in range(300):
        await box.live(1)
        if not box.app.conductor.appliance.answering:
            break
    return Talk(said, arrived, answered, speaker.played[played_before:])


def push(operator: Operator, random: Random, texts: list[str]) -> None:
    deed = random.choice(DEEDS_THAT_WRITE if random.random() < 0.6 else DEEDS)
    deed(operator, random.choice(NAMES), random.choice(texts).format(n=random.randrange(1, 9)))


async def keep_pushing(operator: Operator, random: Random, sequences: int, texts: list[str]) -> None:
    for _ in range(sequences):
        for _ in range(random.randrange(1, 6)):
            push(operator, random, texts)
            await asyncio.sleep(random.choice([0.0, 0.01, 0.1, 0.4]))
        await asyncio.sleep(random.choice([0.2, 0.4, 1.0]))


def a_box(tmp_path: Path) -> tuple[Reloaded, Operator]:
    operator = Operator(tmp_path / "etc")
    base = tmp_path / "base.toml"  # what nobody touches
    base.write_text(HEAD)
    operator.write("harkd.toml", "")
    return Reloaded(Place((base, operator.etc), "kitchen"), tmp_path), operator


async def at_peace(box: Reloaded, operator: Operator) -> Config:
    """The operator has done, and done it right; answers what ought to be in force."""
    operator.delete_all("", "")
    operator.rename("harkd.toml", "[talk]\nanswer_s = 17\n")
    await box.live(round((SHRUNK_S + PATIENCE_S + RESTLESS_S) * 100))
    return load(box.place).config


@pytest.mark.parametrize("seed", range(10))
def test_box_survives_fifty_sequences_of_pushes_and_loses_no_word(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    random = Random(seed)

    async def story() -> None:
        box, operator = a_box(tmp_path)
        async with box:
            following = asyncio.create_task(box.follow())
            pushing = asyncio.create_task(keep_pushing(operator, random, 50, LIVE + OTHERS + WRONG))
            turns = 0
            while not pushing.done():
                talk = await converse(box, random)
                assert talk.said in talk.arrived
                assert talk.answered in talk.heard
                turns += 1
                await box.live(random.choice([5, 20, 60]))
                assert not following.done()
            assert turns > 5
            assert await at_peace(box, operator) == box.reload.in_force.config
            assert box.app.settings.talk.answer_s == 17
            assert box.app.config_problems == []
            assert (await converse(box, random)).answered
            following.cancel()
            await asyncio.gather(following, pushing, return_exceptions=True)
            await box.reloading.stop()
        assert "is in force" in caplog.text

    run_virtual(story())
    assert "error of ours" not in caplog.text


def test_live_changes_close_nothing_and_cost_no_period(tmp_path: Path) -> None:
    random = Random(1)

    async def story() -> None:
        box, operator = a_box(tmp_path)
        async with box:
            devices = box.app.devices
            following = asyncio.create_task(box.follow())
            pushing = asyncio.create_task(keep_pushing(operator, random, 30, LIVE))
            pulled = box.speaker.pulled_frames
            began = asyncio.get_running_loop().time()
            while not pushing.done():
                talk = await converse(box, random)
                assert talk.said in talk.arrived
                assert talk.answered in talk.heard
                await box.live(50)
            assert box.app.devices == devices
            assert len(box.servers) == 1
            lasted_s = asyncio.get_running_loop().time() - began
            assert box.speaker.pulled_frames - pulled >= (lasted_s - 1) * 24_000 * 0.8
            following.cancel()
            await asyncio.gather(following, pushing, return_exceptions=True)
            await box.reloading.stop()

    run_virtual(story())
