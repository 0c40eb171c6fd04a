"""What the service refuses: shapes, and what the conversation does not allow."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator import Answer, FunctionCall, Saying
from daemon.simulator.pcm import note, silence
from daemon.simulator.validate import check_client_event

Drive = Callable[..., Any]

AUDIO = base64.b64encode(note(300.0, 200)).decode()
TOOL = {"type": "function", "name": "f"}


def message(role: str, *content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    item = {"type": "message", "role": role, "content": list(content), **fields}
    return {"type": "conversation.item.create", "item": item}


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def heard(**fields: Any) -> dict[str, Any]:
    return session(audio={"input": fields})


def spoken(**fields: Any) -> dict[str, Any]:
    return session(audio={"output": fields})


def respond(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": fields}


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": 7}, "invalid_type", "type"),
        ({"type": "session.updat"}, "invalid_value", "type"),
        ({"type": "input_audio_buffer.commit", "audio": ""}, "unknown_parameter", "audio"),
        ({"type": "response.cancel", "event_id": None}, "invalid_type", "event_id"),
        ({"type": "response.cancel", "event_id": "x" * 513}, "string_above_max_length", "event_id"),
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
        (session(voice="marin"), "unknown_parameter", "session.voice"),
        (session(modalities=["audio"]), "unknown_parameter", "session.modalities"),
        (session(output_modalities=["audio", "text"]), "array_above_max_length", "session.output_modalities"),
        (session(output_modalities=[]), "array_below_min_length", "session.output_modalities"),
        (session(instructions=None), "invalid_type", "session.instructions"),
        (session(max_output_tokens=0), "integer_below_min_value", "session.max_output_tokens"),
        (session(max_output_tokens=4097), "integer_above_max_value", "session.max_output_tokens"),
        (session(max_output_tokens="all"), "invalid_value", "session.max_output_tokens"),
        (session(temperature=0.8), "unknown_parameter", "session.temperature"),
        (session(tool_choice={"type": "function"}), "missing_required_parameter", "session.tool_choice.name"),
        (session(tools=[{"type": "function"}]), "missing_required_parameter", "session.tools[0].name"),
        (session(tools=[{**TOOL, "strict": True}]), "unknown_parameter", "session.tools[0].strict"),
        (session(tools=[TOOL, TOOL]), "invalid_value", "session.tools"),
        (session(tools=[{"type": "mcp", "server_label": "a"}]), "invalid_value", "session.tools[0]"),
        (
            session(truncation={"type": "retention_ratio", "retention_ratio": 1.1}),
            "decimal_above_max_value",
            None,
        ),
        (
            heard(format={"type": "audio/pcm", "rate": 16000}),
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (heard(format={"type": "audio/pcm"}), "missing_required_parameter", None),
        (heard(format="pcm16"), "invalid_type", "session.audio.input.format"),
        (heard(turn_detection={"type": "none"}), "invalid_value", None),
        (heard(turn_detection={"type": "server_vad", "threshold": 2}), "decimal_above_max_value", None),
        (heard(turn_detection={"type": "server_vad", "threshold": "0.5"}), "invalid_type", None),
        (heard(turn_detection={"type": "server_vad", "silence_duration_ms": 1.5}), "invalid_type", None),
        (
            heard(turn_detection={"type": "server_vad", "idle_timeout_ms": 100}),
            "integer_below_min_value",
            None,
        ),
        (heard(turn_detection={"type": "semantic_vad", "threshold": 0.5}), "unknown_parameter", None),
        (heard(transcription={"model": "whisper-9"}), "invalid_value", None),
        (heard(noise_reduction={"type": "far"}), "invalid_value", None),
        (spoken(voice="hal"), "invalid_value", "session.audio.output.voice"),
        (spoken(speed=2), "decimal_above_max_value", "session.audio.output.speed"),
        ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_type", "audio"),
        (message("user", {"type": "text", "text": "hi"}), "invalid_value", "item.content[0].type"),
        (message("user", {"type": "input_text"}), "missing_required_parameter", "item.content[0].text"),
        (message("user", {"type": "input_image", "image_url": "https://x/y.png"}), "invalid_value", None),
        (message("robot"), "invalid_value", "item.role"),
        (message("system", {"type": "input_audio", "audio": AUDIO}), "invalid_value", None),
        (message("assistant", {"type": "output_audio", "audio": AUDIO}), "invalid_value", None),
        (message("assistant", {"type": "text", "text": "hi"}), "invalid_value", None),
        (message("user", id="x" * 33), "string_above_max_length", "item.id"),
        (message("user", phase="final"), "unknown_parameter", "item.phase"),
        ({"type": "conversation.item.create", "item": []}, "invalid_type", "item"),
        (
            {"type": "conversation.item.truncate", "item_id": "a"},
            "missing_required_parameter",
            "content_index",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 1.5},
            "invalid_type",
            "audio_end_ms",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": -1},
            "integer_below_min_value",
            "audio_end_ms",
        ),
        (respond(modalities=["text"]), "unknown_parameter", "response.modalities"),
        (respond(conversation="new"), "invalid_value", "response.conversation"),
        (respond(metadata={"k": 1}), "invalid_type", "response.metadata.k"),
        (respond(metadata={"k" * 65: "v"}), "string_above_max_length", "response.metadata"),
        (
            respond(metadata={str(n): "v" for n in range(17)}),
            "object_above_max_properties",
            "response.metadata",
        ),
        (respond(audio={"input": {}}), "unknown_parameter", "response.audio.input"),
    ],
)
def test_wrong_shape_is_refused(drive: Drive, event: dict[str, Any], code: str, param: str | None) -> None:
    (error,) = drive().send_raw(json.dumps(event))
    assert error["error"]["code"] == code
    assert param is None or error["error"]["param"] == param


@pytest.mark.parametrize("frame", ["{", "[]", "null", "7", b"\x00", '"a"', "[" * 99_999, '{"type": NaN}'])
def test_frame_that_is_no_object_is_refused(drive: Drive, frame: str | bytes) -> None:
    assert drive().send_raw(frame)[0]["error"]["code"] == "invalid_json"


def test_error_names_the_client_event_it_answers(drive: Drive) -> None:
    (error,) = drive().send_raw('{"type": "input_audio_buffer.append", "event_id": "mine"}')
    assert error["error"]["event_id"] == "mine"


def test_message_of_a_refusal_is_the_one_of_the_service() -> None:
    refusal = check_client_event(session(voice="marin"))
    assert refusal is not None
    assert refusal.message == "Unknown parameter: 'session.voice'."


@pytest.mark.parametrize(
    "event",
    [
        heard(turn_detection=None, transcription=None, noise_reduction=None),
        heard(format={"type": "audio/pcmu"}, noise_reduction={"type": "far_field"}),
        spoken(voice={"id": "voice_1"}, speed=1),
        session(tools=[], tool_choice="none", tracing="auto", max_output_tokens="inf", truncation="disabled"),
        session(tools=[{"type": "mcp", "server_label": "a", "server_url": "https://x"}], prompt=None),
        message("user", {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}),
        message("assistant", {"type": "output_text", "text": "hi"}, id="mine", status="completed"),
        respond(input=[{"type": "item_reference", "id": "a"}], metadata={"a": "b"}, tool_choice="required"),
    ],
)
def test_right_shape_passes(event: dict[str, Any]) -> None:
    assert check_client_event(event) is None


@pytest.mark.parametrize("audio", ["", "AAA=AAA", "Привет", base64.b64encode(b"odd").decode()])
def test_audio_that_is_no_pcm_is_refused(drive: Drive, audio: str) -> None:
    assert drive().send("input_audio_buffer.append", audio=audio)[0]["error"]["code"] == "invalid_value"


def test_append_over_fifteen_mebibytes_is_refused(drive: Drive) -> None:
    (error,) = drive().append(bytes(15 * 1024 * 1024 + 2))
    assert error["error"]["code"] == "string_above_max_length"


@pytest.mark.parametrize(("held_ms", "refused"), [(0, True), (99, True), (100, False)])
def test_commit_needs_a_hundred_milliseconds(drive: Drive, held_ms: int, refused: bool) -> None:
    box = drive()
    box.update(audio={"input": {"turn_detection": None}})
    if held_ms:
        box.append(silence(held_ms))
    answer = box.send("input_audio_buffer.commit", event_id="mine")[0]
    assert (answer["type"] == "error") is refused
    if refused:
        assert answer["error"]["code"] == "input_audio_buffer_commit_empty"
        assert f"only has {held_ms:.2f}ms" in answer["error"]["message"]


def test_clear_empties_the_buffer(drive: Drive) -> None:
    box = drive()
    box.update(audio={"input": {"turn_detection": None}})
    box.append(silence(500))
    assert box.send("input_audio_buffer.clear")[0]["type"] == "input_audio_buffer.cleared"
    assert box.send("input_audio_buffer.commit")[0]["error"]["code"] == "input_audio_buffer_commit_empty"


def test_second_create_while_active_is_refused(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=5),)),))
    box.send("response.create")
    error = box.send("response.create", event_id="second")[0]["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")


@pytest.mark.parametrize("fields", [{}, {"response_id": "resp_none"}])
def test_cancel_of_nothing_is_refused(drive: Drive, fields: dict[str, str]) -> None:
    assert drive().send("response.cancel", **fields)[0]["error"]["code"] == "response_cancel_not_active"


def speaking(drive: Drive) -> tuple[Any, str]:
    """A session that has spoken one second of a ten second answer, and the id of that item."""
    box = drive(answers=(Answer(items=(Saying(seconds=10.0),), delay_ms=0, pace=1),))
    events = box.send("response.create") + box.wait(0.95)
    return box, next(event["item"]["id"] for event in events if event["type"] == "response.output_item.added")


@pytest.mark.parametrize(("audio_end_ms", "refused"), [(0, False), (1000, False), (1001, True)])
def test_truncate_reaches_as_far_as_the_audio_so_far(drive: Drive, audio_end_ms: int, refused: bool) -> None:
    box, item_id = speaking(drive)
    where = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    answer = box.send("conversation.item.truncate", **where)[0]
    if refused:
        assert answer["error"]["code"] == "invalid_value"
        assert answer["error"]["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    else:
        assert {key: answer[key] for key in where} == where


def test_truncated_item_has_less_audio_and_no_transcript(drive: Drive) -> None:
    box, item_id = speaking(drive)
    box.send("response.cancel")
    box.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=300)
    (part,) = box.send("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"]
    assert len(base64.b64decode(part["audio"])) == 300 * 48
    assert "transcript" not in part
    again = box.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=301)
    assert again[0]["error"]["code"] == "invalid_value"


def test_truncate_of_other_items_is_refused(drive: Drive) -> None:
    box, item_id = speaking(drive)
    user = box.say_text("hi")[0]["item"]["id"]
    for target, index, code in [
        (user, 0, "invalid_value"),
        (item_id, 1, "invalid_value"),
        ("item_none", 0, "item_truncate_invalid_item_id"),
    ]:
        where = {"item_id": target, "content_index": index, "audio_end_ms": 0}
        assert box.send("conversation.item.truncate", **where)[0]["error"]["code"] == code


def test_items_go_where_they_are_told(drive: Drive) -> None:
    box = drive()
    for item_id, after in [("b", None), ("d", None), ("a", "root"), ("c", "b")]:
        where = {} if after is None else {"previous_item_id": after}
        box.send_raw(json.dumps({**message("user", id=item_id), **where}))
    assert [item.id for item in box.session.conversation] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({**message("user"), "previous_item_id": "nobody"}, "item_create_invalid_previous_item_id"),
        (message("user", id="taken"), "item_create_duplicate_item_id"),
        ({"type": "conversation.item.delete", "item_id": "nobody"}, "item_delete_invalid_item_id"),
        ({"type": "conversation.item.retrieve", "item_id": "nobody"}, "item_retrieve_invalid_item_id"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "none", "output": ""},
            },
            "invalid_tool_call_id",
        ),
        (respond(input=[{"type": "item_reference", "id": "nobody"}]), "invalid_value"),
        ({"type": "output_audio_buffer.clear"}, "invalid_value"),
    ],
)
def test_unknown_items_are_refused_and_change_nothing(drive: Drive, event: dict[str, Any], code: str) -> None:
    box = drive()
    box.send_raw(json.dumps(message("user", id="taken")))
    (error,) = box.send_raw(json.dumps(event))
    assert error["error"]["code"] == code
    assert [item.id for item in box.session.conversation] == ["taken"]


def test_deleted_item_is_gone(drive: Drive) -> None:
    box = drive()
    item_id = box.say_text("hi")[0]["item"]["id"]
    (deleted,) = box.send("conversation.item.delete", item_id=item_id)
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", item_id)
    assert len(box.session.conversation) == 0


def test_item_deleted_while_it_is_spoken_still_ends_its_response(drive: Drive) -> None:
    box, item_id = speaking(drive)
    box.send("conversation.item.delete", item_id=item_id)
    events = box.wait(20)
    assert events[-1]["type"] == "response.done"
    assert "conversation.item.done" not in [event["type"] for event in events]


def test_client_item_with_an_id_the_server_would_use_next_is_no_trouble(drive: Drive) -> None:
    box = drive()
    box.send_raw(json.dumps(message("user", id="item_000100000001")))
    events = box.send("response.create") + box.wait(5)
    assert events[-1]["response"]["status"] == "completed"
    assert [item.id for item in box.session.conversation] == ["item_000100000001", "item_000100000002"]


def test_long_text_is_quoted_in_part(drive: Drive) -> None:
    box = drive(answers=(Answer(pace=0),))
    box.say_text("x" * 100_000)
    events = box.send("response.create") + box.wait(1)
    assert len(events[-1]["response"]["output"][0]["content"][0]["transcript"]) < 250


def test_retrieved_user_audio_is_what_was_sent(drive: Drive) -> None:
    box = drive()
    box.update(audio={"input": {"turn_detection": None}})
    box.append(note(300.0, 200))
    item_id = box.send("input_audio_buffer.commit")[0]["item_id"]
    (part,) = box.send("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"]
    assert part["audio"] == AUDIO


def test_refused_update_changes_nothing(drive: Drive) -> None:
    box = drive()
    box.send_raw(json.dumps(session(instructions="new", model="another")))
    assert (
        box.update()[0]["session"]["instructions"] == "You are a simulated model. You repeat what you hear."
    )


def test_update_changes_only_what_is_present(drive: Drive) -> None:
    box = drive()
    before = box.opening[0]["session"]
    after = box.update(audio={"input": {"noise_reduction": {"type": "far_field"}}})[0]["session"]
    assert after["audio"]["input"].pop("noise_reduction") == {"type": "far_field"}
    before["audio"]["input"].pop("noise_reduction")
    assert after == before


def test_voice_is_frozen_by_the_first_audio(drive: Drive) -> None:
    box = drive()
    assert box.update(audio={"output": {"voice": "cedar"}})[0]["type"] == "session.updated"
    box.send("response.create")
    box.wait(3)
    for event in (spoken(voice="marin"), respond(audio={"output": {"voice": "marin"}})):
        assert box.send_raw(json.dumps(event))[0]["error"]["code"] == "cannot_update_voice"
    assert box.send_raw(json.dumps(spoken(voice="cedar")))[0]["type"] == "session.updated"


def test_speed_waits_for_the_end_of_the_turn(drive: Drive) -> None:
    box, _ = speaking(drive)
    assert box.update(audio={"output": {"speed": 1.2}})[0]["error"]["code"] == "invalid_value"
    box.send("response.cancel")
    assert box.update(audio={"output": {"speed": 1.2}})[0]["session"]["audio"]["output"]["speed"] == 1.2


def test_tracing_is_frozen_once_on(drive: Drive) -> None:
    box = drive()
    assert box.update(tracing="auto")[0]["type"] == "session.updated"
    assert box.update(tracing=None)[0]["error"]["code"] == "invalid_value"


def test_cancelled_tool_call_is_not_dispatched(drive: Drive) -> None:
    box = drive(answers=(Answer(function_call=FunctionCall("f", '{"a": 1}'), pace=0.1),))
    box.send("response.create")
    box.wait(0.2)
    types = [event["type"] for event in box.send("response.cancel")]
    assert types == ["response.output_item.done", "conversation.item.done", "response.done"]
