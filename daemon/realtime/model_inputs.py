"""What a realtime model can be told: the events of `RealtimeModel.send_event`. Pure.

Names and fields are the Agents SDK's; `event_id` of a session update is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.model_events import RealtimeModelToolCallEvent
from daemon.records import dataclass

CLIENT_EVENTS = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
    "output_audio_buffer.clear",
)
_NEEDED = {"session.update": "session", "conversation.item.create": "item"}

IMAGE_DETAILS = ("auto", "low", "high")


class RealtimeModelRawClientMessage(TypedDict):
    """A client event of the API: its type, and everything else of it in `other_data`."""

    type: str
    other_data: NotRequired[dict[str, Any]]


class RealtimeModelInputTextContent(TypedDict):
    type: Literal["input_text"]
    text: str


class RealtimeModelInputImageContent(TypedDict):
    """`image_url` is a data URI of a PNG or JPEG."""

    type: Literal["input_image"]
    image_url: str
    detail: NotRequired[Literal["auto", "low", "high"]]


class RealtimeModelUserInputMessage(TypedDict):
    type: Literal["message"]
    role: Literal["user"]
    content: list[RealtimeModelInputTextContent | RealtimeModelInputImageContent]


RealtimeModelUserInput = str | RealtimeModelUserInputMessage


@dataclass(frozen=True, slots=True)
class RealtimeModelSendRawMessage:
    message: RealtimeModelRawClientMessage


@dataclass(frozen=True, slots=True)
class RealtimeModelSendUserInput:
    """A message in writing; `start_response` asks for an answer."""

    user_input: RealtimeModelUserInput
    start_response: bool = True
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class RealtimeModelSendAudio:
    """Microphone audio in the session's input format; `commit` ends the user's turn."""

    audio: bytes
    commit: bool = False


@dataclass(frozen=True, slots=True)
class RealtimeModelSendToolOutput:
    tool_call: RealtimeModelToolCallEvent
    output: str
    start_response: bool


@dataclass(frozen=True, slots=True)
class RealtimeModelSendInterrupt:
    """Stop speaking now. With a `response_id` only if that response is speaking or being generated.

    `force_response_cancel` is the SDK's; here an interruption always cancels.
    """

    force_response_cancel: bool = False
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class RealtimeModelSendSessionUpdate:
    """Change the session. The settings are those of `RealtimeSessionModelSettings`, or, with a `type`, the
    API's own session object. An error about it carries the `event_id`."""

    session_settings: Mapping[str, Any]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class RealtimeModelSendItemPut:
    """Ours: an item with an id becomes part of the conversation, behind another ("root" is the front)."""

    item: Mapping[str, Any]
    previous_item_id: str


@dataclass(frozen=True, slots=True)
class RealtimeModelSendItemDelete:
    """Ours: an item is taken out of the conversation."""

    item_id: str


RealtimeModelSendEvent = (
    RealtimeModelSendRawMessage
    | RealtimeModelSendUserInput
    | RealtimeModelSendAudio
    | RealtimeModelSendToolOutput
    | RealtimeModelSendInterrupt
    | RealtimeModelSendSessionUpdate
    | RealtimeModelSendItemPut
    | RealtimeModelSendItemDelete
)


def raw(kind: str, **other_data: Any) -> RealtimeModelSendRawMessage:
    """A raw event of this type."""
    return RealtimeModelSendRawMessage({"type": kind, "other_data": other_data})


def raw_client_event(message: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it goes on the wire. Raises `UserError` for what the API does not know."""
    kind = message.get("type")
    other = message.get("other_data") or {}
    if not isinstance(other, Mapping):
        raise UserError(f"other_data of {kind!r} is {other!r}, allowed: an object")
    if kind not in CLIENT_EVENTS:
        allowed = f"{', '.join(CLIENT_EVENTS)}{did_you_mean(kind, CLIENT_EVENTS)}"
        raise UserError(f"type of a raw message is {kind!r}, allowed: {allowed}")
    needed = _NEEDED.get(kind)
    if needed is not None and not isinstance(other.get(needed), Mapping):
        raise UserError(f"other_data of {kind} has {needed} {other.get(needed)!r}, allowed: an object")
    return {**other, "type": kind}


def user_item(user_input: RealtimeModelUserInput, item_id: str | None = None) -> dict[str, Any]:
    """The message as `conversation.item.create` takes it. Raises `UserError` naming the part."""
    if isinstance(user_input, str):
        parts: Any = [{"type": "input_text", "text": user_input}]
    elif isinstance(user_input, Mapping):
        parts = user_input.get("content", [])
    else:
        raise UserError(
            f"a message is {type(user_input).__name__}, allowed: text, or a dict with its content"
        )
    content = [_part(index, part) for index, part in enumerate(parts)]
    item = {"type": "message", "role": "user", "content": content}
    return item if item_id is None else {"id": item_id, **item}


def _part(index: int, part: Any) -> dict[str, Any]:
    where = f"content[{index}]"
    kind = part.get("type") if isinstance(part, Mapping) else part
    if kind == "input_text" and isinstance(part.get("text"), str):
        return {"type": kind, "text": part["text"]}
    if kind == "input_image" and isinstance(part.get("image_url"), str) and part["image_url"]:
        detail = part.get("detail")
        if detail is not None and detail not in IMAGE_DETAILS:
            raise UserError(f"{where}.detail is {detail!r}, allowed: {', '.join(IMAGE_DETAILS)}")
        image = {"type": kind, "image_url": part["image_url"]}
        return image if detail is None else {**image, "detail": detail}
    raise UserError(
        f"{where} is {str(part)[:80]!r}, allowed: input_text with text, input_image with image_url"
    )
