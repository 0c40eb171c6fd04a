"""The items of a conversation as applications see them, from our history and from JSON. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, Literal

from daemon.realtime.errors import UserError, did_you_mean
from daemon.realtime.history import History, HistoryItem
from daemon.records import dataclass

NEWEST_ITEMS = 8

ItemStatus = Literal["in_progress", "completed", "incomplete"]


def _dumped(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kinds = {name: getattr(value, name) for name in ("type", "role") if hasattr(value, name)}
        return {**kinds, **{field.name: _dumped(getattr(value, field.name)) for field in fields(value)}}
    if isinstance(value, list | tuple):
        return [_dumped(inner) for inner in value]
    return value


class _Dumpable:
    """Dataclasses that can be written as JSON."""

    __slots__ = ()

    def model_dump(self) -> dict[str, Any]:
        """Plain dicts, lists and text, with `type` and `role`; `item_from_dict` reads it back."""
        dumped: dict[str, Any] = _dumped(self)
        return dumped


@dataclass(frozen=True, slots=True)
class InputText(_Dumpable):
    text: str | None = None
    type: ClassVar[Literal["input_text"]] = "input_text"


@dataclass(frozen=True, slots=True)
class InputAudio(_Dumpable):
    """What the user said; `audio` (base64) is only ever set by the application itself."""

    audio: str | None = None
    transcript: str | None = None
    type: ClassVar[Literal["input_audio"]] = "input_audio"


@dataclass(frozen=True, slots=True)
class InputImage(_Dumpable):
    """`image_url` is a data URI of a PNG or JPEG; `detail` is auto, low or high."""

    image_url: str | None = None
    detail: str | None = None
    type: ClassVar[Literal["input_image"]] = "input_image"


@dataclass(frozen=True, slots=True)
class AssistantText(_Dumpable):
    text: str | None = None
    type: ClassVar[Literal["text"]] = "text"


@dataclass(frozen=True, slots=True)
class AssistantAudio(_Dumpable):
    audio: str | None = None
    transcript: str | None = None
    type: ClassVar[Literal["audio"]] = "audio"


@dataclass(frozen=True, slots=True)
class SystemMessageItem(_Dumpable):
    item_id: str
    content: list[InputText]
    previous_item_id: str | None = None
    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["system"]] = "system"


@dataclass(frozen=True, slots=True)
class UserMessageItem(_Dumpable):
    item_id: str
    content: list[InputText | InputAudio | InputImage]
    previous_item_id: str | None = None
    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["user"]] = "user"


@dataclass(frozen=True, slots=True)
class AssistantMessageItem(_Dumpable):
    """`heard_ms` is set once the answer was cut off; the text still holds every word that had arrived."""

    item_id: str
    content: list[AssistantText | AssistantAudio]
    previous_item_id: str | None = None
    status: ItemStatus | None = None
    heard_ms: int | None = None
    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["assistant"]] = "assistant"


@dataclass(frozen=True, slots=True)
class RealtimeToolCallItem(_Dumpable):
    """A function call and, once there is one, the `output` the model was given."""

    item_id: str
    call_id: str | None
    status: Literal["in_progress", "completed"]
    arguments: str
    name: str
    output: str | None = None
    previous_item_id: str | None = None
    type: ClassVar[Literal["function_call"]] = "function_call"


@dataclass(frozen=True, slots=True)
class RealtimeMcpCallItem(_Dumpable):
    """A call the Realtime API made to a hosted MCP server."""

    item_id: str
    name: str
    arguments: str
    output: str | None = None
    previous_item_id: str | None = None
    type: ClassVar[Literal["mcp_call"]] = "mcp_call"


RealtimeMessageItem = SystemMessageItem | UserMessageItem | AssistantMessageItem
RealtimeItem = RealtimeMessageItem | RealtimeToolCallItem | RealtimeMcpCallItem

_PARTS: Mapping[str, Any] = {
    "input_text": InputText,
    "input_audio": InputAudio,
    "input_image": InputImage,
    "text": AssistantText,
    "output_text": AssistantText,
    "audio": AssistantAudio,
    "output_audio": AssistantAudio,
}

_PARTS_BY_ROLE: Mapping[str, tuple[Any, ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (AssistantText, AssistantAudio),
}

_MESSAGES: Mapping[str, Any] = {
    "system": SystemMessageItem,
    "user": UserMessageItem,
    "assistant": AssistantMessageItem,
}

_CALLS: Mapping[str, Any] = {"function_call": RealtimeToolCallItem, "mcp_call": RealtimeMcpCallItem}


MadeItems = dict[str, tuple[tuple[HistoryItem, str | None, str | None, bool], RealtimeItem | None]]
"""By id: what an item was made of, and the item."""


def realtime_items(
    history: Iterable[HistoryItem], written: Collection[str] = (), made: MadeItems | None = None
) -> list[RealtimeItem]:
    """The history in the application's types: results are part of their calls, what is neither is left out.

    `written` holds the ids of messages that were typed; all other words of user and assistant were spoken.
    `made` is kept by the caller from one call to the next: what has not changed since is not made again.
    """
    known = list(history)
    outputs = {item.call_id: item.output for item in known if item.kind == "function_call_output"}
    made = {} if made is None else made
    items: list[RealtimeItem] = []
    previous: str | None = None
    for item in known:
        source = (item, previous, outputs.get(item.call_id), item.item_id not in written)
        before = made.get(item.item_id)
        if before is None or before[0] != source:
            before = made[item.item_id] = (source, _converted(*source))
        if before[1] is not None:
            items.append(before[1])
            previous = item.item_id
    if len(made) > len(known):
        for gone in made.keys() - {item.item_id for item in known}:
            del made[gone]
    return items


def newest_item(history: History, item_id: str, written: Collection[str]) -> RealtimeItem | None:
    """One item, if it is among the newest; the first of these does not know its predecessor."""
    newest = realtime_items(history.newest(NEWEST_ITEMS), written)
    return next((item for item in newest[1:] if item.item_id == item_id), None)


def _converted(
    item: HistoryItem, previous: str | None, output: str | None, spoken: bool
) -> RealtimeItem | None:
    if item.kind == "message":
        return _message(item, previous, spoken)
    if item.kind == "function_call":
        return RealtimeToolCallItem(
            item_id=item.item_id,
            call_id=item.call_id,
            status="in_progress" if output is None else "completed",
            arguments=item.arguments or "",
            name=item.name or "",
            output=output,
            previous_item_id=previous,
        )
    if item.kind == "mcp_call":
        return RealtimeMcpCallItem(item.item_id, item.name or "", item.arguments or "", item.output, previous)
    return None


def _message(item: HistoryItem, previous: str | None, spoken: bool) -> RealtimeMessageItem | None:
    if item.role == "system":
        return SystemMessageItem(item.item_id, [InputText(item.text)], previous)
    if item.role == "user":
        said = InputAudio(transcript=item.text or None) if spoken else InputText(item.text)
        return UserMessageItem(item.item_id, [said], previous)
    if item.role == "assistant":
        told = AssistantAudio(transcript=item.text or None) if spoken else AssistantText(item.text)
        cut_off = item.truncated_ms is not None
        return AssistantMessageItem(
            item_id=item.item_id,
            content=[told],
            previous_item_id=previous,
            status="incomplete" if cut_off else _status(item.status),
            heard_ms=item.truncated_ms,
        )
    return None


def _status(status: str | None) -> ItemStatus | None:
    match status:
        case "in_progress" | "completed" | "incomplete":
            return status
    return None


def item_from_dict(data: Mapping[str, Any]) -> RealtimeItem:
    """An item from what `model_dump` wrote, or from the wire's own form. Raises `UserError`."""
    kind = str(data.get("type"))
    if kind == "message":
        role = str(data.get("role"))
        if role not in _MESSAGES:
            raise UserError(
                f"role is {role!r}, allowed: {', '.join(_MESSAGES)}{did_you_mean(role, _MESSAGES)}"
            )
        content = data.get("content")
        if not isinstance(content, list | tuple):
            raise UserError(f"content of a {role} message is {content!r}, allowed: a list of parts")
        parts = [_part(role, part) for part in content]
        message: RealtimeMessageItem = _built(_MESSAGES[role], {**data, "content": parts})
        return message
    if kind not in _CALLS:
        allowed = ("message", *_CALLS)
        raise UserError(f"type is {kind!r}, allowed: {', '.join(allowed)}{did_you_mean(kind, allowed)}")
    call: RealtimeItem = _built(_CALLS[kind], data)
    return call


def _part(role: str, part: Any) -> Any:
    kind = part.get("type") if isinstance(part, Mapping) else part
    made = _PARTS.get(kind) if isinstance(kind, str) else None
    if made is None or made not in _PARTS_BY_ROLE[role]:
        allowed = [made.type for made in _PARTS_BY_ROLE[role]]
        raise UserError(f"{kind!r} is no part of a {role} message, allowed: {', '.join(allowed)}")
    return _built(made, part)


def _built(kind: Any, data: Mapping[str, Any]) -> Any:
    """The dataclass from the keys it has; what it does not know is left out."""
    values = {field.name: data[field.name] for field in fields(kind) if field.name in data}
    if "item_id" not in values and "id" in data:
        values["item_id"] = data["id"]
    for name, value in values.items():
        if name not in ("content", "heard_ms") and not isinstance(value, str | None):
            raise UserError(f"{name} of a {kind.type} is {value!r}, allowed: text")
    try:
        return kind(**values)
    except TypeError as missing:
        raise UserError(f"a {kind.type} item is incomplete: {missing}") from None
