"""What the protocol sends and tells for what happens: lists of (steps -> frames, events)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.realtime import model_events as rt
from daemon.realtime import protocol as module
from daemon.realtime.held import MAX_HELD
from daemon.realtime.history import HistoryItem
from daemon.realtime.protocol import ProtocolState, RealtimeProtocol
from daemon.realtime.truncation import HeardPosition
from tests.daemon.realtime.talk import Talk

BESIDE = {"conversation": "none"}
CALL = {
    "id": "f",
    "type": "function_call",
    "status": "completed",
    "name": "lamp",
    "call_id": "c",
    "arguments": "{}",
}
MESSAGE = {"id": "a", "type": "message", "role": "assistant", "status": "in_progress", "content": []}


def speaking(*items: str) -> Talk:
    """Response r1 has delivered a second of each item and goes on."""
    talk = Talk().created("r1")
    for item in items:
        talk.audio("r1", item, 1000)
    talk.told()
    return talk


# --- the session ----------------------------------------------------------------------------------


def test_a_connection_starts_with_one_session_update() -> None:
    protocol = RealtimeProtocol({"type": "realtime", "tools": []})
    protocol.connection_made(1.0)
    assert protocol.state is ProtocolState.CONFIGURING
    assert protocol.frames_to_send() == [
        '{"type":"session.update","event_id":"session_1","session":{"type":"realtime","tools":[]}}'
    ]


def test_session_updated_makes_it_ready_once() -> None:
    talk = Talk(ready=False).connect()
    talk.server("session.updated", session={})
    assert talk.told() == ["session_ready"]
    assert talk.protocol.state is ProtocolState.READY


def test_session_created_is_not_enough() -> None:
    talk = Talk(ready=False)
    talk.protocol.connection_made(talk.now)
    talk.server("session.created", session={"expires_at": 1_800_000_000})
    assert talk.protocol.state is ProtocolState.CONFIGURING
    assert talk.protocol.session_expires_at == 1_800_000_000


@pytest.mark.parametrize("named", [{"about": "update"}, {"about": None, "param": "session.voice"}])
def test_a_refused_configuration_is_told_once(named: dict[str, Any]) -> None:
    talk = Talk(ready=False)
    talk.protocol.connection_made(talk.now)
    talk.error("unknown_parameter", **named)
    assert talk.told() == ["session_refused"]
    assert talk.wait(60).told() == []


def test_an_unconfirmed_configuration_is_refused_after_ten_seconds() -> None:
    talk = Talk(ready=False)
    talk.protocol.connection_made(talk.now)
    assert talk.protocol.next_deadline() == talk.now + 10.0
    assert talk.wait(9.9).told() == []
    assert talk.wait(0.1).told() == ["session_refused"]
    assert talk.protocol.next_deadline() is None


def test_audio_is_gated_and_counted_until_ready() -> None:
    talk = Talk(ready=False)
    talk.protocol.append_audio(b"\0\0")
    talk.protocol.connection_made(talk.now)
    talk.protocol.append_audio(b"\0\0")
    talk.sent()
    talk.server("session.updated", session={})
    assert (talk.sent(), talk.protocol.counters.gated_appends) == ([], 2)
    talk.protocol.append_audio(b"\1\0")
    assert talk.frames() == [{"type": "input_audio_buffer.append", "audio": "AQA="}]


def test_a_long_append_is_cut_into_frames() -> None:
    talk = Talk()
    talk.protocol.append_audio(bytes(1_000_000))
    assert talk.sent() == ["append"] * 3
    talk.protocol.append_audio(b"")
    assert talk.sent() == []


def test_items_and_requests_before_ready_are_sent_after_it_in_order() -> None:
    talk = Talk(ready=False).say("one").say("two").ask({"instructions": "A"}).say("three")
    assert talk.protocol.response_active
    talk.connect()
    assert talk.sent() == ["update", "item message", "item message", "create", "item message"]
    talk.created("r1").done("r1")
    assert talk.sent() == ["create A"]


def test_a_commit_before_ready_ends_its_turn_at_once() -> None:
    talk = Talk(ready=False).commit().ask()
    assert talk.told() == ["turn_ended None lost"]
    assert not talk.protocol.response_active
    talk.connect()
    assert talk.sent() == ["update"]


def test_a_commit_that_went_down_with_its_link_is_not_answered_on_the_next() -> None:
    talk = Talk().commit().lose().connect()
    talk.sent(), talk.told()
    assert (talk.ask().sent(), talk.told()) == ([], ["turn_ended None lost"])
    assert talk.commit().ask().sent() == ["commit", "create"]


def test_what_is_held_or_not_yet_sent_goes_down_with_the_link() -> None:
    talk = Talk(ready=False)
    talk.protocol.connection_made(talk.now)
    talk.say().lose()
    assert (talk.sent(), talk.told()) == ([], ["turn_ended None lost"])
    talk.connect()
    talk.say().lose()
    assert talk.sent() == []
    assert talk.connect().sent() == ["update"]


def test_what_is_held_is_bounded() -> None:
    talk = Talk(ready=False)
    for _ in range(MAX_HELD + 2):
        talk.protocol.send_tool_output("c", "x", talk.now, respond=False)
    assert talk.protocol.counters.dropped_requests == 2
    talk.connect()
    assert len(talk.sent()) == MAX_HELD + 1


def test_a_later_update_keeps_what_it_does_not_name() -> None:
    talk = Talk({"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    talk.protocol.update_session({"instructions": "sing"}, talk.now)
    assert talk.frames()[0]["session"] == {"type": "realtime", "instructions": "sing"}
    talk.server("session.updated", session={}).lose().connect()
    assert talk.frames()[0]["session"] == {
        "type": "realtime",
        "audio": {"input": {"turn_detection": None}},
        "instructions": "sing",
    }


def test_a_refused_update_is_an_error_and_forgotten() -> None:
    talk = Talk()
    talk.protocol.update_session({"voice": "marine"}, talk.now)
    talk.error("invalid_value", "update")
    assert talk.told() == ["error invalid_value"]
    assert talk.lose().connect().frames()[-1]["session"] == {"type": "realtime"}


def test_an_update_without_connection_is_for_the_next_one() -> None:
    talk = Talk(ready=False)
    talk.protocol.update_session({"instructions": "sing"}, talk.now)
    assert talk.sent() == []
    assert talk.connect().frames()[0]["session"]["instructions"] == "sing"


def test_an_update_that_is_never_confirmed_is_an_error() -> None:
    talk = Talk()
    talk.protocol.update_session({"instructions": "sing"}, talk.now)
    assert talk.wait(10.0).told() == ["error None"]


def test_session_age_counts_from_the_connection() -> None:
    talk = Talk(ready=False)
    assert talk.protocol.session_age_s(talk.now) == 0.0
    talk.connect().wait(12.5)
    assert talk.protocol.session_age_s(talk.now) == 12.5
    assert talk.lose().protocol.session_age_s(talk.now) == 0.0


# --- turns ----------------------------------------------------------------------------------------

TURNS: dict[str, tuple[list[tuple[Any, ...]], list[str], list[str]]] = {
    "a spoken turn": (
        [
            ("commit",),
            ("ask",),
            ("created", "r1"),
            ("audio", "r1", "a", 20),
            ("audio_done", "r1", "a"),
            ("done", "r1"),
        ],
        ["commit", "create"],
        ["turn_started r1", "audio a 20", "audio_done", "turn_ended r1 completed"],
    ),
    "the server's own turn": (
        [("created", "r1"), ("done", "r1", "incomplete")],
        [],
        ["turn_started r1", "turn_ended r1 incomplete"],
    ),
    "an end is told once": (
        [("created", "r1"), ("done", "r1"), ("done", "r1"), ("done", None)],
        [],
        ["turn_started r1", "turn_ended r1 completed"],
    ),
    "a beginning is told once": (
        [("created", "r1"), ("created", "r1"), ("done", "r1"), ("created", "r1")],
        [],
        ["turn_started r1", "turn_ended r1 completed"],
    ),
    "a beginning that was lost is noticed by the content": (
        [("ask",), ("audio", "r1", "a", 20), ("done", "r1")],
        ["create"],
        ["turn_started r1", "audio a 20", "turn_ended r1 completed"],
    ),
    "a refused request": (
        [("ask", {"instructions": "bad"}), ("error", "invalid_value", "create")],
        ["create bad"],
        ["error invalid_value", "turn_ended None failed"],
    ),
    "a refused request while the server's own response runs": (
        [("ask",), ("created", "vad"), ("error", "invalid_value", "create"), ("done", "vad")],
        ["create"],
        ["turn_started vad", "error invalid_value", "turn_ended vad completed"],
    ),
    "a lost race is no error": (
        [("ask",), ("created", "vad"), ("error", "conversation_already_has_active_response", "create")],
        ["create"],
        ["turn_started vad"],
    ),
    "a refusal of somebody else's request is an error": (
        [("error", "conversation_already_has_active_response")],
        [],
        ["error conversation_already_has_active_response"],
    ),
    "a request without an answer": (
        [("ask",), ("wait", 14.9), ("wait", 0.1), ("created", "r1")],
        ["create"],
        ["turn_ended None lost", "turn_started r1"],
    ),
    "a silent response, whose late audio and end are harmless": (
        [("created", "r1"), ("wait", 30.0), ("audio", "r1", "a", 20), ("done", "r1")],
        ["cancel r1", "truncate a 0"],
        ["turn_started r1", "turn_ended r1 lost"],
    ),
    "an empty commit is not a failure": (
        [("commit",), ("ask",), ("error", "input_audio_buffer_commit_empty", "commit"), ("created", "r1")],
        ["commit", "create", "cancel r1"],
        ["turn_ended None cancelled"],
    ),
    "a link lost while speaking": (
        [("created", "r1"), ("ask",), ("lose",)],
        [],
        ["turn_started r1", "turn_ended r1 lost"],
    ),
    "a link lost with a request in flight": ([("ask",), ("lose",)], ["create"], ["turn_ended None lost"]),
    "a link lost with a request held": (
        [("lose",), ("ask",), ("connect",), ("ask",), ("lose",)],
        ["update", "create"],
        ["session_ready", "turn_ended None lost"],
    ),
    "a link lost with nothing going on": ([("lose",), ("lose",)], [], []),
    "an out-of-band response": (
        [("ask", BESIDE), ("created", "x", {"harkd_request": "create_2"}), ("done", "x")],
        ["create beside"],
        ["turn_started x beside", "turn_ended x completed beside"],
    ),
    "an out-of-band response that is refused": (
        [("ask", BESIDE), ("error", "invalid_value", "create")],
        ["create beside"],
        ["error invalid_value", "turn_ended None failed beside"],
    ),
    "an out-of-band response and a lost link": (
        [("ask", BESIDE), ("created", "x", {"harkd_request": "create_2"}), ("lose",)],
        ["create beside"],
        ["turn_started x beside", "turn_ended x lost beside"],
    ),
    "a tool result is spoken about": (
        [("tool_output", True), ("tool_output", False)],
        ["item function_call_output", "create", "item function_call_output"],
        [],
    ),
}


def play(talk: Talk, steps: list[tuple[Any, ...]]) -> tuple[list[str], list[str]]:
    sent = []
    for name, *arguments in steps:
        if name == "created" and len(arguments) == 2:
            talk.created(arguments[0], metadata=arguments[1])
        elif name == "tool_output":
            talk.protocol.send_tool_output("c", "42", talk.now, respond=arguments[0])
        else:
            sent += talk.sent() if name == "lose" else []
            getattr(talk, name)(*arguments)
    return [*sent, *talk.sent()], talk.told()


@pytest.mark.parametrize("name", TURNS)
def test_turns(name: str) -> None:
    steps, frames, events = TURNS[name]
    sent, told = play(Talk(), steps)
    assert (sent, told) == (frames, events)


def test_turn_ended_carries_status_reason_and_usage() -> None:
    talk = Talk().created("r1")
    details = {"type": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    talk.done("r1", "failed", status_details=details, usage={"total_tokens": 7})
    assert talk.protocol.events()[-1] == rt.RealtimeModelTurnEndedEvent(
        "r1", "failed", "slow down", {"total_tokens": 7}
    )


def test_response_active_spans_request_to_end_and_not_what_was_interrupted() -> None:
    talk = Talk()
    seen = []
    for step in (talk.ask, lambda: talk.created("r1"), talk.interrupt, talk.ask, lambda: talk.done("r1")):
        step()
        seen.append(talk.protocol.response_active)
    assert seen == [True, True, False, True, True]


def test_out_of_band_responses_are_tagged_beside_the_owners_metadata() -> None:
    talk = Talk().ask({**BESIDE, "metadata": {"why": "title"}})
    assert talk.frames()[0]["response"]["metadata"] == {"why": "title", "harkd_request": "create_2"}
    with pytest.raises(ValueError, match="at most 15"):
        talk.ask({**BESIDE, "metadata": {str(n): "" for n in range(16)}})


def test_out_of_band_responses_are_bounded() -> None:
    talk = Talk()
    for _ in range(module.MAX_OUT_OF_BAND + 1):
        talk.ask(BESIDE)
    assert talk.told() == ["turn_ended None failed beside"]


def test_a_request_keeps_its_body_as_it_was_and_refuses_what_json_cannot_hold() -> None:
    talk = Talk().created("r1")
    body = {"instructions": "A"}
    talk.ask(body)
    body["instructions"] = "B"
    assert talk.done("r1").sent() == ["create A"]
    with pytest.raises(TypeError):
        talk.ask({"instructions": object()})


def test_clear_audio_is_sent_when_ready_only() -> None:
    talk = Talk()
    talk.protocol.clear_audio()
    assert talk.sent() == ["clear"]
    talk.lose().protocol.clear_audio()
    assert talk.sent() == []


# --- interruptions --------------------------------------------------------------------------------


def test_interrupt_cancels_and_cuts_each_item_at_its_heard_position() -> None:
    talk = speaking("a", "b").interrupt(("a", 250), ("b", 0))
    assert talk.sent() == ["cancel r1", "truncate a 250", "truncate b 0"]
    assert talk.told() == ["audio_interrupted a 250"]


def test_a_second_interrupt_for_the_same_thing_says_nothing() -> None:
    talk = speaking("a").interrupt(("a", 250))
    talk.sent(), talk.told()
    talk.interrupt(("a", 250)).interrupt()
    assert (talk.sent(), talk.told()) == ([], [])


def test_interrupt_with_nothing_going_on_says_nothing() -> None:
    talk = Talk().interrupt()
    assert (talk.sent(), talk.told()) == ([], [])


def test_interrupt_after_generation_cuts_what_is_still_playing() -> None:
    talk = speaking("a", "b").done("r1")
    talk.told()
    talk.interrupt(("a", 1000), ("b", 400))
    assert talk.sent() == ["truncate b 400"]
    assert talk.told() == ["audio_interrupted a 1000"]


@pytest.mark.parametrize(("heard_ms", "cut"), [(-5, 0), (999, 999), (1000, 1000), (5000, 1000)])
def test_a_cut_is_never_beyond_what_was_received(heard_ms: int, cut: int) -> None:
    assert speaking("a").interrupt(("a", heard_ms)).sent() == ["cancel r1", f"truncate a {cut}"]


def test_interrupt_while_nothing_is_heard_yet_cancels_only() -> None:
    talk = Talk().created("r1")
    talk.told()
    assert talk.interrupt().sent() == ["cancel r1"]
    assert talk.told() == ["audio_interrupted None 0"]


def test_late_audio_and_words_of_an_interrupted_response_are_dropped_and_counted() -> None:
    talk = speaking("a").interrupt(("a", 250))
    talk.sent(), talk.told()
    place = {"response_id": "r1", "item_id": "a", "content_index": 0}
    talk.audio("r1", "a", 20).audio_done("r1", "a")
    talk.server("response.output_audio_transcript.delta", **place, delta="late")
    talk.server("response.output_audio_transcript.done", **place, transcript="too late")
    assert (talk.sent(), talk.told()) == ([], [])
    assert talk.protocol.counters.stale_deltas == 4


def test_audio_after_the_end_of_its_response_is_dropped_and_counted() -> None:
    """Nothing would ever end such a part: the box would play it for ever and, hands-free, be deaf."""
    talk = speaking("a").done("r1")
    talk.sent(), talk.told()
    talk.audio("r1", "a", 20).audio("r1", "b", 20)
    assert talk.told() == []
    assert talk.protocol.counters.stale_deltas == 2


def test_an_item_first_seen_after_the_interruption_is_cut_at_zero_once() -> None:
    talk = speaking("a").interrupt(("a", 250))
    talk.sent()
    talk.audio("r1", "b", 0).audio("r1", "b", 20).audio("r1", "b", 20)
    assert talk.sent() == ["truncate b 0"]


def test_a_request_interrupted_in_flight_is_mute_from_its_first_delta() -> None:
    talk = Talk().ask().interrupt().created("r1").audio("r1", "a", 20).done("r1", "cancelled")
    assert talk.sent() == ["create", "cancel r1", "truncate a 0"]
    assert talk.told() == ["audio_interrupted None 0", "turn_ended r1 cancelled"]


def test_a_request_interrupted_in_flight_is_mute_even_if_its_beginning_was_lost() -> None:
    talk = Talk().ask().interrupt().audio("r1", "a", 20)
    assert talk.sent() == ["create", "cancel r1", "truncate a 0"]
    assert talk.told() == ["audio_interrupted None 0"]


def test_what_waits_for_the_session_is_forgotten_by_an_interruption() -> None:
    talk = Talk(ready=False).say().interrupt()
    assert talk.told() == ["audio_interrupted None 0"]
    talk.connect()
    assert talk.sent() == ["update", "item message"]


def test_a_response_displaced_by_another_or_already_over_is_mute_too() -> None:
    talk = Talk().created("r0").done("r0").created("r1").created("r2").interrupt()
    talk.sent(), talk.told()
    talk.audio("r0", "a", 20).audio("r1", "b", 20).audio("r2", "c", 20)
    assert talk.told() == []
    assert talk.sent() == ["truncate a 0", "truncate b 0", "truncate c 0"]


def test_out_of_band_audio_is_cancelled_and_mute_but_never_cut_at_the_server() -> None:
    talk = Talk().ask(BESIDE).created("x", metadata={"harkd_request": "create_2"}).audio("x", "a", 1000)
    talk.sent(), talk.told()
    talk.interrupt(("a", 250)).audio("x", "a", 20).interrupt()
    assert talk.sent() == ["cancel x"]
    assert talk.told() == ["audio_interrupted a 250"]


def test_silent_out_of_band_responses_survive_an_interruption() -> None:
    talk = Talk().ask(BESIDE).created("x", metadata={"harkd_request": "create_2"})
    talk.sent(), talk.told()
    assert (talk.interrupt().sent(), talk.told()) == ([], [])


def test_an_answer_still_playing_after_the_link_is_gone_can_be_interrupted() -> None:
    talk = speaking("a").server("conversation.item.added", item=MESSAGE).lose()
    talk.told()
    talk.interrupt(("a", 250))
    assert (talk.sent(), talk.told()) == ([], ["audio_interrupted a 250"])
    assert talk.protocol.history.get("a").truncated_ms == 250  # type: ignore[union-attr]


def test_errors_that_come_with_interruptions_are_counted_and_not_told() -> None:
    talk = speaking("a").interrupt(("a", 250))
    talk.told()
    talk.error("response_cancel_not_active", "cancel").error("invalid_value", "truncate")
    assert talk.told() == []
    counters = talk.protocol.counters
    assert (counters.late_cancels, counters.refused_truncations) == (1, 1)


def test_only_errors_about_a_cut_are_swallowed() -> None:
    assert Talk().error("invalid_value").told() == ["error invalid_value"]


def test_heard_position_of_each_content_part_is_its_own() -> None:
    talk = Talk().created("r1").audio("r1", "a", 100, 0).audio("r1", "a", 100, 1)
    talk.protocol.interrupt([HeardPosition("a", 0, 60), HeardPosition("a", 1, 0)], talk.now)
    cuts = [frame for frame in talk.frames() if frame["type"] == "conversation.item.truncate"]
    assert [(cut["content_index"], cut["audio_end_ms"]) for cut in cuts] == [(0, 60), (1, 0)]


# --- words, items, tools --------------------------------------------------------------------------


def test_history_follows_items_and_words() -> None:
    talk = Talk().created("r1")
    talk.server("conversation.item.added", item={"id": "u", "type": "message", "role": "user", "content": []})
    talk.server("response.output_item.added", response_id="r1", item=MESSAGE)
    talk.server("conversation.item.added", item=MESSAGE, previous_item_id="u")
    place = {"response_id": "r1", "item_id": "a", "content_index": 0}
    talk.server("response.output_audio_transcript.delta", **place, delta="Good ")
    talk.server("response.output_audio_transcript.done", **place, transcript="Good day.")
    talk.server("conversation.item.input_audio_transcription.completed", item_id="u", transcript="Hello?")
    talk.server("conversation.item.done", item={**MESSAGE, "status": "completed"}, previous_item_id="u")
    assert list(talk.protocol.history) == [
        HistoryItem("u", "message", "user", "Hello?"),
        HistoryItem("a", "message", "assistant", "Good day.", "completed"),
    ]
    assert talk.told() == [
        *["turn_started r1", "item_added u", "item_added a", "item_updated a", "transcript_delta"],
        *["item_updated a", "input_audio_transcription_completed", "item_updated u", "item_updated a"],
    ]


def test_transcription_tells_what_it_used() -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 3}
    completed = "conversation.item.input_audio_transcription.completed"
    talk = Talk().server(completed, item_id="u", transcript="Hello?", usage=usage)
    [event] = talk.protocol.events()
    assert isinstance(event, rt.RealtimeModelInputAudioTranscriptionCompletedEvent)
    assert event.usage == usage


def test_history_survives_the_link_and_goes_on_at_its_end() -> None:
    talk = Talk().server("conversation.item.added", item=MESSAGE, previous_item_id=None)
    talk.lose().connect()
    talk.server("conversation.item.added", item={**MESSAGE, "id": "b"}, previous_item_id=None)
    assert [item.item_id for item in talk.protocol.history] == ["a", "b"]


def test_deleted_and_truncated_items_are_told() -> None:
    talk = Talk().server("conversation.item.added", item=MESSAGE)
    talk.server("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=5)
    talk.server("conversation.item.deleted", item_id="a")
    assert talk.told() == ["item_added a", "item_updated a", "item_deleted"]
    assert len(talk.protocol.history) == 0


def test_a_function_call_is_told_once_when_it_is_complete() -> None:
    talk = Talk().created("r1")
    talk.server("response.output_item.added", response_id="r1", item={**CALL, "status": "in_progress"})
    talk.server("response.output_item.done", response_id="r1", item={**CALL, "status": "incomplete"})
    talk.server("response.output_item.done", response_id="r1", item=CALL)
    talk.server("response.output_item.done", response_id="r1", item=CALL)
    assert [event for event in talk.told() if event.startswith("function")] == ["function_call lamp c"]
    assert talk.protocol.counters.repeated_tool_calls == 1


def test_a_function_call_of_an_interrupted_response_is_not_made() -> None:
    talk = Talk().created("r1").interrupt()
    talk.told()
    talk.server("response.output_item.done", response_id="r1", item=CALL)
    assert talk.told() == ["item_added f"]
    assert talk.protocol.counters.stale_tool_calls == 1


def test_a_function_call_without_name_is_rejected() -> None:
    talk = Talk().created("r1")
    talk.server("response.output_item.done", response_id="r1", item={**CALL, "name": None})
    assert talk.told()[-1] == "frame_rejected"


def test_out_of_band_words_are_told_but_are_no_history() -> None:
    talk = Talk().ask(BESIDE).created("x", metadata={"harkd_request": "create_2"})
    talk.server("response.output_item.added", response_id="x", item=MESSAGE)
    talk.server("response.output_text.delta", response_id="x", item_id="a", content_index=0, delta="hi")
    assert talk.told() == ["turn_started x beside", "transcript_delta"]
    assert len(talk.protocol.history) == 0


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        (
            {"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 7},
            rt.RealtimeModelSpeechStartedEvent("u", 7),
        ),
        (
            {"type": "input_audio_buffer.speech_stopped", "item_id": "u", "audio_end_ms": 9},
            rt.RealtimeModelSpeechStoppedEvent("u", 9),
        ),
        (
            {"type": "input_audio_buffer.committed", "item_id": "u"},
            rt.RealtimeModelInputCommittedEvent("u"),
        ),
        (
            {
                "type": "input_audio_buffer.timeout_triggered",
                "item_id": "u",
                "audio_start_ms": 1,
                "audio_end_ms": 2,
            },
            rt.RealtimeModelInputAudioTimeoutTriggeredEvent("u", 1, 2),
        ),
        (
            {
                "type": "conversation.item.input_audio_transcription.delta",
                "item_id": "u",
                "delta": "Hel",
            },
            rt.RealtimeModelInputTranscriptDeltaEvent("u", "Hel"),
        ),
        (
            {
                "type": "conversation.item.input_audio_transcription.failed",
                "item_id": "u",
                "error": {"message": "what?"},
            },
            rt.RealtimeModelInputAudioTranscriptionFailedEvent("u", "what?"),
        ),
        (
            {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens"}]},
            rt.RealtimeModelRateLimitsEvent(({"name": "tokens"},)),
        ),
        ({"type": "sings"}, rt.RealtimeModelRawServerEvent({"type": "sings"})),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_what_the_server_says_of_the_user_is_passed_on(fields: dict[str, Any], event: object) -> None:
    talk = Talk()
    talk.protocol.receive(json.dumps(fields), talk.now)
    assert talk.protocol.events() == [event]
    assert talk.sent() == []


def test_speech_of_the_user_interrupts_nothing_by_itself() -> None:
    talk = speaking("a").server("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    talk.audio("r1", "a", 20)
    assert (talk.sent(), talk.told()) == ([], ["speech_started", "audio a 20"])


# --- nonsense -------------------------------------------------------------------------------------


def test_nonsense_is_counted_told_and_kept_within_bounds() -> None:
    talk = Talk()
    for index in range(20):
        talk.protocol.receive(f"nonsense {index}" + "x" * 1000, talk.now)
    talk.protocol.receive(b"\0", talk.now)
    counters = talk.protocol.counters
    assert (counters.malformed, len(counters.recent)) == (21, 16)
    assert all(len(reason) <= 200 and len(sample) <= 200 for reason, sample in counters.recent)
    assert set(talk.told()) == {"frame_rejected"}


def test_frames_after_the_loss_are_counted_and_ignored() -> None:
    talk = Talk().lose().created("r1")
    assert (talk.told(), talk.protocol.counters.frames_after_loss) == ([], 1)


def test_content_we_do_not_use_keeps_its_response_alive() -> None:
    talk = Talk().created("r1").wait(20.0)
    talk.server("response.function_call_arguments.delta", response_id="r1", delta="{").wait(20.0)
    talk.server("response.mcp_call.in_progress", item_id="m").wait(20.0)
    assert talk.told() == ["turn_started r1"]


def test_ids_of_an_earlier_connection_mean_nothing_on_the_next() -> None:
    talk = Talk()
    for _ in range(2):
        talk.connect().created("r1").audio("r1", "a", 1000)
        talk.server("response.output_item.done", response_id="r1", item=CALL).sent()
        assert talk.told()[-1] == "function_call lamp c"
        assert talk.interrupt(("a", 250)).sent() == ["cancel r1", "truncate a 250"]
        assert talk.told() == ["audio_interrupted a 250"]


def test_a_reconnect_starts_from_nothing_but_history_and_configuration() -> None:
    talk = speaking("a").ask().say().lose()
    talk.sent(), talk.told()
    talk.connect().ask()
    assert talk.sent() == ["update", "create"]
    assert talk.interrupt(("a", 250)).told() == ["session_ready", "audio_interrupted a 250"]
    assert talk.sent() == []
