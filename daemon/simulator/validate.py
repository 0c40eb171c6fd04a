"""The strict shape table of every client event: what may be sent, and the error for what may not. Pure.

`CLIENT_EVENTS` is the table; `check_client_event` applies it. Only shapes live here: what depends on the
conversation (unknown item, active response, audio length) is refused by the session.
"""

from __future__ import annotations

from typing import Any

from daemon.simulator.shapes import (
    Anything,
    Either,
    Flag,
    ListOf,
    MapOf,
    Nullable,
    Number,
    OneOf,
    Record,
    Refusal,
    Shape,
    Tagged,
    Text,
    first_refusal,
)

MAX_APPEND_BYTES = 15 * 1024 * 1024  # of audio in one input_audio_buffer.append, API reference
MAX_ID_LENGTH = 32  # of an item id the client makes up, API reference of the first version
MAX_EVENT_ID_LENGTH = 512

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
TRANSCRIPTION_MODELS = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-realtime-whisper",
)
EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
CONNECTORS = tuple(
    f"connector_{name}"
    for name in (
        "dropbox",
        "gmail",
        "googlecalendar",
        "googledrive",
        "microsoftteams",
        "outlookcalendar",
        "outlookemail",
        "sharepoint",
    )
)

_TEXT = Text()
_ITEM_ID = Text(MAX_ID_LENGTH)


def _whole(low: int | None = None, high: int | None = None) -> Number:
    return Number(low, high, whole=True)


AUDIO_FORMAT = Tagged(
    "type",
    {
        "audio/pcm": Record({"type": _TEXT, "rate": OneOf((24000,))}),
        "audio/pcmu": Record({"type": _TEXT}),
        "audio/pcma": Record({"type": _TEXT}),
    },
)
_VOICE = Either(((str, OneOf(VOICES)), (dict, Record({"id": _TEXT}))))
_MODALITIES = ListOf(OneOf(("text", "audio")), min_length=1, max_length=1)
_MAX_TOKENS = Either(((int, _whole(1, 4096)), (str, OneOf(("inf",)))))
_REASONING = Record({}, {"effort": OneOf(EFFORTS)})
_PROMPT = Record({"id": _TEXT}, {"version": Nullable(_TEXT), "variables": Nullable(MapOf(Anything()))})
_TOOL_CHOICE = Either(
    (
        (str, OneOf(("none", "auto", "required"))),
        (
            dict,
            Tagged(
                "type",
                {
                    "function": Record({"type": _TEXT, "name": _TEXT}),
                    "mcp": Record({"type": _TEXT, "server_label": _TEXT}, {"name": _TEXT}),
                },
            ),
        ),
    )
)
_TOOL_FILTER = Record({}, {"read_only": Flag(), "tool_names": ListOf(_TEXT)})
_MCP_TOOL = Record(
    {"type": _TEXT, "server_label": _TEXT},
    {
        "server_url": _TEXT,
        "connector_id": OneOf(CONNECTORS),
        "tunnel_id": _TEXT,
        "authorization": _TEXT,
        "headers": Nullable(MapOf(_TEXT)),
        "server_description": _TEXT,
        "allowed_tools": Nullable(Either(((list, ListOf(_TEXT)), (dict, _TOOL_FILTER)))),
        "allowed_callers": Nullable(ListOf(OneOf(("direct", "programmatic")))),
        "require_approval": Nullable(
            Either(
                (
                    (str, OneOf(("always", "never"))),
                    (dict, Record({}, {"always": _TOOL_FILTER, "never": _TOOL_FILTER})),
                )
            )
        ),
        "defer_loading": Flag(),
    },
)
_FUNCTION_TOOL = Record(
    {"type": _TEXT, "name": Text(64)}, {"description": _TEXT, "parameters": MapOf(Anything())}
)
_TOOLS = ListOf(Tagged("type", {"function": _FUNCTION_TOOL, "mcp": _MCP_TOOL}), max_length=128)

