"""`harkd run`: from configuration files to a running box. Shell around process, signals and systemd."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from daemon.app import App
from daemon.box import AppSettings
from daemon.config.agent_files import load_agents
from daemon.config.files import KEY_FILE, ConfigError, Place, api_key_reader, load, this_box
from daemon.config.last_good import Booted, LastGood, load_or_last_good
from daemon.config.layers import Problem
from daemon.config.reload import Reload
from daemon.config.schema import Config, Link
from daemon.config.sources import Loaded, Sources
from daemon.device_setup import open_devices, rebuilt
from daemon.events import Phase
from daemon.flight_ring import RingSettings
from daemon.gestures import GestureSettings
from daemon.journal import READY, STOPPING
from daemon.journal_stream import JournalHandler, start_logging
from daemon.last_words import record_when_aborted
from daemon.link_watch import LinkWatch, NotedKey
from daemon.metrics import render
from daemon.metrics_file import MetricsFile
from daemon.money.prices import PriceError, PriceTable
from daemon.notices import LinkChanged, Notice, PhaseChanged
from daemon.notify import Notifier
from daemon.price_file import load_prices
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.agent_files import McpServerSpec
from daemon.realtime.mcp_stdio import StdioMcpServer
from daemon.realtime.run_config import is_openai
from daemon.realtime.settings_check import VOICES
from daemon.realtime.transports.port import Transport
from daemon.realtime.transports.websocket import WebSocketLimits, WebSocketTransport
from daemon.recorder import RecorderSettings
from daemon.redaction import Redactor
from daemon.redaction_hooks import guard_outputs, hide_process
from daemon.reloading import Built, Program, Reloading, watch
from daemon.settings import (
    account_settings,
    capture_settings,
    ear_settings,
    gate_settings,
    metrics_settings,
    model_settings,
    model_url,
    starting_agent,
    talk_settings,
)
from daemon.sound_devices import SoundSettings
from daemon.volume import VolumeSettings

log = logging.getLogger("harkd")

STATE_DIRECTORY = "/var/lib/harkd"

BASE64_BYTES_PER_S = 64_000
"""24 kHz 16-bit mono in base64: how `link.send_bound_s` becomes bytes."""


def run_daemon(paths: Sequence[Path], *, verbose: bool, own_process: bool) -> None:
    """Run until SIGTERM or SIGINT. `own_process`: its logging, streams and hooks are for the daemon to set.

    When the box cannot start: `daemon.config.files.ConfigError`, `hw.errors.DeviceError` or
    `daemon.control.ControlError`.
    """
    redactor = Redactor(key_as_far_as_known())
    journal: JournalHandler | None = None
    if own_process:
        hide_process(["OPENAI_API_KEY"])
        guard_outputs(redactor)
        journal = start_logging(redactor, verbose=verbose)
    key = NotedKey(api_key_reader(os.environ))
    place, last_good = this_box(paths), LastGood(state_directory() / "config")
    booted = load_or_last_good(
        place, last_good, lambda loaded, place: _build(loaded, place.paths, redactor, key)
    )
    end = asyncio.run(_run(booted, place, last_good, redactor, key, journal))
    if end is _End.AGAIN:  # what it listens on, and what systemd knows of it, goes on
        logging.shutdown()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ)
    if end is _End.HANGING:  # a driver that never returns would keep the interpreter from ending, too
        logging.shutdown()
        os._exit(0)


class _End(Enum):
    STOPPED = auto()
    HANGING = auto()  # a device could not be closed
    AGAIN = auto()  # another process is to go on


async def _run(
    booted: Booted[Built],
    place: Place,
    last_good: LastGood,
    redactor: Redactor,
    key: NotedKey,
    journal: JournalHandler | None,
) -> _End:
    notifier, loop, built = Notifier(), asyncio.get_running_loop(), booted.result
    app = App(
        built.settings,
        open_devices(booted.loaded.config),
        built.open_transport,
        [_Status(notifier, redactor).on_notice],
        redactor=redactor,
    )
    stopping, again, hang_up = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def go_on_in_another_process() -> None:
        again.set()
        stopping.set()

    reloading = Reloading(
        app,
        built,
        lambda loaded: _build(loaded, place.paths, redactor, key),
        lambda devices, loaded, changed: rebuilt(devices, loaded.config, changed),
        go_on_in_another_process,
    )
    reload = Reload(
        place,
        booted.loaded,
        reloading.apply,
        lambda: app.is_between_turns,
        app.on_config_problems,
        last_good,
        booted.problems,
    )
    app.config_revision = booted.loaded.sources.revision
    if journal is not None:
        journal.revision = lambda: app.config_revision
    metrics = MetricsFile(metrics_settings(booted.loaded.config), lambda: render(app.status()))
    _heed_signals(loop, stopping, hang_up)
    record_when_aborted(app.recorder)
    tasks = [asyncio.create_task(_feed_watchdog(notifier, app.healthy), name="watchdog")]

    def on_ready() -> None:
        _tell_ready(notifier)
        if booted.problems:
            app.on_config_problems(booted.problems)
        tasks.append(asyncio.create_task(LinkWatch(lambda: app.conductor.link, key).run(), name="link"))
        tasks.append(asyncio.create_task(metrics.run(), name="metrics"))
        tasks.append(asyncio.create_task(watch(reload, app, hang_up, notifier), name="configuration"))

    try:
        await app.run(stopping, on_ready)
    finally:
        if again.is_set():
            notifier.reloading()
        else:
            log.info("stopping", extra=STOPPING())
            notifier.stopping()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await reloading.stop()
    return _End.AGAIN if again.is_set() else _stopped(app)


def _stopped(app: App) -> _End:
    app.end_conversation()
    return _End.HANGING if app.sound.hangs else _End.STOPPED


def _tell_ready(notifier: Notifier) -> None:
    log.info("harkd %s is ready", version("harkd"), extra=READY(version=version("harkd")))
    notifier.ready()
    if not gc.isenabled():
        keep_what_is_there()


def keep_what_is_there() -> None:
    """What a start leaves behind is used until the end: the garbage collector need not look at it ever again.

    `harkd run` starts without the collector; from here on it works, and has next to nothing to go through.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def key_as_far_as_known() -> list[str]:
    """The API key that a connection would use now, and the one in the environment, used or not."""
    try:
        key = api_key_reader(os.environ)()
    except (OSError, ValueError):  # whoever connects is told
        key = None
    return [found for found in (key, os.environ.get("OPENAI_API_KEY")) if found]


