"""Keeps the light showing what the box does. Shell around the loop's timers and a light."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from daemon.cues import BoxView, Cue, showing
from daemon.patterns import Colour, dimmed, frame, next_frame_ms

log = logging.getLogger("harkd")

RETRY_S = 30.0
"""A light is not worth more than that: nobody has to wait for it."""


class Light(Protocol):
    """A light of `hw.ports`, as far as it is needed here."""

    @property
    def pixels(self) -> int: ...

    @property
    def dims(self) -> bool: ...

    def start(self) -> None: ...

    def show(self, colours: Sequence[Colour]) -> None: ...

    def stop(self) -> None: ...


class Lamp:
    """One light and the state it tells. On the loop's thread only.

    `view` is asked for the box as it is now; `light_error` is what the light raises when its device cannot be
    had or has gone. That is logged once, and tried again every `RETRY_S` until it works: the box goes on in
    the dark. At most one timer is set, and none while nothing moves.
    """

    def __init__(
        self,
        light: Light,
        view: Callable[[], BoxView],
        light_error: type[Exception],
        *,
        brightness_percent: int = 100,
    ) -> None:
        """`brightness_percent` (1..100), as the eye takes it, limits everything that is shown."""
        if not 1 <= brightness_percent <= 100:
            raise ValueError(f"brightness_percent = {brightness_percent} is not possible, allowed: 1 to 100")
        self._loop = asyncio.get_running_loop()
        self._light = light
        self._view = view
        self._light_error = light_error
        self._brightness_percent = brightness_percent
        self._open = False
        self._problem = ""
        self._timer: asyncio.TimerHandle | None = None
        self._seen: BoxView | None = None
        self._cue: Cue | None = None
        self._began = 0.0
        self._colours: tuple[Colour, ...] = ()

    @property
    def cue(self) -> Cue | None:
        """What is shown; None while nothing can be."""
        return self._cue if self._open else None

    @property
    def problem(self) -> str:
        """Why there is no light, in a sentence for the owner; "" while there is."""
        return self._problem

    def use_brightness(self, percent: int) -> None:
        """As `brightness_percent` of the constructor, from now on."""
        self._brightness_percent = percent
        if self._open:
            self._draw(self._view())

    def start(self) -> None:
        """Open the light and show how the box is. Does not raise what the light raises."""
        self._try_open()

    def refresh(self) -> None:
        """The box may have changed: show it, before this returns. Harmless when not started.

        Cheap when nothing has: it may be called after every event.
        """
        if self._open and (view := self._view()) != self._seen:
            self._draw(view)

    def stop(self) -> None:
        """Dark, and closed. Harmless when not started."""
        self._open = False
        self._set_timer(None)
        self._light.stop()

    def _due(self) -> None:
        self._draw(self._view())

    def _draw(self, view: BoxView) -> None:
        self._seen = view
        now = self._loop.time()
        shown = showing(view, now)
        if shown.cue is not self._cue:
            self._cue, self._began = shown.cue, now
        t_ms = round((now - self._began) * 1000)  # a timer may be early by the resolution of the clock
        dims = self._light.dims
        colours = dimmed(frame(shown.pattern, self._light.pixels, t_ms, dims=dims), self._brightness_percent)
        if colours != self._colours and not self._show(colours):
            return
        next_ms = next_frame_ms(shown.pattern, t_ms, dims=dims)
        wakes = [self._began + next_ms / 1000] if next_ms is not None else []
        if shown.until is not None:
            wakes.append(shown.until)
        self._set_timer(min(wakes, default=None))

    def _show(self, colours: tuple[Colour, ...]) -> bool:
        try:
            self._light.show(colours)
        except self._light_error as error:
            self._failed(error)
            return False
        self._colours = colours
        return True

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else self._loop.call_at(when, self._due)

    # ---- a light that fails --------------------------------------------------------

    def _try_open(self) -> None:
        try:
            self._light.start()
        except self._light_error as error:
            self._failed(error)
            return
        self._open = True
        self._cue = None
        self._colours = ()
        self._draw(self._view())
        if self._open and self._problem:  # one that opens and shows nothing is not back
            log.info("the light is back")
            self._problem = ""

    def _failed(self, error: Exception) -> None:
        if not self._problem:
            log.warning("no light: %s (tried again every %.0f s)", error, RETRY_S)
        self._problem = str(error)
        self._open = False
        self._light.stop()
        self._set_timer(None)
        self._timer = self._loop.call_later(RETRY_S, self._try_open)
