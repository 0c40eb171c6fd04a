"""One box in a household: who uses it, what breaks meanwhile, and what became of it all."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daemon.app import App
from daemon.bindings import Bindings
from daemon.box import Devices
from daemon.config.files import Place, load
from daemon.config.last_good import LastGood
from daemon.config.reload import Reload
from daemon.config.sources import Loaded
from daemon.decisions.state import FLOOR
from daemon.health import Port
from daemon.notices import Exchange, ExchangeEnded, Notice, Refused
from daemon.notify import Notifier
from daemon.price_file import load_prices
from daemon.realtime import RealtimeAgent, function_tool
from daemon.recorder import RecorderSettings
from daemon.reloading import Built, Reloading, watch
from daemon.run import app_settings
from daemon.simulator.script import FunctionCall
from daemon.talk import TalkMode
from daemon.tools import BUILT_IN_TOOLS
from daemon.transitions import Alarm, Link
from hw.fakes import FakeButton
from tests.soak.devices import DayLight, DayMicrophone, DaySpeaker, DayVoiceDetector, call_in_time
from tests.soak.service import Service

DAYBREAK = 1_790_000_000.0  # wall clock, when the loop's is 0: in the middle of a month
LONGEST_TURN_S = 20.0
REST_S = 150.0
"""Longer than any limit after which a turn that nobody ends is over."""

LINES_PER_HOUR = 400


@function_tool
async def read_meter(room: str = "kitchen") -> str:
    """What the thermometer says."""
    return f"21 degrees in the {room}"


@function_tool
async def ask_oven() -> str:
    """How long the cake still takes; the oven is slow."""
    await asyncio.sleep(7)
    return "another ten minutes"


@function_tool
async def read_paper() -> str:
    """All of today's news."""
    return "Nothing happened, and it is told at length. " * 200


@function_tool
async def feed_cat() -> str:
    """Always goes wrong."""
    raise RuntimeError("the cat is out")


@function_tool(needs_approval=True)
async def open_door() -> str:
    """Open the front door."""
    return "open"


def agents() -> RealtimeAgent[Any]:
    own = [read_meter, ask_oven, read_paper, feed_cat, open_door]
    cook = RealtimeAgent(name="Cook", instructions="You cook.", tools=[*own, *BUILT_IN_TOOLS.values()])
    host = RealtimeAgent(name="Host", instructions="You help.", tools=[*own, *BUILT_IN_TOOLS.values()])
    host.handoffs.append(cook)
    cook.handoffs.append(host)
    return host


@dataclass(slots=True)
class Attempt:
    """Something a person did to be answered; `level` is the sound of their voice, 0 if they type."""

    kind: str
    at: float
    level: int = 0
    ready: bool = True  # the box could have listened all the time
    refused: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    instead: str = ""  # what the press meant when it meant no turn

    @property
    def outcome(self) -> str:
        if self.exchanges:
            *earlier, last = self.exchanges  # a word cut in two by a lost link is two questions
            return str(last.ended) if all(exchange.reason for exchange in earlier) else "counted twice"
        if self.refused:
            return "refused"
        return self.instead or ("nothing" if self.ready else "not listened to")


