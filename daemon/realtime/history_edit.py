"""What to ask of the server so that its conversation becomes the one an application wants. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from daemon.realtime.errors import UserError
from daemon.realtime.items import (
    AssistantAudio,
    AssistantText,
    InputAudio,
    InputImage,
    RealtimeItem,
    RealtimeMcpCallItem,
    RealtimeToolCallItem,
)
from daemon.records import dataclass

MAX_ID_CHARS = 32
"""Of ids that clients make up, as long as the API's first reference said; it is not stated for GA."""


@dataclass(frozen=True, slots=True)
class DeleteItem:
    item_id: str


@dataclass(frozen=True, slots=True)
class CreateItem:
    """`item` in the wire's form, behind `previous_item_id`; "root" is the front."""

    item: Mapping[str, Any]
    previous_item_id: str


Edit = DeleteItem | CreateItem


def history_edits(
    current: Sequence[RealtimeItem], wanted: Sequence[RealtimeItem], outputs: Mapping[str, str] | None = None
) -> list[Edit]:
    """Deletions first, then creations, each behind its predecessor, so that everything keeps its position.

    `outputs`: for calls that have a result, the id of the item with the result; it goes with its call. A
    message that changed or moved is deleted and created anew with its id. Spoken words come back as text:
    the API takes no assistant audio. Raises `UserError` for what cannot be created, before anything
    is sent.
    """
    outputs = outputs or {}
    _check_ids(current, wanted)
    kept = _kept(current, wanted)
    gone = [item.item_id for item in current if item.item_id not in kept]
    edits: list[Edit] = []
    for item_id in gone:
        edits += [DeleteItem(each) for each in (item_id, outputs.get(item_id)) if each is not None]
    previous = "root"
    for item in wanted:
        if item.item_id in kept:
            previous = outputs.get(item.item_id, item.item_id)
            continue
        for wire in wire_items(item):
            edits.append(CreateItem(wire, previous))
            previous = wire["id"]
    return edits


def wire_items(item: RealtimeItem) -> list[dict[str, Any]]:
    """As `conversation.item.create` takes it, with ids: a message, or a call and its result if there is one.

    Raises `UserError` for a message without words, and for calls of hosted MCP tools: only the server makes
    those.
    """
    if isinstance(item, RealtimeToolCallItem):
        call = {"type": "function_call", "id": item.item_id, "name": item.name, "arguments": item.arguments}
        call_id = item.call_id or item.item_id
        result = {"type": "function_call_output", "id": f"{item.item_id[:30]}_o", "call_id": call_id}
        made = [{**call, "call_id": call_id}]
        return made if item.output is None else [*made, {**result, "output": item.output}]
    if isinstance(item, RealtimeMcpCallItem):
        raise UserError(f"item {item.item_id!r} is a call of the server: it cannot be changed or added")
    parts: list[Any] = [*item.content]
    content = [wire for wire in map(_wire_part, parts) if wire is not None]
    if not content:
        raise UserError(f"item {item.item_id!r} has no words to be created from")
    return [{"type": "message", "id": item.item_id, "role": item.role, "content": content}]


def _wire_part(part: Any) -> dict[str, Any] | None:
    if isinstance(part, InputImage):
        detail = {} if part.detail is None else {"detail": part.detail}
        return {"type": "input_image", "image_url": part.image_url, **detail}
    if isinstance(part, InputAudio) and part.audio is not None:
        return {"type": "input_audio", "audio": part.audio}
    text = part.transcript if isinstance(part, InputAudio | AssistantAudio) else part.text
    kind = "output_text" if isinstance(part, AssistantText | AssistantAudio) else "input_text"
    return {"type": kind, "text": text} if text else None


def _kept(current: Sequence[RealtimeItem], wanted: Sequence[RealtimeItem]) -> set[str]:
    """Ids of items that are the same in both and in the same order."""
    before = {item.item_id: _essence(item) for item in current}
    same = {item.item_id for item in wanted if before.get(item.item_id) == _essence(item)}
    old = [item.item_id for item in current if item.item_id in same]
    new = [item.item_id for item in wanted if item.item_id in same]
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return {item_id for block in blocks for item_id in old[block.a : block.a + block.size]}


def _essence(item: RealtimeItem) -> dict[str, Any]:
    """Without what the server, or the position, changes by itself."""
    changing = ("previous_item_id", "status", "heard_ms")
    return {key: value for key, value in item.model_dump().items() if key not in changing}


def _check_ids(current: Sequence[RealtimeItem], wanted: Sequence[RealtimeItem]) -> None:
    known = {item.item_id for item in current}
    seen: set[str] = set()
    for item in wanted:
        new = item.item_id not in known
        if item.item_id in seen or not item.item_id or (new and len(item.item_id) > MAX_ID_CHARS):
            allowed = f"1 to {MAX_ID_CHARS} characters, each id once"
            raise UserError(f"item_id is {item.item_id!r}, allowed: {allowed}")
        seen.add(item.item_id)
