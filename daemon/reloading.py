"""Takes a changed configuration over into the running box. Shell around the box and its agents."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence, Set
from typing import Any, Protocol

from daemon.app import App
from daemon.box import AppSettings, Devices
from daemon.config.diff import AGENT, CONNECTION, RESTART, SOUND, Change, Reach, Scope, reaches
from daemon.config.reload import Reload
from daemon.config.sources import Loaded
from daemon.notify import Notifier
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.transports.port import Transport
from daemon.records import dataclass

log = logging.getLogger("harkd")

AGAIN_S = 5.0

ANSWER_WITHIN_S = 10.0
"""Who asks for a reload hears after so long that a turn is in the way, and that it is not forgotten."""


class Program(Protocol):
    """An MCP server of an agent, which runs beside the box."""

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Built:
    """What a configuration is made into, devices apart. `agents` are all of them, by id."""

    settings: AppSettings
    open_transport: Callable[[], Transport]
    agents: dict[str, RealtimeAgent[Any]]
    programs: list[Program]


class Reloading:
    """Between `Reload`, which knows when what is right, and the box. On the loop's thread.

    `on_restart` is called when something has changed that only another process can take over.
    """

    def __init__(
        self,
        app: App,
        built: Built,
        build: Callable[[Loaded], Built],
        rebuilt: Callable[[Devices, Loaded, set[Reach]], Devices],
        on_restart: Callable[[], None],
    ) -> None:
        """`rebuilt` answers the devices with those exchanged that a change reaches, not opened. It and
        `build` may raise `ConfigError`.
        """
        self._app = app
        self._programs = built.programs
        self._build = build
        self._rebuilt = rebuilt
        self._on_restart = on_restart
        self._next: tuple[Built, RealtimeAgent[Any], bool] | None = None
        self._leading: asyncio.Task[None] | None = None

    def apply(self, loaded: Loaded, changes: Sequence[Change]) -> None:
        """As `Reload` wants it: raises `ConfigError` before anything has changed."""
        found = reaches(changes)
        built = self._build(loaded)
        devices = self._rebuilt(self._app.devices, loaded, found)
        if RESTART in found:
            log.warning("config: revision %s needs a new process", loaded.sources.revision)
            self._on_restart()
            return
        before = self._app.settings
        use(self._app, built.settings, devices, _parts(found))
        self._app.config_revision = loaded.sources.revision
        if any(reach.scope is Scope.SESSION for reach in found):
            agent = self._leader(built) if AGENT in found else before.agent
            self._lead(built, agent, anew=CONNECTION in found)

    async def stop(self) -> None:
        """End the change of agents that is under way, and the programs of those that lead."""
        if self._leading is not None:
            self._leading.cancel()
            await asyncio.gather(self._leading, return_exceptions=True)
        for program in self._programs:
            await program.stop()

    def _leader(self, built: Built) -> RealtimeAgent[Any]:
        """Whoever leads goes on leading, if there still is one of that name."""
        name = self._app.agents.session.current_agent.name
        return next((agent for agent in built.agents.values() if agent.name == name), built.settings.agent)

    def _lead(self, built: Built, agent: RealtimeAgent[Any], *, anew: bool) -> None:
        """One change of agents after the other; of several that wait the last one counts."""
        anew = anew or (self._next is not None and self._next[2])
        self._next = built, agent, anew
        if self._leading is None or self._leading.done():
            self._leading = asyncio.create_task(self._change_agents(), name="changed agents")

    async def _change_agents(self) -> None:
        while self._next is not None:
            (built, agent, anew), self._next = self._next, None
            settings = built.settings
            transport = built.open_transport if anew else None
            agents = self._app.agents
            done = await agents.reconfigure(agent, settings.model_settings, settings.url, transport)
            retired = built.programs
            if done and agent in built.agents.values():
                retired, self._programs = self._programs, built.programs
            for program in retired:
                await program.stop()


def use(app: App, settings: AppSettings, devices: Devices, changed: Set[str]) -> None:
    """Go on by these settings and with these devices; those of the parts in `changed` are others.

    Parts: microphone, speaker, processing, detector, wake word, buttons, light. Between turns only.
    Agents and connection are `agents.reconfigure`'s.
    """
    before, app.settings, app.devices = app.settings, settings, devices
    _use_hands(app, settings, changed)
    app.hand.use_limits(settings.volume)
    if settings.accounts != before.accounts:
        app.books.use(settings.accounts)
    app.use_speaker_rate(devices.speaker.format.rate_hz)  # the sounds may be others
    app.sound.use(settings.sound)
    if "microphone" in changed:
        app.sound.exchange_microphone(devices.microphone)
    if "speaker" in changed:
        app.sound.exchange_speaker(devices.speaker)
    if "processing" in changed or settings.talk.barge_in is not before.talk.barge_in:
        app.sound.use_duplex(app.make_duplex())
    if changed & {"detector", "wake word"} or settings.ears != before.ears:
        app.conductor.ears.use(settings.ears, devices.detector, devices.wake_word)
    app.conductor.use(settings.talk, settings.gate, settings.append_ms)
    app.settled()


def _use_hands(app: App, settings: AppSettings, changed: Set[str]) -> None:
    """Whatever held a pin lets go of it before another one asks for it."""
    if "buttons" in changed:
        app.board.stop()
    if "light" in changed and app.lamp is not None:
        app.lamp.stop()
    if "buttons" in changed:
        app.board = app.make_board()
        app.board.start()
        app.hand.settle()
    if "light" in changed:
        app.lamp = app.make_lamp()
        if app.lamp is not None:
            app.lamp.start()
    elif app.lamp is not None:
        app.lamp.use_brightness(settings.brightness_percent)


async def watch(reload: Reload, app: App, hang_up: asyncio.Event, notifier: Notifier) -> None:
    """Follow the files, and what is asked by signal and by `harkd reload`, until cancelled."""
    app.on_reload = lambda: reload_now(reload)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(reload), name="configuration")
        tasks.create_task(_answer(hang_up, app, notifier), name="SIGHUP")


async def _follow(reload: Reload) -> None:
    while True:
        try:
            await reload.run()
        except Exception:  # supervision point: a bug of ours costs a change, not all that come after it
            log.exception("error of ours while the configuration was read; looking again in %g s", AGAIN_S)
            await asyncio.sleep(AGAIN_S)


async def _answer(hang_up: asyncio.Event, app: App, notifier: Notifier) -> None:
    """`systemctl reload` returns when the configuration has been read, or is left for later."""
    while True:
        await hang_up.wait()
        hang_up.clear()
        notifier.reloading()
        if (answer := await app.reload()) is not None:
            log.warning("reload: %s", answer)
        notifier.ready()


async def reload_now(reload: Reload) -> str | None:
    """Read the configuration again; answers what is wrong with it, or None."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            problems = await reload.reload()
    except TimeoutError:
        return "a turn is under way: the configuration is read when it is over"
    return "\n".join(str(problem) for problem in problems) or None


def _parts(found: set[Reach]) -> set[str]:
    parts = {reach.part for reach in found if reach.scope is Scope.HARDWARE}
    return parts | {"microphone", "speaker"} if SOUND in found else parts