def _heed_signals(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event, hang_up: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, hang_up.set)


async def _feed_watchdog(notifier: Notifier, healthy: Callable[[], bool]) -> None:
    """Only while all is well: what only a new process can mend is left to systemd."""
    limit_s = notifier.watchdog_s
    if limit_s is None:
        return
    was_healthy = True
    while True:
        if healthy():
            notifier.alive()
        elif was_healthy:
            log.error("a sound device hangs: the watchdog is not fed, systemd will start this daemon anew")
        was_healthy = healthy()
        await asyncio.sleep(limit_s / 3)


def state_directory() -> Path:
    """Where state is kept; made if it is not there, with a warning if it cannot be."""
    directory = Path(os.environ.get("STATE_DIRECTORY", STATE_DIRECTORY))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("%s: %s; nothing will survive a restart", directory, error.strerror)
    return directory


def conversation_path() -> Path | None:
    """In the directory that systemd keeps in memory for the service; by hand, no word is written anywhere."""
    directory = os.environ.get("RUNTIME_DIRECTORY")
    return Path(directory) / "conversation.json" if directory else None


def _build(loaded: Loaded, paths: Sequence[Path], redactor: Redactor, key: NotedKey) -> Built:
    """Everything but the devices. Raises `ConfigError`."""
    programs: list[Program] = []
    config = loaded.config
    agents = _agents(loaded, paths, programs)
    starting = _starting_agent(agents, config, paths)
    settings = app_settings(config, starting, state_directory(), _prices(loaded.sources))
    settings = replace(settings, conversation_path=conversation_path())
    return Built(settings, transport_factory(config, redactor, key), agents, programs)