SERVER_VAD = Record(
    {"type": _TEXT},
    {
        "threshold": Number(0.0, 1.0),
        "prefix_padding_ms": _whole(0),
        "silence_duration_ms": _whole(0),
        "idle_timeout_ms": Nullable(_whole(5000, 30000)),
        "create_response": Flag(),
        "interrupt_response": Flag(),
    },
)
SEMANTIC_VAD = Record(
    {"type": _TEXT},
    {
        "eagerness": OneOf(("low", "medium", "high", "auto")),
        "create_response": Flag(),
        "interrupt_response": Flag(),
    },
)
_TRANSCRIPTION = Record(
    {},
    {
        "model": OneOf(TRANSCRIPTION_MODELS),
        "language": Text(),
        "languages": ListOf(_TEXT),
        "keywords": ListOf(_TEXT),
        "prompt": _TEXT,
        "delay": OneOf(EFFORTS),
    },
)
_AUDIO_INPUT = Record(
    {},
    {
        "format": AUDIO_FORMAT,
        "noise_reduction": Nullable(
            Record({"type": OneOf(("near_field", "far_field"))}, {"strength": Number(0.0, 1.0)})
        ),
        "transcription": Nullable(_TRANSCRIPTION),
        "turn_detection": Nullable(Tagged("type", {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD})),
    },
)
_AUDIO_OUTPUT = Record({}, {"format": AUDIO_FORMAT, "voice": _VOICE, "speed": Number(0.25, 1.5)})
_TRACING = Either(
    (
        (str, OneOf(("auto",))),
        (dict, Record({}, {"workflow_name": _TEXT, "group_id": _TEXT, "metadata": Anything()})),
    )
)
_TRUNCATION = Either(
    (
        (str, OneOf(("auto", "disabled"))),
        (
            dict,
            Tagged(
                "type",
                {
                    "retention_ratio": Record(
                        {"type": _TEXT, "retention_ratio": Number(0.0, 1.0)},
                        {"token_limits": Record({}, {"post_instructions": _whole(0)})},
                    )
                },
            ),
        ),
    )
)
SESSION = Record(
    {"type": OneOf(("realtime",))},
    {
        "model": _TEXT,
        "output_modalities": _MODALITIES,
        "instructions": _TEXT,
        "audio": Record({}, {"input": _AUDIO_INPUT, "output": _AUDIO_OUTPUT}),
        "include": Nullable(ListOf(OneOf(("item.input_audio_transcription.logprobs",)))),
        "max_output_tokens": _MAX_TOKENS,
        "parallel_tool_calls": Flag(),
        "reasoning": _REASONING,
        "prompt": Nullable(_PROMPT),
        "tools": _TOOLS,
        "tool_choice": _TOOL_CHOICE,
        "tracing": Nullable(_TRACING),
        "truncation": _TRUNCATION,
    },
)

_STATUS = OneOf(("completed", "incomplete", "in_progress"))
_ITEM_COMMON: dict[str, Shape] = {"id": _ITEM_ID, "object": OneOf(("realtime.item",)), "status": _STATUS}


class _ImageURL:
    """A PNG or JPEG as a data URI; the service loads nothing from the network."""

    def check(self, value: Any, path: str) -> Refusal | None:
        refusal = _TEXT.check(value, path)
        if refusal is None and not value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
            message = f"Invalid '{path}': expected a base64-encoded data URI of a PNG or JPEG image."
            return Refusal("invalid_value", message, path)
        return refusal


_INPUT_TEXT = Record({"type": _TEXT, "text": _TEXT})
_USER_CONTENT = {
    "input_text": _INPUT_TEXT,
    "input_audio": Record({"type": _TEXT, "audio": _TEXT}, {"transcript": Nullable(_TEXT)}),
    "input_image": Record(
        {"type": _TEXT, "image_url": _ImageURL()}, {"detail": OneOf(("auto", "low", "high"))}
    ),
}
_ASSISTANT_CONTENT = {
    "output_text": Record({"type": _TEXT, "text": _TEXT})
}  # assistant audio cannot be created


def _message(content: dict[str, Record]) -> Record:
    required: dict[str, Shape] = {
        "type": _TEXT,
        "role": _TEXT,
        "content": ListOf(Tagged("type", dict(content))),
    }
    return Record(required, _ITEM_COMMON)


