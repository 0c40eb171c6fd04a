"""A box in trouble: everything that it shows, says and writes down of it is watched."""

from __future__ import annotations

import asyncio
import functools
import logging
from asyncio import Future
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from box import PERIOD_FRAMES, RATE_HZ, Box, Server, voice
from virtual_loop import VirtualLoop

from daemon.audio.earcons import Earcon
from daemon.box import Devices
from daemon.cues import Cue
from daemon.events import Phase
from daemon.health import DeviceHealth
from daemon.prompts import Prompt
from daemon.realtime.transports.port import Refusal, TransportRefused
from daemon.sound_bank import SoundBank
from daemon.talk import TalkSettings
from hw.fakes import FakeLight

ROOM = b"\x01\x00"
"""One sample of a quiet room, which is never all zeros."""

SAID = voice(30 * PERIOD_FRAMES, start=5_000)
ANSWER = voice(RATE_HZ)
EARLIER = "remember the tea"

MOMENTS = ("idle", "listening", "sending", "thinking", "speaking")


class PromptDiskLoop(VirtualLoop):
    """Virtual time, and files that are written at once and not on a thread, which would live in real time."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  as the thread would
            done.set_exception(error)
        return done


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=PromptDiskLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class _Journal(logging.Handler):
    """What a person would find in the journal at its usual level and above INFO."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Unreachable(Server):
    """A connection that cannot be made."""

    def __init__(self, refusal: Refusal = Refusal.NETWORK, detail: str = "name not resolved") -> None:
        super().__init__()
        self._error = TransportRefused(refusal, detail)

    async def connect(self) -> None:
        raise self._error


class Troubled(Box):
    """A box with a light, with words and sounds of its own, and with somebody who watches all of them.

    `out` makes every connection that is opened, as long as it is set.
    """

    def __init__(
        self, talk: TalkSettings | None = None, *, health: DeviceHealth | None = None, **settings: Any
    ) -> None:
        self.light = FakeLight()
        self._extra = {"light": self.light, **settings.pop("devices", {})}
        self._health = health
        self._journal = _Journal()
        logging.getLogger().addHandler(self._journal)
        super().__init__(talk, **{"earcons": True, "prompts": "en", **settings})
        self.out: Callable[[], Server] | None = None
        self.cues: list[tuple[float, Cue | None]] = []
        self._bank = SoundBank("en", True, RATE_HZ)

    def use(self, devices: Devices, health: DeviceHealth | None = None) -> None:
        super().use(replace(devices, **self._extra), health or self._health)

    def _open(self) -> Server:
        if self.out is not None and not self.next_server:
            self.next_server.append(self.out())
        return super()._open()

    async def __aenter__(self) -> Troubled:
        await super().__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await super().__aexit__(*exc)
        finally:
            logging.getLogger().removeHandler(self._journal)

    async def settle(self) -> None:
        await super().settle()
        if self.app.lamp is not None and (not self.cues or self.cues[-1][1] is not self.app.lamp.cue):
            self.cues.append((asyncio.get_running_loop().time(), self.app.lamp.cue))

    # ---- what is seen, heard and read ----------------------------------------------------

    @property
    def phase(self) -> Phase:
        return self.app.conductor.appliance.phase

    @property
    def cue(self) -> Cue | None:
        assert self.app.lamp is not None
        return self.app.lamp.cue

    @property
    def lines(self) -> list[str]:
        """The journal, from WARNING up."""
        return self._journal.lines

    def forget(self) -> None:
        """Only what comes from here on is judged."""
        self._journal.lines.clear()
        self.cues.clear()

    def sounded(self, sound: Earcon | Prompt, since: int = 0) -> bool:
        """It left the loudspeaker, the middle of it at least, after so many bytes."""
        pcm = self._bank.earcon(sound) if isinstance(sound, Earcon) else self._bank.prompt(sound)
        third = len(pcm) // 6 * 2
        return pcm[third : 2 * third] in self.speaker.played[since:]

    def status(self) -> dict[str, Any]:
        return self.app.status()

    # ---- what people do ------------------------------------------------------------------

    async def hums(self, periods: int) -> None:
        """Let time pass in a room that is not dead."""
        await self.live(periods, ROOM * (periods * PERIOD_FRAMES))

    async def wait(self, seconds: float) -> None:
        """Let a long time pass; nothing is heard by the microphone."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 1e-6:
            await asyncio.sleep(min(1.0, left))
            if self.app.sound.speaker_tap.queued_frames:
                await self.settle()
                self.speaker.play(100)
        await self.settle()

    async def comes_back(self) -> None:
        """The link, within the longest pause between two attempts."""
        self.out = None
        for _ in range(35):
            await self.wait(1.0)
            if self.phase not in (Phase.OFFLINE, Phase.CONNECTING) and self.server.events:
                return
        raise AssertionError("no connection")

    async def converses(self, number: int = 1) -> None:
        """Somebody asks a question, and hears the whole answer."""
        said = voice(30 * PERIOD_FRAMES, start=9_000 + 100 * number)
        commits = len(self.server.of("input_audio_buffer.commit"))
        await self.press()
        await self.live(30, said)
        await self.release()
        await self.hums(2)
        assert said in self.server.appended(), "the question did not arrive"
        assert len(self.server.of("input_audio_buffer.commit")) == commits + 1
        answer = voice(RATE_HZ // 2, start=3_000 * number)
        played = len(self.speaker.played)
        self.server.answer(f"after{number}", f"said{number}", answer)
        await self.hums(70)
        heard = self.speaker.played[played:]
        if self.app.volume_percent < 100:  # softer, and as long
            assert len(heard.strip(b"\0")) >= len(answer) - 200, "the answer was not heard whole"
        else:
            assert answer in heard, "the answer was not heard whole"
        assert self.phase is Phase.IDLE

    async def remembers(self) -> None:
        """There was a conversation before."""
        self.server.say(
            "conversation.item.added",
            previous_item_id=None,
            item={
                "id": "earlier",
                "type": "message",
                "role": "user",
                "status": "completed",
                "content": [{"type": "input_text", "text": EARLIER}],
            },
        )
        await self.settle()

    def still_remembers(self) -> bool:
        """The server of now was told of it."""
        return any(EARLIER in str(event) for event in self.server.of("conversation.item.create"))

    async def reach(self, moment: str) -> None:
        """Be at one of `MOMENTS`; what is asked is `SAID`, what is answered `ANSWER`, all of it here."""
        await self.hums(40)
        if moment == "idle":
            return
        await self.press()
        if moment == "listening":
            await self.live(20, SAID[: 20 * PERIOD_FRAMES * 2])
            return
        await self.live(30, SAID)
        await self.release()
        if moment == "sending":
            return
        await self.hums(1)
        if moment == "speaking":
            self.server.answer("r1", "i1", ANSWER)
            await self.hums(20)

    async def finish(self, moment: str) -> None:
        """What was going on at that moment comes to its end; no time may have passed since."""
        if moment == "listening":
            await self.live(10, SAID[20 * PERIOD_FRAMES * 2 :])
            await self.release()
            await self.hums(2)
