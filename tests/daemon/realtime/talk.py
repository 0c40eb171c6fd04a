"""A protocol with the test in the part of the server and of the owner."""

from __future__ import annotations

import base64
import json
from typing import Any

from daemon.realtime import model_events as rt
from daemon.realtime.protocol import RealtimeProtocol
from daemon.realtime.truncation import HeardPosition

SHORT = {
    "session.update": "update",
    "input_audio_buffer.append": "append",
    "input_audio_buffer.commit": "commit",
    "input_audio_buffer.clear": "clear",
    "conversation.item.create": "item",
    "conversation.item.truncate": "truncate",
    "response.create": "create",
    "response.cancel": "cancel",
}


class Talk:
    """Drives one protocol; `now` moves only when told to. `sent` and `told` drain."""

    def __init__(self, session: dict[str, Any] | None = None, ready: bool = True) -> None:
        self.now = 100.0
        self.protocol = RealtimeProtocol(session or {"type": "realtime"})
        self.ids: dict[str, str] = {}  # kind of frame -> event id of the last one sent
        if ready:
            self.connect()
            self.sent()
            self.told()

    def connect(self) -> Talk:
        self.protocol.connection_made(self.now)
        return self.server("session.updated", session={})

    def server(self, kind: str, **fields: Any) -> Talk:
        self.protocol.receive(json.dumps({"type": kind, **fields}), self.now)
        return self

    def created(self, response_id: str, **fields: Any) -> Talk:
        return self.server("response.created", response={"id": response_id, **fields})

    def done(self, response_id: str | None, status: str = "completed", **fields: Any) -> Talk:
        response = {"status": status, **({} if response_id is None else {"id": response_id}), **fields}
        return self.server("response.done", response=response)

    def audio(self, response_id: str, item_id: str, ms: int, content_index: int = 0) -> Talk:
        delta = base64.b64encode(bytes(48 * ms)).decode()
        place = {"response_id": response_id, "item_id": item_id, "content_index": content_index}
        return self.server("response.output_audio.delta", **place, delta=delta)

    def audio_done(self, response_id: str, item_id: str) -> Talk:
        return self.server(
            "response.output_audio.done", response_id=response_id, item_id=item_id, content_index=0
        )

    def error(self, code: str, about: str | None = None, **fields: Any) -> Talk:
        """`about` is the kind of our frame (`create`, `truncate`...) whose last event id the error names."""
        self.sent_ids()
        named = {} if about is None else {"event_id": self.ids[about]}
        return self.server("error", error={"code": code, "message": "no", **named, **fields})

    def ask(self, response: dict[str, Any] | None = None) -> Talk:
        self.protocol.request_response(self.now, response)
        return self

    def say(self, text: str = "hi") -> Talk:
        self.protocol.send_message(text, self.now)
        return self

    def commit(self) -> Talk:
        self.protocol.commit_audio()
        return self

    def interrupt(self, *heard: tuple[str, int]) -> Talk:
        self.protocol.interrupt([HeardPosition(item_id, 0, ms) for item_id, ms in heard], self.now)
        return self

    def lose(self) -> Talk:
        self.protocol.connection_lost(self.now)
        return self

    def wait(self, seconds: float) -> Talk:
        self.now += seconds
        self.protocol.tick(self.now)
        return self

    # --- what came out

    def sent_ids(self) -> list[dict[str, Any]]:
        """All frames not drained yet, still to be drained by `sent`."""
        frames = [json.loads(frame) for frame in self.protocol.frames_to_send()]
        self._waiting = [*getattr(self, "_waiting", []), *frames]
        for frame in frames:
            self.ids[SHORT[frame["type"]]] = frame.get("event_id", "")
        return self._waiting

    def frames(self) -> list[dict[str, Any]]:
        frames, self._waiting = self.sent_ids(), []
        return frames

    def sent(self) -> list[str]:
        """Frames since the last call, in short: `create`, `cancel r1`, `truncate a 250`, `item message`."""
        return [self._short(frame) for frame in self.frames()]

    def _short(self, frame: dict[str, Any]) -> str:
        words = [SHORT[frame["type"]]]
        if "response_id" in frame:
            words.append(frame["response_id"])
        if "item" in frame:
            words.append(frame["item"]["type"])
        if "audio_end_ms" in frame:
            words += [frame["item_id"], str(frame["audio_end_ms"])]
        if "response" in frame:
            words.append(frame["response"].get("instructions", "beside"))
        return " ".join(words)

    def told(self) -> list[str]:
        """Events since the last call, in short: `turn_started r1`, `turn_ended r1 lost`, `audio a 20`."""
        return [_told(event) for event in self.protocol.events()]


def _told(event: rt.RealtimeModelEvent) -> str:
    match event:
        case rt.RealtimeModelTurnStartedEvent(response_id, beside):
            return f"turn_started {response_id}{' beside' if beside else ''}"
        case rt.RealtimeModelTurnEndedEvent(response_id, status, _, _, beside):
            return f"turn_ended {response_id} {status}{' beside' if beside else ''}"
        case rt.RealtimeModelAudioEvent(data, _, item_id, _):
            return f"audio {item_id} {len(data) // 48}"
        case rt.RealtimeModelAudioInterruptedEvent(item_id, _, audio_end_ms):
            return f"audio_interrupted {item_id} {audio_end_ms}"
        case rt.RealtimeModelToolCallEvent(name, call_id):
            return f"function_call {name} {call_id}"
        case rt.RealtimeModelErrorEvent(code):
            return f"error {code}"
        case rt.RealtimeModelItemUpdatedEvent(item_id, added):
            return f"item_{'added' if added else 'updated'} {item_id}"
    return event.type
