"""Turns as the service orders them: text, audio, tools, cancel, interruption, idle."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator import Answer, FunctionCall, Saying
from daemon.simulator.pcm import chime, note, silence

Event = dict[str, Any]
Drive = Callable[..., Any]

NO_VAD = {"input": {"turn_detection": None}}
SPEECH = note(300.0, 600)
TOOL = {"type": "function", "name": "get_time", "description": "", "parameters": {"type": "object"}}


def names(events: list[Event]) -> list[str]:
    """Event types, runs of one type counted once."""
    types = [event["type"] for event in events]
    return [name for index, name in enumerate(types) if index == 0 or types[index - 1] != name]


def only(events: list[Event], event_type: str) -> Event:
    (found,) = [event for event in events if event["type"] == event_type]
    return found


def every(events: list[Event], event_type: str) -> list[Event]:
    return [event for event in events if event["type"] == event_type]


def audio_of(events: list[Event]) -> bytes:
    deltas = every(events, "response.output_audio.delta")
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


ITEM_DONE = ["response.content_part.done", "response.output_item.done", "conversation.item.done"]
AUDIO_ITEM = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
]
TEXT_TURN = [
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    *ITEM_DONE,
    "response.done",
]


def test_session_created_comes_first_and_whole(drive: Drive) -> None:
    (created,) = drive().opening
    assert created["type"] == "session.created"
    assert created["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert created["session"]["model"] == "gpt-realtime"


def test_text_turn_has_the_documented_order(drive: Drive) -> None:
    box = drive()
    events = box.say_text("hello") + box.send("response.create", response={"output_modalities": ["text"]})
    events += box.wait(3)
    assert names(events) == TEXT_TURN
    assert only(events, "response.output_text.done")["text"] == 'You said: "hello"'


def test_audio_answer_interleaves_and_adds_up(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(text="one two three", seconds=1.0),)),))
    events = box.send("response.create") + box.wait(3)
    body = names(events)[2:]
    assert body[:7] == [*AUDIO_ITEM, "response.output_audio_transcript.delta", "response.output_audio.delta"]
    assert body[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        *ITEM_DONE,
        "response.done",
    ]
    transcript = "".join(event["delta"] for event in every(events, "response.output_audio_transcript.delta"))
    assert (
        transcript == only(events, "response.output_audio_transcript.done")["transcript"] == "one two three"
    )
    assert len(audio_of(events)) == 48_000


def test_audio_comes_faster_than_real_time(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=4.0),), delay_ms=0, pace=4.0),))
    box.send("response.create")
    assert every(box.wait(0.9), "response.done") == []
    assert len(every(box.wait(0.2), "response.done")) == 1


def test_pace_zero_gives_everything_at_once(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=9.0),), delay_ms=0, pace=0),))
    assert only(box.send("response.create"), "response.done")["response"]["status"] == "completed"


def test_vad_turn_is_committed_and_played_back(drive: Drive) -> None:
    box = drive()
    spoken = silence(200) + SPEECH + silence(600)
    events = box.append(spoken) + box.wait(3)
    assert names(events)[:6] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    started, stopped = events[0], events[1]
    assert (started["audio_start_ms"], started["item_id"]) == (0, stopped["item_id"])
    (item_id, audio) = box.session.committed[0]
    assert item_id == started["item_id"]
    assert audio == spoken[: stopped["audio_end_ms"] * 48]
    assert audio_of(events) == chime() + audio


def test_vad_prefix_padding_counts_back_from_the_first_sound(drive: Drive) -> None:
    events = drive().append(silence(1000) + SPEECH)
    assert 680 <= events[0]["audio_start_ms"] <= 720


def test_manual_commit_makes_an_item_and_no_response(drive: Drive) -> None:
    box = drive()
    box.update(audio=NO_VAD)
    box.append(SPEECH)
    events = box.send("input_audio_buffer.commit") + box.wait(2)
    assert names(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert [audio for _, audio in box.session.committed] == [SPEECH]


def test_user_transcript_comes_in_deltas_when_asked_for(drive: Drive) -> None:
    box = drive(transcripts=("good morning",))
    box.update(audio={"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-transcribe"}}})
    box.append(SPEECH)
    box.send("input_audio_buffer.commit")
    *deltas, completed = box.wait(1)
    assert [event["delta"] for event in deltas] == ["good", " morning"]
    assert (completed["transcript"], completed["usage"]["input_tokens"]) == ("good morning", 6)


def test_tool_call_is_complete_before_its_output_is_answered(drive: Drive) -> None:
    box = drive(
        answers=(Answer(items=(Saying("One moment."),), function_call=FunctionCall("get_time", "{}")),)
    )
    events = box.send("response.create") + box.wait(2)
    call = every(events, "response.output_item.done")[1]["item"]
    assert (call["name"], call["arguments"], call["status"]) == ("get_time", "{}", "completed")
    assert names(events)[-5:] == [
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "noon"}
    box.send("conversation.item.create", item=output)
    answer = box.send("response.create") + box.wait(3)
    assert only(answer, "response.output_audio_transcript.done")["transcript"] == "The tool said: noon"


def test_required_tool_choice_is_obeyed_once(drive: Drive) -> None:
    box = drive()
    box.update(tools=[TOOL], tool_choice="required")
    events = box.send("response.create") + box.wait(1)
    assert only(events, "response.function_call_arguments.done")["name"] == "get_time"


def test_cancel_closes_what_was_open(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=10.0),)),))
    box.send("response.create")
    box.wait(0.5)
    events = box.send("response.cancel")
    assert names(events)[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        *ITEM_DONE,
        "response.done",
    ]
    response = events[-1]["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"]["audio_tokens"] > 0
    assert box.wait(5) == []


def test_late_deltas_follow_a_cancel_before_it_is_done(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=10.0),), late_deltas=3),))
    box.send("response.create")
    box.wait(0.5)
    events = box.send("response.cancel")
    assert len(every(events, "response.output_audio.delta")) == 3
    assert events[-1]["response"]["status"] == "cancelled"


def test_speech_interrupts_the_answer_and_starts_a_turn(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=10.0),)),))
    box.send("response.create")
    box.wait(0.5)
    events = box.append(SPEECH)
    assert events[0]["type"] == "input_audio_buffer.speech_started"
    assert events[-1]["response"]["status_details"]["reason"] == "turn_detected"


def test_speech_does_not_interrupt_when_told_not_to(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying(seconds=10.0),)),))
    box.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    box.send("response.create")
    box.wait(0.5)
    events = box.append(SPEECH + silence(600))
    assert every(events, "response.done") == []
    assert only(events, "error")["error"]["code"] == "conversation_already_has_active_response"


def test_vad_without_create_response_only_commits(drive: Drive) -> None:
    box = drive()
    box.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "create_response": False}}})
    events = box.append(SPEECH + silence(2000)) + box.wait(3)
    assert names(events)[-1] == "conversation.item.done"


def test_lost_create_loses_against_a_response_of_the_server(drive: Drive) -> None:
    box = drive(lost_creates=1)
    events = box.send("response.create", event_id="mine")
    error = only(events, "error")["error"]
    assert names(events) == ["response.created", "rate_limits.updated", "error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "mine")


def test_out_of_band_response_leaves_no_trace(drive: Drive) -> None:
    box = drive()
    box.send("response.create")
    wanted = {"conversation": "none", "metadata": {"topic": "x"}, "input": [], "output_modalities": ["text"]}
    events = box.send("response.create", response=wanted)
    assert events[0]["response"]["metadata"] == {"topic": "x"}
    assert events[0]["response"]["conversation_id"] is None
    oob = events[0]["response"]["id"]
    done = [event["response"] for event in every(box.wait(4), "response.done")]
    (item,) = next(response["output"] for response in done if response["id"] == oob)
    error = box.send("conversation.item.retrieve", item_id=item["id"])[0]["error"]
    assert error["code"] == "item_retrieve_invalid_item_id"


@pytest.mark.parametrize(
    ("answer", "details"),
    [
        (
            Answer(status="failed", error_code="rate_limit_exceeded"),
            {"type": "server_error", "code": "rate_limit_exceeded"},
        ),
        (Answer(items=(Saying("half"),), status="failed"), {"type": "server_error", "code": "server_error"}),
    ],
)
def test_failed_response_says_why(drive: Drive, answer: Answer, details: dict[str, str]) -> None:
    box = drive(answers=(answer,))
    response = only(box.send("response.create") + box.wait(2), "response.done")["response"]
    assert response["status"] == "failed"
    assert details.items() <= response["status_details"]["error"].items()


def test_incomplete_response_by_script_and_by_token_limit(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying("half"),), status="incomplete", error_code="content_filter"),))
    scripted = only(box.send("response.create") + box.wait(2), "response.done")["response"]
    assert scripted["status_details"] == {"type": "incomplete", "reason": "content_filter"}
    limited = box.send("response.create", response={"max_output_tokens": 5}) + box.wait(2)
    response = only(limited, "response.done")["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


def test_usage_counts_each_modality_and_its_cached_share(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying("abcd", seconds=1.0),)), Answer(items=(Saying("abcd"),))))
    box.update(audio=NO_VAD, instructions="x" * 40)
    box.append(SPEECH)
    box.send("input_audio_buffer.commit")
    first = only(box.send("response.create") + box.wait(2), "response.done")["response"]["usage"]
    assert first["input_token_details"]["audio_tokens"] == 6
    assert first["output_token_details"] == {"text_tokens": 4, "audio_tokens": 20}
    assert first["total_tokens"] == first["input_tokens"] + first["output_tokens"]
    second = only(box.send("response.create") + box.wait(2), "response.done")["response"]["usage"]
    assert second["input_token_details"]["audio_tokens"] == 6 + 20
    assert second["input_token_details"]["cached_tokens"] == first["input_tokens"]


def test_idle_time_out_commits_the_silence_and_speaks(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying("hi", seconds=2.0),), delay_ms=0, pace=0),))
    box.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    box.send("response.create")
    box.append(silence(3000))
    assert box.wait(6.9) == []
    assert names(box.wait(0.2))[:2] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
    ]


def test_speech_stops_the_idle_clock(drive: Drive) -> None:
    box = drive(answers=(Answer(items=(Saying("hi"),), delay_ms=0, pace=0),))
    box.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    box.send("response.create")
    box.append(SPEECH)
    assert box.wait(20) == []


def test_session_ends_after_sixty_minutes(drive: Drive) -> None:
    box = drive()
    assert box.wait(3599) == []
    assert box.wait(2)[0]["error"]["code"] == "session_expired"
    assert box.session.closing == (1001, "Your session hit the maximum duration of 60 minutes.")
    assert box.session.next_deadline() is None


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_g711_session_hears_and_speaks_g711(drive: Drive, law: str) -> None:
    from daemon.simulator.pcm import to_wire

    box = drive()
    box.update(audio={"input": {"format": {"type": law}}, "output": {"format": {"type": law}}})
    spoken = to_wire(SPEECH + silence(600), law)
    events = box.append(spoken) + box.wait(3)
    assert events[0]["type"] == "input_audio_buffer.speech_started"
    assert len(audio_of(events)) == len(chime()) // 6 + len(box.session.committed[0][1])


def test_call_id_session_takes_the_model_of_its_first_update(drive: Drive) -> None:
    box = drive(model=None)
    assert box.update(model="gpt-realtime-mini")[0]["session"]["model"] == "gpt-realtime-mini"