def app_settings(config: Config, agent: RealtimeAgent[Any], state: Path, prices: PriceTable) -> AppSettings:
    """Everything about the box that is in the configuration and is not a device."""
    return AppSettings(
        talk=talk_settings(config.talk, config.link),
        agent=agent,
        model_settings=model_settings(config.session, config.talk),
        url=config.session.url,
        control_path=Path(config.control.socket),
        timers_path=state / "timers.json",
        state_path=state / "box.json",
        spending_path=state / "spending.json",
        accounts=account_settings(config, prices),
        recorder=RecorderSettings(
            Path(config.control.socket).parent / "flight", RingSettings(texts=config.flight.speech_text)
        ),
        sound=SoundSettings(
            capture_settings(config.audio.capture),
            speaker_always_open=config.audio.playback.keep_open == "always",
            lead_in_ms=config.audio.playback.lead_in_ms,
            ring_s=config.audio.playback.ring_s,
        ),
        ears=ear_settings(config.talk, config.vad),
        gate=gate_settings(config.vad, config.session),
        gestures=GestureSettings(**config.gestures.model_dump()),
        volume=VolumeSettings(**config.volume.model_dump()),
        prompts=config.sounds.prompts,
        earcons=config.sounds.earcons,
        brightness_percent=config.light.brightness_percent,
        wake_word="" if config.wake_word.engine == "none" else config.wake_word.word,
        append_ms=config.link.append_ms,
    )


def check(place: Place) -> None:
    """Read everything that `run_daemon` would, and start nothing. Raises `ConfigError`."""
    loaded = load(place)
    _starting_agent(_agents(loaded, place.paths, []), loaded.config, place.paths)
    _prices(loaded.sources)


def _prices(sources: Sources) -> PriceTable:
    """Raises `ConfigError`."""
    try:
        return load_prices((file.file, file.content) for file in sources.files if file.is_prices)
    except PriceError as error:
        lines = [line.partition(": ") for line in str(error).splitlines()]
        raise ConfigError([Problem(where, 0, "", what) for where, _, what in lines]) from None


def _agents(loaded: Loaded, paths: Sequence[Path], programs: list[Program]) -> dict[str, RealtimeAgent[Any]]:
    """Raises `ConfigError`. The MCP servers that the agents use are added to `programs`."""

    def mcp_server(spec: McpServerSpec) -> StdioMcpServer:
        server = StdioMcpServer(spec)
        programs.append(server)
        return server

    voices = VOICES if is_openai(loaded.config.session.url) else None
    return load_agents(paths, mcp_server, voices, loaded.sources)


def _starting_agent(
    agents: Mapping[str, RealtimeAgent[Any]], config: Config, paths: Sequence[Path]
) -> RealtimeAgent[Any]:
    """Raises `ConfigError`."""
    try:
        return starting_agent(agents, config)
    except ValueError as error:
        raise ConfigError([Problem(str(paths[-1]), 0, "", str(error))]) from None


class _Status:
    """The one line of `systemctl status`."""

    def __init__(self, notifier: Notifier, redactor: Redactor) -> None:
        self._notifier = notifier
        self._redactor = redactor
        self._phase = Phase.OFFLINE
        self._detail = ""

    def on_notice(self, notice: Notice) -> None:
        if isinstance(notice, PhaseChanged):
            self._phase = notice.phase
        elif isinstance(notice, LinkChanged):
            self._detail = f": {notice.detail}" if notice.detail else ""
        else:
            return
        self._notifier.status(self._redactor.text(self._phase.value + self._detail))


def transport_factory(config: Config, redactor: Redactor, read_key: NotedKey) -> Callable[[], Transport]:
    """Makes one transport per connection attempt; the key is read anew each time, and `redactor` told."""
    url = model_url(config.session)
    limits = _limits(config.link)
    proxy = config.link.proxy or None

    def key() -> str | None:
        found = read_key()
        redactor.learn(found)
        if found is None and urlsplit(url).scheme == "wss":  # a server on this very machine may do without
            raise ValueError(f"there is no API key; put it into {KEY_FILE} (mode 0600) or OPENAI_API_KEY")
        return found

    return lambda: WebSocketTransport(url, api_key=key, proxy=proxy, limits=limits)


def _limits(link: Link) -> WebSocketLimits:
    return WebSocketLimits(
        ping_interval_s=link.ping_interval_s,
        ping_timeout_s=link.ping_timeout_s,
        open_timeout_s=link.handshake_timeout_s,
        send_bound_bytes=round(link.send_bound_s * BASE64_BYTES_PER_S),
    )
