"""The items of one conversation in order, with their audio: create, delete, retrieve, truncate. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_AUDIO_BYTES = 64 * 1024 * 1024
BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}
WITHOUT_STATUS = ("mcp_approval_response", "mcp_list_tools", "mcp_call", "mcp_approval_request")


class Refused(Exception):
    """A client event whose shape is right cannot be carried out now."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.code = code
        self.message = message
        self.param = param
        super().__init__(message)


@dataclass(slots=True, eq=False)
class Item:
    """One conversation item. `body` is its JSON without id, object, status and audio data.

    `audio` holds the audio of the part at `audio_index` in the wire format `audio_format`; `audio_bytes`
    counts it even after the data itself was forgotten (`Conversation` keeps at most 64 MiB per session).
    """

    id: str
    body: dict[str, Any]
    status: str = "completed"
    audio: bytearray = field(default_factory=bytearray)
    audio_bytes: int = 0
    audio_index: int | None = None
    audio_format: str = "audio/pcm"
    truncated: bool = False

    @property
    def kind(self) -> str:
        """`user`, `assistant`, `system`, or the type of an item that is no message."""
        return str(self.body.get("role", self.body["type"]))

    @property
    def audio_ms(self) -> float:
        return self.audio_bytes / BYTES_PER_MS[self.audio_format]

    @property
    def text(self) -> str:
        """Everything written or transcribed in it."""
        parts = self.body.get("content", [])
        spoken = [part.get("text") or part.get("transcript") or "" for part in parts]
        return " ".join([*spoken, self.body.get("output") or "", self.body.get("arguments") or ""]).strip()

    def add_audio(self, data: bytes) -> None:
        if not self.truncated:
            self.audio += data
            self.audio_bytes += len(data)

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """The item as the service writes it; audio data only on request, as after a retrieve."""
        shown: dict[str, Any] = {"id": self.id, **self.body}
        if self.body["type"] not in WITHOUT_STATUS:
            shown = {"id": self.id, "object": "realtime.item", **self.body, "status": self.status}
        if "content" in self.body:
            shown["content"] = [dict(part) for part in self.body["content"]]
            if with_audio and self.audio_index is not None and self.audio:
                shown["content"][self.audio_index]["audio"] = base64.b64encode(self.audio).decode()
        return shown


class Conversation:
    """Items by id and in order. Audio beyond `MAX_AUDIO_BYTES` is forgotten, oldest item first."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last(self) -> Item | None:
        return self._items[-1] if self._items else None

    def find(self, item_id: str) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    def get(self, item_id: str, verb: str) -> Item:
        """Raises `Refused`; `verb` is the client's, for the error code: delete, retrieve, truncate."""
        item = self.find(item_id)
        if item is None:
            message = f"Error: cannot {verb} item: the item with id '{item_id}' does not exist."
            raise Refused(f"item_{verb}_invalid_item_id", message, "item_id")
        return item

    def insert(self, item: Item, after: str | None = None) -> str | None:
        """Put `item` at the end, in front (`after="root"`) or after an item; return the id before it.

        Raises `Refused` if the id is taken or `after` is unknown.
        """
        if self.find(item.id) is not None:
            message = f"Error adding item: the item with id '{item.id}' already exists."
            raise Refused("item_create_duplicate_item_id", message, "item.id")
        index = len(self._items) if after is None else 0 if after == "root" else self._index_after(after)
        self._items.insert(index, item)
        self._forget_old_audio()
        return self._items[index - 1].id if index else None

    def _index_after(self, item_id: str) -> int:
        for index, item in enumerate(self._items):
            if item.id == item_id:
                return index + 1
        message = f"Error adding item: the previous item with id '{item_id}' does not exist."
        raise Refused("item_create_invalid_previous_item_id", message, "previous_item_id")

    def previous_id(self, item: Item) -> str | None:
        """The id before `item`; None if it is the first or was deleted meanwhile."""
        index = self._items.index(item) if item in self._items else 0
        return self._items[index - 1].id if index else None

    def delete(self, item_id: str) -> None:
        self._items.remove(self.get(item_id, "delete"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut the audio of an assistant item and remove its transcript. Raises `Refused`."""
        item = self.get(item_id, "truncate")
        if item.kind != "assistant" or item.audio_index is None:
            raise Refused("invalid_value", "Only model output audio messages can be truncated.", "item_id")
        if content_index != item.audio_index:
            message = f"Content index {content_index} is not an audio part of item '{item_id}'."
            raise Refused("invalid_value", message, "content_index")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {item.audio_ms:g}ms is already shorter than {audio_end_ms}ms"
            raise Refused("invalid_value", message, "audio_end_ms")
        item.audio_bytes = audio_end_ms * BYTES_PER_MS[item.audio_format]
        del item.audio[item.audio_bytes :]
        item.truncated = True
        item.body["content"][content_index].pop("transcript", None)

    def has_call(self, call_id: str) -> bool:
        calls = (item.body for item in self._items if item.body["type"] == "function_call")
        return any(body.get("call_id") == call_id for body in calls)

    @property
    def has_assistant_audio(self) -> bool:
        return any(item.kind == "assistant" and item.audio_bytes for item in self._items)

    def _forget_old_audio(self) -> None:
        held = sum(len(item.audio) for item in self._items)
        for item in self._items:
            if held <= MAX_AUDIO_BYTES:
                return
            held -= len(item.audio)
            item.audio.clear()


def item_from_client(body: Mapping[str, Any], item_id: str, audio_format: str) -> Item:
    """An item from a validated `conversation.item.create`. Raises `Refused` on audio that is not base64."""
    kept = {key: value for key, value in body.items() if key not in ("id", "object", "status")}
    item = Item(item_id, kept, audio_format=audio_format)
    if "content" in kept:
        kept["content"] = [dict(part) for part in kept["content"]]
        for index, part in enumerate(kept["content"]):
            if part["type"] == "input_audio":
                item.audio_index = index if item.audio_index is None else item.audio_index
                item.add_audio(decode_audio(part.pop("audio"), f"item.content[{index}].audio", audio_format))
                part.setdefault("transcript", None)
    return item


def decode_audio(text: str, param: str, audio_format: str) -> bytes:
    """Bytes from base64. Raises `Refused` if it is not base64, empty, or half a sample is left over."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        message = f"Invalid '{param}'. Expected base64-encoded audio bytes, but got an invalid value."
        raise Refused("invalid_value", message, param) from None
    if not data:
        message = f"Invalid '{param}'. Expected base64-encoded audio bytes, but got empty bytes."
        raise Refused("invalid_value", message, param)
    if audio_format == "audio/pcm" and len(data) % 2:
        message = f"Invalid '{param}'. Expected whole 16-bit samples, but got {len(data)} bytes."
        raise Refused("invalid_value", message, param)
    return data
