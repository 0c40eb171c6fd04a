"""One response being generated: its events in the documented order, at the times they are due. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from daemon.simulator.answers import Plan, Speech
from daemon.simulator.conversation import BYTES_PER_MS, Conversation, Item
from daemon.simulator.pcm import BYTES_PER_MS as PCM_BYTES_PER_MS
from daemon.simulator.pcm import to_wire
from daemon.simulator.script import FunctionCall

AUDIO_TOKEN_MS = 50  # of assistant audio, one token each (pricing page)
CHARACTERS_PER_TOKEN = 4

Event = dict[str, Any]


def text_tokens(text: str) -> int:
    """About four characters each, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """What a response was asked to be. `conversation_id` is None for one out of band.

    `input_usage` is the usage object's share known beforehand: input_tokens and input_token_details.
    """

    id: str
    conversation_id: str | None
    modality: str  # audio or text
    audio_format: Mapping[str, Any]
    voice: Any
    max_output_tokens: int | str
    metadata: Mapping[str, str] | None
    input_usage: Mapping[str, Any]


class Response:
    """Generates lazily: `due` says when to call `advance`, None once response.done was given.

    Waits add up from the start: a caller that comes late gets everything that should have been sent by now.
    """

    def __init__(
        self,
        spec: ResponseSpec,
        plan: Plan,
        conversation: Conversation | None,
        new_id: Callable[[str], str],
        rate_limits: list[Event],
        now: float,
    ) -> None:
        self.spec = spec
        self.due: float | None = now
        self.audio_ms = 0.0
        self._plan = plan
        self._conversation = conversation
        self._new_id = new_id
        self._rate_limits = rate_limits
        self._events: list[Event] = []
        self._output: list[Item] = []
        self._text_tokens = 0
        self._audio_tokens = 0.0
        self._status, self._reason, self._error = "in_progress", "", ""
        self._open: Item | None = None
        self._steps = self._run()

    def advance(self, now: float) -> list[Event]:
        while self.due is not None and self.due <= now:
            self._step()
        return self._drain()

    def cancel(self, reason: str) -> list[Event]:
        """End it early: `client_cancelled` or `turn_detected`. Steps already on their way come first."""
        for _ in range(self._plan.answer.late_deltas):
            if self.due is not None:
                self._step()
        if self.due is not None:
            self._finish("cancelled", reason)
            self.due = None
        return self._drain()

    def _step(self) -> None:
        try:
            wait_s = next(self._steps)
        except StopIteration:
            self.due = None
        else:
            self.due = (self.due or 0.0) + wait_s

    def _drain(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _run(self) -> Iterator[float]:
        answer = self._plan.answer
        self._emit("response.created", response=self._wire())
        self._events.append({"type": "rate_limits.updated", "rate_limits": self._rate_limits})
        yield answer.delay_ms / 1000
        for index, part in enumerate(self._plan.parts):
            if isinstance(part, FunctionCall):
                yield from self._call(index, part)
            else:
                yield from self._speak(index, part)
            if self._over_limit():
                self._finish("incomplete", "max_output_tokens")
                return
            if answer.status == "completed" or index + 1 < len(self._plan.parts):
                self._close_item("completed")
        self._finish(answer.status, answer.error_code or "")

    def _speak(self, index: int, speech: Speech) -> Iterator[float]:
        kind = self.spec.modality
        item = self._open_item(index, {"type": "message", "role": "assistant", "content": []})
        where = self._where(item)
        key = "transcript" if kind == "audio" else "text"
        part = {"type": f"output_{kind}", key: ""}
        item.body["content"].append(part)
        self._emit("response.content_part.added", **where, part={"type": kind, key: ""})
        if kind == "audio":
            item.audio_index, item.audio_format = 0, self.spec.audio_format["type"]
            yield from self._audio_deltas(item, speech)
        else:
            for delta in _pieces(speech.text, max(1, len(speech.text) // 12)):
                if self._over_limit():
                    return
                part["text"] += delta
                self._text_tokens += text_tokens(delta)
                self._emit("response.output_text.delta", **where, delta=delta)
                yield self._pause(len(delta) * 20)

    def _audio_deltas(self, item: Item, speech: Speech) -> Iterator[float]:
        size = self._plan.answer.delta_ms * PCM_BYTES_PER_MS
        chunks = [speech.pcm[start : start + size] for start in range(0, len(speech.pcm), size)] or [b""]
        words = _pieces(speech.text, len(chunks))
        part, where = item.body["content"][0], self._where(item)
        for index, chunk in enumerate(chunks):
            if self._over_limit():
                return
            if index < len(words):
                if not item.truncated:
                    part["transcript"] += words[index]
                self._text_tokens += text_tokens(words[index])
                self._emit("response.output_audio_transcript.delta", **where, delta=words[index])
            if chunk:
                encoded = to_wire(chunk, item.audio_format)
                item.add_audio(encoded)
                chunk_ms = len(encoded) / BYTES_PER_MS[item.audio_format]
                self.audio_ms += chunk_ms
                self._audio_tokens += chunk_ms / AUDIO_TOKEN_MS
                delta = base64.b64encode(encoded).decode()
                self._emit("response.output_audio.delta", **where, delta=delta)
                yield self._pause(chunk_ms)

    def _call(self, index: int, call: FunctionCall) -> Iterator[float]:
        call_id = self._new_id("call")
        item = self._open_item(
            index, {"type": "function_call", "call_id": call_id, "name": call.name, "arguments": ""}
        )
        where = self._where(item)
        del where["content_index"]
        for delta in _pieces(call.arguments, 3):
            item.body["arguments"] += delta
            self._text_tokens += text_tokens(delta)
            self._emit("response.function_call_arguments.delta", **where, call_id=call_id, delta=delta)
            yield self._pause(20)

    def _pause(self, duration_ms: float) -> float:
        pace = self._plan.answer.pace
        return duration_ms / 1000 / pace if pace else 0.0

    def _over_limit(self) -> bool:
        limit = self.spec.max_output_tokens
        return isinstance(limit, int) and self._text_tokens + int(self._audio_tokens) >= limit

    def _open_item(self, index: int, body: dict[str, Any]) -> Item:
        item = Item(self._new_id("item"), body, status="in_progress")
        self._output.append(item)
        self._open = item
        self._emit("response.output_item.added", output_index=index, item=item.wire())
        if self._conversation is not None:
            previous = self._conversation.insert(item)
            self._events.append(
                {"type": "conversation.item.added", "previous_item_id": previous, "item": item.wire()}
            )
        return item

    def _close_item(self, status: str) -> None:
        item, self._open = self._open, None
        if item is None:
            return
        item.status = status
        where = self._where(item)
        if item.body["type"] == "function_call":
            if status == "completed":
                del where["content_index"]
                self._emit(
                    "response.function_call_arguments.done",
                    **where,
                    call_id=item.body["call_id"],
                    name=item.body["name"],
                    arguments=item.body["arguments"],
                )
        else:
            self._close_part(item, where)
        self._emit("response.output_item.done", output_index=where["output_index"], item=item.wire())
        if self._conversation is not None and self._conversation.find(item.id) is item:
            previous = self._conversation.previous_id(item)
            self._events.append(
                {"type": "conversation.item.done", "previous_item_id": previous, "item": item.wire()}
            )

    def _close_part(self, item: Item, where: Mapping[str, Any]) -> None:
        part = item.body["content"][0]
        if part["type"] == "output_audio":
            transcript = part.get("transcript") or ""
            self._emit("response.output_audio.done", **where)
            self._emit("response.output_audio_transcript.done", **where, transcript=transcript)
            shown = {"type": "audio", "transcript": transcript}
        else:
            self._emit("response.output_text.done", **where, text=part["text"])
            shown = {"type": "text", "text": part["text"]}
        self._emit("response.content_part.done", **where, part=shown)

    def _finish(self, status: str, reason: str) -> None:
        self._close_item("completed" if status == "completed" else "incomplete")
        self._status = status
        if status == "failed":
            self._error = reason or "server_error"
        elif status == "incomplete":
            self._reason = reason or "max_output_tokens"
        else:
            self._reason = reason
        self._emit("response.done", response=self._wire())

    def _where(self, item: Item) -> dict[str, Any]:
        return {"item_id": item.id, "output_index": self._output.index(item), "content_index": 0}

    def _emit(self, event_type: str, **fields: Any) -> None:
        head: Event = {"type": event_type}
        if "response" not in fields:
            head["response_id"] = self.spec.id
        self._events.append(head | fields)

    def _wire(self) -> Event:
        done = self._status != "in_progress"
        return {
            "object": "realtime.response",
            "id": self.spec.id,
            "status": self._status,
            "status_details": self._status_details(),
            "output": [item.wire() for item in self._output],
            "conversation_id": self.spec.conversation_id,
            "output_modalities": [self.spec.modality],
            "max_output_tokens": self.spec.max_output_tokens,
            "audio": {"output": {"format": dict(self.spec.audio_format), "voice": self.spec.voice}},
            "usage": self._usage() if done else None,
            "metadata": dict(self.spec.metadata) if self.spec.metadata is not None else None,
        }

    def _status_details(self) -> Event | None:
        if self._error:
            message = f"The response failed: {self._error.replace('_', ' ')}."
            error = {"type": "server_error", "code": self._error, "message": message}
            return {"type": "failed", "error": error}
        return {"type": self._status, "reason": self._reason} if self._reason else None

    def _usage(self) -> Event:
        audio = int(self._audio_tokens)
        output = self._text_tokens + audio
        return {
            "total_tokens": self.spec.input_usage["input_tokens"] + output,
            **self.spec.input_usage,
            "output_tokens": output,
            "output_token_details": {"text_tokens": self._text_tokens, "audio_tokens": audio},
        }


def _pieces(text: str, count: int) -> list[str]:
    """`text` cut into at most `count` pieces of about equal length that add up to it."""
    count = max(1, min(count, len(text)))
    edges = [len(text) * index // count for index in range(count + 1)]
    return [text[begin:end] for begin, end in pairwise(edges)] if text else []
