"""Whoever listens to a model, plain or async, in order. Shell around tasks."""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from daemon.realtime.model_events import RealtimeModelEvent

log = logging.getLogger("harkd.model")

MAX_LISTENER_EVENTS = 1024
"""Events an async listener may be behind; the oldest is dropped and counted in a log line."""


class RealtimeModelListener(ABC):
    """Gets every event of a model in order. `on_event` may be async: it is then awaited in a task of its own
    and may lag behind; a plain function is called at once and must not block."""

    @abstractmethod
    def on_event(self, event: RealtimeModelEvent) -> Awaitable[None] | None: ...


class _Listening(Protocol):
    def on_event(self, event: RealtimeModelEvent) -> Awaitable[None] | None: ...


Listener = _Listening | Callable[[RealtimeModelEvent], Awaitable[None] | None]


class Listeners:
    """Calls listeners in the order they were added. One that raises costs a log line, nothing else."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._told: tuple[tuple[Listener, Callable[[Any], Any], bool], ...] = ()
        self._pumps: dict[int, _Pump] = {}

    def add(self, listener: Listener) -> None:
        if listener not in self._listeners:
            self._listeners.append(listener)
            self._look_up()

    def remove(self, listener: Listener) -> None:
        if listener not in self._listeners:
            return
        known = self._listeners.pop(self._listeners.index(listener))
        self._look_up()
        pump = self._pumps.pop(id(known), None)
        if pump is not None:
            pump.stop()

    def tell(self, event: RealtimeModelEvent) -> None:
        for listener, on_event, is_async in self._told:
            try:
                if is_async:
                    self._pump(listener, on_event).put(event)
                else:
                    on_event(event)
            except Exception:  # supervision point: a listener of the application
                log.exception("listener %r failed at %s", listener, event.type)

    def stop(self) -> None:
        """End the tasks of async listeners; they are still listeners."""
        for pump in self._pumps.values():
            pump.stop()
        self._pumps.clear()

    def _look_up(self) -> None:
        """Once and not for every event: what to call, and how."""
        calls: list[tuple[Listener, Any]] = [
            (listener, getattr(listener, "on_event", listener)) for listener in self._listeners
        ]
        self._told = tuple((listener, call, _is_async(call)) for listener, call in calls)

    def _pump(self, listener: Listener, on_event: Callable[[Any], Awaitable[None]]) -> _Pump:
        if id(listener) not in self._pumps:
            self._pumps[id(listener)] = _Pump(on_event)
        return self._pumps[id(listener)]


def _is_async(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


class _Pump:
    """The task of one async listener."""

    def __init__(self, on_event: Callable[[Any], Awaitable[None]]) -> None:
        self._on_event = on_event
        self._events: deque[RealtimeModelEvent] = deque(maxlen=MAX_LISTENER_EVENTS)
        self._dropped = 0
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="model listener")

    def put(self, event: RealtimeModelEvent) -> None:
        if len(self._events) == MAX_LISTENER_EVENTS:
            self._dropped += 1
            if self._dropped.bit_count() == 1:
                log.warning("a listener is behind, %d events dropped", self._dropped)
        self._events.append(event)
        self._wake.set()

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._events:
                event = self._events.popleft()
                try:
                    await self._on_event(event)
                except Exception:  # supervision point: a listener of the application
                    log.exception("listener %r failed at %s", self._on_event, event.type)
