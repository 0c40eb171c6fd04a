"""Every message as literal JSON, both ways; then anything at all."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from realtime_oracle import client_event_problems

from daemon.realtime import server_events as ev
from daemon.realtime import wire
from daemon.realtime.server_events import MalformedFrame, Placement, UnknownEvent, WireItem

DECODED = [
    (
        '{"type":"session.created","event_id":"e1","session":{"type":"realtime","expires_at":1}}',
        ev.SessionCreated({"type": "realtime", "expires_at": 1}),
    ),
    ('{"type":"session.updated","session":{"voice":"marin"}}', ev.SessionUpdated({"voice": "marin"})),
    (
        '{"type":"error","error":{"type":"invalid_request_error","code":"invalid_value","message":"no",'
        '"param":"session.voice","event_id":"session_1"}}',
        ev.ServerError("invalid_value", "no", "session.voice", "session_1"),
    ),
    (
        '{"type":"error","error":{"type":"server_error"}}',
        ev.ServerError("server_error", "server_error", None, None),
    ),
    (
        '{"type":"conversation.item.added","previous_item_id":"a","item":{"id":"b","type":"message","role":"user",'
        '"status":"completed","content":[{"type":"input_audio","audio":"AAAA","transcript":null}]}}',
        ev.ItemAdded(WireItem("b", "message", "user", "completed", ("",)), "a"),
    ),
    (
        '{"type":"conversation.item.created","previous_item_id":null,"item":{"id":"b","type":"message",'
        '"role":"assistant","content":[{"type":"audio","transcript":"hi"},{"type":"text","text":"there"}]}}',
        ev.ItemAdded(WireItem("b", "message", "assistant", None, ("hi", "there")), Placement.APPEND),
    ),
    (
        '{"type":"conversation.item.done","previous_item_id":"root","item":{"id":"c","type":"function_call_output",'
        '"call_id":"call_1","output":"42"}}',
        ev.ItemDone(WireItem("c", "function_call_output", call_id="call_1", output="42"), Placement.FRONT),
    ),
    ('{"type":"conversation.item.deleted","item_id":"a"}', ev.ItemDeleted("a")),
    (
        '{"type":"conversation.item.truncated","item_id":"a","content_index":1,"audio_end_ms":1500.0}',
        ev.ItemTruncated("a", 1, 1500),
    ),
    (
        '{"type":"conversation.item.input_audio_transcription.delta","item_id":"a","content_index":0,"delta":"Hel"}',
        ev.InputTranscriptDelta("a", 0, "Hel"),
    ),
    (
        '{"type":"conversation.item.input_audio_transcription.completed","item_id":"a","transcript":"Hello"}',
        ev.InputTranscriptCompleted("a", 0, "Hello"),
    ),
    (
        '{"type":"conversation.item.input_audio_transcription.completed","item_id":"a","transcript":"Hello",'
        '"usage":{"type":"duration","seconds":2}}',
        ev.InputTranscriptCompleted("a", 0, "Hello", {"type": "duration", "seconds": 2}),
    ),
    (
        '{"type":"conversation.item.input_audio_transcription.failed","item_id":"a","content_index":0,'
        '"error":{"type":"t","code":"audio_unintelligible","message":"what?"}}',
        ev.InputTranscriptFailed("a", "what?"),
    ),
    ('{"type":"input_audio_buffer.committed","item_id":"a","previous_item_id":null}', ev.InputCommitted("a")),
    (
        '{"type":"input_audio_buffer.speech_started","item_id":"a","audio_start_ms":120}',
        ev.SpeechStarted("a", 120),
    ),
    (
        '{"type":"input_audio_buffer.speech_stopped","item_id":"a","audio_end_ms":920}',
        ev.SpeechStopped("a", 920),
    ),
    (
        '{"type":"input_audio_buffer.timeout_triggered","item_id":"a","audio_start_ms":1,"audio_end_ms":2}',
        ev.InputTimeoutTriggered("a", 1, 2),
    ),
    (
        '{"type":"response.created","response":{"id":"r","status":"in_progress","metadata":{"k":"v"}}}',
        ev.ResponseCreated("r", {"k": "v"}),
    ),
    ('{"type":"response.created","response":{"id":"r","metadata":null}}', ev.ResponseCreated("r", {})),
    (
        '{"type":"response.done","response":{"id":"r","status":"failed","status_details":{"type":"failed",'
        '"error":{"type":"tokens","code":"rate_limit_exceeded","message":"slow down"}},'
        '"usage":{"total_tokens":7}}}',
        ev.ResponseDone("r", "failed", "slow down", {"total_tokens": 7}),
    ),
    (
        '{"type":"response.done","response":{"id":"r","status":"cancelled",'
        '"status_details":{"type":"cancelled","reason":"turn_detected"},"usage":null}}',
        ev.ResponseDone("r", "cancelled", "turn_detected", {}),
    ),
    ('{"type":"response.done"}', ev.ResponseDone(None, "completed", "", {})),
    (
        '{"type":"response.output_item.added","response_id":"r","output_index":0,'
        '"item":{"id":"a","type":"message","role":"assistant","status":"in_progress","content":[]}}',
        ev.OutputItemAdded("r", WireItem("a", "message", "assistant", "in_progress")),
    ),
    (
        '{"type":"response.output_item.done","response_id":"r","item":{"id":"a","type":"function_call",'
        '"status":"completed","name":"lamp","call_id":"c","arguments":"{}"}}',
        ev.OutputItemDone(
            "r", WireItem("a", "function_call", None, "completed", (), "lamp", "c", "{}", None)
        ),
    ),
    (
        '{"type":"response.output_audio.delta","response_id":"r","item_id":"a","content_index":0,"delta":"AQACAA=="}',
        ev.AudioDelta("r", "a", 0, b"\x01\x00\x02\x00"),
    ),
    (
        '{"type":"response.audio.delta","response_id":"r","item_id":"a","content_index":2,"delta":""}',
        ev.AudioDelta("r", "a", 2, b""),
    ),
    (
        '{"type":"response.output_audio.done","response_id":"r","item_id":"a","content_index":0}',
        ev.AudioDone("r", "a", 0),
    ),
    (
        '{"type":"response.audio.done","response_id":"r","item_id":"a","content_index":0}',
        ev.AudioDone("r", "a", 0),
    ),
    (
        '{"type":"response.output_audio_transcript.delta","response_id":"r","item_id":"a","delta":"Hi"}',
        ev.TranscriptDelta("r", "a", 0, "Hi"),
    ),
    (
        '{"type":"response.audio_transcript.delta","response_id":"r","item_id":"a","delta":"Hi"}',
        ev.TranscriptDelta("r", "a", 0, "Hi"),
    ),
    (
        '{"type":"response.output_audio_transcript.done","response_id":"r","item_id":"a",'
        '"transcript":"Hi all"}',
        ev.TranscriptDone("r", "a", 0, "Hi all"),
    ),
    (
        '{"type":"response.audio_transcript.done","response_id":"r","item_id":"a","transcript":"Hi all"}',
        ev.TranscriptDone("r", "a", 0, "Hi all"),
    ),
    (
        '{"type":"response.output_text.delta","response_id":"r","item_id":"a","delta":"Hi"}',
        ev.TranscriptDelta("r", "a", 0, "Hi"),
    ),
    (
        '{"type":"response.text.delta","response_id":"r","item_id":"a","delta":"Hi"}',
        ev.TranscriptDelta("r", "a", 0, "Hi"),
    ),
    (
        '{"type":"response.output_text.done","response_id":"r","item_id":"a","text":"Hi all"}',
        ev.TranscriptDone("r", "a", 0, "Hi all"),
    ),
    (
        '{"type":"response.text.done","response_id":"r","item_id":"a","text":"Hi all"}',
        ev.TranscriptDone("r", "a", 0, "Hi all"),
    ),
    (
        '{"type":"rate_limits.updated","rate_limits":[{"name":"tokens","remaining":9},3]}',
        ev.RateLimits(({"name": "tokens", "remaining": 9},)),
    ),
    (
        '{"type":"response.content_part.added","response_id":"r","part":{}}',
        ev.UnusedEvent("response.content_part.added", "r"),
    ),
    ('{"type":"input_audio_buffer.cleared"}', ev.UnusedEvent("input_audio_buffer.cleared", None)),
    (
        '{"type":"response.sings","song":1}',
        UnknownEvent("response.sings", {"type": "response.sings", "song": 1}),
    ),
]

REJECTED = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[]", "not a JSON object"),
    ("null", "not a JSON object"),
    ("{}", "type is missing"),
    ('{"type":7}', "type is 7, expected a string"),
    ('{"type":"error","error":"no"}', "error is 'no', expected an object"),
    ('{"type":"x","n":NaN}', "NaN is not JSON"),
    ("[" * 200_000, "not JSON"),
    ("1" * 10_000, "not JSON"),
    ('{"type":"response.created","response":{}}', "id is missing"),
    (
        '{"type":"input_audio_buffer.speech_started","item_id":"a","audio_start_ms":1.5}',
        "audio_start_ms is 1.5",
    ),
    (
        '{"type":"input_audio_buffer.speech_started","item_id":"a","audio_start_ms":1e999}',
        "audio_start_ms is inf",
    ),
    (
        '{"type":"input_audio_buffer.speech_started","item_id":"a","audio_start_ms":true}',
        "audio_start_ms is True",
    ),
    ('{"type":"rate_limits.updated","rate_limits":{}}', "rate_limits is {}"),
]

AUDIO = (
    '{{"type":"response.output_audio.delta","response_id":"r","item_id":"a","content_index":0,"delta":{}}}'
)


@pytest.mark.parametrize(("frame", "event"), DECODED, ids=lambda value: str(value)[:60])
def test_decode_pins_every_server_message(frame: str, event: ev.ServerEvent) -> None:
    assert wire.decode(frame) == event


@pytest.mark.parametrize(("frame", "reason"), REJECTED, ids=lambda value: str(value)[:40])
def test_decode_of_nonsense_names_the_reason(frame: str, reason: str) -> None:
    event = wire.decode(frame)
    assert isinstance(event, MalformedFrame)
    assert reason in event.reason
    assert len(event.sample) <= 200


@pytest.mark.parametrize("delta", ['"A"', '"AA=A"', '"AAA*"', '"\\u00e9AAA"', '"AA=="', "null", "12"])
def test_audio_that_is_not_base64_of_whole_samples_is_rejected(delta: str) -> None:
    assert isinstance(wire.decode(AUDIO.format(delta)), MalformedFrame)


def test_binary_and_huge_frames_are_rejected_with_a_short_sample() -> None:
    for frame in (b"\xff" * 10_000, "x" * (wire.MAX_FRAME_CHARS + 1)):
        event = wire.decode(frame)
        assert isinstance(event, MalformedFrame)
        assert len(event.sample) <= 200


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "\ud800"])
def test_half_a_surrogate_pair_becomes_text_that_can_be_written(escape: str) -> None:
    event = wire.decode(
        '{"type":"response.text.delta","response_id":"r","item_id":"a","delta":"x' + escape + '"}'
    )
    assert isinstance(event, ev.TranscriptDelta)
    assert event.delta.encode().startswith(b"x")


def test_a_whole_escaped_emoji_survives() -> None:
    event = wire.decode(
        '{"type":"response.text.delta","response_id":"r","item_id":"a","delta":"\\ud83d\\ude00"}'
    )
    assert isinstance(event, ev.TranscriptDelta)
    assert event.delta == "\U0001f600"


def test_every_event_type_of_the_api_is_known() -> None:
    union = RealtimeServerEvent.__origin__  # type: ignore[attr-defined]
    types = {member.model_fields["type"].annotation.__args__[0] for member in union.__args__}
    unknown = {kind for kind in types if isinstance(wire.decode(json.dumps({"type": kind})), UnknownEvent)}
    assert len(types) > 40
    assert unknown == set()


ENCODED = [
    (wire.encode_append(b"\x01\x00\x02\x00"), '{"type":"input_audio_buffer.append","audio":"AQACAA=="}'),
    (wire.encode_commit("commit_1"), '{"type":"input_audio_buffer.commit","event_id":"commit_1"}'),
    (wire.encode_clear("clear_1"), '{"type":"input_audio_buffer.clear","event_id":"clear_1"}'),
    (
        wire.encode_session_update("session_1", {"type": "realtime", "tools": []}),
        '{"type":"session.update","event_id":"session_1","session":{"type":"realtime","tools":[]}}',
    ),
    (
        wire.encode_user_message("item_1", 'say "ß"'),
        '{"type":"conversation.item.create","event_id":"item_1","item":{"type":"message","role":"user",'
        '"content":[{"type":"input_text","text":"say \\"\\u00df\\""}]}}',
    ),
    (
        wire.encode_tool_output("item_2", "call_1", "42"),
        '{"type":"conversation.item.create","event_id":"item_2","item":{"type":"function_call_output",'
        '"call_id":"call_1","output":"42"}}',
    ),
    (
        wire.encode_truncate("truncate_1", "a", 0, 1500),
        '{"type":"conversation.item.truncate","event_id":"truncate_1","item_id":"a","content_index":0,'
        '"audio_end_ms":1500}',
    ),
    (wire.encode_response_create("create_1", None), '{"type":"response.create","event_id":"create_1"}'),
    (
        wire.encode_response_create("create_2", {"instructions": "hi"}),
        '{"type":"response.create","event_id":"create_2","response":{"instructions":"hi"}}',
    ),
    (wire.encode_response_cancel("cancel_1", None), '{"type":"response.cancel","event_id":"cancel_1"}'),
    (
        wire.encode_response_cancel("cancel_2", "r"),
        '{"type":"response.cancel","event_id":"cancel_2","response_id":"r"}',
    ),
]


@pytest.mark.parametrize(("frame", "literal"), ENCODED)
def test_encode_pins_every_client_message(frame: str, literal: str) -> None:
    assert frame == literal
    assert client_event_problems(json.loads(frame)) == []


@given(st.binary(max_size=400))
def test_append_of_any_audio_is_json_of_the_same_bytes(pcm: bytes) -> None:
    assert base64.b64decode(json.loads(wire.encode_append(pcm))["audio"]) == pcm


def test_encode_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.encode_session_update("session_1", {"speed": float("nan")})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_decode_of_anything_never_raises(frame: str | bytes) -> None:
    assert wire.decode(frame) is not None


@given(st.sampled_from([frame for frame, _ in DECODED]), st.data())
def test_decode_of_a_damaged_message_never_raises(frame: str, data: st.DataObject) -> None:
    message = json.loads(frame)
    place = message
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    assert wire.decode(json.dumps(message)) is not None
    assert wire.decode(frame[: data.draw(st.integers(0, len(frame)))]) is not None
