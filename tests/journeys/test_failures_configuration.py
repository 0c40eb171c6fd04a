"""The failures of docs/failures.md that come with files: a broken configuration, a key that was refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from box import Server
from trouble import ANSWER, MOMENTS, SAID, Troubled, virtual

from daemon.audio.earcons import Earcon
from daemon.config.files import Place, load
from daemon.config.last_good import LastGood, load_or_last_good
from daemon.config.reload import Reload
from daemon.config.sources import Loaded
from daemon.cues import Cue
from daemon.link_watch import LinkWatch, NotedKey
from daemon.price_file import load_prices
from daemon.prompts import Prompt
from daemon.realtime.transports.port import Refusal, TransportRefused
from daemon.reloading import Built, Reloading
from daemon.run import app_settings
from daemon.settings import plain_agent

GOOD = (
    "[volume]\nstart_percent = 100\n[gestures]\ntap_max_ms = 50\n[sounds]\nearcons = true\nprompts = 'en'\n"
)
BROKEN = GOOD + "[talk]\nanswr_s = 20\n"


class Configured(Troubled):
    """A box with a configuration in files, which it follows."""

    def __init__(self, place: Place, kept: LastGood) -> None:
        super().__init__()
        self._place = place
        loaded = load(place)
        built = self._build(loaded)
        self._settings = built.settings
        self.use(self._devices)
        reloading = Reloading(self.app, built, self._build, lambda devices, *_: devices, lambda: None)
        self.reload = Reload(
            place,
            loaded,
            reloading.apply,
            lambda: self.app.is_between_turns,
            self.app.on_config_problems,
            kept,
        )

    def _build(self, loaded: Loaded) -> Built:
        directory = self._place.paths[0].parent
        settings = app_settings(loaded.config, plain_agent(loaded.config.session), directory, load_prices())
        nowhere = replace(settings, control_path=None, timers_path=None, state_path=None, spending_path=None)
        return Built(nowhere, self._open, {}, [])


@pytest.mark.parametrize("moment", MOMENTS)
def test_configuration_broken_on_reload(moment: str, tmp_path: Path) -> None:
    file = tmp_path / "harkd.toml"
    file.write_text(GOOD)
    place, kept = Place((file,), "box", {}), LastGood(tmp_path / "kept")

    @virtual
    async def main() -> None:
        async with Configured(place, kept) as box:
            following = asyncio.create_task(box.reload.run())
            await box.wait(15.0)
            await box.remembers()
            await box.reach(moment)
            box.forget()
            before = box.app.settings
            file.write_text(BROKEN)
            await box.finish(moment)
            await box.hums(200)
            if moment in ("listening", "sending", "thinking"):
                assert SAID in box.server.appended()
                box.server.answer("r1", "i1", ANSWER)
            await box.hums(150)
            await box.wait(120.0)
            if moment != "idle":
                assert ANSWER in box.speaker.played
            assert box.cue is Cue.CONFIG_ERROR
            assert box.sounded(Prompt.CONFIG_BROKEN)
            [line] = box.lines
            for word in (f"{file}:9", "talk.answr_s", "answer_s"):
                assert word in line
            assert any("answr_s" in error for error in box.status()["last_errors"])
            assert box.app.settings is before, "the last good one stays in force"
            await box.wait(1000.0)
            assert len(box.lines) == 1, box.lines
            await box.converses()
            booted = load_or_last_good(place, LastGood(tmp_path / "kept"), lambda loaded, place: None)
            assert booted.problems, "the next boot has it, too"
            file.write_text(GOOD.replace("100", "90"))
            await box.wait(30.0)
            assert box.cue is Cue.IDLE
            assert len(box.servers) == 1
            await box.converses(2)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    main()


@virtual
async def _refused_until_another_key_is_there(file: Path) -> None:
    key, write = NotedKey(file.read_text), file.write_text

    class Guarded(Server):
        async def connect(self) -> None:
            if key() != "good":
                raise TransportRefused(Refusal.KEY, "the server refused the key (HTTP 401)")

    box = Troubled()
    box.out = Guarded
    async with box:
        watching = asyncio.create_task(LinkWatch(lambda: box.app.conductor.link, key).run())
        await box.hums(300)
        assert box.cue is Cue.BLOCKED
        await box.wait(100.0)
        attempts = len(box.servers)
        write("bad as well")
        await box.wait(10.0)
        assert len(box.servers) == attempts + 1
        assert box.cue is Cue.BLOCKED
        write("good")
        await box.wait(5.0)
        assert box.cue is Cue.IDLE
        assert box.sounded(Earcon.ONLINE)
        assert box.lines == ["the server refused the key (HTTP 401)"]
        await box.converses()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def test_another_key_is_tried_at_once(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("bad")
    _refused_until_another_key_is_there(tmp_path / "key")