class Journal(logging.Handler):
    """Counts lines, keeps what is worse than a warning."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(logging.INFO)
        self._now = now
        self.lines: Counter[int] = Counter()  # by hour
        self.kinds: Counter[str] = Counter()
        self.errors: list[str] = []
        self.exchanges = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines[int(self._now() // 3600)] += 1
        message = record.getMessage()
        self.exchanges += message.startswith("exchange ")
        if len(self.kinds) < 300:
            self.kinds[f"{record.levelname} {record.msg}"] += 1
        if record.levelno >= logging.ERROR and len(self.errors) < 50:
            self.errors.append(self.format(record))


class Household:
    """`async with Household(...)`: a box that runs; `live` is what happens to it."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        mode: str = "hold",
        capture: str = "on_demand",
        turns_per_hour: float = 45.0,
        troubles_per_hour: float = 12.0,
        period_ms: int = 20,
    ) -> None:
        self.chance = random.Random(seed)
        self.loop = loop = asyncio.get_running_loop()
        self.folder = folder
        self._mode, self._capture, self._variant = mode, capture, 0
        self.service = Service(random.Random(seed + 1))
        self.microphone = DayMicrophone(period_ms=period_ms)
        self.speaker = DaySpeaker(period_ms=period_ms)
        self.light = DayLight()
        self.key, self.stop_key, self.switch = FakeButton(), FakeButton(), FakeButton()
        self.clock_ahead_s = 0.0
        self._turns_per_hour, self._troubles_per_hour = turns_per_hour, troubles_per_hour
        self.attempts: list[Attempt] = []
        self.troubles: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.exchanges = 0
        self.problems: list[str] = []
        self._troubled_until = 0.0
        self.journal = Journal(lambda: loop.time() - 1000)
        self._agent = agents()
        (folder / "etc").mkdir()
        self.write_config()
        place = Place((folder / "etc",))
        loaded = load(place)
        built = self._build(loaded)
        self.app = App(
            built.settings,
            Devices(
                self.microphone,
                self.speaker,
                {
                    "talk": (self.key, Bindings(hold="talk", tap="talk", double="stop")),
                    "stop": (self.stop_key, Bindings(tap="stop", long="reject")),
                },
                {"mute": self.switch},
                detector=DayVoiceDetector(),
                light=self.light,
            ),
            self.service.open,
            [self._on_notice],
            lambda: DAYBREAK + loop.time() + self.clock_ahead_s,
            call_device=call_in_time,
        )
        reloading = Reloading(
            self.app, built, self._build, lambda devices, loaded, changed: devices, self._stop_it
        )
        self.reload = Reload(
            place,
            loaded,
            reloading.apply,
            lambda: self.app.is_between_turns,
            self.app.on_config_problems,
            LastGood(folder / "last-good"),
        )
        self._stopping = asyncio.Event()

    def _stop_it(self) -> None:
        self.problems.append("a change that needs another process")

    def _build(self, loaded: Loaded) -> Built:
        """As `harkd run` makes it of the files, but for what is not the same in a household."""
        config, folder = loaded.config, self.folder
        settings = replace(
            app_settings(config, self._agent, folder, load_prices()),
            control_path=None,
            recorder=RecorderSettings(folder / "flight"),
        )
        return Built(settings, self.service.open, {}, [])

    @property
    def mode(self) -> TalkMode:
        return self.app.conductor.appliance.settings.mode

    def config(self) -> str:
        barge_in = "server_vad" if self._mode == "hands_free" else "button"
        keep_open = "always" if self._capture == "always" else "while_used"
        return f"""
[talk]
mode = "{self._mode}"
barge_in = "{barge_in}"
capture = "{self._capture}"
follow_up_s = {4 + self._variant % 3}
[vad]
gate_upload = true
end_silence_ms = {700 + self._variant % 5 * 20}
[audio.playback]
keep_open = "{keep_open}"
[light]
brightness_percent = {40 + self._variant % 50}
[volume]
max_percent = {100 - self._variant % 4}
[sounds]
earcons = true
prompts = "en"
[session]
instructions = "Today is variant {self._variant}."
transcription_model = "gpt-4o-mini-transcribe"
"""

    def write_config(self, text: str = "") -> None:
        """As a careful program does: beside it first."""
        beside = self.folder / "etc" / ".harkd.toml.new"
        beside.write_text(text or self.config())
        beside.replace(self.folder / "etc" / "harkd.toml")

    async def __aenter__(self) -> Household:
        log = logging.getLogger("harkd")
        log.addHandler(self.journal)
        log.setLevel(logging.INFO)
        log.propagate = False
        self._task = asyncio.create_task(self.app.run(self._stopping), name="box")
        await asyncio.sleep(5)
        following = watch(self.reload, self.app, asyncio.Event(), Notifier())
        self._following = asyncio.create_task(following, name="follows the files")
        # The one dice that is not ours: how long the link waits before it tries again.
        self.app.conductor.link._backoff._random.seed(self.chance.random())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        self._stopping.set()
        await self._task
        log = logging.getLogger("harkd")
        log.removeHandler(self.journal)
        log.propagate = True

    # ---- what the box says of it ---------------------------------------------------------

    def _on_notice(self, notice: Notice) -> None:
        if isinstance(notice, ExchangeEnded):
            exchange = notice.exchange
            self.exchanges += 1
            self.ended[str(exchange.ended)] += 1
            self.reasons[f"{exchange.ended}: {exchange.reason}"[:90]] += 1
            if exchange.ended == "heard" and self.speaker.sounded_at < exchange.opened_at:
                self.problems.append(f"heard, and nothing sounded: {exchange}")
            if exchange.ended == "unanswered" and not exchange.reason:
                self.problems.append(f"unanswered, and nobody knows why: {exchange}")
            attempt = self._attempt_at(exchange.opened_at)
            if attempt is None:
                self.problems.append(f"nobody asked for {exchange}")
            else:
                attempt.exchanges.append(exchange)
        elif isinstance(notice, Refused) and self.attempts:
            self.attempts[-1].refused.append(notice.reason)

    def _attempt_at(self, moment: float) -> Attempt | None:
        return next((a for a in reversed(self.attempts) if a.at <= moment + 1e-6), None)

    def _begin(self, kind: str, *, spoken: bool) -> Attempt:
        level = 2000 + 16 * (len(self.attempts) % 1500) if spoken else 0
        self.attempts.append(Attempt(kind, self.loop.time(), level, self._listens))
        return self.attempts[-1]

    @property
    def _listens(self) -> bool:
        box, line = self.app.conductor.appliance, self.service.line
        through = line is not None and not line.silent
        return through and box.link is Link.READY and not box.muted and box.microphone_lost is None

    # ---- a day ---------------------------------------------------------------------------

    async def live(self, hours: float, on_hour: Callable[[int], None] = lambda hour: None) -> None:
        """People, and what they cannot help, side by side; calls `on_hour` at the end of each."""
        background = [
            asyncio.create_task(self._trouble(), name="trouble"),
            asyncio.create_task(self._look_on(), name="looks on"),
        ]
        people = asyncio.create_task(self._people(), name="people")
        for hour in range(round(hours)):
            await asyncio.sleep(3600)
            on_hour(hour)
            for task in (people, *background):
                if task.done():
                    task.result()
        self._over = True
        await people
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)

    async def mend(self) -> None:
        """Everything is plugged in, reachable and let go of."""
        self.service.reachable = "yes"
        self.microphone.level = 3
        self.microphone.plug(24_000)
        self.speaker.plug(24_000)
        for key in (self.key, self.stop_key, self.switch):
            key.release()
        await asyncio.sleep(5)
        await self._ask_box({"command": "mute", "on": False})
        for timer in self.app.alarms.timers:
            self.app.alarms.cancel(timer.id)
        self.write_config()
        await asyncio.sleep(2 * REST_S)
        if self.app.config_revision != self.reload.in_force.sources.revision or self.app.config_problems:
            self.problems.append(f"the files are not in force: {self.app.config_problems}")

    _over = False

    async def _people(self) -> None:
        while not self._over:
            hour = (self.loop.time() - 1000) / 3600 % 24
            busy = 0.15 if hour < 6 and self._turns_per_hour < 30 else 1.0
            await asyncio.sleep(self.chance.expovariate(busy * self._turns_per_hour / 3600))
            for _ in range(self.chance.choice([1, 1, 1, 2, 4])):
                await self._turn()
                await asyncio.sleep(self.chance.uniform(0.1, 4))

    async def _turn(self) -> None:
        if self.chance.random() < 0.25:
            self._wish_call()
        kinds: list[Callable[[], Coroutine[Any, Any, None]]] = [self._type]
        kinds += (
            [self._speak_up] * 8
            if self.mode is TalkMode.HANDS_FREE
            else [self._hold] * 6 + [self._tap] * 2 + [self._blip]
        )
        if self.chance.random() < 0.12:
            self.loop.call_later(self.chance.uniform(0.05, 8), self._strike)
        await self.chance.choice(kinds)()
        self.microphone.level = 3
        if self.chance.random() < 0.25:
            await asyncio.sleep(self.chance.uniform(0.1, 6))
            await self._cut_in()
        await self._rest()

    def _wish_call(self) -> None:
        agent = self.app.agents.session.current_agent.name
        other = "cook" if agent == "Host" else "host"
        calls = [
            ("read_meter", {"room": "hall"}),
            ("ask_oven", {}),
            ("read_paper", {}),
            ("feed_cat", {}),
            ("open_door", {}),
            ("no_such_tool", {}),
            (f"transfer_to_{other}", {}),
            ("set_timer", {"seconds": self.chance.choice([20, 600, 5400]), "label": "tea"}),
            ("set_volume", {"percent": self.chance.choice([40, 70, 100])}),
        ]
        name, arguments = self.chance.choice(calls)
        self.service.book.calls.append(FunctionCall(name, json.dumps(arguments)))

    async def _hold(self) -> None:
        """Push to talk."""
        attempt = self._press()
        self.microphone.level = attempt.level
        await asyncio.sleep(
            self.chance.choice([0.4, 1, 2, 4, 9, LONGEST_TURN_S]) * self.chance.uniform(0.9, 1.1)
        )
        self.key.release(edge_lost=self.chance.random() < 0.02)

    async def _tap(self) -> None:
        """A tap, and then the box finds out when the words are over."""
        attempt = self._press()
        await asyncio.sleep(0.12)
        self.key.release()
        await asyncio.sleep(0.5)
        self.microphone.level = attempt.level
        await asyncio.sleep(self.chance.uniform(0.5, 5))
        self.microphone.level = 3
        await asyncio.sleep(1.5)

    async def _blip(self) -> None:
        """Pressed twice by mistake, or a tap without a word."""
        self._press("blip")
        await asyncio.sleep(0.08)
        self.key.release()
        if self.chance.random() < 0.5:
            await asyncio.sleep(0.1)
            self.key.press()
            await asyncio.sleep(0.08)
            self.key.release()
        await asyncio.sleep(7)

    def _press(self, kind: str = "press") -> Attempt:
        box = self.app.conductor.appliance
        attempt = self._begin(kind, spoken=True)
        if box.alarm is Alarm.RINGING:
            attempt.instead = "alarm dismissed"
        elif box.waiting_calls and box.turn not in FLOOR:
            attempt.instead = "consent given"
        self.key.press()
        return attempt

    async def _speak_up(self) -> None:
        """Hands-free: just speak."""
        attempt = self._begin("spoken", spoken=True)
        await asyncio.sleep(0.5)  # the server counts what was before the first word as part of it
        self.microphone.level = attempt.level
        until = self.loop.time() + self.chance.choice([0.6, 1.5, 4, 9])
        while self.loop.time() < until + 1.5:
            await asyncio.sleep(0.25)
            if self.loop.time() > until:
                self.microphone.level = 3
            attempt.ready = attempt.ready and self._listens

    async def _type(self) -> None:
        attempt = self._begin("typed", spoken=False)
        command = self.chance.choice(["ask", "say"])
        answer = await self._ask_box({"command": command, "text": "How long do eggs take?"})
        if command == "say" and answer["ok"]:
            attempt.instead = "said"  # there is no question to it

    async def _cut_in(self) -> None:
        """Whoever has heard enough."""
        match self.chance.choice(["stop key", "request", "typed"]):
            case "stop key":
                self.stop_key.press()
                await asyncio.sleep(0.08)
                self.stop_key.release()
            case "request":
                await self._ask_box({"command": "stop"})
            case _:
                await self._type()

    async def _rest(self) -> None:
        """Until the turn has come to its end, or it never will."""
        for _ in range(round(REST_S / 0.25)):
            await asyncio.sleep(0.25)
            box = self.app.conductor.appliance
            if box.waiting_calls and self.chance.random() < 0.05:
                await self._ask_box({"command": self.chance.choice(["approve", "reject"])})
            if not box.answering and box.phase.value not in ("listening", "thinking", "speaking"):
                return
            if self.chance.random() < 0.002:
                return  # the next one does not wait
        if not self.app.conductor.appliance.waiting_calls:
            self.problems.append(f"at {self.loop.time():.0f} s: no end to {self.attempts[-1]}")

    async def _ask_box(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self.app.handle_request(request)

    # ---- what nobody wanted --------------------------------------------------------------

    async def _trouble(self) -> None:
        while True:
            await asyncio.sleep(self.chance.expovariate(self._troubles_per_hour / 3600))
            await getattr(self, self.chance.choice(_TROUBLES))()

    def _strike(self) -> None:
        """In the middle of a turn or of its answer."""
        what = self.chance.choice(["lose", "fall_silent", "expire", "talk_nonsense"])
        self.troubles[f"struck: {what}"] += 1
        getattr(self.service, what)()

    async def _link_lost(self) -> None:
        self._strike()

    async def _outage(self) -> None:
        """The service is out of reach for a while: unreachable, mute, busy, or it refuses the key."""
        self.service.reachable = self.chance.choice(["no", "no", "hangs", "busy", "key"])
        self.troubles[f"outage: {self.service.reachable}"] += 1
        self.chance.choice([self.service.lose, self.service.fall_silent])()
        await asyncio.sleep(self.chance.choice([2, 20, 200, 1500]))
        self.service.reachable = "yes"

    async def _microphone_out(self) -> None:
        await self._unplugged(self.microphone)

    async def _speaker_out(self) -> None:
        await self._unplugged(self.speaker)

    async def _unplugged(self, device: DayMicrophone | DaySpeaker) -> None:
        self.troubles[f"unplugged: {type(device).__name__}"] += 1
        device.unplug()
        await asyncio.sleep(self.chance.choice([0.3, 5, 60, 400]))
        device.plug(self.chance.choice([24_000, 24_000, 48_000]))

    async def _muted(self) -> None:
        """By switch or by word; now and then for hours."""
        self.troubles["muted"] += 1
        for_s = self.chance.choice([3, 60, 60, 600, 5400])
        if self.chance.random() < 0.5:
            self.switch.press()
            await asyncio.sleep(for_s)
            self.switch.release()
        else:
            await self._ask_box({"command": "mute", "on": True})
            await asyncio.sleep(for_s)
            await self._ask_box({"command": "mute", "on": False})

    async def _clock_set(self) -> None:
        self.troubles["clock set"] += 1
        self.clock_ahead_s += self.chance.choice([-3600, -5, 5, 3600])

    async def _timer_set(self) -> None:
        self.troubles["timer set"] += 1
        if len(self.app.alarms.timers) < 20:
            self.app.alarms.set(self.chance.choice([5, 60, 1800, 5000]), "eggs")

    async def _louder(self) -> None:
        await self._ask_box({"command": "volume", "percent": self.chance.choice([20, 50, 100])})

    async def _config_changed(self) -> None:
        """Somebody edits the file: well, in two halves, or so that it means nothing for a while."""
        self._variant += 1
        if self.chance.random() < 0.3:
            self._mode = "hold" if self._mode == "hands_free" else "hands_free"
        match how := self.chance.choice(["at once", "at once", "torn", "broken"]):
            case "torn":
                path, text = self.folder / "etc" / "harkd.toml", self.config()
                path.write_text(text[: len(text) // 2])
                await asyncio.sleep(0.2)
                path.write_text(text)
            case "broken":
                self.write_config(self.config() + '[talk]\nmode = "shout"\n')
                await asyncio.sleep(self.chance.choice([3, 300]))
                self.write_config()
            case _:
                self.write_config()
        self.troubles[f"configuration: {how}"] += 1

    async def _recording(self) -> None:
        await self._ask_box({"command": "flight"})

    async def _look_on(self) -> None:
        """Somebody's `harkd status --watch`, and everything that must hold at any time."""
        while True:
            await asyncio.sleep(self.chance.uniform(20, 60))
            status = (await self._ask_box({"command": "status"}))["status"]
            json.dumps(status, allow_nan=False)
            self._promise()

    def _promise(self) -> None:
        app = self.app
        box = app.conductor.appliance
        promises = {
            "muted, and the microphone is open": not (
                app.hand.muted
                and self.microphone.holds_device
                and app.sound.keeper.state(Port.MICROPHONE).value == "working"
            ),
            "flight ring over its bound": app.recorder._ring.size_bytes < 2_200_000,
            "tasks": len(asyncio.all_tasks()) < 40,
            "events wait": len(app.agents.session._queue) < 64,
            "the switch is on, and not muted": app.hand.muted or not self.switch.is_pressed(),
            "commands left": len(box.commands) < 50,
        }
        self.problems += [
            f"at {self.loop.time():.0f} s: {what}" for what, held in promises.items() if not held
        ]


_TROUBLES = (
    *["_link_lost"] * 4,
    *["_outage"] * 2,
    "_microphone_out",
    "_speaker_out",
    "_muted",
    "_clock_set",
    *["_timer_set"] * 2,
    "_louder",
    *["_config_changed"] * 3,
    "_recording",
)
