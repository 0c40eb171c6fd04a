"""Answers the requests of the control socket. Shell around the box that they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from daemon.events import Ask, Consent, Dissent, Event, Pressed, Released, Say
from daemon.realtime.errors import did_you_mean


class Box(Protocol):
    """What of the daemon requests may reach; each call answers why it was refused, or None."""

    def step(self, event: Event) -> str | None: ...
    def stop_speaking(self) -> str | None: ...
    def set_volume(self, percent: object) -> str | None: ...
    async def mute_surely(self, on: bool) -> str | None: ...
    def status(self) -> dict[str, Any]: ...
    async def save_flight(self) -> Path: ...
    async def reload(self) -> str | None: ...

    @property
    def config_revision(self) -> str: ...


Request = Mapping[str, Any]


async def answer(box: Box, request: Request) -> dict[str, Any]:
    """Answer one request: `{"command": ...}` and what belongs to it."""
    command = request.get("command")
    if command == "status":
        return {"ok": True, "status": box.status()}
    if command == "flight":
        return await _flight(box)
    if command == "reload":
        refusal = await box.reload()
        return {"ok": refusal is None, "error": refusal, "revision": box.config_revision}
    if command == "mute":
        on = request.get("on")
        if isinstance(on, bool):
            refusal = await box.mute_surely(on)
        else:
            refusal = f'mute: "on" is {on!r}, allowed: true or false'
    elif (act := _ACTS.get(str(command))) is not None:
        refusal = act(box, request)
    else:
        known = [*_ACTS, *_OTHERS]
        which = f"there are {', '.join(known)}{did_you_mean(command, known)}"
        refusal = f"unknown command {command!r}; {which}"
    return {"ok": True} if refusal is None else {"ok": False, "error": refusal}


def _send_text(box: Box, request: Request, event: type[Ask | Say]) -> str | None:
    text = request.get("text")
    if not isinstance(text, str) or not text.strip():
        return f"{request['command']}: needs a text"
    return box.step(event(text))


async def _flight(box: Box) -> dict[str, Any]:
    try:
        return {"ok": True, "path": str(await box.save_flight())}
    except OSError as error:
        return {"ok": False, "error": f"flight: cannot be written: {error}"}


_OTHERS = ("mute", "flight", "reload", "status")
_ACTS: Mapping[str, Callable[[Box, Request], str | None]] = {
    "press": lambda box, request: box.step(Pressed()),
    "release": lambda box, request: box.step(Released()),
    "stop": lambda box, request: box.stop_speaking(),
    "say": lambda box, request: _send_text(box, request, Say),
    "ask": lambda box, request: _send_text(box, request, Ask),
    "approve": lambda box, request: box.step(Consent()),
    "reject": lambda box, request: box.step(Dissent()),
    "volume": lambda box, request: box.set_volume(request.get("percent")),
}
