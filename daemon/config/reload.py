"""Brings a changed configuration into force, or says why not. Shell around the configuration's files."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from daemon.config.diff import Change, diff, diff_files
from daemon.config.files import ConfigError, Place, read_sources
from daemon.config.last_good import LastGood
from daemon.config.layers import Problem
from daemon.config.settle import Fingerprint, Settle
from daemon.config.sources import Loaded, resolve
from daemon.config.watch import Watch, directories_of, fingerprint
from daemon.journal import CONFIG, UNSAVED

log = logging.getLogger("harkd")

POLL_S = 5.0
"""How often files are looked at without an event: 1 ms of stat for 20 files on the smallest board."""

POLL_WITHOUT_EVENTS_S = 1.0
HELD_S = 0.25
"""How often it is asked whether the turn is over: soon enough to beat the next one."""

GATHER_S = 0.05
"""Events of so long are taken together: a busy directory nearby costs no more than 20 looks a second."""

Apply = Callable[[Loaded, Sequence[Change]], None]


class Reload:
    """What is in force, and the way for something else to get there.

    `apply` is given a configuration whose settings are right, and how it differs from the one in force. Only
    while `may_apply` says so is it called, or anything read. It may raise `ConfigError`, before it has
    changed anything, for what only it can know, as an agent that names a missing tool.

    `on_problems` is told when there are mistakes that are meant, and told `()` when they are gone. Until then
    the configuration that was in force stays in force. `problems` are those of which everybody knows already.
    """

    def __init__(
        self,
        place: Place,
        in_force: Loaded,
        apply: Apply,
        may_apply: Callable[[], bool],
        on_problems: Callable[[Sequence[Problem]], None],
        last_good: LastGood | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.in_force = in_force
        self.problems = tuple(problems)
        self._place = place
        self._apply = apply
        self._may_apply = may_apply
        self._on_problems = on_problems
        self._last_good = last_good
        self._settle = Settle()
        self._asked = asyncio.Event()
        self._events = asyncio.Event()
        self._unsaved = None if self.problems else in_force
        self._asking: list[asyncio.Future[Sequence[Problem]]] = []

    async def reload(self) -> Sequence[Problem]:
        """`ask`, and wait until it was read, which is not in mid-turn; answers the mistakes."""
        read: asyncio.Future[Sequence[Problem]] = asyncio.get_running_loop().create_future()
        self._asking.append(read)
        self.ask()
        return await read

    def ask(self) -> None:
        """As SIGHUP and `harkd reload` do: read now, and tell of mistakes at once."""
        self._asked.set()
        self._events.set()

    async def run(self) -> None:
        """Until it is cancelled. Whatever the file system does ends in `on_problems` or in the journal."""
        loop = asyncio.get_running_loop()
        watch = Watch()
        if watch.works:
            loop.add_reader(watch.descriptor, self._on_event, watch)
        poll_at = loop.time()
        try:
            while True:
                if self._events.is_set() or loop.time() >= poll_at:
                    self._events.clear()
                    await asyncio.to_thread(self._look_after, watch)
                    poll_at = loop.time() + (POLL_S if watch.works else POLL_WITHOUT_EVENTS_S)
                deadline = await self._step(watch)
                await self._save()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(min(deadline, poll_at)):
                        await self._events.wait()
                        if not self._asked.is_set():
                            await asyncio.sleep(GATHER_S)
        finally:
            if watch.descriptor >= 0:
                loop.remove_reader(watch.descriptor)
            watch.close()

    def _look_after(self, watch: Watch) -> None:
        watch.look_after(directories_of(self._place))

    def _on_event(self, watch: Watch) -> None:
        if watch.drain():
            self._events.set()

    def step(self, now: float, *, being_written: bool = False) -> float:
        """Look at the files, and take them if it is time; answers when to look again at the latest."""
        if self._is_held(now):
            return now + HELD_S
        if self._note(fingerprint(self._place), now, being_written):
            self._take(_read(self._place), now)
        return self._next_look(now)

    async def _step(self, watch: Watch) -> float:
        """The same with the files in a thread: a file server that is gone may never answer."""
        clock = asyncio.get_running_loop().time
        if self._is_held(clock()):
            return clock() + HELD_S
        stamps = await asyncio.to_thread(fingerprint, self._place)
        if self._note(stamps, clock(), watch.being_written):
            found = await asyncio.to_thread(_read, self._place)
            if not self._may_apply():  # a turn has begun meanwhile; it is read again afterwards
                return clock() + HELD_S
            self._take(found, clock())
        return self._next_look(clock())

    def _is_held(self, now: float) -> bool:
        return (self._asked.is_set() or self._settle.is_due(now)) and not self._may_apply()

    def _note(self, stamps: Fingerprint, now: float, being_written: bool) -> bool:
        """Whether it is time to read."""
        self._settle.seen(stamps, now, being_written=being_written)
        if self._asked.is_set():
            self._asked.clear()
            self._settle.ask(now)
        return self._settle.is_due(now)

    def _take(self, found: Loaded | list[Problem], now: float) -> None:
        problems = self._bring_into_force(found) if isinstance(found, Loaded) else found
        asking, self._asking = self._asking, []
        for read in asking:
            if not read.done():
                read.set_result(problems)
        if self._settle.read(now, mistaken=bool(problems)) or not problems:
            self._tell(problems)

    def _next_look(self, now: float) -> float:
        deadline = self._settle.next_deadline()
        return now + POLL_S if deadline is None else deadline

    def _bring_into_force(self, loaded: Loaded) -> Sequence[Problem]:
        changes = diff(self.in_force.config, loaded.config)
        changes += diff_files(self.in_force.sources, loaded.sources)
        if changes:
            try:
                self._apply(loaded, changes)
            except ConfigError as error:
                return error.problems
            revision, shown = loaded.sources.revision, "; ".join(map(str, changes))
            log.info("config: revision %s is in force: %s", revision, shown, extra=CONFIG(revision=revision))
        if loaded.sources.revision != self.in_force.sources.revision:
            self._unsaved = loaded
        self.in_force = loaded
        return ()

    def _tell(self, problems: Sequence[Problem]) -> None:
        if tuple(problems) != self.problems:
            self.problems = tuple(problems)
            self._on_problems(self.problems)

    async def _save(self) -> None:
        if self._last_good is None or self._unsaved is None:
            return
        loaded, self._unsaved = self._unsaved, None
        try:
            await asyncio.to_thread(self._last_good.keep, loaded.sources, self._place)
        except OSError as error:  # a full or read-only disk: the box runs on
            revision = loaded.sources.revision
            log.warning("config: revision %s is not saved: %s", revision, error, extra=UNSAVED())


def _read(place: Place) -> Loaded | list[Problem]:
    return resolve(read_sources(place))
