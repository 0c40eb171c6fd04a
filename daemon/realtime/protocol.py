"""The Realtime conversation as a machine without I/O: frames and time in, frames and events out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from enum import Enum
from itertools import count
from typing import Any

from daemon.realtime import model_events as out
from daemon.realtime import server_events as ev
from daemon.realtime import wire
from daemon.realtime.conversation import Conversation, ProtocolCounters
from daemon.realtime.held import HeldBack
from daemon.realtime.history import History
from daemon.realtime.model_events import RealtimeModelEvent
from daemon.realtime.out_of_band import MAX_METADATA, MAX_OUT_OF_BAND, OutOfBand
from daemon.realtime.replay import replay_items
from daemon.realtime.responses import ConflictOutcome, CreateRequest, ResponseSlot, SlotState
from daemon.realtime.session_updates import CONFIRMED_WITHIN_S, SessionUpdates, expiry_of, server_answers
from daemon.realtime.tool_outputs import UnspokenOutputs
from daemon.realtime.truncation import Cut, HeardPosition, PartKey


class ProtocolState(Enum):
    DISCONNECTED = "disconnected"
    CONFIGURING = "configuring"  # connected, our session.update not yet confirmed
    READY = "ready"


class RealtimeProtocol:
    """One conversation over any number of connections. Drain `frames_to_send` and `events` after every call.

    Until the session is ready, audio is dropped and counted (the owner keeps it), while items and requests
    for a response are held (see `HeldBack`) and sent in order once it is. What was held, waiting or
    running when a connection is lost dies with it: `RealtimeModelTurnEndedEvent` with status "lost" says so
    once. Only `history` and the wanted session configuration survive; with `replay` every new connection is
    told the history's words before anything else. With `raw_events` each server event is also told as it
    came, before what it means. No method raises for what a server sends; some do for what JSON cannot hold.
    """

    def __init__(self, session: Mapping[str, Any], *, replay: bool = True, raw_events: bool = False) -> None:
        self.state = ProtocolState.DISCONNECTED
        self.counters = ProtocolCounters()
        self.session_expires_at: float | None = None  # unix seconds, if the server told
        self.floor_taken = False  # the owner's: while the user speaks, requests wait for a later `tick`
        self._conversation = Conversation(self.counters, self._emit, self._send_truncate)
        self._updates = SessionUpdates(deepcopy(dict(session)))
        self._slot = ResponseSlot()
        self._beside = OutOfBand()
        self._held = HeldBack()
        self._replay = replay
        self._raw_events = raw_events
        self._outputs = UnspokenOutputs()
        self._connected_at: float | None = None
        self._server_answers = False  # every committed turn, without being asked
        self._commit_id: str | None = None  # the commit that the next bare request answers
        self._commit_gated = False
        self._ids = count(1)
        self._frames: list[str] = []
        self._events: list[RealtimeModelEvent] = []

    # --- the connection ---------------------------------------------------------------------------

    def connection_made(self, now: float) -> None:
        """The transport is open: configure the session at once."""
        self.connection_lost(now)
        self.state = ProtocolState.CONFIGURING
        self._connected_at = now
        event_id = self._new_id("session")
        self._frames.append(wire.encode_session_update(event_id, self._updates.start(event_id, now)))

    def connection_lost(self, now: float) -> None:
        """The transport is gone. Harmless if there was none."""
        if self.state is ProtocolState.DISCONNECTED:
            return
        self.state = ProtocolState.DISCONNECTED
        self._connected_at = None
        self.session_expires_at = None
        self._frames.clear()
        detail = "the connection was lost"
        for response_id in self._beside.response_ids:
            self._emit(out.RealtimeModelTurnEndedEvent(response_id, "lost", detail, {}, out_of_band=True))
        if self.response_active or self._slot.response_id is not None:
            self._emit(out.RealtimeModelTurnEndedEvent(self._slot.response_id, "lost", detail, {}))
        self._slot = ResponseSlot()
        self._beside.clear()
        self._held.take()
        if self._commit_id is not None:  # the audio it committed is gone, there is nothing to answer
            self._commit_id, self._commit_gated = None, True
        self._conversation.connection_lost()
        for call_id, output, respond, is_known in self._outputs.take(self.history):
            if not is_known:
                self.send_tool_output(call_id, output, now, respond)
            elif respond:
                self._request(CreateRequest(), now)

    def receive(self, frame: str | bytes, now: float) -> None:
        """One frame from the server, whatever it is; after `connection_lost` they are only counted."""
        if self.state is ProtocolState.DISCONNECTED:
            self.counters.frames_after_loss += 1
            return
        self.counters.frames_in += 1
        event, data = wire.decode_with_data(frame)
        if self._raw_events and data is not None and not isinstance(event, ev.UnknownEvent):
            self._emit(out.RealtimeModelRawServerEvent(data))
        match event:
            case ev.SessionCreated(session):
                self.session_expires_at = expiry_of(session) or self.session_expires_at
            case ev.SessionUpdated(session):
                self._session_updated(session, now)
            case ev.ServerError():
                self._error(event, now)
            case ev.ResponseCreated():
                self._response_created(event, now)
            case ev.ResponseDone():
                self._response_done(event)
            case ev.UnusedEvent(kind, response_id):
                if response_id is not None or kind.startswith("response."):
                    self._slot.heard_of(response_id, now)
            case _:
                if isinstance(event, ev.InputCommitted) and self._server_answers:
                    self._slot.owed(now)
                if isinstance(event, ev.RESPONSE_CONTENT):
                    self._response_content(event.response_id, now)
                self._conversation.receive(event)
        if self._slot.pending:
            self._pump(now)

    def tick(self, now: float) -> None:
        """Let deadlines that have passed take effect. Call at `next_deadline`; earlier calls do nothing."""
        first = self._updates.expire(now)
        if first is not None:
            self._session_refused(first, f"session.update not confirmed within {CONFIRMED_WITHIN_S:g} s")
        given_up = self._slot.expire(now)
        if given_up is not None:
            if given_up.response_id is not None:
                self._conversation.audio.stale.add(given_up.response_id)
            if given_up.cancel:
                self._send_cancel(given_up.response_id)
            if given_up.report:
                self._end_turn(given_up.response_id, "lost", given_up.detail)
        self._pump(now)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None while nothing is awaited."""
        configured, answered = self._updates.deadline, self._slot.deadline
        if configured is None or answered is None:
            return configured if answered is None else answered
        return min(configured, answered)

    def session_age_s(self, now: float) -> float:
        """Seconds since this connection was made; 0 without one."""
        return 0.0 if self._connected_at is None else now - self._connected_at

    @property
    def has_output(self) -> bool:
        return bool(self._frames or self._events)

    def frames_to_send(self) -> list[str]:
        frames, self._frames = self._frames, []
        return frames

    def events(self) -> list[RealtimeModelEvent]:
        events, self._events = self._events, []
        return events

    # --- what the owner may ask for ---------------------------------------------------------------

    @property
    def history(self) -> History:
        return self._conversation.history

    @property
    def response_active(self) -> bool:
        """A response is requested, being generated or waiting to be requested, and was not interrupted."""
        return self._slot.wanted or self._held.wants_response

    @property
    def active_response_id(self) -> str | None:
        """The response being generated, unless it is not wanted any more."""
        return None if self._slot.cancelled else self._slot.response_id

    def append_audio(self, pcm: bytes) -> None:
        """Microphone audio: mono PCM16 at 24 kHz. Dropped and counted while the session is not ready."""
        if self.state is not ProtocolState.READY:
            self.counters.gated_appends += 1
            return
        for start in range(0, len(pcm), wire.MAX_APPEND_BYTES):
            self._frames.append(wire.encode_append(pcm[start : start + wire.MAX_APPEND_BYTES]))

    def commit_audio(self) -> None:
        """What was appended is a user turn; `request_response` asks for the answer. Without a ready session
        nothing was appended, so nothing is committed and the request that follows ends at once."""
        self._commit_gated = self.state is not ProtocolState.READY
        if self._commit_gated:
            self.counters.gated_commits += 1
            return
        self._commit_id = self._new_id("commit")
        self._frames.append(wire.encode_commit(self._commit_id))

    def clear_audio(self) -> None:
        """Forget what was appended since the last commit."""
        if self.state is ProtocolState.READY:
            self._frames.append(wire.encode_clear(self._new_id("clear")))

    def send_message(self, text: str, now: float) -> None:
        """A user message in writing; the answer is requested."""
        self._send_item(wire.encode_user_message(self._new_id("item"), text))
        self._request(CreateRequest(), now)

    def send_item(
        self, item: Mapping[str, Any], now: float, *, after: str | None = None, respond: bool = True
    ) -> None:
        """An item in the wire's form, at the end or behind the item `after`; `respond` asks for an answer."""
        self._send_item(wire.encode_item(self._new_id("item"), item, after))
        if respond:
            self._request(CreateRequest(), now)

    def put_item(self, item: Mapping[str, Any], after: str) -> None:
        """A message with an id becomes part of the history behind `after` ("root" is the front): now if the
        session is ready, else with the replay. Raises ValueError for an item without id or type."""
        known = wire.read_item(item)
        if self.state is ProtocolState.READY:
            self._frames.append(wire.encode_item(self._new_id("item"), item, after))
        else:
            added = self.history.put(known, ev.Placement.FRONT if after == "root" else after)
            self._emit(out.RealtimeModelItemUpdatedEvent(known.item_id, added))

    def delete_item(self, item_id: str) -> None:
        """Take an item out of the conversation."""
        if self.state is ProtocolState.READY:
            self._frames.append(wire.encode_delete(self._new_id("item"), item_id))
        elif self.history.delete(item_id):
            self._emit(out.RealtimeModelItemDeletedEvent(item_id))

    def send_raw(self, message: Mapping[str, Any], now: float) -> None:
        """A client event as the API defines it, through the verb that keeps its books if there is one; what
        has none is dropped and counted while the session is not ready. Raises KeyError for missing parts."""
        match message["type"]:
            case "session.update":
                self.update_session(message["session"], now, message.get("event_id"))
            case "response.create":
                self.request_response(now, message.get("response"))
            case "conversation.item.create":
                self._send_item(wire.encode_raw(self._new_id("item"), message))
            case "input_audio_buffer.commit":
                self.commit_audio()
            case _ if self.state is ProtocolState.READY:
                self._frames.append(wire.encode_raw(self._new_id("raw"), message))
            case _:
                self.counters.gated_raw += 1

    def send_tool_output(self, call_id: str, output: str, now: float, respond: bool = True) -> None:
        """The result of a tool call; `respond` lets the model speak about it."""
        self._outputs.sent(call_id, output, respond)
        self._send_item(wire.encode_tool_output(self._new_id("item"), call_id, output))
        if respond:
            self._request(CreateRequest(), now)

    def request_response(self, now: float, response: Mapping[str, Any] | None = None) -> None:
        """Ask for a response. With a `response` body it keeps its place in the queue and is never merged;
        one with `conversation: "none"` does not wait for others. Raises ValueError for metadata that leaves
        no room for our tag."""
        if response is not None:
            body = deepcopy(dict(response))
            wire.encode_response_create("", body)
            if body.get("conversation") == "none" and len(body.get("metadata") or {}) > MAX_METADATA:
                free = f"at most {MAX_METADATA} are free for an out-of-band response"
                raise ValueError(f"response.metadata holds 16 pairs, {free}")
            self._request(CreateRequest(body), now)
        elif self._commit_gated:
            self._commit_gated = False
            self._end_turn(None, "lost", "the session was not ready, the audio was not sent")
        elif self._commit_id is not None:
            commits, self._commit_id = frozenset({self._commit_id}), None
            self._request(CreateRequest(commits=commits, other_reason=False), now)
        else:
            self._request(CreateRequest(), now)

    def interrupt(self, heard: Sequence[HeardPosition], now: float) -> None:
        """The user cut in. `heard`: every part not wholly heard yet, the one playing first, in play order.

        Cancels what is active, cuts every part at its heard position, forgets the requests that wait, and
        makes everything that was speaking stale. Says so in one event, unless there was nothing (left) to
        interrupt.
        """
        halt = self._slot.halt(now)
        self._outputs.interrupted()
        speaking = self._conversation.audio.speaking_responses()
        if halt.cancel:
            self._send_cancel(halt.response_id)
        beside = [response_id for response_id in self._beside.response_ids if response_id in speaking]
        for response_id in beside:
            self._send_cancel(response_id)
        forgotten = self._held.drop_requests()
        cuts = self._conversation.interrupt(
            [(PartKey(part.item_id, part.content_index), part.heard_ms) for part in heard]
        )
        if cuts:
            key = cuts[0].key
            self._emit(
                out.RealtimeModelAudioInterruptedEvent(key.item_id, key.content_index, cuts[0].audio_end_ms)
            )
        elif halt.stopped or forgotten or beside:
            self._emit(out.RealtimeModelAudioInterruptedEvent(None, 0, 0))

    def update_session(self, session: Mapping[str, Any], now: float, event_id: str | None = None) -> None:
        """Change the keys given, by the rules of `session.update`. A refused update is an error event with
        this `event_id`, and the configuration stays as it was. Without a connection the next one is
        configured with it."""
        changes = {"type": "realtime", **deepcopy(dict(session))}  # the one key an update must have
        event_id = event_id or self._new_id("session")
        frame = wire.encode_session_update(event_id, changes)
        if self.state is ProtocolState.DISCONNECTED:
            self._updates.keep(changes)
            return
        self._updates.sent(event_id, changes, now)
        self._frames.append(frame)

    def configure_next(self, session: Mapping[str, Any]) -> None:
        """The next connection is configured with exactly this; this one stays as it is."""
        self._updates.replace(session)

    # --- session ----------------------------------------------------------------------------------

    def _session_updated(self, session: Mapping[str, Any], now: float) -> None:
        self.session_expires_at = expiry_of(session) or self.session_expires_at
        self._server_answers = server_answers(session)
        if not self._updates.confirmed():
            return
        self.state = ProtocolState.READY
        self._emit(out.RealtimeModelSessionReadyEvent(session))
        for item in replay_items(self.history) if self._replay else ():
            self._frames.append(wire.encode_item(self._new_id("item"), item))
        for waiting in self._held.take():
            if isinstance(waiting, CreateRequest):
                self._request(waiting, now)
            else:
                self._frames.append(waiting)

    def _session_refused(self, first: bool, message: str, error: ev.ServerError | None = None) -> None:
        if first:
            self._emit(out.RealtimeModelSessionRefusedEvent(message, answered=error is not None))
        elif error is not None:
            self._emit_error(error)
        else:
            self._emit(out.RealtimeModelErrorEvent(None, message))

    # --- responses --------------------------------------------------------------------------------

    def _request(self, request: CreateRequest, now: float) -> None:
        if self.state is not ProtocolState.READY:
            self._hold(request)
        elif request.body is not None and request.body.get("conversation") == "none":
            self._send_beside(request.body)
        elif self._slot.request(request):
            self._pump(now)
        else:
            self._refuse_request("too many responses are waiting")

    def _refuse_request(self, detail: str, out_of_band: bool = False) -> None:
        self.counters.dropped_requests += 1
        self._end_turn(None, "failed", detail, out_of_band=out_of_band)

    def _pump(self, now: float) -> None:
        if self.state is ProtocolState.READY and self._slot.can_send and not self.floor_taken:
            request = self._slot.send_next(self._new_id("create"), now)
            self._frames.append(wire.encode_response_create(request.event_id, request.body))

    def _send_beside(self, body: Mapping[str, Any]) -> None:
        if self._beside.full:
            detail = f"more than {MAX_OUT_OF_BAND} out-of-band responses are running"
            self._refuse_request(detail, out_of_band=True)
            return
        event_id = self._new_id("create")
        self._frames.append(wire.encode_response_create(event_id, self._beside.start(event_id, body)))

    def _response_created(self, event: ev.ResponseCreated, now: float) -> None:
        beside = self._beside.created(event.response_id, event.metadata)
        if beside:
            self._conversation.audio.out_of_band.add(event.response_id)
            self._emit(out.RealtimeModelTurnStartedEvent(event.response_id, out_of_band=True))
        elif beside is None and self._slot.is_new(event.response_id):
            self._begin_turn(event.response_id, now)

    def _response_content(self, response_id: str, now: float) -> None:
        """Content proves that its response runs, should `response.created` have been unreadable."""
        if response_id in self._conversation.audio.out_of_band:
            return
        stale = response_id in self._conversation.audio.stale
        if self._slot.state is not SlotState.ACTIVE and not stale and self._slot.is_new(response_id):
            self._begin_turn(response_id, now)
        else:
            self._slot.heard_of(response_id, now)

    def _begin_turn(self, response_id: str, now: float) -> None:
        self._conversation.audio.begin(response_id)
        self._outputs.response_begun(everything=not self._slot.pending)
        if self._slot.created(response_id, now):
            self._conversation.audio.stale.add(response_id)
            self._send_cancel(response_id)
        else:
            self._emit(out.RealtimeModelTurnStartedEvent(response_id))

    def _response_done(self, event: ev.ResponseDone) -> None:
        if event.response_id is not None and self._beside.done(event.response_id):
            self._conversation.audio.finish_response(event.response_id)
            self._end_turn(event.response_id, event.status, event.detail, event.usage, out_of_band=True)
            return
        news, response_id = self._slot.done(event.response_id)
        if response_id is not None:
            self._conversation.audio.begin(response_id)
            self._conversation.audio.finish_response(response_id)
        if news and response_id not in self._conversation.audio.out_of_band:
            self._end_turn(response_id, event.status, event.detail, event.usage)

    def _end_turn(
        self,
        response_id: str | None,
        status: str,
        detail: str,
        usage: Mapping[str, Any] | None = None,
        out_of_band: bool = False,
    ) -> None:
        self._emit(out.RealtimeModelTurnEndedEvent(response_id, status, detail, usage or {}, out_of_band))

    # --- errors -----------------------------------------------------------------------------------

    def _error(self, error: ev.ServerError, now: float) -> None:
        match error.code:
            case "conversation_already_has_active_response":
                self._create_conflict(error, now)
            case "response_cancel_not_active":
                self.counters.late_cancels += 1
            case "input_audio_buffer_commit_empty":
                self._commit_empty(error)
            case "invalid_value" if (error.event_id or "").startswith("truncate_"):
                self.counters.refused_truncations += 1
            case _:
                self._other_error(error)

    def _create_conflict(self, error: ev.ServerError, now: float) -> None:
        outcome = self._slot.conflict(error.event_id, now)
        if outcome is ConflictOutcome.RETRIED:
            self.counters.retried_creates += 1
        elif outcome is ConflictOutcome.NOT_OURS:
            self._emit_error(error)
        elif outcome is ConflictOutcome.EXHAUSTED:
            self._emit_error(error)
            self._end_turn(None, "failed", error.message)

    def _commit_empty(self, error: ev.ServerError) -> None:
        self.counters.empty_commits += 1
        if error.event_id == self._commit_id:
            self._commit_id = None
        if error.event_id is not None and self._slot.commit_was_empty(error.event_id):
            self._end_turn(None, "cancelled", error.message)

    def _other_error(self, error: ev.ServerError) -> None:
        # A server that does not echo ids still names the field of the configuration it dislikes.
        unnamed = error.event_id is None and (error.param or "").startswith("session")
        first = self._updates.refused(error.event_id, unnamed=unnamed)
        if first is not None:
            self._session_refused(first, error.message, error)
            return
        self._emit_error(error)
        if error.event_id is None:
            return
        if self._beside.refused(error.event_id):
            self._end_turn(None, "failed", error.message, out_of_band=True)
        elif self._slot.refused(error.event_id):
            self._end_turn(None, "failed", error.message)

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids)}"

    def _emit(self, event: RealtimeModelEvent) -> None:
        self._events.append(event)

    def _emit_error(self, error: ev.ServerError) -> None:
        self._emit(out.RealtimeModelErrorEvent(error.code, error.message, error.event_id, error.param))

    def _send_item(self, frame: str) -> None:
        if self.state is ProtocolState.READY:
            self._frames.append(frame)
        else:
            self._hold(frame)

    def _hold(self, waiting: str | CreateRequest) -> None:
        if not self._held.add(waiting):
            self._refuse_request("too much is waiting for the session to be ready")

    def _send_cancel(self, response_id: str | None) -> None:
        self._frames.append(wire.encode_response_cancel(self._new_id("cancel"), response_id))

    def _send_truncate(self, cut: Cut) -> None:
        event_id = self._new_id("truncate")
        self._frames.append(wire.encode_truncate(event_id, *cut.key, cut.audio_end_ms))
