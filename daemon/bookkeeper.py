"""Keeps the accounts up to date, and on disk, while the box runs. Shell around the loop's timers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from daemon.journal import SPENDING, UNSAVED
from daemon.money.accounts import Accounts, AccountSettings
from daemon.money.budget import Allowed, Capped, Limits, Warn
from daemon.money.dates import Moment
from daemon.money.ledger import LedgerState
from daemon.realtime import model_events as rt

log = logging.getLogger("harkd")

GATHER_S = 5.0
"""What a power cut may cost: bookings wait this long for the next ones, an SD card wears out by being
written."""

LOOK_S = 30.0
"""How often the clock is looked at while something waits for it: a limit that ends with its day, a first
date."""

RETRY_S = 60.0
"""A disk that is full or read-only is tried again this often, as long as something is unsaved."""

_BILLED = (rt.RealtimeModelTurnEndedEvent, rt.RealtimeModelInputAudioTranscriptionCompletedEvent)


def local_moment(unix: float) -> Moment:
    """The local day on which a Unix time falls."""
    at = time.localtime(unix)
    return Moment(unix, f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}")


class Bookkeeper:
    """The accounts of this run. On the loop's thread only.

    `on_verdict` is called with every change of the verdict, which is `Allowed` at first, `on_warning` once
    for each warning. `save`, if given, is awaited with what is to be kept, one call at a time; if it raises
    `OSError` the box goes on, and the journal is told once until it works again.
    """

    def __init__(
        self,
        settings: AccountSettings,
        wall_clock: Callable[[], float],
        on_verdict: Callable[[Allowed | Capped], object],
        on_warning: Callable[[Warn], object],
        save: Callable[[LedgerState], Awaitable[None]] | None = None,
        moment_of: Callable[[float], Moment] = local_moment,
    ) -> None:
        """`wall_clock` answers Unix seconds, `moment_of` the local day of such a time."""
        self._loop = asyncio.get_running_loop()
        self._wall_clock = wall_clock
        self._moment_of = moment_of
        self._on_verdict = on_verdict
        self._on_warning = on_warning
        self._save = save
        self._accounts = Accounts(settings, LedgerState())
        self._told: Allowed | Capped = Allowed()
        self._look: asyncio.TimerHandle | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failing = False
        self._stopped = False

    @property
    def verdict(self) -> Allowed | Capped:
        return self._accounts.verdict

    @property
    def failing(self) -> bool:
        """The last attempt to save failed: a restart would lose what was spent since."""
        return self._failing

    def start(self, restored: LedgerState) -> None:
        """Go on with the totals of earlier runs."""
        self._accounts = Accounts(self._accounts.settings, restored)
        self._tell_unpriced()
        self._watch()

    async def stop(self) -> None:
        """Save what waits, and wait for it."""
        self._stopped = True
        if self._look is not None:
            self._look.cancel()
        self._write_soon()
        if self._writer is not None:
            await self._writer

    def use(self, settings: AccountSettings) -> None:
        """Other prices or limits from now on; what is booked stays as it is."""
        self._accounts.settings = settings
        self._tell_unpriced()
        self._watch()

    def _tell_unpriced(self) -> None:
        settings = self._accounts.settings
        if settings.limits != Limits():
            for model in settings.unpriced_models:
                log.warning("there is no price for %s: [budget] does not limit what it costs", model)

    def on_model_event(self, event: rt.RealtimeModelEvent) -> None:
        """The model's listener: books answers, what runs beside them, and transcripts."""
        if not isinstance(event, _BILLED):
            return  # most are audio
        at, now = self._moment_of(self._wall_clock()), self._loop.time()
        if isinstance(event, rt.RealtimeModelTurnEndedEvent):
            if event.response_id is None or (event.status == "failed" and not event.usage):
                return  # nothing was generated, and nothing is billed
            self._accounts.book_response(event.usage, at, now, out_of_band=event.out_of_band)
        else:
            self._accounts.book_transcription(event.usage, at, now)
        self._settle()

    def summary(self) -> dict[str, Any]:
        """As `Accounts.summary`, now."""
        self._watch()
        return self._accounts.summary() | {"unsaved": self._failing}

    def _watch(self) -> None:
        """See what time has changed."""
        self._accounts.look(self._moment_of(self._wall_clock()), self._loop.time())
        self._settle()

    def _settle(self) -> None:
        """Tell what is new, save it, and look again in time."""
        if self._accounts.changed and self._gathering is None and self._save is not None:
            self._gathering = self._loop.call_later(GATHER_S, self._write_soon)
        if self._look is not None:
            self._look.cancel()
        waits = self._accounts.waits and not self._stopped
        self._look = self._loop.call_later(LOOK_S, self._watch) if waits else None
        for warning in self._accounts.take_warnings():
            log.warning("%s", warning.reason, extra=SPENDING(state="warned"))
            self._on_warning(warning)
        if self._accounts.verdict != self._told:
            self._tell(self._accounts.verdict)

    def _tell(self, verdict: Allowed | Capped) -> None:
        before, self._told = self._told, verdict
        if isinstance(verdict, Capped) and isinstance(before, Capped) and verdict.until == before.until:
            return  # the sum in its reason has grown, which is no news
        if isinstance(verdict, Capped):
            until = verdict.until or "the clock is set"
            log.warning("%s; until %s", verdict.reason, until, extra=SPENDING(state="capped", until=until))
        else:
            log.info("the spending limit is over", extra=SPENDING(state="allowed"))
        self._on_verdict(verdict)

    # ---- saving --------------------------------------------------------------------

    def _write_soon(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._save is not None and self._writer is None and self._accounts.changed:
            self._writer = asyncio.create_task(self._write(self._save), name="ledger file")

    async def _write(self, save: Callable[[LedgerState], Awaitable[None]]) -> None:
        try:
            await self._try(save)
            if self._stopped and self._accounts.changed and not self._failing:
                await self._try(save)  # what was booked during the last write
        finally:
            self._writer = None
        if self._accounts.changed and self._gathering is None and not self._stopped:
            wait_s = RETRY_S if self._failing else GATHER_S
            self._gathering = self._loop.call_later(wait_s, self._write_soon)

    async def _try(self, save: Callable[[LedgerState], Awaitable[None]]) -> None:
        try:
            await save(self._accounts.state())
            self._failing = False
        except OSError as error:
            self._accounts.changed = True
            if not self._failing:  # once, not with every booking
                what = "spending totals cannot be saved, a restart will lose them"
                log.warning("%s: %s", what, error, extra=UNSAVED())
            self._failing = True
