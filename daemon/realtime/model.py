"""The connection to a realtime model as an object: listeners, events in and out. Shell around the link."""

from __future__ import annotations

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, Protocol
from urllib.parse import quote

from daemon.realtime import model_events as rt
from daemon.realtime import model_inputs as inp
from daemon.realtime.backoff import Backoff
from daemon.realtime.errors import UserError
from daemon.realtime.history import History
from daemon.realtime.lead import initial_session, session_changes
from daemon.realtime.link import RealtimeLink
from daemon.realtime.listeners import Listener, Listeners
from daemon.realtime.losses import SessionRefused
from daemon.realtime.model_events import RealtimeModelEvent
from daemon.realtime.playback_position import PlaybackPosition
from daemon.realtime.protocol import RealtimeProtocol
from daemon.realtime.renewal import Renewal
from daemon.realtime.run_config import ModelConfig, is_openai, read_model_config
from daemon.realtime.server_events import WireItem
from daemon.realtime.settings_types import RealtimeModelConfig, TransportConfig
from daemon.realtime.transports.port import Refusal, Transport, TransportClosed, TransportRefused
from daemon.realtime.transports.websocket import WebSocketLimits, WebSocketTransport
from daemon.realtime.truncation import HeardPosition, PartKey

log = logging.getLogger("harkd.model")

ADDRESS = "wss://api.openai.com/v1/realtime"

SESSION_EXPIRED = "session_expired"
"""Error code of the API when a session has reached its age limit; close code 1001 follows, or comes alone."""

GOING_AWAY = 1001

AUDIO_PIECE_BYTES = 19_200
"""0.4 s of 24 kHz 16-bit mono in one frame."""

UPLINK_BUSY_BYTES = 64_000
"""So much may wait at the connection before more audio is given to it, half of what it takes at most."""

UPLINK_PATIENCE_S = 5.0
UPLINK_LOOK_S = 0.005

_ONLY_MORE = frozenset(
    {
        rt.RealtimeModelAudioEvent,
        rt.RealtimeModelTranscriptDeltaEvent,
        rt.RealtimeModelInputTranscriptDeltaEvent,
    }
)
"""While an answer runs, these bring it no nearer to its end: its playback is looked at with other events."""

_USELESS_TO_RETRY = frozenset({Refusal.KEY, Refusal.FORBIDDEN, Refusal.MODEL})


class RealtimeModel(ABC):
    """A realtime model of any kind. Implement it to bring another service or transport."""

    @property
    def history(self) -> History:
        """The conversation that `RealtimeModelItemUpdatedEvent` is about; the implementation fills it."""
        history: History = self.__dict__.setdefault("_history", History())
        return history

    @abstractmethod
    async def connect(self, options: RealtimeModelConfig) -> None: ...

    @abstractmethod
    def add_listener(self, listener: Listener) -> None: ...

    @abstractmethod
    def remove_listener(self, listener: Listener) -> None: ...

    @abstractmethod
    async def send_event(self, event: inp.RealtimeModelSendEvent) -> None: ...

    def send_event_now(self, event: inp.RealtimeModelSendEvent) -> bool:
        """Send the event without waiting for anything; False if it has to be awaited, and was not sent."""
        return False

    async def send_event_if(self, event: inp.RealtimeModelSendEvent, predicate: Callable[[], bool]) -> bool:
        """Send the event if nobody is speaking or about to, and `predicate()` holds; whether it was sent."""
        return False

    @abstractmethod
    async def close(self) -> None: ...


class Player(Protocol):
    """What plays the answer, if it knows better than the clock how much was heard."""

    @property
    def in_use(self) -> bool:
        """Somebody speaks or is being answered: no moment to renew the session."""

    def speaks(self, response_id: str) -> bool:
        """Some of this response has not been heard yet."""

    def silence(self) -> Sequence[HeardPosition]:
        """Fall silent at once; every part not wholly heard, the one playing first."""


