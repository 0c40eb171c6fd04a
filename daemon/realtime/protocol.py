"""The Realtime conversation as a machine without I/O: feed frames and time in, drain frames and events out. Pure.

INTERFACE SKETCH - the body is being written; signatures are agreed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from daemon.realtime.model_events import RealtimeModelEvent


class ProtocolState(Enum):
    DISCONNECTED = "disconnected"
    CONFIGURING = "configuring"  # connected, our session.update not yet confirmed
    READY = "ready"


@dataclass(frozen=True, slots=True)
class HeardPosition:
    """How much of one audio part has left the loudspeaker, for truncation. `heard_ms` is floored."""

    item_id: str
    content_index: int
    heard_ms: int


class RealtimeProtocol:
    state: ProtocolState

    def __init__(self, session: Mapping[str, Any]) -> None: ...

    # the connection
    def connection_made(self, now: float) -> None: ...
    def connection_lost(self, now: float) -> None: ...
    def receive(self, frame: str | bytes, now: float) -> None: ...
    def tick(self, now: float) -> None: ...
    def next_deadline(self) -> float | None: ...
    def session_age_s(self, now: float) -> float: ...

    # drains: call both after every call above or below
    def frames_to_send(self) -> list[str]: ...
    def events(self) -> list[RealtimeModelEvent]: ...

    # what the owner may ask for
    @property
    def response_active(self) -> bool: ...  # requested, being generated, or waiting to be requested
    def append_audio(self, pcm: bytes) -> None: ...
    def commit_audio(self) -> None: ...
    def clear_audio(self) -> None: ...
    def send_message(self, text: str, now: float) -> None: ...
    def request_response(self, now: float, response: Mapping[str, Any] | None = None) -> None: ...
    def interrupt(self, heard: Sequence[HeardPosition], now: float) -> None: ...
    def update_session(self, session: Mapping[str, Any], now: float) -> None: ...
