"""One connection's session as a machine: client events and time in, server events out. Pure."""

from __future__ import annotations

import copy
import heapq
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from daemon.simulator.answers import AnswerBook, plan_response
from daemon.simulator.conversation import (
    Conversation,
    Item,
    Refused,
    decode_audio,
    item_from_client,
)
from daemon.simulator.faults import EXPIRED_REASON
from daemon.simulator.input_buffer import InputBuffer
from daemon.simulator.responses import Event, Response, ResponseSpec
from daemon.simulator.session_config import DEFAULT_MODEL, default_session, updated_session
from daemon.simulator.transcription import transcription_events
from daemon.simulator.usage import RateLimits, input_usage
from daemon.simulator.vad import SpeechStarted, SpeechStopped
from daemon.simulator.validate import check_client_event

MAX_SESSION_S = 3600.0  # service limit
MAX_COMMITTED = 1000  # user turns whose audio a test can look at; the oldest are forgotten


class Session:
    """Feed it, then `take` the events to send; call `tick` at `next_deadline`.

    `closing` is the (code, reason) with which the connection is to be closed once everything taken was sent.
    `committed` holds the (item id, audio) of the newest 1000 user turns, in the session's input format.
    """

    def __init__(
        self, book: AnswerBook, *, connection: int, model: str | None, expires_at: int, now: float
    ) -> None:
        self.closing: tuple[int, str] | None = None
        self.committed: deque[tuple[str, bytes]] = deque(maxlen=MAX_COMMITTED)
        self.conversation = Conversation()
        self._book = book
        self._connection = connection
        self._counts: dict[str, int] = {}
        self._expires = now + MAX_SESSION_S
        self._any_model = model is None
        self._config = default_session(self._new_id("sess"), model or DEFAULT_MODEL, expires_at)
        self._conversation_id = self._new_id("conv")
        self._buffer = InputBuffer("audio/pcm", self._config["audio"]["input"]["turn_detection"])
        self._turn: tuple[str, int] | None = None  # item id and start of the speech going on
        self._responses: list[Response] = []
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._idle_due: float | None = None
        self._limits = RateLimits()
        self._seen_tokens = 0
        self._outbox: list[Event] = []
        self._now = now
        self._emit({"type": "session.created", "session": self._config})

    # input

    def receive(self, frame: str | bytes, now: float) -> Event | None:
        """Handle one frame; gives the parsed event, None if it was not a JSON object."""
        self.tick(now)
        event: Any = None
        if isinstance(frame, str):
            try:
                event = json.loads(frame, parse_constant=_refuse_constant)
            except (ValueError, RecursionError):
                event = None
        if not isinstance(event, dict):
            self._error("invalid_json", "The frame is not a JSON object in text.", None, None)
            return None
        own_id = event.get("event_id")
        event_id = own_id if isinstance(own_id, str) else None
        refusal = check_client_event(event)
        if refusal is not None:
            self._error(refusal.code, refusal.message, refusal.param, event_id)
            return event
        try:
            _HANDLERS[event["type"]](self, event)
        except Refused as refused:
            self._error(refused.code, refused.message, refused.param, event_id)
        self._advance()
        return event

    def tick(self, now: float) -> None:
        """Let time pass: deltas, transcripts, the idle timer and the age limit."""
        self._now = now
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()
        self._advance()
        if self._idle_due is not None and self._idle_due <= now:
            self._idle_timeout()
        if self.closing is None and self._expires <= now:
            self.expire()

    def next_deadline(self) -> float | None:
        """When to tick next; None once the session is closing."""
        if self.closing is not None:
            return None
        times = [self._expires, *(response.due for response in self._responses if response.due is not None)]
        times += [entry[0] for entry in self._later[:1]]
        return min([*times, self._idle_due] if self._idle_due is not None else times)

    def take(self) -> list[Event]:
        """The events to send now, in order."""
        events, self._outbox = self._outbox, []
        return events

    def expire(self) -> None:
        """The end of a session that has become too old: an error event, then close 1001."""
        self._error("session_expired", EXPIRED_REASON, None, None)
        self.closing = (1001, EXPIRED_REASON)

    # output

    def _new_id(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        new_id = f"{kind}_{self._connection:04d}{self._counts[kind]:08d}"
        # A client may have given an item of its own just this id.
        return new_id if self.conversation.find(new_id) is None else self._new_id(kind)

    def _emit(self, event: Event) -> None:
        # A snapshot, or a later change of an item or the config would show in an event not yet sent.
        kept = event if event["type"].endswith(".delta") else copy.deepcopy(event)
        self._outbox.append({"type": event["type"], "event_id": self._new_id("event"), **kept})

    def _error(self, code: str, message: str, param: str | None, event_id: str | None) -> None:
        error = {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": param,
            "event_id": event_id,
        }
        self._emit({"type": "error", "error": error})

    # session and items

    def _update(self, event: Event) -> None:
        update = event["session"]
        if self._any_model:
            self._any_model, self._config["model"] = False, update.get("model", self._config["model"])
        self._config = updated_session(
            self._config,
            update,
            audio_heard=self.conversation.has_assistant_audio,
            response_active=self._active() is not None,
        )
        detection = self._config["audio"]["input"]["turn_detection"]
        self._buffer.configure(self._input_format, detection)
        if not self._buffer.speaking:
            self._turn = None
        if not (detection or {}).get("idle_timeout_ms"):
            self._idle_due = None
        self._emit({"type": "session.updated", "session": self._config})

    @property
    def _input_format(self) -> str:
        return str(self._config["audio"]["input"]["format"]["type"])

    def _create_item(self, event: Event) -> None:
        body = event["item"]
        if body["type"] == "function_call_output" and not self.conversation.has_call(body["call_id"]):
            message = f"Tool call ID '{body['call_id']}' not found in conversation."
            raise Refused("invalid_tool_call_id", message, "item.call_id")
        item = item_from_client(body, body.get("id") or self._new_id("item"), self._input_format)
        if item.body["type"] == "function_call":
            item.body.setdefault("call_id", self._new_id("call"))
        self._add_item(item, event.get("previous_item_id"))

    def _add_item(self, item: Item, after: str | None = None) -> None:
        previous = self.conversation.insert(item, after)
        for event_type in ("conversation.item.added", "conversation.item.done"):
            self._emit({"type": event_type, "previous_item_id": previous, "item": item.wire()})

    def _retrieve_item(self, event: Event) -> None:
        item = self.conversation.get(event["item_id"], "retrieve")
        self._emit({"type": "conversation.item.retrieved", "item": item.wire(with_audio=True)})

    def _delete_item(self, event: Event) -> None:
        self.conversation.delete(event["item_id"])
        self._emit({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    def _truncate_item(self, event: Event) -> None:
        where = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self.conversation.truncate(**where)
        self._emit({"type": "conversation.item.truncated", **where})

    # input audio

    def _append(self, event: Event) -> None:
        for edge in self._buffer.append(decode_audio(event["audio"], "audio", self._input_format)):
            self._speech_edge(edge)

    def _commit(self, _event: Event) -> None:
        audio = self._buffer.commit()
        item_id = self._turn[0] if self._turn else self._new_id("item")
        self._turn = None
        self._commit_turn(item_id, audio)

    def _clear(self, _event: Event) -> None:
        self._buffer.clear()
        self._turn = None
        self._emit({"type": "input_audio_buffer.cleared"})

    def _speech_edge(self, edge: SpeechStarted | SpeechStopped) -> None:
        detection = self._config["audio"]["input"]["turn_detection"]
        if isinstance(edge, SpeechStarted):
            self._turn = (self._new_id("item"), edge.audio_start_ms)
            self._idle_due = None
            head = {"type": "input_audio_buffer.speech_started", "audio_start_ms": edge.audio_start_ms}
            self._emit({**head, "item_id": self._turn[0]})
            active = self._active()
            if active is not None and detection["interrupt_response"]:
                self._finish(active, active.cancel("turn_detected"))
        elif self._turn is not None:
            (item_id, start_ms), self._turn = self._turn, None
            head = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": edge.audio_end_ms}
            self._emit({**head, "item_id": item_id})
            self._commit_turn(item_id, self._buffer.take_turn(start_ms, edge.audio_end_ms))
            if detection["create_response"]:
                self._respond_unasked()

    def _commit_turn(self, item_id: str, audio: bytes) -> None:
        self.committed.append((item_id, audio))
        last = self.conversation.last
        previous = last.id if last else None
        self._emit({"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": previous})
        content = [{"type": "input_audio", "transcript": None}]
        item = Item(item_id, {"type": "message", "role": "user", "content": content}, audio_index=0)
        item.audio_format = self._input_format
        item.add_audio(audio)
        self._add_item(item)
        if self._config["audio"]["input"]["transcription"] is not None:
            self._transcribe(item)

    def _transcribe(self, item: Item) -> None:
        transcript = self._book.next_transcript(item.audio_ms)
        settings = self._config["audio"]["input"]["transcription"]
        include = self._config["include"] or []
        events = transcription_events(item, transcript, settings.get("model", ""), logprobs=bool(include))

        def deliver() -> None:
            item.body["content"][0]["transcript"] = transcript
            for event in events:
                self._emit(event)

        self._at(self._now + self._book.transcript_delay_s, deliver)

    def _at(self, due: float, action: Callable[[], None]) -> None:
        self._counts["timer"] = self._counts.get("timer", 0) + 1
        heapq.heappush(self._later, (due, self._counts["timer"], action))

    def _idle_timeout(self) -> None:
        self._idle_due = None
        detection = self._config["audio"]["input"]["turn_detection"]
        end_ms = self._buffer.end_ms
        start_ms = max(self._buffer.begin_ms, end_ms - detection["idle_timeout_ms"])
        item_id = self._new_id("item")
        head = {"type": "input_audio_buffer.timeout_triggered", "item_id": item_id}
        self._emit({**head, "audio_start_ms": start_ms, "audio_end_ms": end_ms})
        self._commit_turn(item_id, self._buffer.take_turn(start_ms, end_ms))
        self._respond_unasked()
        self._advance()

    # responses

    def _active(self) -> Response | None:
        """The response that is writing to the conversation, if any."""
        running = (response for response in self._responses if response.spec.conversation_id is not None)
        return next(running, None)

    def _create_response(self, event: Event) -> None:
        wanted = event.get("response", {})
        in_band = wanted.get("conversation", "auto") != "none"
        if in_band and self._active() is None and self._book.create_is_lost():
            self._start_response({})
        self._start_response(wanted)

    def _respond_unasked(self) -> None:
        try:
            self._start_response({})
        except Refused as refused:
            self._error(refused.code, refused.message, refused.param, None)

    def _start_response(self, wanted: Mapping[str, Any]) -> None:
        in_band = wanted.get("conversation", "auto") != "none"
        active = self._active()
        if in_band and active is not None:
            message = (
                f"Conversation already has an active response in progress: {active.spec.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refused("conversation_already_has_active_response", message)
        output = {**self._config["audio"]["output"], **wanted.get("audio", {}).get("output", {})}
        if (
            self.conversation.has_assistant_audio
            and output["voice"] != self._config["audio"]["output"]["voice"]
        ):
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refused("cannot_update_voice", message, "response.audio.output.voice")
        context = self._context(wanted)
        asked = {**self._config, **wanted}
        usage = input_usage(context, asked["instructions"], self._seen_tokens if in_band else 0)
        spec = ResponseSpec(
            id=self._new_id("resp"),
            conversation_id=self._conversation_id if in_band else None,
            modality=asked["output_modalities"][0],
            audio_format=output["format"],
            voice=output["voice"],
            max_output_tokens=asked["max_output_tokens"],
            metadata=wanted.get("metadata"),
            input_usage=usage,
        )
        if in_band:
            self._seen_tokens = usage["input_tokens"]
            self._idle_due = None
        plan = plan_response(self._book.next_answer(), context, asked)
        limits = self._limits.after_request(usage["input_tokens"])
        conversation = self.conversation if in_band else None
        response = Response(spec, plan, conversation, self._new_id, limits, self._now)
        self._responses.append(response)
        self._advance()

    def _context(self, wanted: Mapping[str, Any]) -> list[Item]:
        if "input" not in wanted:
            return list(self.conversation)
        context = []
        for index, body in enumerate(wanted["input"]):
            if body["type"] != "item_reference":
                context.append(item_from_client(body, f"input_{index}", self._input_format))
                continue
            item = self.conversation.find(body["id"])
            if item is None:
                message = f"Item with id '{body['id']}' does not exist in the conversation."
                raise Refused("invalid_value", message, f"response.input[{index}].id")
            context.append(item)
        return context

    def _cancel_response(self, event: Event) -> None:
        wanted = event.get("response_id")
        response = self._active()
        if wanted is not None:
            response = next((running for running in self._responses if running.spec.id == wanted), None)
        if response is None:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        self._finish(response, response.cancel("client_cancelled"))

    def _clear_output(self, _event: Event) -> None:
        message = "output_audio_buffer.clear is only supported over WebRTC and SIP connections."
        raise Refused("invalid_value", message, "type")

    def _advance(self) -> None:
        for response in list(self._responses):
            self._finish(response, response.advance(self._now))

    def _finish(self, response: Response, events: list[Event]) -> None:
        for event in events:
            self._emit(event)
        if response.due is not None or response not in self._responses:
            return
        self._responses.remove(response)
        detection = self._config["audio"]["input"]["turn_detection"] or {}
        idle_ms = detection.get("idle_timeout_ms")
        if idle_ms and response.spec.conversation_id is not None and self._turn is None:
            # From response.done plus the length of its audio, whatever was played before (API reference).
            self._idle_due = self._now + (response.audio_ms + idle_ms) / 1000


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_HANDLERS: dict[str, Callable[[Session, Event], None]] = {
    "session.update": Session._update,
    "input_audio_buffer.append": Session._append,
    "input_audio_buffer.commit": Session._commit,
    "input_audio_buffer.clear": Session._clear,
    "conversation.item.create": Session._create_item,
    "conversation.item.retrieve": Session._retrieve_item,
    "conversation.item.truncate": Session._truncate_item,
    "conversation.item.delete": Session._delete_item,
    "response.create": Session._create_response,
    "response.cancel": Session._cancel_response,
    "output_audio_buffer.clear": Session._clear_output,
}