class OpenAIRealtimeWebSocketModel(RealtimeModel):
    """The Realtime API over a WebSocket, kept alive: reconnects, replays the conversation as text, and
    renews the session in an idle moment before the server ends it.

    `connect` returns once the session is configured. `open_transport` replaces the WebSocket: it is called
    for every connection. Everything runs on the loop of `connect`.
    """

    def __init__(
        self,
        *,
        transport_config: TransportConfig | None = None,
        open_transport: Callable[[], Transport] | None = None,
        at_rest: bool = False,
    ) -> None:
        """`at_rest`: the first connection is opened for the first question, or by `link.connect_now()`."""
        self._at_rest = at_rest
        self._transport_config = transport_config
        self._open_given = open_transport
        self._listeners = Listeners()
        self._link: RealtimeLink | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self.player: Player | None = None
        """Asked to fall silent, and for how much was heard, when this side interrupts."""
        self._playback = PlaybackPosition()
        self._playback_timer: asyncio.TimerHandle | None = None
        self._looking = False
        self._renewal = Renewal()
        self._attached = False
        self._any_voice = False
        self._told_expired = False
        self._session: Mapping[str, Any] = {}
        self._earlier: Sequence[WireItem] = ()

    # ---- the connection --------------------------------------------------------------------------

    async def connect(self, options: RealtimeModelConfig) -> None:
        """Open the session and wait until it is configured.

        Raises `UserError` for settings, key, model or address that are wrong, `TransportRefused` or
        `TransportClosed` if it cannot be reached now. With `wait_until_ready` False it returns at once and
        goes on trying.
        """
        if self._task is not None:
            raise UserError("the model is connected already; close() it first")
        config = self._read(options)
        self._start(config)
        assert self._task is not None
        assert self._ready is not None
        if not config.wait_until_ready:
            return
        try:
            await asyncio.wait({self._ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if not self._ready.done():
                self._task.result()  # an error of ours: let it be seen
            self._ready.result()
        except BaseException:
            await self.close()
            raise

    def begin_with(self, items: Sequence[WireItem]) -> None:
        """The next `connect` goes on with a conversation of which this is known."""
        self._earlier = items

    async def close(self) -> None:
        """Close the connection; `connect` may be called again, for a new conversation."""
        task, self._task = self._task, None
        if self._playback_timer is not None:
            self._playback_timer.cancel()
        if self._ready is not None and not self._ready.done():
            self._ready.cancel()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._listeners.stop()

    async def wait_closed(self) -> None:
        """Wait until the connection is given up for good. Raises the error of ours that ended it, if any."""
        if self._task is not None:
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()

    def begin_anew(
        self,
        session: Mapping[str, Any],
        open_transport: Callable[[], Transport],
        reason: str,
        *,
        any_voice: bool,
    ) -> None:
        """Connect anew, in this way and with this session object; the conversation goes on as text.

        Raises `UserError` before `connect`.
        """
        self._any_voice = any_voice
        self._open_given = open_transport
        self.protocol.configure_next(session)
        self.link.use(open_transport)
        self.link.renew(reason)

    @property
    def link(self) -> RealtimeLink:
        """The connection, to share it. Raises `UserError` before `connect`."""
        if self._link is None:
            raise UserError("the model has no connection yet; connect() it first")
        return self._link

    @property
    def protocol(self) -> RealtimeProtocol:
        return self.link.protocol

    @property
    def history(self) -> History:
        return self.protocol.history

    def add_listener(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def remove_listener(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    # ---- events in -------------------------------------------------------------------------------

    async def send_event(self, event: inp.RealtimeModelSendEvent) -> None:
        """Without a session now, audio is dropped and counted, everything else waits for the next one.

        Raises `UserError` for what cannot be sent, and before `connect`.
        """
        if self._task is None:
            raise UserError("the model is not connected")
        if not isinstance(event, inp.RealtimeModelSendAudio):
            self.send_event_now(event)
            return
        await self._send_audio(event.audio)
        self._renewal.audio_sent(committed=event.commit)
        if event.commit:
            self.protocol.commit_audio()
            self.link.flush()

    def send_event_now(self, event: inp.RealtimeModelSendEvent) -> bool:
        if self._task is None or isinstance(event, inp.RealtimeModelSendAudio):
            return False
        self._sort(event, asyncio.get_running_loop().time())
        self.link.flush()
        return True

    async def _send_audio(self, audio: bytes) -> None:
        """Piece by piece, no faster than the connection takes it: a whole file may come at once."""
        for start in range(0, len(audio), AUDIO_PIECE_BYTES):
            if self.link.queued_bytes > UPLINK_BUSY_BYTES:
                await self._uplink_free()
            self.protocol.append_audio(audio[start : start + AUDIO_PIECE_BYTES])
            self.link.flush()

    async def _uplink_free(self) -> None:
        loop = asyncio.get_running_loop()
        patience = loop.time() + UPLINK_PATIENCE_S
        while self.link.queued_bytes > UPLINK_BUSY_BYTES and self._task is not None:
            if loop.time() > patience:
                self.link.give_up("the uplink is slower than real time")
                break
            await asyncio.sleep(UPLINK_LOOK_S)

    async def send_event_if(self, event: inp.RealtimeModelSendEvent, predicate: Callable[[], bool]) -> bool:
        busy = self._task is None or self.protocol.response_active or self.protocol.floor_taken
        if busy or not predicate():
            return False
        await self.send_event(event)
        return True

    def _sort(self, event: inp.RealtimeModelSendEvent, now: float) -> None:
        protocol = self.protocol
        match event:
            case inp.RealtimeModelSendUserInput(user_input, respond, item_id):
                protocol.send_item(inp.user_item(user_input, item_id), now, respond=respond)
            case inp.RealtimeModelSendToolOutput(call, output, respond):
                protocol.send_tool_output(call.call_id, output, now, respond)
            case inp.RealtimeModelSendInterrupt(_, response_id):
                if response_id is None or self._speaks(response_id, now):
                    heard = self._playback.heard(now) if self.player is None else self.player.silence()
                    protocol.interrupt(heard, now)
            case inp.RealtimeModelSendSessionUpdate(settings, event_id):
                protocol.update_session(session_changes(settings, any_voice=self._any_voice), now, event_id)
            case inp.RealtimeModelSendItemPut(item, previous_item_id):
                protocol.put_item(item, previous_item_id)
            case inp.RealtimeModelSendItemDelete(item_id):
                protocol.delete_item(item_id)
            case inp.RealtimeModelSendRawMessage(message):
                event_dict = inp.raw_client_event(message)
                protocol.send_raw(event_dict, now)
                if event_dict["type"].startswith("input_audio_buffer."):
                    self._renewal.audio_sent(committed=not event_dict["type"].endswith("append"))

    def _speaks(self, response_id: str, now: float) -> bool:
        if self.protocol.active_response_id == response_id:
            return True
        return (
            self._playback.speaks(response_id, now)
            if self.player is None
            else self.player.speaks(response_id)
        )

    # ---- the link --------------------------------------------------------------------------------

    def _read(self, options: Mapping[str, Any]) -> ModelConfig:
        given = dict(options)
        if self._transport_config is not None and given.get("transport_config") is None:
            given["transport_config"] = self._transport_config
        initial = given.get("initial_model_settings") or {}
        if "type" in initial:  # from a session, in the API's form already
            given.pop("initial_model_settings")
        config = read_model_config(given)
        self._any_voice = not is_openai(config.url)
        self._attached = config.call_id is not None
        self._session = initial_session(
            initial,
            attached=self._attached,
            any_voice=self._any_voice,
            addressed=config.url is not None,
        )
        return config

    def _start(self, config: ModelConfig) -> None:
        loop = asyncio.get_running_loop()
        open_transport = self._open_given or _opener(config, str(self._session.get("model", "")))
        protocol = RealtimeProtocol(self._session, replay=not self._attached, raw_events=True)
        for item in self._earlier:
            protocol.history.put(item)
        self._earlier = ()
        self._playback = PlaybackPosition(config.playback_tracker)
        if config.playback_tracker is not None:
            config.playback_tracker.on_change = lambda: _soon(loop, self._look_at_playback)
        self._renewal = Renewal()
        self._ready = loop.create_future()
        backoff = Backoff(Random())
        self._link = RealtimeLink(protocol, open_transport, self._on_event, backoff, at_rest=self._at_rest)
        self._task = asyncio.create_task(self._link.run(), name="realtime model")

    def _on_event(self, event: RealtimeModelEvent) -> None:
        if type(event) is rt.RealtimeModelRawServerEvent:  # what it means follows
            self._listeners.tell(event)
            return
        self._note(event, asyncio.get_running_loop().time())
        self._listeners.tell(event)
        if isinstance(event, rt.RealtimeModelConnectionStatusEvent) and event.status == "disconnected":
            self._lost()
        if type(event) not in _ONLY_MORE or not self.protocol.response_active:
            self._look_soon()

    def _note(self, event: RealtimeModelEvent, now: float) -> None:
        match event:
            case rt.RealtimeModelAudioEvent(data, response_id, item_id, index):
                self._playback.received(PartKey(item_id, index), response_id, len(data), now)
            case rt.RealtimeModelAudioDoneEvent(_, item_id, index):
                self._playback.finished(PartKey(item_id, index))
            case rt.RealtimeModelTurnEndedEvent(response_id):
                self._playback.response_finished(response_id)
            case rt.RealtimeModelAudioInterruptedEvent():
                self._playback.interrupted()
            case rt.RealtimeModelSessionReadyEvent(session):
                self._told_expired = False
                self._renewal.began(now, manual_turns=_manual_turns(session))
                told = _side(session, "output").get("format")
                self._playback.set_audio_format(told or _side(self._session, "output").get("format"))
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(None)
            case rt.RealtimeModelErrorEvent(code):
                self._told_expired |= code == SESSION_EXPIRED
            case rt.RealtimeModelSpeechStartedEvent():
                self._renewal.speaking(True)
            case rt.RealtimeModelSpeechStoppedEvent() | rt.RealtimeModelInputCommittedEvent():
                self._renewal.speaking(False)

    def _look_soon(self) -> None:
        """Once for all events of one turn of the loop."""
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._look_at_playback)

    def _look_at_playback(self) -> None:
        """Say when everything has been heard, and use the silence to renew an old session."""
        self._looking = False
        if self._task is None:
            return
        loop = asyncio.get_running_loop()
        if self._playback_timer is not None:
            self._playback_timer.cancel()
        now = loop.time()
        if not self.protocol.response_active:
            last = self._playback.drained(now)
            if last is not None:
                self._listeners.tell(rt.RealtimeModelPlaybackDrainedEvent(*last))
            in_use = bool(self._playback.heard(now)) if self.player is None else self.player.in_use
            if not in_use and self._renewal.due(now):
                self._renewal.asked()
                self.link.renew("the session is about to reach its age limit")
        deadlines = (self._playback.next_deadline(now), self._renewal.next_deadline(now))
        due = min((deadline for deadline in deadlines if deadline is not None), default=None)
        self._playback_timer = None if due is None else loop.call_at(due, self._look_at_playback)

    def _lost(self) -> None:
        reason = self.link.last_loss
        first = self._ready is not None and not self._ready.done()
        if self._ready is not None and first:
            self._ready.set_exception(_clear(reason))
            self._ready.exception()  # nobody may be waiting
        if isinstance(reason, TransportClosed) and reason.code == GOING_AWAY and not self._told_expired:
            self._listeners.tell(rt.RealtimeModelErrorEvent(SESSION_EXPIRED, str(reason)))
        if self._attached and _call_is_over(reason) and not first:
            self._listeners.tell(rt.RealtimeModelEndOfStreamEvent(str(reason)))
            if self._task is not None:
                self._task.cancel()


def _opener(config: ModelConfig, model: str) -> Callable[[], Transport]:
    url = config.url
    if url is None and config.call_id is not None:
        url = f"{ADDRESS}?call_id={quote(config.call_id, safe='')}"
    elif url is None:
        url = f"{ADDRESS}?model={quote(model, safe='')}"
    limits = WebSocketLimits(
        ping_interval_s=config.ping_interval_s,
        ping_timeout_s=config.ping_timeout_s,
        open_timeout_s=config.handshake_timeout_s,
        max_message_bytes=config.max_size_bytes,
    )
    if config.headers is not None:
        return lambda: WebSocketTransport(url, headers=config.headers, limits=limits)
    api_key = _key_source(config)
    return lambda: WebSocketTransport(url, api_key=api_key, limits=limits)


def _key_source(config: ModelConfig) -> Callable[[], str | Awaitable[str] | None]:
    """Asked at each connect. Raises `UserError` if there is no key anywhere."""
    given = config.api_key
    if callable(given):
        return given
    if given is None and not os.environ.get("OPENAI_API_KEY"):
        raise UserError("no API key: set OPENAI_API_KEY, or api_key (or headers) in the model config")
    return lambda: given or os.environ.get("OPENAI_API_KEY")


def _clear(reason: Exception | None) -> Exception:
    """The reason a first connection failed, as a `UserError` if trying again cannot help."""
    if isinstance(reason, SessionRefused):
        return UserError(f"the server refused the session's settings: {reason}")
    if isinstance(reason, TransportRefused) and reason.refusal in _USELESS_TO_RETRY:
        return UserError(str(reason))
    return reason or TransportClosed(1006, "the connection was lost")


def _call_is_over(reason: Exception | None) -> bool:
    return isinstance(reason, TransportRefused) or (
        isinstance(reason, TransportClosed) and reason.code == 1000
    )


def _side(session: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    audio = session.get("audio")
    found = audio.get(side) if isinstance(audio, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _manual_turns(session: Mapping[str, Any]) -> bool:
    side = _side(session, "input")
    return "turn_detection" in side and side["turn_detection"] is None


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """From any thread; a loop that is gone does not care."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        log.debug("playback was reported after the loop had ended")
