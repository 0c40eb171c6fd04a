"""Realtime messages between JSON text and typed values, both ways. Pure.

Decoding is lenient about what may be missing and strict about what the machine relies on; it never raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from daemon.realtime import base64_text
from daemon.realtime import server_events as ev
from daemon.realtime.server_events import MalformedFrame, ServerEvent

MAX_FRAME_CHARS = 16 * 1024 * 1024
"""Above what any documented server event needs; the API's own bound for one client event is 15 MiB."""

MAX_APPEND_BYTES = 480_000
"""10 s of 24 kHz PCM16 in one append; far below the API's 15 MiB, small enough to overtake between frames."""

SAMPLE_CHARS = 200


class _BadField(Exception):
    """A field the machine relies on is missing or of the wrong type."""


def decode(frame: str | bytes) -> ServerEvent:
    """One frame as received. Never raises: what cannot be used becomes a `MalformedFrame`."""
    return decode_with_data(frame)[0]


def decode_with_data(frame: str | bytes) -> tuple[ServerEvent, dict[str, Any] | None]:
    """Like `decode`, with the JSON object as it came; None if the frame holds none that has a type."""
    if not isinstance(frame, str):
        return MalformedFrame("binary frame", repr(bytes(frame[:SAMPLE_CHARS]))[:SAMPLE_CHARS]), None
    if len(frame) > MAX_FRAME_CHARS:
        return MalformedFrame(f"frame of {len(frame)} characters", _printable(frame[:SAMPLE_CHARS])), None
    if not frame.isascii():
        frame = _printable(frame)
    whole: dict[str, Any] | None = None
    try:
        if "\\" not in frame:
            data = _read(frame)
        else:
            data = _parsed(frame)
            if "\\ud" in frame or "\\uD" in frame:
                data = _without_lone_surrogates(data)
        if type(data) is not dict:
            raise _BadField("not a JSON object")
        kind = _text(data, "type")
        whole = data
        decoder = _DECODERS.get(kind)
        if decoder is not None:
            return decoder(data), whole
        if kind in UNUSED_TYPES:
            return ev.UnusedEvent(kind, _optional_text(data, "response_id")), whole
        return ev.UnknownEvent(kind, data), whole
    except _BadField as bad:
        return MalformedFrame(str(bad), frame[:SAMPLE_CHARS]), whole
    except (ValueError, RecursionError) as bad:
        return MalformedFrame(f"not JSON: {bad}"[:SAMPLE_CHARS], frame[:SAMPLE_CHARS]), whole


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


_DELTA_KEY = '"delta":'
_WORTH_CUTTING = 256  # letters; more than the words of a transcript that come at a time
_AUDIO_DELTAS = ("response.output_audio.delta", "response.audio.delta")


def _read(frame: str) -> Any:
    """JSON without any backslash. The audio of a delta, nearly all of its frame, is not gone through letter
    by letter: it is cut out up to the next quote, and put back once the rest has turned out to be an audio
    delta. What it holds is for base64 to judge."""
    key_end = frame.find(_DELTA_KEY) + len(_DELTA_KEY)
    if key_end >= len(_DELTA_KEY):
        start = frame.find('"', key_end) + 1
        end = frame.find('"', start)
        rest = f"{frame[:start]}{frame[end:]}"
        is_text = start > 0 and not frame[key_end : start - 1].strip()
        if end - start > _WORTH_CUTTING and is_text and rest.count('"delta"') == 1:
            data = _parsed(rest)
            if type(data) is dict and data.get("delta") == "" and data.get("type") in _AUDIO_DELTAS:
                data["delta"] = frame[start:end]
                return data
    return _parsed(frame)