_MCP_ERROR = Tagged(
    "type",
    {
        "protocol_error": Record({"type": _TEXT, "code": _whole(), "message": _TEXT}),
        "tool_execution_error": Record({"type": _TEXT, "message": _TEXT}),
        "http_error": Record({"type": _TEXT, "code": _whole(), "message": _TEXT}),
    },
)
_MCP_REQUIRED: dict[str, Shape] = {
    "type": _TEXT,
    "id": _ITEM_ID,
    "server_label": _TEXT,
    "name": _TEXT,
    "arguments": _TEXT,
}
_LISTED_TOOL = Record(
    {"name": _TEXT, "input_schema": Anything()},
    {"description": Nullable(_TEXT), "annotations": Anything()},
)
_ITEMS: dict[str, Shape] = {
    "message": Tagged(
        "role",
        {
            "system": _message({"input_text": _INPUT_TEXT}),
            "user": _message(_USER_CONTENT),
            "assistant": _message(_ASSISTANT_CONTENT),
        },
    ),
    "function_call": Record(
        {"type": _TEXT, "name": _TEXT, "arguments": _TEXT}, {**_ITEM_COMMON, "call_id": _ITEM_ID}
    ),
    "function_call_output": Record({"type": _TEXT, "call_id": _TEXT, "output": _TEXT}, _ITEM_COMMON),
    "mcp_approval_response": Record(
        {"type": _TEXT, "id": _ITEM_ID, "approval_request_id": _TEXT, "approve": Flag()},
        {"reason": Nullable(_TEXT)},
    ),
    "mcp_list_tools": Record(
        {"type": _TEXT, "server_label": _TEXT, "tools": ListOf(_LISTED_TOOL)}, {"id": _ITEM_ID}
    ),
    "mcp_call": Record(
        _MCP_REQUIRED,
        {"approval_request_id": Nullable(_TEXT), "output": Nullable(_TEXT), "error": Nullable(_MCP_ERROR)},
    ),
    "mcp_approval_request": Record(_MCP_REQUIRED),
}
ITEM = Tagged("type", _ITEMS)
_INPUT_ITEM = Tagged("type", {**_ITEMS, "item_reference": Record({"type": _TEXT, "id": _TEXT})})

RESPONSE = Record(
    {},
    {
        "audio": Record({}, {"output": Record({}, {"format": AUDIO_FORMAT, "voice": _VOICE})}),
        "conversation": OneOf(("auto", "none")),
        "input": ListOf(_INPUT_ITEM),
        "instructions": _TEXT,
        "max_output_tokens": _MAX_TOKENS,
        "metadata": Nullable(MapOf(Text(512), max_entries=16, max_key=64)),
        "output_modalities": _MODALITIES,
        "parallel_tool_calls": Flag(),
        "prompt": Nullable(_PROMPT),
        "reasoning": _REASONING,
        "tool_choice": _TOOL_CHOICE,
        "tools": _TOOLS,
    },
)


def _event(required: dict[str, Shape] | None = None, optional: dict[str, Shape] | None = None) -> Record:
    return Record(
        {"type": _TEXT, **(required or {})}, {"event_id": Text(MAX_EVENT_ID_LENGTH), **(optional or {})}
    )


CLIENT_EVENTS: dict[str, Record] = {
    "session.update": _event({"session": SESSION}),
    "input_audio_buffer.append": _event({"audio": _TEXT}),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "conversation.item.create": _event({"item": ITEM}, {"previous_item_id": Nullable(_TEXT)}),
    "conversation.item.retrieve": _event({"item_id": _TEXT}),
    "conversation.item.truncate": _event(
        {"item_id": _TEXT, "content_index": _whole(0), "audio_end_ms": _whole(0)}
    ),
    "conversation.item.delete": _event({"item_id": _TEXT}),
    "response.create": _event({}, {"response": RESPONSE}),
    "response.cancel": _event({}, {"response_id": _TEXT}),
    "output_audio_buffer.clear": _event(),
}


def check_client_event(event: Any) -> Refusal | None:
    """Check one parsed client event against the table. None means that its shape is right."""
    return Tagged("type", CLIENT_EVENTS).check(event, "") or _check_limits(event)


def _check_limits(event: dict[str, Any]) -> Refusal | None:
    if event["type"] == "session.update":
        tools = event["session"].get("tools", [])
        return _check_tool_names(tools, "session.tools") or first_refusal(
            (_McpTarget(), tool, f"session.tools[{index}]") for index, tool in enumerate(tools)
        )
    if event["type"] == "input_audio_buffer.append" and len(event["audio"]) > MAX_APPEND_BYTES * 4 // 3:
        message = f"Invalid 'audio': more than {MAX_APPEND_BYTES} bytes in one event."
        return Refusal("string_above_max_length", message, "audio")
    return None


class _McpTarget:
    def check(self, value: Any, path: str) -> Refusal | None:
        targets = [name for name in ("server_url", "connector_id", "tunnel_id") if name in value]
        if value["type"] != "mcp" or len(targets) == 1:
            return None
        message = f"Invalid '{path}': exactly one of 'server_url', 'connector_id', 'tunnel_id' is needed."
        return Refusal("invalid_value", message, path)


def _check_tool_names(tools: list[dict[str, Any]], path: str) -> Refusal | None:
    names = [tool["name"] for tool in tools if tool["type"] == "function"]
    for index, name in enumerate(names):
        if name in names[:index]:
            return Refusal("invalid_value", f"Invalid '{path}': two functions are called '{name}'.", path)
    return None