def _parsed(text: str) -> Any:
    """As the decoder's `decode`, which also looks for white space around the text; there is seldom any."""
    if text[:1] == "{":
        data, end = _DECODER.raw_decode(text)
        if end == len(text):
            return data
    return _DECODER.decode(text)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _without_lone_surrogates(data: Any) -> Any:
    """Half a surrogate pair cannot be written to any log, file or socket; only frames that escape one come
    here."""
    text = json.dumps(data, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.loads(text)


# --- fields ---------------------------------------------------------------------------------------


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if type(value) is not str:
        raise _BadField(f"{key} is {_named(data, key)}, expected a string")
    return value


def _optional_text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if type(value) is str else None


def _object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    if type(value) is not dict:
        raise _BadField(f"{key} is {_named(data, key)}, expected an object")
    return value


def _optional_object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if type(value) is dict else {}


def _whole(data: Mapping[str, Any], key: str) -> int:
    """A count or a time: a number >= 0 without fraction below 2**53 (servers may write 5 as 5.0)."""
    value: Any = data.get(key)
    if type(value) not in (int, float) or not 0 <= value < 2**53 or value != int(value):
        raise _BadField(f"{key} is {_named(data, key)}, expected a whole number >= 0")
    return int(value)


def _content_index(data: Mapping[str, Any]) -> int:
    return _whole(data, "content_index") if "content_index" in data else 0


def _named(data: Mapping[str, Any], key: str) -> str:
    return repr(data[key])[:60] if key in data else "missing"


# --- server to us ---------------------------------------------------------------------------------


def _session_created(data: dict[str, Any]) -> ServerEvent:
    return ev.SessionCreated(_object(data, "session"))


def _session_updated(data: dict[str, Any]) -> ServerEvent:
    return ev.SessionUpdated(_object(data, "session"))


def _error(data: dict[str, Any]) -> ServerEvent:
    error = _object(data, "error")
    code = _optional_text(error, "code") or _optional_text(error, "type")
    message = _optional_text(error, "message") or code or "unknown error"
    return ev.ServerError(code, message, _optional_text(error, "param"), _optional_text(error, "event_id"))


def read_item(item: Mapping[str, Any]) -> ev.WireItem:
    """An item as `conversation.item.create` takes it. Raises ValueError without id or type."""
    try:
        return _item({"item": dict(item)})
    except _BadField as bad:
        raise ValueError(str(bad)) from None


def _item(data: dict[str, Any]) -> ev.WireItem:
    item = _object(data, "item")
    content = item.get("content")
    return ev.WireItem(
        item_id=_text(item, "id"),
        kind=_text(item, "type"),
        role=_optional_text(item, "role"),
        status=_optional_text(item, "status"),
        parts=tuple(_part_text(part) for part in content) if type(content) is list else (),
        name=_optional_text(item, "name"),
        call_id=_optional_text(item, "call_id"),
        arguments=_optional_text(item, "arguments"),
        output=_optional_text(item, "output"),
    )


def _part_text(part: Any) -> str:
    """Text or transcript of a content part of any type; images and silent audio have none."""
    if type(part) is not dict:
        return ""
    return _optional_text(part, "text") or _optional_text(part, "transcript") or ""


def _after(data: dict[str, Any]) -> str | ev.Placement:
    """Only the id `root` means the front. Null means "no predecessor", which is true of the first item of
    every connection, while older items of our history are still there: it is appended."""
    previous = _optional_text(data, "previous_item_id")
    if previous == "root":
        return ev.Placement.FRONT
    return previous or ev.Placement.APPEND


def _item_added(data: dict[str, Any]) -> ServerEvent:
    return ev.ItemAdded(_item(data), _after(data))


def _item_done(data: dict[str, Any]) -> ServerEvent:
    return ev.ItemDone(_item(data), _after(data))


def _item_deleted(data: dict[str, Any]) -> ServerEvent:
    return ev.ItemDeleted(_text(data, "item_id"))


def _item_truncated(data: dict[str, Any]) -> ServerEvent:
    return ev.ItemTruncated(_text(data, "item_id"), _content_index(data), _whole(data, "audio_end_ms"))


def _input_transcript_delta(data: dict[str, Any]) -> ServerEvent:
    return ev.InputTranscriptDelta(
        _text(data, "item_id"), _content_index(data), _optional_text(data, "delta") or ""
    )


def _input_transcript_completed(data: dict[str, Any]) -> ServerEvent:
    usage = _optional_object(data, "usage")
    return ev.InputTranscriptCompleted(
        _text(data, "item_id"), _content_index(data), _text(data, "transcript"), usage
    )


def _input_transcript_failed(data: dict[str, Any]) -> ServerEvent:
    error = _optional_object(data, "error")
    message = _optional_text(error, "message") or _optional_text(error, "code") or "unknown error"
    return ev.InputTranscriptFailed(_text(data, "item_id"), message)


def _input_committed(data: dict[str, Any]) -> ServerEvent:
    return ev.InputCommitted(_text(data, "item_id"))


def _speech_started(data: dict[str, Any]) -> ServerEvent:
    return ev.SpeechStarted(_text(data, "item_id"), _whole(data, "audio_start_ms"))


def _speech_stopped(data: dict[str, Any]) -> ServerEvent:
    return ev.SpeechStopped(_text(data, "item_id"), _whole(data, "audio_end_ms"))


def _timeout_triggered(data: dict[str, Any]) -> ServerEvent:
    return ev.InputTimeoutTriggered(
        _text(data, "item_id"), _whole(data, "audio_start_ms"), _whole(data, "audio_end_ms")
    )


def _response_created(data: dict[str, Any]) -> ServerEvent:
    response = _object(data, "response")
    return ev.ResponseCreated(_text(response, "id"), _optional_object(response, "metadata"))


def _response_done(data: dict[str, Any]) -> ServerEvent:
    """Lenient to the last: whatever else is wrong with it, a `response.done` must free the slot."""
    response = _optional_object(data, "response")
    details = _optional_object(response, "status_details")
    error = _optional_object(details, "error")
    detail = (
        _optional_text(error, "message")
        or _optional_text(error, "code")
        or _optional_text(error, "type")
        or _optional_text(details, "reason")
        or ""
    )
    status = _optional_text(response, "status") or "completed"
    return ev.ResponseDone(
        _optional_text(response, "id"), status, detail, _optional_object(response, "usage")
    )


def _output_item_added(data: dict[str, Any]) -> ServerEvent:
    return ev.OutputItemAdded(_text(data, "response_id"), _item(data))


def _output_item_done(data: dict[str, Any]) -> ServerEvent:
    return ev.OutputItemDone(_text(data, "response_id"), _item(data))


def _audio_delta(data: dict[str, Any]) -> ServerEvent:
    try:
        pcm = base64_text.decode(_text(data, "delta"))
    except ValueError as bad:
        raise _BadField(f"delta is not base64: {bad}") from None
    if len(pcm) % 2:
        raise _BadField(f"delta holds {len(pcm)} bytes, expected whole 16-bit samples")
    return ev.AudioDelta(_text(data, "response_id"), _text(data, "item_id"), _content_index(data), pcm)


def _audio_done(data: dict[str, Any]) -> ServerEvent:
    return ev.AudioDone(_text(data, "response_id"), _text(data, "item_id"), _content_index(data))


def _transcript_delta(data: dict[str, Any]) -> ServerEvent:
    return ev.TranscriptDelta(
        _text(data, "response_id"), _text(data, "item_id"), _content_index(data), _text(data, "delta")
    )


def _transcript_done(data: dict[str, Any]) -> ServerEvent:
    text = _optional_text(data, "transcript") or _optional_text(data, "text") or ""
    return ev.TranscriptDone(_text(data, "response_id"), _text(data, "item_id"), _content_index(data), text)


def _rate_limits(data: dict[str, Any]) -> ServerEvent:
    limits = data.get("rate_limits")
    if type(limits) is not list:
        raise _BadField(f"rate_limits is {_named(data, 'rate_limits')}, expected a list")
    return ev.RateLimits(tuple(limit for limit in limits if type(limit) is dict))


_DECODERS: dict[str, Callable[[dict[str, Any]], ServerEvent]] = {
    "session.created": _session_created,
    "session.updated": _session_updated,
    "error": _error,
    "conversation.item.added": _item_added,
    "conversation.item.created": _item_added,
    "conversation.item.done": _item_done,
    "conversation.item.deleted": _item_deleted,
    "conversation.item.truncated": _item_truncated,
    "conversation.item.input_audio_transcription.delta": _input_transcript_delta,
    "conversation.item.input_audio_transcription.completed": _input_transcript_completed,
    "conversation.item.input_audio_transcription.failed": _input_transcript_failed,
    "input_audio_buffer.committed": _input_committed,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "input_audio_buffer.timeout_triggered": _timeout_triggered,
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _output_item_added,
    "response.output_item.done": _output_item_done,
    "response.output_audio.delta": _audio_delta,
    "response.audio.delta": _audio_delta,
    "response.output_audio.done": _audio_done,
    "response.audio.done": _audio_done,
    "response.output_audio_transcript.delta": _transcript_delta,
    "response.audio_transcript.delta": _transcript_delta,
    "response.output_audio_transcript.done": _transcript_done,
    "response.audio_transcript.done": _transcript_done,
    "response.output_text.delta": _transcript_delta,
    "response.text.delta": _transcript_delta,
    "response.output_text.done": _transcript_done,
    "response.text.done": _transcript_done,
    "rate_limits.updated": _rate_limits,
}

UNUSED_TYPES = frozenset(
    {
        "conversation.created",
        "conversation.item.input_audio_transcription.segment",
        "conversation.item.retrieved",
        "input_audio_buffer.cleared",
        "input_audio_buffer.dtmf_event_received",
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
        "mcp_list_tools.in_progress",
        "output_audio_buffer.cleared",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
    }
)


# --- us to server ---------------------------------------------------------------------------------


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _encode(message: Mapping[str, Any]) -> str:
    """Raises TypeError or ValueError for what JSON cannot hold; the message comes from our owner, not the
    server."""
    return _ENCODER.encode(message)


def encode_append(pcm: bytes) -> str:
    """By concatenation: the base64 alphabet needs no escaping in JSON. At most `MAX_APPEND_BYTES` per
    frame."""
    return f'{{"type":"input_audio_buffer.append","audio":"{base64_text.encode(pcm)}"}}'


def encode_commit(event_id: str) -> str:
    return _encode({"type": "input_audio_buffer.commit", "event_id": event_id})


def encode_clear(event_id: str) -> str:
    return _encode({"type": "input_audio_buffer.clear", "event_id": event_id})


def encode_session_update(event_id: str, session: Mapping[str, Any]) -> str:
    return _encode({"type": "session.update", "event_id": event_id, "session": session})


def encode_user_message(event_id: str, text: str) -> str:
    content = [{"type": "input_text", "text": text}]
    return encode_item(event_id, {"type": "message", "role": "user", "content": content})


def encode_tool_output(event_id: str, call_id: str, output: str) -> str:
    return encode_item(event_id, {"type": "function_call_output", "call_id": call_id, "output": output})


def encode_item(event_id: str, item: Mapping[str, Any], after: str | None = None) -> str:
    message: dict[str, Any] = {"type": "conversation.item.create", "event_id": event_id, "item": item}
    if after is not None:
        message["previous_item_id"] = after
    return _encode(message)


def encode_delete(event_id: str, item_id: str) -> str:
    return _encode({"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id})


def encode_raw(event_id: str, message: Mapping[str, Any]) -> str:
    """Any client event; an id of its own is kept."""
    return _encode({"event_id": event_id, **message})


def encode_truncate(event_id: str, item_id: str, content_index: int, audio_end_ms: int) -> str:
    return _encode(
        {
            "type": "conversation.item.truncate",
            "event_id": event_id,
            "item_id": item_id,
            "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        }
    )


def encode_response_create(event_id: str, response: Mapping[str, Any] | None) -> str:
    message: dict[str, Any] = {"type": "response.create", "event_id": event_id}
    if response is not None:
        message["response"] = response
    return _encode(message)


def encode_response_cancel(event_id: str, response_id: str | None) -> str:
    message = {"type": "response.cancel", "event_id": event_id}
    if response_id is not None:
        message["response_id"] = response_id
    return _encode(message)
